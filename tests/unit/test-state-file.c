/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-folder.h"
#include "state/state-file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Much longer than a read takes: a read that waits would never end. */
#define PATIENCE_S 60

static int write_file(StateFolder *folder, const char *name, const char *value, int *ret_fd) {
        json_t *json = json_pack("{s:s}", "key", value);

        int r = state_file_write(folder->fd, name, "device", json, ret_fd);
        json_decref(json);
        return r;
}

/* Reads the value into ret, which may be NULL; the caller frees it. */
static int read_file(StateFolder *folder, const char *name, const char *kind, char **ret) {
        json_t *json = NULL;
        int r;

        _cleanup_close_ int fd = state_file_open(folder->fd, name, false);
        if (fd < 0)
                return fd;
        if ((r = state_file_read(fd, kind, &json)) < 0) {
                g_assert_null(json);
                return r;
        }
        if (ret)
                *ret = g_strdup(json_string_value(json_object_get(json, "key")));
        json_decref(json);
        return 0;
}

static void assert_value(StateFolder *folder, const char *name, const char *expected) {
        g_autofree char *value = NULL;

        g_assert_cmpint(read_file(folder, name, "device", &value), ==, 0);
        g_assert_cmpstr(value, ==, expected);
}

static void test_round_trip(void) {
        g_autoptr(StateFolder) folder = state_folder_new();

        g_assert_cmpint(read_file(folder, "a", "device", NULL), ==, -ENOENT);
        g_assert_cmpint(write_file(folder, "a", "none \"quoted\" \\ \xc3\xa4", NULL), ==, 0);
        assert_value(folder, "a", "none \"quoted\" \\ \xc3\xa4");
        g_assert_cmpint(write_file(folder, "a", "other", NULL), ==, 0);
        assert_value(folder, "a", "other");
        g_assert_false(state_folder_has(folder, "a.new"));
        g_assert_cmpint(state_file_remove(folder->fd, "a"), ==, 0);
        g_assert_cmpint(state_file_remove(folder->fd, "a"), ==, 0);
        g_assert_cmpint(read_file(folder, "a", "device", NULL), ==, -ENOENT);
}

static int read_as(StateFolder *folder, const char *text, gsize length) {
        state_folder_write(folder, "b", text, length);
        return read_file(folder, "b", "device", NULL);
}

/* Truncated at every byte, and with every byte changed. */
static void test_torn(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        gsize length;

        g_assert_cmpint(write_file(folder, "a", "value", NULL), ==, 0);
        g_autofree char *text = state_folder_read(folder, "a", &length);
        g_assert_cmpint(read_as(folder, text, length), ==, 0);
        for (gsize n = 0; n < length; n++)
                g_assert_cmpint(read_as(folder, text, n), ==, -EBADMSG);
        for (gsize i = 0; i < length; i++) {
                char kept = text[i];

                text[i] = (char)(kept ^ 0x01);
                int r = read_as(folder, text, length);
                /* With a changed boot id it belongs to another boot. */
                g_assert_true(r == -EBADMSG || r == -ESTALE);
                text[i] = '\0';
                r = read_as(folder, text, length);
                g_assert_true(r == -EBADMSG || r == -ESTALE);
                text[i] = kept;
        }
        g_autofree char *longer = g_strconcat(text, "x", NULL);
        g_assert_cmpint(read_as(folder, longer, length + 1), ==, -EBADMSG);
        g_assert_cmpint(read_as(folder, longer, 0), ==, -EBADMSG);
}

static void test_header(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        static const char other_boot[] = "0123456789abcdef0123456789abcdef";

        g_assert_cmpint(write_file(folder, "a", "value", NULL), ==, 0);
        g_autofree char *text = state_folder_read(folder, "a", NULL);
        g_auto(GStrv) parts = g_strsplit(text, "\n", 2);
        g_auto(GStrv) words = g_strsplit(parts[0], " ", -1);
        const struct {
                const char *name, *version, *checksum, *boot;
                int result;
        } cases[] = {
                        {words[0], words[1], words[2], words[3], 0},
                        {words[0], "2", words[2], words[3], -EBADMSG},
                        {words[0], "", words[2], words[3], -EBADMSG},
                        {"vfiod-record", words[1], words[2], words[3], -EBADMSG},
                        {"vfiod-transaction", words[1], words[2], words[3], -EBADMSG},
                        {"vfiod-", words[1], words[2], words[3], -EBADMSG},
                        {"other-device", words[1], words[2], words[3], -EBADMSG},
                        {words[0], words[1], "00000000", words[3], -EBADMSG},
                        {words[0], words[1], "", words[3], -EBADMSG},
                        {words[0], words[1], words[2], other_boot, -ESTALE},
                        {words[0], words[1], words[2], "", -EBADMSG},
                        {words[0], words[1], words[2], "XYZ", -EBADMSG},
        };

        g_assert_cmpstr(words[0], ==, "vfiod-device");
        g_assert_cmpuint(g_strv_length(words), ==, 4);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *changed = g_strdup_printf("%s %s %s %s\n%s", cases[i].name, cases[i].version,
                                cases[i].checksum, cases[i].boot, parts[1]);

                if (read_as(folder, changed, strlen(changed)) != cases[i].result)
                        g_error("%s", changed);
        }
        g_assert_cmpint(read_file(folder, "a", "transaction", NULL), ==, -EBADMSG);
}

/* A right checksum does not make a text JSON. */
static void test_json(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        static const char *const wrong[] = {
                        "", "null", "1", "{", "\"x\"", "{}{}", "{\"a\": 1, \"a\": 2}", "{\"a\": \"\xff\"}"};
        g_autofree char *deep = g_strnfill(1 << 20, '[');

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                state_folder_write_json(folder, "a", "device", wrong[i]);
                if (read_file(folder, "a", "device", NULL) != -EBADMSG)
                        g_error("%s", wrong[i]);
        }
        state_folder_write_json(folder, "a", "device", deep);
        g_assert_cmpint(read_file(folder, "a", "device", NULL), ==, -EBADMSG);
        state_folder_write_json(folder, "a", "device", "{}");
        g_assert_cmpint(read_file(folder, "a", "device", NULL), ==, 0);
}

static void assert_foreign(StateFolder *folder, const char *name) {
        for (unsigned writable = 0; writable < 2; writable++)
                if (state_file_open(folder->fd, name, writable) != -EPERM)
                        g_error("%s", name);
}

/* Only a regular file that nobody but its owner can write is read. No read waits: the alarm would end the test. */
static void test_foreign_files(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        alarm(PATIENCE_S);
        g_assert_cmpint(write_file(folder, "file", "value", NULL), ==, 0);
        g_assert_cmpint(mkfifoat(folder->fd, "fifo", 0600), ==, 0);
        g_assert_cmpint(mkdirat(folder->fd, "folder", 0700), ==, 0);
        g_assert_cmpint(symlinkat("file", folder->fd, "link"), ==, 0);
        g_assert_cmpint(symlinkat("/dev/null", folder->fd, "device-link"), ==, 0);
        g_assert_cmpint(symlinkat("nothing", folder->fd, "dangling"), ==, 0);
        /* A character device without a driver, which every kernel allows to create. */
        g_assert_cmpint(mknodat(folder->fd, "device", S_IFCHR | 0600, 0), ==, 0);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder->path);
        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        static const char *const others[] = {"fifo", "folder", "link", "device-link", "dangling", "device", "socket"};
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                assert_foreign(folder, others[i]);

        /* Modes, owners and names. */
        g_assert_cmpint(fchmodat(folder->fd, "file", 0620, 0), ==, 0);
        assert_foreign(folder, "file");
        g_assert_cmpint(fchmodat(folder->fd, "file", 0602, 0), ==, 0);
        assert_foreign(folder, "file");
        g_assert_cmpint(fchmodat(folder->fd, "file", 0644, 0), ==, 0);
        assert_value(folder, "file", "value");
        g_assert_cmpint(linkat(folder->fd, "file", folder->fd, "second", 0), ==, 0);
        assert_foreign(folder, "file");
        assert_foreign(folder, "second");
        g_assert_cmpint(unlinkat(folder->fd, "second", 0), ==, 0);
        assert_value(folder, "file", "value");
        if (geteuid() == 0) {
                g_assert_cmpint(fchownat(folder->fd, "file", 65534, 65534, 0), ==, 0);
                assert_foreign(folder, "file");
        }
        alarm(0);
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                (void)unlinkat(folder->fd, others[i], streq(others[i], "folder") ? AT_REMOVEDIR : 0);
}

static void test_size(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autofree char *too_large = g_strnfill(STATE_FILE_SIZE_MAX, 'x');
        g_autofree char *large = g_strnfill(STATE_FILE_SIZE_MAX / 2, 'x');

        g_assert_cmpint(write_file(folder, "a", "value", NULL), ==, 0);
        g_assert_cmpint(write_file(folder, "a", too_large, NULL), ==, -E2BIG);
        g_assert_false(state_folder_has(folder, "a.new"));
        assert_value(folder, "a", "value");
        g_assert_cmpint(write_file(folder, "a", large, NULL), ==, 0);
        assert_value(folder, "a", large);

        /* It needs no memory: the file is sparse. */
        _cleanup_close_ int fd = openat(folder->fd, "b", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        g_assert_cmpint(ftruncate(fd, (off_t)1 << 40), ==, 0);
        g_assert_cmpint(read_file(folder, "b", "device", NULL), ==, -E2BIG);
        g_assert_cmpint(ftruncate(fd, STATE_FILE_SIZE_MAX), ==, 0);
        g_assert_cmpint(read_file(folder, "b", "device", NULL), ==, -EBADMSG);
}

/* If a file cannot be written, the old file stays. */
static void test_unwritable(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autofree char *long_name = g_strnfill(100, 'x');

        g_assert_cmpint(write_file(folder, "a", "value", NULL), ==, 0);
        g_assert_cmpint(mkdirat(folder->fd, "a.new", 0700), ==, 0);
        g_assert_cmpint(write_file(folder, "a", "other", NULL), <, 0);
        assert_value(folder, "a", "value");
        g_assert_cmpint(unlinkat(folder->fd, "a.new", AT_REMOVEDIR), ==, 0);
        /* A temporary file of a writer that died is replaced. */
        state_folder_write(folder, "a.new", "torn", 4);
        g_assert_cmpint(write_file(folder, "a", "other", NULL), ==, 0);
        assert_value(folder, "a", "other");
        /* A link is replaced, and not followed. */
        state_folder_write(folder, "target", "keep", 4);
        g_assert_cmpint(symlinkat("target", folder->fd, "b"), ==, 0);
        g_assert_cmpint(symlinkat("target", folder->fd, "b.new"), ==, 0);
        g_assert_cmpint(write_file(folder, "b", "value", NULL), ==, 0);
        assert_value(folder, "b", "value");
        g_autofree char *text = state_folder_read(folder, "target", NULL);
        g_assert_cmpstr(text, ==, "keep");
        g_assert_cmpint(write_file(folder, long_name, "value", NULL), ==, -ENAMETOOLONG);
        /* A folder instead of the file. */
        g_assert_cmpint(mkdirat(folder->fd, "c", 0700), ==, 0);
        g_assert_cmpint(write_file(folder, "c", "value", NULL), <, 0);
        g_assert_false(state_folder_has(folder, "c.new"));
        g_assert_cmpint(state_file_remove(folder->fd, "c"), <, 0);
}

static pid_t find_owner(StateFolder *folder, const char *name) {
        _cleanup_close_ int fd = state_file_open(folder->fd, name, false);

        g_assert_cmpint(fd, >=, 0);
        return state_file_find_owner(fd);
}

/* Another process writes the file with its lock, and ends when its input ends. */
static void test_lock(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        int ready[2], end[2], status;
        char byte;

        g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
        g_assert_cmpint(pipe2(end, O_CLOEXEC), ==, 0);
        pid_t pid = fork();
        if (pid == 0) {
                int fd = -EBADF;

                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(end[1]);
                if (write_file(folder, "a", "value", &fd) == 0 && fd >= 0 && write(ready[1], "r", 1) == 1)
                        (void)!read(end[0], &byte, 1);
                _exit(0);
        }
        close(end[0]);
        g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
        g_assert_cmpint(find_owner(folder, "a"), ==, pid);
        assert_value(folder, "a", "value");
        int fd = state_file_open(folder->fd, "a", true);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(state_file_lock(fd), ==, -EAGAIN);
        close(end[1]);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(find_owner(folder, "a"), ==, 0);
        g_assert_cmpint(state_file_lock(fd), ==, 0);
        close(fd);
        close(ready[0]);
        close(ready[1]);

        /* A file that is written without a lock has no owner. */
        g_assert_cmpint(write_file(folder, "b", "value", NULL), ==, 0);
        g_assert_cmpint(find_owner(folder, "b"), ==, 0);
}

static void test_errors(void) {
        static const int errors[] = {-EPERM, -EBUSY, -E2BIG, -EBADMSG, -ESTALE, -EIO};
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
                g_assert_true(g_hash_table_add(seen, (char *)state_file_describe_error(errors[i])));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/state-file/round-trip", test_round_trip);
        g_test_add_func("/state-file/torn", test_torn);
        g_test_add_func("/state-file/header", test_header);
        g_test_add_func("/state-file/json", test_json);
        g_test_add_func("/state-file/foreign-files", test_foreign_files);
        g_test_add_func("/state-file/size", test_size);
        g_test_add_func("/state-file/unwritable", test_unwritable);
        g_test_add_func("/state-file/lock", test_lock);
        g_test_add_func("/state-file/errors", test_errors);
        return g_test_run();
}
