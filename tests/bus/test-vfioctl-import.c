/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "rule-files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* vfioctl import driverctl. */

#define PF "0000:07:00.0"

typedef struct Scene {
        Fixture *fixture;
        char *folder;
} Scene;

static void put(const Scene *scene, const char *name, const char *text) {
        g_autofree char *path = g_build_filename(scene->folder, name, NULL);
        g_autoptr(GError) error = NULL;

        g_assert_true(g_file_set_contents(path, text, -1, &error));
        g_assert_no_error(error);
}

static Scene scene_begin(void) {
        Scene scene = {.fixture = fixture_start(NULL)};
        g_autoptr(GError) error = NULL;

        scene.folder = g_dir_make_tmp("driverctl-XXXXXX", &error);
        g_assert_no_error(error);
        return scene;
}

static void scene_end(Scene *scene) {
        const char *const argv[] = {"rm", "-r", scene->folder, NULL};
        g_auto(ProgramResult) removed = program_run(argv, NULL, NULL);

        g_assert_cmpint(removed.status, ==, 0);
        g_free(scene->folder);
        fixture_stop(scene->fixture);
}

/* The command must end with this status, and its output must match the pattern. */
static void expect(const Scene *scene, const char *options, int status, const char *output, const char *errors) {
        g_auto(ProgramResult) result = vfioctl("import driverctl %s %s", scene->folder, options);

        if (result.status != status || !g_pattern_match_simple(output, result.output) ||
                        !g_pattern_match_simple(errors, result.errors))
                g_error("import %s ends with %d and prints '%s', '%s'", options, result.status, result.output,
                                result.errors);
}

static void expect_rule(const Scene *scene, const char *name, const char *pattern) {
        g_autofree char *text = rule_file_read(scene->fixture, RULES_OWN, name);

        if (!pattern)
                g_assert_null(text);
        else if (!text || !g_pattern_match_simple(pattern, text))
                g_error("the rule %s is '%s'", name, text ? text : "");
}

/* What can be imported, and what cannot, each with its reason. */
static void test_import(void) {
        Scene scene = scene_begin();

        put(&scene, "pci-" NIC, "vfio-pci\n");
        put(&scene, PORT1, "vfio-pci");
        put(&scene, "pci-" PORT2, "vfio-pci\n");
        put(&scene, "pci-" PF, "uio_pci_generic\n");
        put(&scene, "vmbus-47505500-0001-0000-3130-444531454238", "uio_hv_generic\n");
        put(&scene, "pci-0000:99:00.0", "vfio-pci\n");
        expect(&scene, "--dry-run", 0,
                        "+ *0000-03-01.0.conf: " PORT1 " with vfio-pci\n"
                        "+ *0000-03-02.0.conf: *+ *0000-05-00.0.conf: " NIC " with vfio-pci\n"
                        "  pci-" PF ": not imported: it is for the driver uio_pci_generic, which is not *"
                        "  pci-0000:99:00.0: not imported: *"
                        "  vmbus-*: not imported: it is for a device of another bus*",
                        "");
        expect_rule(&scene, "0000-05-00.0", NULL);
        expect(&scene, "", 5, "+ *", "vfioctl: nothing was written: to write these 3 rules, use --yes\n");
        expect_rule(&scene, "0000-05-00.0", NULL);
        fixture_driver(scene.fixture, NIC, "e1000e");
        expect(&scene, "--yes", 0,
                        "+ *\nNow remove the overrides of driverctl*  sudo driverctl unset-override " PORT1
                        "\n*  sudo driverctl unset-override " NIC "\n  sudo vfioctl rescan\n*",
                        "");
        expect_rule(&scene, "0000-05-00.0", "*" NIC "*Driver=vfio-pci*");
        expect_rule(&scene, "0000-03-01.0", "*" PORT1 "*Companions=" PORT2 "*");
        fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "State", "'detached'");
        /* The second time, there is nothing to do. */
        expect(&scene, "--yes", 0, "*pci-" NIC ": not imported: the rule 0000-05-00.0 matches it already\n*", "");
        scene_end(&scene);
}

/* driverctl gives only one of two ports to vfio. */
static void test_part_of_group(void) {
        Scene scene = scene_begin();

        put(&scene, "pci-" PORT1, "vfio-pci\n");
        expect(&scene, "--yes", 0, "  pci-" PORT1 ": not imported: " PORT2 " shares its group*--companion " PORT2 "\n",
                        "");
        expect_rule(&scene, "0000-03-01.0", NULL);
        scene_end(&scene);
}

/* Files that driverctl has not written: nothing blocks, and each has its reason. */
static void test_damaged(void) {
        Scene scene = scene_begin();
        g_autofree char *fifo = g_build_filename(scene.folder, "pci-0000:01:00.0", NULL);
        g_autofree char *link = g_build_filename(scene.folder, "pci-0000:02:00.0", NULL);
        g_autofree char *folder = g_build_filename(scene.folder, "pci-0000:02:01.0", NULL);
        g_autofree char *large = g_strnfill(100000, 'v');

        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        g_assert_cmpint(symlink("/dev/zero", link), ==, 0);
        g_assert_cmpint(mkdir(folder, 0700), ==, 0);
        put(&scene, "pci-0000:03:00.0", large);
        put(&scene, "pci-0000:04:00.0", "vfio-pci e1000\n");
        put(&scene, "pci-" NIC, "");
        put(&scene, "pci-nonsense", "vfio-pci");
        json_t *json = vfioctl_json("import driverctl /nonexistent");
        expect_json(json, "rules", "[]");
        json_decref(json);
        g_autofree char *arguments = g_strdup_printf("import driverctl %s --dry-run", scene.folder);
        json = vfioctl_json(arguments);
        expect_json(json, "changed", "false");
        expect_json(json, "rules", "[]");
        expect_json(json, "skipped.0.reason", "\"it is no regular file\"");
        expect_json(json, "skipped.1.reason", "\"it is a symbolic link\"");
        expect_json(json, "skipped.2.reason", "\"it is no regular file\"");
        expect_json(json, "skipped.3.reason",
                        "\"it is damaged: driverctl writes the name of a driver and nothing else\"");
        expect_json(json, "skipped.4.reason", "\"it is damaged: it has more than one word\"");
        expect_json(json, "skipped.5.entry", "\"pci-" NIC "\"");
        expect_json(json, "skipped.5.reason", "\"it is empty\"");
        expect_json(json, "skipped.6.reason", "\"its name has no address of a PCI device\"");
        json_decref(json);
        scene_end(&scene);
}

static void test_many(void) {
        Scene scene = scene_begin();

        for (unsigned i = 0; i < 1100; i++) {
                g_autofree char *name = g_strdup_printf("x-%u", i);
                put(&scene, name, "vfio-pci");
        }
        expect(&scene, "--dry-run", 0, "  x-*", "vfioctl: there are more than 1024 files: the others are not read\n");
        scene_end(&scene);
}

static void test_usage(void) {
        Scene scene = scene_begin();

        EXPECT(2, "vfioctl: 'import' needs the program to import from: driverctl\n*", "import");
        EXPECT(2, "vfioctl: too many arguments: 'b'\n*", "import driverctl a b");
        EXPECT(2, "vfioctl: 'import driverctl' works only on its own host*", "import driverctl -H host");
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-import/import", test_import);
        g_test_add_func("/bus/vfioctl-import/part-of-group", test_part_of_group);
        g_test_add_func("/bus/vfioctl-import/damaged", test_damaged);
        g_test_add_func("/bus/vfioctl-import/many", test_many);
        g_test_add_func("/bus/vfioctl-import/usage", test_usage);
        return g_test_run();
}
