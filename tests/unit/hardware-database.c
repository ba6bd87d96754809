/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hardware-database.h"

#include <glib/gstdio.h>
#include <stdbool.h>
#include <sys/mount.h>

#define FOLDER "/etc/udev"
#define SYSTEM_FOLDER "/lib/udev"

struct HardwareDatabase {
        char *root, *source; /* systemd-hwdb writes to ROOT/etc/udev */
        bool hidden;         /* this machine's database */
};

static char *path_of(const HardwareDatabase *database, const char *path) {
        return g_build_filename(database->root, path, NULL);
}

void hardware_database_replace(HardwareDatabase *database, const char *text) {
        const char *const argv[] = {"systemd-hwdb", "--root", database->root, "update", NULL};
        g_autofree char *errors = NULL;
        g_autoptr(GError) error = NULL;
        int status;

        (void)g_file_set_contents(database->source, text, -1, &error);
        g_assert_no_error(error);
        (void)g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &errors, &status, &error);
        g_assert_no_error(error);
        if (status != 0)
                g_error("systemd-hwdb: status %d: %s", status, errors);
}

void hardware_database_remove(HardwareDatabase *database) {
        g_autofree char *path = path_of(database, "etc/udev/hwdb.bin");

        g_assert_cmpint(g_unlink(path), ==, 0);
}

HardwareDatabase *hardware_database_new(const char *text) {
        HardwareDatabase *database = g_new0(HardwareDatabase, 1);
        g_autoptr(GError) error = NULL;

        database->root = g_dir_make_tmp("vfiod-database-XXXXXX", &error);
        g_assert_no_error(error);
        database->source = path_of(database, "etc/udev/hwdb.d/10-test.hwdb");
        g_autofree char *sources = g_path_get_dirname(database->source), *folder = path_of(database, "etc/udev");
        g_assert_cmpint(g_mkdir_with_parents(sources, 0755), ==, 0);
        if (text)
                hardware_database_replace(database, text);
        database->hidden = !text;
        g_assert_cmpint(mount(folder, FOLDER, NULL, MS_BIND, NULL), ==, 0);
        if (database->hidden)
                g_assert_cmpint(mount("tmpfs", SYSTEM_FOLDER, "tmpfs", 0, NULL), ==, 0);
        return database;
}

HardwareDatabase *hardware_database_free(HardwareDatabase *database) {
        static const char *const content[] = {
                        "etc/udev/hwdb.d/10-test.hwdb", "etc/udev/hwdb.bin", "etc/udev/hwdb.d", "etc/udev", "etc", ""};

        if (!database)
                return NULL;
        g_assert_cmpint(umount2(FOLDER, MNT_DETACH), ==, 0);
        if (database->hidden)
                g_assert_cmpint(umount2(SYSTEM_FOLDER, MNT_DETACH), ==, 0);
        for (unsigned i = 0; i < G_N_ELEMENTS(content); i++) {
                g_autofree char *path = path_of(database, content[i]);
                (void)g_remove(path);
        }
        g_free(database->root);
        g_free(database->source);
        g_free(database);
        return NULL;
}
