/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

#include <sys/socket.h>
#include <sys/un.h>

/* A claim that shows itself nowhere is tested in tests/transaction: opening a plain file never fails. */

#define SDA "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"
#define VIRTUAL "virtual/block/"

static Bed *make_bed(void) {
        Bed *bed = bed_new();

        put_block(bed->tree, SDA, "8:0");
        put_partition(bed->tree, SDA "/sda1", "8:1");
        put_partition(bed->tree, SDA "/sda2", "8:2");
        return bed;
}

static int survey(Bed *bed, const char *disk) {
        return disk_uses(bed->tree->kernel, disk, bed->uses);
}

#define assert_disk(bed, disk, ...) \
        G_STMT_START { \
                g_assert_cmpint(survey(bed, disk), ==, 0); \
                assert_uses((bed)->uses, __VA_ARGS__); \
        } \
        G_STMT_END

static void put_mount(Bed *bed, const char *line) {
        put_process(bed->tree, 1, "systemd", 1, line);
}

static void put_mapping(Bed *bed, const char *name, const char *number, const char *mapping) {
        g_autofree char *path = g_strconcat(VIRTUAL, name, NULL), *line = g_strconcat(mapping, "\n", NULL);

        put_block(bed->tree, path, number);
        temp_tree_file(bed->tree, line, "sys/class/block/%s/dm/name", name);
}

static void test_free(void) {
        g_autoptr(Bed) bed = make_bed();

        assert_disk(bed, "sda", NULL);
        put_mount(bed,
                        "27 1 0:8 / / rw - ext4 /dev/sda10 rw\n"
                        "28 1 8:3 / /a rw - ext4 /dev/sdb1 rw\n"
                        "29 1 0:1 / /dev/sda rw - tmpfs none rw\n"
                        "30 1 0:50 / /o rw - overlay overlay rw,lowerdir=/dev/sda1\n");
        temp_tree_file(bed->tree,
                        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                        "/dev/sdb2                               partition\t1\t0\t-2\n",
                        "proc/swaps");
        assert_disk(bed, "sda", NULL);
}

static void test_mounted(void) {
        g_autoptr(Bed) bed = make_bed();

        put_mount(bed, "27 1 8:0 / /whole rw - ext4 /dev/root rw\n");
        assert_disk(bed, "sda", "storage: sda is mounted on /whole", NULL);
        put_mount(bed, "27 1 8:2 / /my\\040data rw - ext4 /dev/root rw\n");
        assert_disk(bed, "sda", "storage: sda > sda2 is mounted on /my data", NULL);
        put_mount(bed,
                        "27 1 8:2 / / rw - ext4 /dev/sda2 rw\n"
                        "28 1 8:1 / /boot rw - ext4 /dev/sda1 rw\n"
                        "29 1 8:2 /home /home rw - ext4 /dev/sda2 rw\n");
        assert_disk(bed, "sda", "storage: sda > sda2 is mounted on /", "storage: sda > sda1 is mounted on /boot", NULL);
        /* Only root learns where. */
        bed->uses->reader = 1000;
        assert_disk(bed, "sda", "storage: sda > sda2 is mounted", "storage: sda > sda1 is mounted", NULL);
        bed->uses->reader = 0;
        /* A path that somebody chose to attack the log or the terminal. */
        put_mount(bed, "27 1 8:1 / /a\\012b\\033[2J\\351 rw - ext4 /dev/sda1 rw\n");
        assert_disk(bed, "sda", "storage: sda > sda1 is mounted on /a\\x0ab\\x1b[2J\\xe9", NULL);
}

/* It is mounted only in a container. */
static void test_namespace(void) {
        g_autoptr(Bed) bed = make_bed();

        put_mount(bed, "27 1 8:16 / / rw - ext4 /dev/sdb rw\n");
        put_process(bed->tree, 400, "postgres", 2,
                        "50 49 8:16 / / rw - ext4 /dev/sdb rw\n"
                        "51 50 8:1 / /var/lib/data rw - xfs /dev/sda1 rw\n");
        assert_disk(bed, "sda", "storage: sda > sda1 is mounted on /var/lib/data", NULL);
}

/* The device number of such a file system is no evidence, and its source is only the first of its disks. */
static void test_btrfs(void) {
        g_autoptr(Bed) bed = make_bed();

        put_mount(bed, "27 1 0:30 /@ / rw - btrfs /dev/sda1 rw\n");
        assert_disk(bed, "sda", "storage: sda > sda1 is mounted on /", NULL);
        put_mapping(bed, "dm-0", "253:0", "luks-root");
        put_holder(bed->tree, "sda2", "dm-0");
        put_mount(bed, "27 1 0:30 /@ / rw - btrfs /dev/mapper/luks-root rw\n");
        assert_disk(bed, "sda", "storage: sda > sda2 > dm-0 (luks-root) is mounted on /", NULL);
}

/* Any user can write this in a user namespace. */
static void test_fake_mount(void) {
        g_autoptr(Bed) bed = make_bed();

        put_owner(bed->tree, 1, 0, 1);
        put_process(bed->tree, 700, "sh", 2,
                        "27 1 0:50 / /tmp/m rw - tmpfs /dev/sda rw\n28 1 0:51 / /n rw - btrfs /dev/sda1 rw\n");
        put_owner(bed->tree, 700, 1000, 2);
        assert_disk(bed, "sda", NULL);
}

static void put_swap(Bed *bed, const char *path) {
        g_autofree char *text = g_strdup_printf("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                                                "%s                               partition\t8388604\t\t0\t\t-2\n",
                        path);

        temp_tree_file(bed->tree, text, "proc/swaps");
}

static void test_swap(void) {
        g_autoptr(Bed) bed = make_bed();

        put_swap(bed, "/dev/sda2");
        assert_disk(bed, "sda", "storage: sda > sda2 is swap space", NULL);
        put_swap(bed, "/dev/sda");
        assert_disk(bed, "sda", "storage: sda is swap space", NULL);
        put_swap(bed, "/dev/sda2\\040(deleted)");
        assert_disk(bed, "sda", "storage: sda > sda2 is swap space", NULL);
        put_swap(bed, "/dev/sda22");
        assert_disk(bed, "sda", NULL);

        put_mapping(bed, "dm-0", "253:0", "vg-my swap");
        put_holder(bed->tree, "sda2", "dm-0");
        put_swap(bed, "/dev/dm-0");
        assert_disk(bed, "sda", "storage: sda > sda2 > dm-0 (vg-my swap) is swap space", NULL);
        put_swap(bed, "/dev/mapper/vg-my\\040swap");
        assert_disk(bed, "sda", "storage: sda > sda2 > dm-0 (vg-my swap) is swap space", NULL);
}

/* Mappings, arrays and caches, in use or not. */
static void test_holders(void) {
        g_autoptr(Bed) bed = make_bed();

        put_mapping(bed, "dm-0", "253:0", "luks-a");
        put_mapping(bed, "dm-1", "253:1", "vg-root");
        put_mapping(bed, "dm-2", "253:2", "vg-spare");
        put_holder(bed->tree, "sda2", "dm-0");
        assert_disk(bed, "sda", "storage: sda > sda2 carries dm-0 (luks-a)", NULL);
        put_holder(bed->tree, "dm-0", "dm-1");
        put_holder(bed->tree, "dm-0", "dm-2");
        put_mount(bed, "27 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n");
        assert_disk(bed, "sda", "storage: sda > sda2 > dm-0 (luks-a) > dm-1 (vg-root) is mounted on /",
                        "storage: sda > sda2 > dm-0 (luks-a) carries dm-2 (vg-spare)", NULL);

        put_block(bed->tree, VIRTUAL "md127", "9:127");
        put_partition(bed->tree, VIRTUAL "md127/md127p1", "259:9");
        put_holder(bed->tree, "sda1", "md127");
        assert_disk(bed, "sda", "storage: sda > sda2 > dm-0 (luks-a) > dm-1 (vg-root) is mounted on /",
                        "storage: sda > sda2 > dm-0 (luks-a) carries dm-2 (vg-spare)",
                        "storage: sda > sda1 carries md127", NULL);
        put_mount(bed, "27 1 259:9 / /srv rw - ext4 /dev/md127p1 rw\n");
        assert_disk(bed, "sda", "storage: sda > sda1 > md127 > md127p1 is mounted on /srv",
                        "storage: sda > sda2 > dm-0 (luks-a) carries dm-1 (vg-root)",
                        "storage: sda > sda2 > dm-0 (luks-a) carries dm-2 (vg-spare)", NULL);
}

/* A mapping over two partitions of one disk, and mappings over it: each is examined once. */
static void test_diamond(void) {
        g_autoptr(Bed) bed = make_bed();

        put_block(bed->tree, VIRTUAL "md0", "9:0");
        put_holder(bed->tree, "sda1", "md0");
        put_holder(bed->tree, "sda2", "md0");
        g_assert_cmpint(survey(bed, "sda"), ==, 0);
        assert_use_says(bed->uses, "storage", "carries md0");

        /* If the number doubled at each level, it would be a thousand. */
        for (unsigned i = 0; i < 11; i++) {
                g_autofree char *left = g_strdup_printf("dm-%u", 2 * i), *right = g_strdup_printf("dm-%u", 2 * i + 1),
                                *left_number = g_strdup_printf("253:%u", 2 * i),
                                *right_number = g_strdup_printf("253:%u", 2 * i + 1);

                put_mapping(bed, left, left_number, left);
                put_mapping(bed, right, right_number, right);
                for (unsigned below = 0; below < 2; below++) {
                        g_autofree char *name =
                                        i == 0 ? g_strdup("md0") : g_strdup_printf("dm-%u", 2 * (i - 1) + below);

                        put_holder(bed->tree, name, left);
                        put_holder(bed->tree, name, right);
                }
        }
        put_mount(bed, "27 1 253:21 / /top rw - ext4 /dev/mapper/dm-21 rw\n");
        g_assert_cmpint(survey(bed, "sda"), ==, 0);
        g_assert_cmpuint(bed->uses->lines->len, <=, 22);
        g_assert_cmpuint(bed->uses->lines->len, >=, 1);
}

static void test_too_deep(void) {
        g_autoptr(Bed) bed = make_bed();

        for (unsigned i = 0; i < 20; i++) {
                g_autofree char *name = g_strdup_printf("dm-%u", i), *number = g_strdup_printf("253:%u", i),
                                *below = i == 0 ? g_strdup("sda") : g_strdup_printf("dm-%u", i - 1);

                put_mapping(bed, name, number, "a-name-that-makes-the-chain-longer-than-there-is-room-for-it");
                put_holder(bed->tree, below, name);
        }
        g_assert_cmpint(survey(bed, "sda"), ==, 0);
        assert_use_says(bed->uses, "storage", "too many layers");
}

/* Used without an exclusive claim. */
static void test_loop(void) {
        g_autoptr(Bed) bed = make_bed();

        put_block(bed->tree, VIRTUAL "loop0", "7:0");
        put_block(bed->tree, VIRTUAL "loop1", "7:1");
        temp_tree_file(bed->tree, "/home/image.iso\n", "sys/class/block/loop1/loop/backing_file");
        assert_disk(bed, "sda", NULL);
        temp_tree_file(bed->tree, "/dev/sda2\n", "sys/class/block/loop0/loop/backing_file");
        assert_disk(bed, "sda", "storage: sda > sda2 carries loop0", NULL);
        put_mount(bed, "27 1 7:0 / /mnt rw - ext4 /dev/loop0 rw\n");
        assert_disk(bed, "sda", "storage: sda > sda2 > loop0 is mounted on /mnt", NULL);
}

static void test_exported(void) {
        g_autoptr(Bed) bed = make_bed();
        static const char target[] = "sys/kernel/config/nvmet/subsystems/nqn.a/namespaces";

        temp_tree_folder(bed->tree, "sys/kernel/config/nvmet/subsystems/nqn.b");
        temp_tree_file(bed->tree, "/dev/sda1\n", "%s/1/device_path", target);
        temp_tree_file(bed->tree, "0\n", "%s/1/enable", target);
        temp_tree_file(bed->tree, "/dev/sdb\n", "%s/2/device_path", target);
        temp_tree_file(bed->tree, "1\n", "%s/2/enable", target);
        assert_disk(bed, "sda", NULL);
        temp_tree_file(bed->tree, "1\n", "%s/1/enable", target);
        assert_disk(bed, "sda", "storage: sda > sda1 is exported as an NVMe target", NULL);
}

/* If it cannot be determined, it counts as in use. */
static void test_unreadable(void) {
        g_autoptr(Bed) bed = make_bed();

        assert_disk(bed, "sdz", "storage: sdz cannot be examined: No such file or directory",
                        "storage: sdz cannot be examined: No such file or directory", NULL);
        temp_tree_remove(bed->tree, "dev/sda");
        assert_disk(bed, "sda", "storage: sda cannot be examined: No such file or directory", NULL);
        temp_tree_link(bed->tree, "sda1", "dev/sda");
        assert_disk(bed, "sda", "storage: sda cannot be examined: Too many levels of symbolic links", NULL);
        temp_tree_remove(bed->tree, "dev/sda");
        temp_tree_file(bed->tree, "", "dev/sda");

        temp_tree_file(bed->tree, "rubbish\n", "sys/class/block/sda2/dev");
        assert_disk(bed, "sda", "storage: sda > sda2 cannot be examined: it shows no device number", NULL);
        temp_tree_remove(bed->tree, "sys/class/block/sda2/dev");
        assert_disk(bed, "sda", "storage: sda > sda2 cannot be examined: it shows no device number", NULL);
        temp_tree_file(bed->tree, "8:2\n", "sys/class/block/sda2/dev");
        put_holder(bed->tree, "sda2", "dm-0");
        assert_disk(bed, "sda", "storage: sda > sda2 > dm-0 cannot be examined: No such file or directory", NULL);
        temp_tree_remove(bed->tree, "sys/class/block/sda2/holders/dm-0");
        assert_disk(bed, "sda", NULL);

        temp_tree_link(bed->tree, "swaps", "proc/swaps");
        g_assert_cmpint(survey(bed, "sda"), ==, 0);
        g_assert_cmpuint(bed->uses->lines->len, ==, 3); /* the disk and its partitions */
        g_ptr_array_set_size(bed->uses->lines, 0);
        temp_tree_remove(bed->tree, "proc/swaps");
        temp_tree_folder(bed->tree, "proc/swaps"); /* it can be opened, but not read */
        g_assert_cmpint(survey(bed, "sda1"), ==, 0);
        assert_use_says(bed->uses, "storage", "sda1 cannot be examined: /proc/swaps");
        temp_tree_remove(bed->tree, "proc/swaps");

        put_block(bed->tree, VIRTUAL "loop7", "7:7");
        temp_tree_folder(bed->tree, "sys/class/block/loop7/loop/backing_file");
        g_assert_cmpint(survey(bed, "sda1"), ==, 0);
        assert_use_says(bed->uses, "storage", "sda1 cannot be examined: the loop devices");
        temp_tree_remove(bed->tree, "sys/class/block/loop7/loop");
        temp_tree_file(bed->tree, "rubbish\n", "sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/1/enable");
        g_assert_cmpint(survey(bed, "sda1"), ==, 0);
        assert_use_says(bed->uses, "storage", "sda1 cannot be examined: the NVMe targets");
        temp_tree_remove(bed->tree, "sys/kernel/config");
        assert_disk(bed, "sda", NULL);

        temp_tree_file(bed->tree, "", "sys/class/block/sda1/holders/x");
        temp_tree_remove(bed->tree, "sys/class/block/sda1/holders");
        temp_tree_link(bed->tree, "holders", "sys/class/block/sda1/holders");
        assert_disk(bed, "sda", "storage: sda cannot be examined: Too many levels of symbolic links", NULL);

        Kernel broken = *bed->tree->kernel;
        broken.proc_fd = -EBADF;
        g_assert_cmpint(disk_uses(&broken, "sdb", bed->uses), ==, 0);
        assert_use_says(bed->uses, "storage", "sdb cannot be examined: the mounts cannot be read");
}

/* A drive without a medium cannot be in use. */
static void test_no_medium(void) {
        g_autoptr(Bed) bed = make_bed();
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        g_autofree char *path = temp_tree_path(bed->tree, "dev/sda");
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* Opening the file of a socket fails with the same errno. */
        temp_tree_remove(bed->tree, "dev/sda");
        g_assert_cmpint(snprintf(address.sun_path, sizeof(address.sun_path), "%s", path), <,
                        (int)sizeof(address.sun_path));
        g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        assert_disk(bed, "sda", NULL);
        close(fd);
}

/* The kernel writes "!" for "/" in the name of a node. */
static void test_slash(void) {
        g_autoptr(Bed) bed = make_bed();

        put_block(bed->tree, "pci0000:00/0000:00:05.0/cciss0/c0d0/block/cciss!c0d0", "104:0");
        assert_disk(bed, "cciss!c0d0", NULL);
        put_mount(bed, "27 1 0:31 / / rw - btrfs /dev/cciss/c0d0 rw\n");
        assert_disk(bed, "cciss!c0d0", "storage: cciss!c0d0 is mounted on /", NULL);
}

static void test_visitor_stops(void) {
        g_autoptr(Bed) bed = make_bed();

        put_mount(bed,
                        "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                        "28 1 8:2 / /b rw - ext4 /dev/sda2 rw\n"
                        "29 1 8:0 / /c rw - ext4 /dev/sda rw\n");
        for (unsigned i = 1; i <= 3; i++) {
                g_ptr_array_set_size(bed->uses->lines, 0);
                bed->uses->end_after = i;
                g_assert_cmpint(survey(bed, "sda"), ==, 42);
                g_assert_cmpuint(bed->uses->lines->len, ==, i);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/disk-usage/free", test_free);
        g_test_add_func("/disk-usage/mounted", test_mounted);
        g_test_add_func("/disk-usage/namespace", test_namespace);
        g_test_add_func("/disk-usage/btrfs", test_btrfs);
        g_test_add_func("/disk-usage/fake-mount", test_fake_mount);
        g_test_add_func("/disk-usage/swap", test_swap);
        g_test_add_func("/disk-usage/holders", test_holders);
        g_test_add_func("/disk-usage/diamond", test_diamond);
        g_test_add_func("/disk-usage/too-deep", test_too_deep);
        g_test_add_func("/disk-usage/loop", test_loop);
        g_test_add_func("/disk-usage/exported", test_exported);
        g_test_add_func("/disk-usage/unreadable", test_unreadable);
        g_test_add_func("/disk-usage/no-medium", test_no_medium);
        g_test_add_func("/disk-usage/slash", test_slash);
        g_test_add_func("/disk-usage/visitor-stops", test_visitor_stops);
        return g_test_run();
}
