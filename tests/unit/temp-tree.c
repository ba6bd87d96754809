/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "temp-tree.h"

#include "private-mounts.h"

#include <glib/gstdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char *path_format(TempTree *tree, const char *format, va_list arguments) G_GNUC_PRINTF(2, 0);

static char *path_format(TempTree *tree, const char *format, va_list arguments) {
        g_autofree char *name = g_strdup_vprintf(format, arguments);

        return g_build_filename(tree->root, name, NULL);
}

#define FORMAT_PATH(tree, format, path) \
        G_STMT_START { \
                va_list arguments; \
\
                va_start(arguments, format); \
                (path) = path_format(tree, format, arguments); \
                va_end(arguments); \
        } \
        G_STMT_END

/* Only if it is missing. This is rare, and to check each parent folder takes longer than all the rest. */
static bool make_parent(const char *path) {
        g_autofree char *parent = g_path_get_dirname(path);

        return errno == ENOENT && g_mkdir_with_parents(parent, 0755) == 0;
}

static int load_module(const Kernel *kernel, const char *module, void *userdata) {
        TempTree *tree = userdata;

        (void)kernel;
        g_ptr_array_add(tree->loaded, g_strdup(module));
        if (tree->load_result >= 0 && tree->load_brings)
                temp_tree_folder(tree, "sys/bus/pci/drivers/%s", tree->load_brings);
        return tree->load_result;
}

void temp_tree_permit_devices(void) {
        g_assert_cmpint(private_mounts(), ==, 0);
        g_assert_cmpint(mount("tmpfs", g_get_tmp_dir(), "tmpfs", MS_NOSUID, "mode=1777"), ==, 0);
}

TempTree *temp_tree_new(void) {
        g_autoptr(GError) error = NULL;
        TempTree *tree = g_new0(TempTree, 1);

        tree->root = g_dir_make_tmp("vfiod-unit-XXXXXX", &error);
        g_assert_no_error(error);
        tree->loaded = g_ptr_array_new_with_free_func(g_free);
        temp_tree_folder(tree, "sys/bus/pci/devices");
        temp_tree_folder(tree, "sys/bus/pci/drivers");
        temp_tree_folder(tree, "dev/vfio");
        temp_tree_folder(tree, "proc");

        g_autofree char *sys = temp_tree_path(tree, "sys"), *dev = temp_tree_path(tree, "dev"),
                        *proc = temp_tree_path(tree, "proc");
        g_assert_cmpint(kernel_new(sys, dev, proc, load_module, tree, &tree->kernel), ==, 0);
        g_assert_cmpint(kernel_open_root(tree->kernel, tree->root), ==, 0);
        return tree;
}

static void remove_all(const char *path) {
        if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK) && g_file_test(path, G_FILE_TEST_IS_DIR)) {
                g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
                const char *name;

                while (folder && (name = g_dir_read_name(folder))) {
                        g_autofree char *child = g_build_filename(path, name, NULL);

                        remove_all(child);
                }
        }
        g_assert_cmpint(g_remove(path), ==, 0);
}

TempTree *temp_tree_free(TempTree *tree) {
        if (!tree)
                return NULL;
        kernel_free(tree->kernel);
        remove_all(tree->root);
        g_ptr_array_unref(tree->loaded);
        g_free(tree->load_brings);
        g_free(tree->root);
        g_free(tree);
        return NULL;
}

void temp_tree_folder(TempTree *tree, const char *format, ...) {
        g_autofree char *path = NULL;

        FORMAT_PATH(tree, format, path);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
}

void temp_tree_file(TempTree *tree, const char *text, const char *format, ...) {
        g_autofree char *path = NULL;

        FORMAT_PATH(tree, format, path);
        /* Replaces the file atomically, as g_file_set_contents() does, but without waiting for the disk. */
        g_autofree char *new_path = g_strconcat(path, ".new", NULL);
        _cleanup_fclose_ FILE *file = fopen(new_path, "wxe");
        if (!file && make_parent(path))
                file = fopen(new_path, "wxe");
        g_assert_nonnull(file);
        g_assert_cmpint(fputs(text, file), >=, 0);
        g_assert_cmpint(fflush(file), ==, 0);
        g_assert_cmpint(g_rename(new_path, path), ==, 0);
}

void temp_tree_link(TempTree *tree, const char *target, const char *format, ...) {
        g_autofree char *path = NULL;

        FORMAT_PATH(tree, format, path);
        (void)g_remove(path);
        int r = symlink(target, path);
        if (r < 0 && make_parent(path))
                r = symlink(target, path);
        g_assert_cmpint(r, ==, 0);
}

void temp_tree_remove(TempTree *tree, const char *format, ...) {
        g_autofree char *path = NULL;

        FORMAT_PATH(tree, format, path);
        remove_all(path);
}

char *temp_tree_path(TempTree *tree, const char *format, ...) {
        char *path;

        FORMAT_PATH(tree, format, path);
        return path;
}

void temp_tree_device(TempTree *tree, const char *path) {
        static const char *const attributes[][2] = {
                        {"vendor", "0x8086"},
                        {"device", "0x100e"},
                        {"subsystem_vendor", "0x1af4"},
                        {"subsystem_device", "0x1100"},
                        {"class", "0x020000"},
                        {"revision", "0x03"},
                        {"numa_node", "-1"},
                        {"driver_override", "(null)"},
        };
        g_autofree char *address = g_path_get_basename(path), *target = g_strdup_printf("../../../devices/%s", path);

        temp_tree_folder(tree, "sys/devices/%s", path);
        temp_tree_link(tree, target, "sys/bus/pci/devices/%s", address);
        for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
                temp_tree_attribute(tree, address, attributes[i][0], attributes[i][1]);
}

void temp_tree_attribute(TempTree *tree, const char *address, const char *name, const char *value) {
        g_autofree char *line = g_strdup_printf("%s\n", value);

        temp_tree_file(tree, line, "sys/bus/pci/devices/%s/%s", address, name);
}

static void set_link(TempTree *tree, const char *address, const char *name, const char *target) {
        g_autofree char *path = temp_tree_path(tree, "sys/bus/pci/devices/%s/%s", address, name);

        (void)g_remove(path);
        if (target)
                temp_tree_link(tree, target, "sys/bus/pci/devices/%s/%s", address, name);
}

void temp_tree_driver(TempTree *tree, const char *address, const char *driver) {
        g_autofree char *target = driver ? g_strdup_printf("../../../bus/pci/drivers/%s", driver) : NULL;

        if (driver)
                temp_tree_folder(tree, "sys/bus/pci/drivers/%s", driver);
        set_link(tree, address, "driver", target);
}

void temp_tree_group(TempTree *tree, const char *address, int group) {
        g_autofree char *target = group < 0 ? NULL : g_strdup_printf("../../../kernel/iommu_groups/%d", group);

        if (group >= 0)
                temp_tree_folder(tree, "sys/kernel/iommu_groups/%d", group);
        set_link(tree, address, "iommu_group", target);
}

void temp_tree_name(TempTree *tree, const char *address, const char *class, const char *name) {
        g_autofree char *link = temp_tree_path(tree, "sys/bus/pci/devices/%s", address);
        g_autofree char *folder = g_file_read_link(link, NULL);

        g_assert_nonnull(folder);
        g_autofree char *target = g_strdup_printf("%s/%s/%s", folder + strlen("../"), class, name);
        temp_tree_folder(tree, "sys/bus/pci/devices/%s/%s/%s", address, class, name);
        temp_tree_link(tree, target, "sys/class/%s/%s", class, name);
}

static bool is_below(const char *target, const char *address) {
        g_autofree char *part = g_strdup_printf("/%s/", address);

        return target && strstr(target, part);
}

void temp_tree_unplug(TempTree *tree, const char *address) {
        static const char *const classes[] = {"net", "block"};
        g_autofree char *link = temp_tree_path(tree, "sys/bus/pci/devices/%s", address);
        g_autofree char *folder = g_file_read_link(link, NULL);

        g_assert_nonnull(folder);
        for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
                g_autofree char *class = temp_tree_path(tree, "sys/class/%s", classes[i]);
                g_autoptr(GDir) names = g_dir_open(class, 0, NULL);
                const char *name;

                while (names && (name = g_dir_read_name(names))) {
                        g_autofree char *path = g_build_filename(class, name, NULL);
                        g_autofree char *target = g_file_read_link(path, NULL);

                        if (is_below(target, address))
                                (void)g_remove(path);
                }
        }
        temp_tree_remove(tree, "sys/bus/pci/devices/%s", address);
        temp_tree_remove(tree, "sys/%s", folder + strlen("../../../"));
}
