/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-disk.h"
#include "base/util.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A file, whatever its names are: the inode number of a removed file can be reused. */
typedef struct File {
        GBytes *synced; /* NULL if nothing was synced */
} File;

struct StateDisk {
        char *folder;
        GHashTable *inodes; /* number -> File, of all files so far */
        GHashTable *names;  /* name -> File, as of the last fsync of the folder */
};

static void file_clear(void *p) {
        File *file = p;

        g_clear_pointer(&file->synced, g_bytes_unref);
}

static void file_unref(void *p) {
        g_rc_box_release_full(p, file_clear);
}

static File *add_file(StateDisk *disk, guint64 inode) {
        File *file = g_rc_box_new0(File);

        g_hash_table_replace(disk->inodes, g_memdup2(&inode, sizeof(inode)), file);
        return file;
}

static File *find_file(StateDisk *disk, guint64 inode) {
        return g_hash_table_lookup(disk->inodes, &inode) ?: add_file(disk, inode);
}

static GBytes *read_content(const char *path) {
        char *content;
        gsize length;

        g_assert_true(g_file_get_contents(path, &content, &length, NULL));
        return g_bytes_new_take(content, length);
}

static void sync_file(StateDisk *disk, const char *path) {
        GStatBuf status;

        g_assert_cmpint(g_stat(path, &status), ==, 0);
        File *file = find_file(disk, status.st_ino);
        g_clear_pointer(&file->synced, g_bytes_unref);
        file->synced = read_content(path);
}

typedef void (*entry_t)(StateDisk *disk, const char *name, const char *path, File *file, GHashTable *names);

/* The folders with files. Each has its own fsync. */
static const char *const subfolders[] = {"devices", "transactions"};

/* The name is "SUBFOLDER/FILE". */
static void for_each_entry_of(StateDisk *disk, const char *subfolder, entry_t callback, GHashTable *names) {
        g_autofree char *folder_path = g_build_filename(disk->folder, subfolder, NULL);
        g_autoptr(GDir) folder = g_dir_open(folder_path, 0, NULL);
        const char *file;

        while ((file = g_dir_read_name(folder))) {
                g_autofree char *name = g_build_filename(subfolder, file, NULL),
                                *path = g_build_filename(disk->folder, name, NULL);
                GStatBuf status;

                g_assert_cmpint(g_stat(path, &status), ==, 0);
                callback(disk, name, path, find_file(disk, status.st_ino), names);
        }
}

static void for_each_entry(StateDisk *disk, entry_t callback, GHashTable *names) {
        for (size_t i = 0; i < G_N_ELEMENTS(subfolders); i++)
                for_each_entry_of(disk, subfolders[i], callback, names);
}

static void note_name(StateDisk *disk, const char *name, const char *path, File *file, GHashTable *names) {
        (void)disk;
        (void)path;
        g_hash_table_insert(names, g_strdup(name), g_rc_box_acquire(file));
}

static gboolean is_in_subfolder(void *name, void *value, void *subfolder) {
        const char *rest = startswith(name, subfolder);

        (void)value;
        return rest && rest[0] == '/';
}

static void sync_subfolder(StateDisk *disk, const char *subfolder) {
        g_hash_table_foreach_remove(disk->names, is_in_subfolder, (void *)subfolder);
        for_each_entry_of(disk, subfolder, note_name, disk->names);
}

/* Returns whether the path is one of the folders. */
static bool sync_if_folder(StateDisk *disk, const char *path) {
        for (size_t i = 0; i < G_N_ELEMENTS(subfolders); i++) {
                g_autofree char *folder = g_build_filename(disk->folder, subfolders[i], NULL);

                if (strcmp(path, folder) == 0) {
                        sync_subfolder(disk, subfolders[i]);
                        return true;
                }
        }
        return false;
}

static void sync_entry(StateDisk *disk, const char *name, const char *path, File *file, GHashTable *names) {
        (void)name;
        (void)file;
        (void)names;
        sync_file(disk, path);
}

StateDisk *state_disk_new(const char *folder) {
        StateDisk *disk = g_new0(StateDisk, 1);

        disk->folder = g_strdup(folder);
        disk->inodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, file_unref);
        disk->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_unref);
        for_each_entry(disk, sync_entry, NULL);
        for_each_entry(disk, note_name, disk->names);
        return disk;
}

StateDisk *state_disk_free(StateDisk *disk) {
        if (!disk)
                return NULL;
        g_hash_table_unref(disk->names);
        g_hash_table_unref(disk->inodes);
        g_free(disk->folder);
        g_free(disk);
        return NULL;
}

void state_disk_on_syscall(const SyscallSeen *seen, void *userdata) {
        StateDisk *disk = userdata;
        bool creates = seen->number == SYS_openat && seen->result >= 0 && seen->arguments[2] & O_CREAT,
             syncs = (seen->number == SYS_fsync || seen->number == SYS_fdatasync) && seen->result == 0;
        GStatBuf status;

        if (!creates && !syncs)
                return;
        g_autofree char *link = g_strdup_printf("/proc/%d/fd/%d", (int)seen->pid,
                                        creates ? (int)seen->result : (int)seen->arguments[0]),
                        *path = g_file_read_link(link, NULL);
        g_assert_nonnull(path);
        if (syncs && sync_if_folder(disk, path))
                return;
        if (!g_str_has_prefix(path, disk->folder))
                return;
        else if (syncs)
                sync_file(disk, link);
        else {
                g_assert_cmpint(g_stat(link, &status), ==, 0);
                (void)add_file(disk, status.st_ino);
        }
}

static void set_content(const char *path, const void *data, gsize length) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, data, length), ==, (gssize)length);
        close(fd);
}

static void remove_entry(StateDisk *disk, const char *name, const char *path, File *file, GHashTable *names) {
        (void)disk;
        (void)name;
        (void)file;
        (void)names;
        g_assert_cmpint(g_unlink(path), ==, 0);
}

static void lose_names(StateDisk *disk) {
        GHashTableIter iter;
        void *name, *file;

        for_each_entry(disk, remove_entry, NULL);
        g_hash_table_iter_init(&iter, disk->names);
        while (g_hash_table_iter_next(&iter, &name, &file)) {
                g_autofree char *path = g_build_filename(disk->folder, name, NULL);
                GBytes *synced = ((File *)file)->synced;

                set_content(path, synced ? g_bytes_get_data(synced, NULL) : "", synced ? g_bytes_get_size(synced) : 0);
        }
}

/* Half of the data since the last fsync is written. */
static void tear(StateDisk *disk, const char *name, const char *path, File *file, GHashTable *names) {
        g_autoptr(GBytes) content = read_content(path);
        gsize length = g_bytes_get_size(content), kept = file->synced ? MIN(g_bytes_get_size(file->synced), length) : 0;

        (void)disk;
        (void)name;
        (void)names;
        if (!file->synced || !g_bytes_equal(file->synced, content))
                set_content(path, g_bytes_get_data(content, NULL), kept + (length - kept) / 2);
}

void state_disk_lose(StateDisk *disk, DiskLoss loss) {
        if (loss == LOSS_OF_ALL)
                lose_names(disk);
        else if (loss == LOSS_OF_DATA)
                for_each_entry(disk, tear, NULL);
}
