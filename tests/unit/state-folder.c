/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-folder.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <zlib.h>

StateFolder *state_folder_new(void) {
        StateFolder *folder = g_new0(StateFolder, 1);

        folder->tree = temp_tree_new();
        folder->path = temp_tree_path(folder->tree, "state");
        temp_tree_folder(folder->tree, "state");
        folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(folder->fd, >=, 0);
        return folder;
}

StateFolder *state_folder_free(StateFolder *folder) {
        if (!folder)
                return NULL;
        (void)safe_close(folder->fd);
        temp_tree_free(folder->tree);
        g_free(folder->path);
        g_free(folder);
        return NULL;
}

void state_folder_write(StateFolder *folder, const char *name, const char *text, gsize length) {
        _cleanup_close_ int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(fchmod(fd, 0600), ==, 0);
        g_assert_cmpint(file_write_all(fd, text, length), ==, 0);
}

void state_folder_write_json(StateFolder *folder, const char *name, const char *kind, const char *json) {
        char boot[SD_ID128_STRING_MAX];
        sd_id128_t id;

        g_assert_cmpint(sd_id128_get_boot(&id), >=, 0);
        g_autofree char *text = g_strdup_printf("vfiod-%s 1 %08lx %s\n%s", kind,
                        crc32(0, (const Bytef *)json, (uInt)strlen(json)), sd_id128_to_string(id, boot), json);
        state_folder_write(folder, name, text, strlen(text));
}

char *state_folder_read(StateFolder *folder, const char *name, gsize *ret_length) {
        g_autofree char *path = g_build_filename(folder->path, name, NULL);
        char *text;

        g_assert_true(g_file_get_contents(path, &text, ret_length, NULL));
        return text;
}

bool state_folder_has(StateFolder *folder, const char *name) {
        struct stat status;

        return fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}
