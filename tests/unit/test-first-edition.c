/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-folder.h"
#include "state-text.h"
#include "state/first-edition.h"

#include <fcntl.h>
#include <sys/file.h>
#include <systemd/sd-id128.h>

/* What happens to state files of the first edition: see first-edition/README.md. */

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define PORT_IDS " 8086:100e/1af4:1100/020000/03"
#define PORT_POWER " power=on d3cold=1"
#define PF "0000:07:00.0"
#define PF_IDS " 8086:10c9/8086:a03c/020000/01"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.2"
#define VF_IDS " 8086:10ca/8086:a03c/020000/01"

#define PORT1_FILE PORT1 PORT_IDS " driver=e1000 override=none" PORT_POWER " module=e1000 net=ens1\n"
#define PORT2_FILE PORT2 PORT_IDS " driver=e1000" PORT_POWER " module=e1000 net=ens2\n"
#define PORT1_MEMBER \
        "  " PORT1 " group=10 parent=-1" PORT_IDS " recorded before: driver=vfio-pci override=vfio-pci target: " \
        "driver=e1000 override=none" PORT_POWER " origin:" PORT_IDS " driver=e1000 override=none" PORT_POWER \
        " module=e1000 net=ens1\n"
#define PORT2_MEMBER \
        "  " PORT2 " group=10 parent=-1" PORT_IDS " recorded before: driver=vfio-pci override=vfio-pci target: " \
        "driver=e1000" PORT_POWER " origin:" PORT_IDS " driver=e1000" PORT_POWER " module=e1000 net=ens2\n"
#define PORTS_TRANSACTION \
        "1: reattach group=10 selected=" PORT1 " vfs=0 fate=0\n" PORT2_MEMBER PORT1_MEMBER "  lock-node " PORT2 \
        ", load-driver " PORT2 ", load-driver " PORT1 ", override " PORT2 ", override " PORT1 ", unbind " PORT2 \
        ", unbind " PORT1 ", probe " PORT2 ", probe " PORT1 ", set-power " PORT2 ", set-power " PORT1 \
        ", forget " PORT2 ", forget " PORT1 "\n  values before: 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
#define NEW_VF_FILE(address) address VF_IDS " any-driver power=on link=02:00:00:00:00:07/5/3/8100 vf\n"

/* Copies the files of a case into the folder. */
static void copy_case(StateFolder *folder, const char *name) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "first-edition", name, NULL);
        g_autoptr(GDir) files = g_dir_open(path, 0, NULL);
        char boot[SD_ID128_STRING_MAX];
        const char *file;
        sd_id128_t id;

        g_assert_nonnull(files);
        g_assert_cmpint(sd_id128_get_boot(&id), >=, 0);
        sd_id128_to_string(id, boot);
        while ((file = g_dir_read_name(files))) {
                g_autofree char *source = g_build_filename(path, file, NULL), *text = NULL;

                g_assert_true(g_file_get_contents(source, &text, NULL, NULL));
                g_auto(GStrv) parts = g_strsplit(text, "BOOT-ID", 2);
                g_autofree char *changed = g_strjoinv(boot, parts);
                g_assert_nonnull(parts[1]);
                state_folder_write(folder, file, changed, strlen(changed));
        }
}

static char *take_over(StateFolder *folder) {
        _cleanup_(state_freep) State *state = NULL;

        g_assert_cmpint(state_new(folder->path, true, &state), ==, 0);
        g_assert_cmpint(first_edition_take_over(state), ==, 0);
        for (size_t i = 0; i < state->n_transactions; i++)
                g_assert_cmpint(state->transactions[i].owner, ==, 0);
        return state_to_text(state);
}

static unsigned count_records(StateFolder *folder) {
        g_autoptr(GDir) files = g_dir_open(folder->path, 0, NULL);
        const char *file;
        unsigned n = 0;

        while ((file = g_dir_read_name(files)))
                n += g_str_has_suffix(file, ".record");
        return n;
}

static void assert_case(const char *name, const char *expected) {
        g_autoptr(StateFolder) folder = state_folder_new();

        copy_case(folder, name);
        g_assert_cmpuint(count_records(folder), >, 0);
        g_autofree char *first = take_over(folder), *second = take_over(folder);
        g_assert_cmpstr(first, ==, expected);
        /* They are read once, and then removed. */
        g_assert_cmpuint(count_records(folder), ==, 0);
        g_assert_cmpstr(second, ==, expected);
}

static void test_detached(void) {
        assert_case("two-ports", PORT1_FILE PORT2_FILE);
        assert_case("disk", "0000:05:00.0 144d:a808/144d:a801/010802/00 driver=nvme module=nvme block=nvme0n1\n");
}

/* An interrupted detach is reverted and an interrupted reattach is finished: every device returns to the host. */
static void test_cut_off(void) {
        assert_case("detaching", PORT1_FILE PORT2_FILE PORTS_TRANSACTION);
        assert_case("reattaching", PORT1_FILE PORT2_FILE PORTS_TRANSACTION);
        assert_case("cut-reattach", PORT1_FILE PORT2_FILE PORTS_TRANSACTION);
        assert_case("mixed",
                        PORT1_FILE PORT2_FILE "1: reattach group=10 selected=" PORT2 " vfs=0 fate=0\n" PORT2_MEMBER
                                              "  lock-node " PORT2 ", load-driver " PORT2 ", override " PORT2
                                              ", unbind " PORT2 ", probe " PORT2 ", set-power " PORT2 ", forget " PORT2
                                              "\n  values before: 0 0 0 0 0 0 0\n");
}

static void test_superseded(void) {
        assert_case("superseded", PORT1_FILE PORT2_FILE);
}

/* The VFs that exist are reverted to the old VFs, and the settings of the new VFs are ignored. */
static void test_vfs_making(void) {
        assert_case("vfs-making",
                        "0000:05:00.0 144d:a808/144d:a801/010802/00 driver=nvme module=nvme block=nvme0n1\n" VF0 VF_IDS
                        " driver=igbvf power=on link=02:00:00:00:00:07/5/3/8100 vf\n"
                        "1: set-virtual-functions group=-1 selected=" PF " vfs=0 fate=0\n"
                        "  " PF " group=-1 parent=-1" PF_IDS " before: target:\n"
                        "  " VF0 " group=-1 parent=0" VF_IDS " recorded vf before: driver=vfio-pci power=on "
                        "link=02:00:00:00:00:01/9/0/0 target: origin:" VF_IDS
                        " driver=igbvf power=on link=02:00:00:00:00:07/5/3/8100 vf\n"
                        "  " VF1 " group=-1 parent=0" VF_IDS " vf before: power=on target:\n"
                        "  set-autoprobe " PF "=0, vanish " VF0 ", vanish " VF1 ", set-vfs " PF "=0\n"
                        "  values before: 1 0 0 2\n");
        /* A kernel without sriov_drivers_autoprobe. */
        assert_case("vfs-no-autoprobe",
                        "1: set-virtual-functions group=-1 selected=" PF " vfs=0 fate=0\n"
                        "  " PF " group=-1 parent=-1" PF_IDS " before: target:\n"
                        "  " VF0 " group=-1 parent=0" VF_IDS
                        " vf before: driver=igbvf power=on link=02:00:00:00:00:01/9/0/0 target:\n"
                        "  set-autoprobe " PF "=0, vanish " VF0 ", set-vfs " PF "=0\n"
                        "  values before: 1 0 1\n");
}

/* The new VFs stay, and the old VFs are forgotten. */
static void test_vfs_made(void) {
        assert_case("vfs-made",
                        NEW_VF_FILE(VF0) "1: set-virtual-functions group=-1 selected=" PF " vfs=0 fate=0\n"
                                         "  " PF " group=-1 parent=-1" PF_IDS " before: target:\n"
                                         "  set-autoprobe " PF "=0\n"
                                         "  values before: 1\n");
        assert_case("vfs-done", NEW_VF_FILE(VF0));
        assert_case("vfs-kept", PF " not-away" PF_IDS " autoprobe=1\n" NEW_VF_FILE(VF0));
}

/* A worker of the first edition still uses the file: it stays until the next start. */
static void test_locked(void) {
        g_autoptr(StateFolder) folder = state_folder_new();

        copy_case(folder, "detaching");
        copy_case(folder, "disk");
        int fd = openat(folder->fd, "3.record", O_RDWR | O_CLOEXEC);
        g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
        g_autofree char *first = take_over(folder);
        g_assert_cmpstr(first, ==,
                        "0000:05:00.0 144d:a808/144d:a801/010802/00 driver=nvme module=nvme block=nvme0n1\n");
        g_assert_true(state_folder_has(folder, "3.record"));
        g_assert_false(state_folder_has(folder, "12.record"));
        close(fd);
        g_autofree char *second = take_over(folder);
        g_assert_nonnull(strstr(second, PORTS_TRANSACTION));
        g_assert_false(state_folder_has(folder, "3.record"));
}

/* A file that is no record is reported and stays; the other files are read. */
static void test_junk(void) {
        static const char *const names[] = {"1.record", "2.record", "x.record", "3.records", ".record",
                        "9999999999999999999999.record", "4.record"};
        static const char *const wrong[] = {
                        "{\"group\": 1, \"members\": {}}",
                        "{\"group\": -2, \"members\": []}",
                        "{\"group\": 4294967296, \"members\": []}",
                        "{\"group\": 1, \"members\": [1]}",
                        "{\"group\": 1, \"members\": [{\"address\": \"../../etc\"}]}",
                        "{\"members\": [], \"functions\": 1}",
                        "{\"functions\": {\"count\": -1}}",
                        "{\"functions\": {\"count\": 100000}}",
                        "{\"functions\": {\"count\": 1, \"phase\": \"making\"}}",
                        ("{\"functions\": {\"count\": 1, \"phase\": \"making\", \"address\": \"0000:07:00.0\", "
                         "\"before\": [1]}}"),
                        "{\"functions\": {\"count\": 1, \"phase\": \"kept\"}}",
                        "[]",
        };
        g_autoptr(StateFolder) folder = state_folder_new();

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                state_folder_write(folder, names[i], "junk", 4);
        copy_case(folder, "disk");
        g_autofree char *text = take_over(folder);
        g_assert_cmpstr(text, ==, "0000:05:00.0 144d:a808/144d:a801/010802/00 driver=nvme module=nvme block=nvme0n1\n");
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                g_assert_true(state_folder_has(folder, names[i]));

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autoptr(StateFolder) other = state_folder_new();

                state_folder_write_json(other, "1.record", "record", wrong[i]);
                g_autofree char *nothing = take_over(other);
                if (nothing[0] != '\0' || !state_folder_has(other, "1.record"))
                        g_error("%s: %s", wrong[i], nothing);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/first-edition/detached", test_detached);
        g_test_add_func("/first-edition/cut-off", test_cut_off);
        g_test_add_func("/first-edition/superseded", test_superseded);
        g_test_add_func("/first-edition/vfs-making", test_vfs_making);
        g_test_add_func("/first-edition/vfs-made", test_vfs_made);
        g_test_add_func("/first-edition/locked", test_locked);
        g_test_add_func("/first-edition/junk", test_junk);
        return g_test_run();
}
