/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host-files.h"

#include <ftw.h>
#include <glib/gstdio.h>

void host_files_put(const char *state_folder, const char *const *files) {
        for (; *files; files += 2) {
                g_autofree char *path = g_strdup_printf("%s.host/%s", state_folder, files[0]);
                g_autofree char *folder = g_path_get_dirname(path);
                g_autoptr(GError) error = NULL;

                g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
                g_file_set_contents(path, files[1], -1, &error);
                g_assert_no_error(error);
        }
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
        (void)status, (void)type, (void)walk;
        return g_remove(path);
}

void host_files_remove(const char *state_folder) {
        g_autofree char *path = g_strdup_printf("%s.host", state_folder);

        (void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
