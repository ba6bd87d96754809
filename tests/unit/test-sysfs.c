/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "temp-tree.h"

#include <fcntl.h>
#include <sys/stat.h>

static int open_folder(TempTree *tree) {
        g_autofree char *path = temp_tree_path(tree, "sys");
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        return fd;
}

static void test_read_text(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);
        char buffer[16];

        temp_tree_file(tree, "0x8086\n", "sys/vendor");
        g_assert_cmpint(sysfs_read_text(fd, "vendor", buffer, sizeof(buffer)), ==, 6);
        g_assert_cmpstr(buffer, ==, "0x8086");
        temp_tree_file(tree, "auto\n", "sys/power/control");
        g_assert_cmpint(sysfs_read_text(fd, "power/control", buffer, sizeof(buffer)), ==, 4);
        temp_tree_file(tree, "", "sys/empty");
        g_assert_cmpint(sysfs_read_text(fd, "empty", buffer, sizeof(buffer)), ==, 0);
        g_assert_cmpstr(buffer, ==, "");
        temp_tree_file(tree, "\n", "sys/blank");
        g_assert_cmpint(sysfs_read_text(fd, "blank", buffer, sizeof(buffer)), ==, 0);
        g_assert_cmpstr(buffer, ==, "");
        temp_tree_file(tree, "two\nlines", "sys/lines");
        g_assert_cmpint(sysfs_read_text(fd, "lines", buffer, sizeof(buffer)), ==, 9);
        g_assert_cmpstr(buffer, ==, "two\nlines");
}

/* A value that fills the buffer to the last byte, and a value that does not fit. */
static void test_read_long(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);

        for (size_t length = 0; length < 40; length++)
                for (size_t size = 1; size < 40; size++) {
                        g_autofree char *text = g_strnfill(length, 'x'), *line = g_strconcat(text, "\n", NULL);
                        g_autofree char *buffer = g_malloc(size + 1);

                        buffer[size] = '#';
                        temp_tree_file(tree, line, "sys/value");
                        int r = sysfs_read_text(fd, "value", buffer, size);
                        g_assert_cmpint(buffer[size], ==, '#');
                        if (r >= 0) {
                                g_assert_cmpint(r, ==, (int)length);
                                g_assert_cmpstr(buffer, ==, text);
                        } else {
                                g_assert_cmpint(r, ==, -ENAMETOOLONG);
                                /* The line break may need space too, but no more than that. */
                                g_assert_cmpuint(length + 2, >, size);
                        }
                }

        g_autofree char *page = g_strnfill(SYSFS_TEXT_MAX - 2, 'y'), *line = g_strconcat(page, "\n", NULL),
                        *buffer = g_malloc(SYSFS_TEXT_MAX);
        temp_tree_file(tree, line, "sys/page");
        g_assert_cmpint(sysfs_read_text(fd, "page", buffer, SYSFS_TEXT_MAX), ==, SYSFS_TEXT_MAX - 2);
        g_assert_cmpstr(buffer, ==, page);
}

static void test_read_errors(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);
        char buffer[16];

        g_assert_cmpint(sysfs_read_text(fd, "missing", buffer, sizeof(buffer)), ==, -ENOENT);
        g_assert_cmpint(sysfs_read_text(fd, "missing/too", buffer, sizeof(buffer)), ==, -ENOENT);
        temp_tree_folder(tree, "sys/folder");
        g_assert_cmpint(sysfs_read_text(fd, "folder", buffer, sizeof(buffer)), ==, -EISDIR);
        temp_tree_file(tree, "x\n", "sys/value");
        temp_tree_link(tree, "value", "sys/link");
        g_assert_cmpint(sysfs_read_text(fd, "link", buffer, sizeof(buffer)), ==, -ELOOP);
        /* A link in the path is followed. */
        temp_tree_file(tree, "x\n", "sys/folder/value");
        temp_tree_link(tree, "folder", "sys/way");
        g_assert_cmpint(sysfs_read_text(fd, "way/value", buffer, sizeof(buffer)), ==, 1);
        g_assert_cmpint(sysfs_read_text(-EBADF, "value", buffer, sizeof(buffer)), ==, -EBADF);
}

/* A held folder stays the same folder, whatever replaces it. */
static void test_held(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autofree char *path = temp_tree_path(tree, "sys/card");
        char buffer[16];

        temp_tree_file(tree, "old\n", "sys/card/vendor");
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        temp_tree_remove(tree, "sys/card");
        temp_tree_file(tree, "new\n", "sys/card/vendor");
        g_assert_cmpint(sysfs_read_text(fd, "vendor", buffer, sizeof(buffer)), ==, -ENOENT);
        g_assert_cmpint(sysfs_write(fd, "vendor", "x"), ==, -ENOENT);
}

static void test_read_number(void) {
        static const struct {
                const char *text;
                int result;
                long value;
        } cases[] = {
                        {"0\n", 0, 0},
                        {"15\n", 0, 15},
                        {"0x0f\n", 0, 15},
                        {"-1\n", 0, -1},
                        {"100", 0, 100},
                        {"010\n", 0, 10},
                        {"101\n", -ERANGE, 0},
                        {"-2\n", -ERANGE, 0},
                        {"99999999999999999999\n", -ERANGE, 0},
                        {"-99999999999999999999\n", -ERANGE, 0},
                        {"\n", -EINVAL, 0},
                        {"", -EINVAL, 0},
                        {"x\n", -EINVAL, 0},
                        {"1x\n", -EINVAL, 0},
                        {"1 2\n", -EINVAL, 0},
                        {"0x\n", -EINVAL, 0},
                        {"0xg\n", -EINVAL, 0},
                        {"1.5\n", -EINVAL, 0},
                        {"0000000000000000000000000000000000001\n", -ENAMETOOLONG, 0},
        };
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                long value = 4711;

                temp_tree_file(tree, cases[i].text, "sys/number");
                int r = sysfs_read_number(fd, "number", -1, 100, &value);
                if (r != cases[i].result || value != (r < 0 ? 4711 : cases[i].value))
                        g_error("'%s': %d, %ld", cases[i].text, r, value);
        }
}

static void test_read_link(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);
        char buffer[8];

        temp_tree_link(tree, "../../../bus/pci/drivers/e1000", "sys/driver");
        g_assert_cmpint(sysfs_read_link(fd, "driver", buffer, sizeof(buffer)), ==, 0);
        g_assert_cmpstr(buffer, ==, "e1000");
        temp_tree_link(tree, "plain", "sys/driver");
        g_assert_cmpint(sysfs_read_link(fd, "driver", buffer, sizeof(buffer)), ==, 0);
        g_assert_cmpstr(buffer, ==, "plain");
        temp_tree_link(tree, "x/1234567", "sys/driver");
        g_assert_cmpint(sysfs_read_link(fd, "driver", buffer, sizeof(buffer)), ==, 0);
        temp_tree_link(tree, "x/12345678", "sys/driver");
        g_assert_cmpint(sysfs_read_link(fd, "driver", buffer, sizeof(buffer)), ==, -ENAMETOOLONG);
        g_assert_cmpstr(buffer, ==, "1234567");
        g_assert_cmpint(sysfs_read_link(fd, "missing", buffer, sizeof(buffer)), ==, -ENOENT);
        temp_tree_file(tree, "x\n", "sys/file");
        g_assert_cmpint(sysfs_read_link(fd, "file", buffer, sizeof(buffer)), ==, -EINVAL);
}

static void test_write(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);
        char buffer[16];

        temp_tree_file(tree, "", "sys/value");
        g_assert_cmpint(sysfs_write(fd, "value", "vfio-pci"), ==, 0);
        g_assert_cmpint(sysfs_read_text(fd, "value", buffer, sizeof(buffer)), ==, 8);
        g_assert_cmpstr(buffer, ==, "vfio-pci");
        /* A file is never created, and a link at the end is never followed. */
        g_assert_cmpint(sysfs_write(fd, "missing", "x"), ==, -ENOENT);
        g_assert_cmpint(sysfs_read_text(fd, "missing", buffer, sizeof(buffer)), ==, -ENOENT);
        temp_tree_link(tree, "value", "sys/link");
        g_assert_cmpint(sysfs_write(fd, "link", "x"), ==, -ELOOP);
        g_assert_cmpint(sysfs_write(fd, "bus", "x"), ==, -EISDIR);
}

typedef struct Visit {
        unsigned n, end_at;
        int result;
} Visit;

static int on_entry(int directory_fd, const char *name, void *userdata) {
        Visit *visit = userdata;
        struct stat status;

        g_assert_cmpint(fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW), ==, 0);
        g_assert_false(g_str_equal(name, ".") || g_str_equal(name, ".."));
        return ++visit->n == visit->end_at ? visit->result : 0;
}

static void test_for_each(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);
        Visit all = {}, some = {.end_at = 2, .result = 7}, failed = {.end_at = 1, .result = -EIO};

        for (unsigned i = 0; i < 5; i++)
                temp_tree_file(tree, "", "sys/folder/%u", i);
        temp_tree_file(tree, "", "sys/folder/.x"); /* a possible name of a network interface */
        g_assert_cmpint(sysfs_for_each(fd, "folder", on_entry, &all), ==, 0);
        g_assert_cmpuint(all.n, ==, 6);
        g_assert_cmpint(sysfs_for_each(fd, "folder", on_entry, &some), ==, 7);
        g_assert_cmpuint(some.n, ==, 2);
        g_assert_cmpint(sysfs_for_each(fd, "folder", on_entry, &failed), ==, -EIO);
        g_assert_cmpint(sysfs_for_each(fd, "missing", on_entry, &all), ==, -ENOENT);
        g_assert_cmpint(sysfs_for_each(fd, "folder/0", on_entry, &all), ==, -ENOTDIR);
}

typedef struct Types {
        unsigned folders, others;
} Types;

static int on_typed_entry(int directory_fd, const char *name, bool is_folder, void *userdata) {
        Types *types = userdata;
        struct stat status;

        g_assert_cmpint(fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW), ==, 0);
        g_assert_true(is_folder == S_ISDIR(status.st_mode));
        if (is_folder)
                types->folders++;
        else
                types->others++;
        return g_str_equal(name, "last") ? 7 : 0;
}

static void test_for_each_typed(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_close_ int fd = open_folder(tree);
        Types types = {};

        temp_tree_file(tree, "", "sys/folder/net/eth0");
        temp_tree_file(tree, "", "sys/folder/dev");
        temp_tree_link(tree, "net", "sys/folder/link");
        g_assert_cmpint(sysfs_for_each_typed(fd, "folder", on_typed_entry, &types), ==, 0);
        g_assert_cmpuint(types.folders, ==, 1);
        g_assert_cmpuint(types.others, ==, 2);
        temp_tree_file(tree, "", "sys/other/last");
        g_assert_cmpint(sysfs_for_each_typed(fd, "other", on_typed_entry, &types), ==, 7);
        g_assert_cmpint(sysfs_for_each_typed(fd, "missing", on_typed_entry, &types), ==, -ENOENT);
        g_assert_cmpint(sysfs_for_each_typed(fd, "folder/dev", on_typed_entry, &types), ==, -ENOTDIR);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/sysfs/read-text", test_read_text);
        g_test_add_func("/sysfs/read-long", test_read_long);
        g_test_add_func("/sysfs/read-errors", test_read_errors);
        g_test_add_func("/sysfs/held", test_held);
        g_test_add_func("/sysfs/read-number", test_read_number);
        g_test_add_func("/sysfs/read-link", test_read_link);
        g_test_add_func("/sysfs/write", test_write);
        g_test_add_func("/sysfs/for-each", test_for_each);
        g_test_add_func("/sysfs/for-each-typed", test_for_each_typed);
        return g_test_run();
}
