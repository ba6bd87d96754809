/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* The nodes in the device's folder have the numbers of devices that exist on every machine: /dev/null, /dev/zero,
 * and a block device. The processes of the tree have them open. No real process has these pids, because its unit
 * would be reported. */

#define CARD "0000:03:00.0"
#define OTHER "0000:04:00.0"
#define CARD_FOLDER "sys/bus/pci/devices/" CARD
#define SUBSYSTEM "virtual/nvme-subsystem/nvme-subsys0"

static Bed *make_bed(void) {
        Bed *bed = bed_new();

        temp_tree_device(bed->tree, "pci0000:00/0000:00:1c.0/" CARD);
        temp_tree_device(bed->tree, "pci0000:00/0000:00:1c.1/" OTHER);
        return bed;
}

static int survey(Bed *bed, const char *text) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot =
                        snapshot_take(bed->tree->kernel, text, NULL, bed->uses);
        PciAddress address;

        g_assert_cmpint(pci_address_parse(text, &address), ==, 0);
        return usage_by_processes(snapshot, address);
}

#define assert_processes(bed, address, ...) \
        G_STMT_START { \
                g_assert_cmpint(survey(bed, address), ==, 0); \
                assert_uses((bed)->uses, __VA_ARGS__); \
        } \
        G_STMT_END

/* A device with a node, at a path below the tree. */
static void put_node(Bed *bed, const char *folder, const char *subsystem, const char *number) {
        g_autofree char *line = g_strconcat(number, "\n", NULL), *class = g_strconcat("../x/class/", subsystem, NULL);

        temp_tree_file(bed->tree, line, "%s/dev", folder);
        temp_tree_link(bed->tree, class, "%s/subsystem", folder);
}

static void put_open(Bed *bed, int pid, const char *command, int fd, const char *target) {
        put_process(bed->tree, pid, command, 1, "");
        temp_tree_link(bed->tree, target, "proc/%d/fd/%d", pid, fd);
}

static void test_free(void) {
        g_autoptr(Bed) bed = make_bed();

        put_open(bed, 5000100, "cat", 0, "/dev/null");
        assert_processes(bed, CARD, NULL);
        put_node(bed, CARD_FOLDER "/drm/card0", "drm", "1:5");
        assert_processes(bed, CARD, NULL);
        /* A device that does not exist, or not any more. */
        assert_processes(bed, "0000:0f:00.0", NULL);
}

static void test_character(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/sound/card0/controlC0", "sound", "1:3");
        assert_processes(bed, CARD, NULL);
        put_open(bed, 5000100, "pipewire", 17, "/dev/null");
        put_open(bed, 5000100, "pipewire", 18, "/dev/null");
        put_open(bed, 5000101, "bash", 0, "/dev/zero");
        assert_processes(bed, CARD, "process: process 5000100 (pipewire) has /dev/null open", NULL);
        assert_processes(bed, OTHER, NULL);

        put_node(bed, CARD_FOLDER "/sound/card0/pcmC0D0p", "sound", "1:5");
        put_open(bed, 5000102, "a\nb\351", 3, "/dev/null");
        assert_processes(bed, CARD, "process: process 5000100 (pipewire) has /dev/null open",
                        "process: process 5000101 (bash) has /dev/zero open",
                        "process: process 5000102 (a\\x0ab\\xe9) has /dev/null open", NULL);
}

/* The name does not matter, only the device that it leads to. A node without a name is not examined. */
static void test_elsewhere(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/uio/uio0", "uio", "1:3");
        temp_tree_link(bed->tree, "/dev/null", "jail/n");
        g_autofree char *path = temp_tree_path(bed->tree, "jail/n"),
                        *says = g_strdup_printf("process: process 5000007 (jailed) has %s open", path);
        put_open(bed, 5000007, "jailed", 3, path);
        put_open(bed, 5000008, "other", 3, "socket:[1234]");
        put_open(bed, 5000009, "gone", 3, "/dev/null (deleted)");
        put_open(bed, 5000010, "file", 3, "/etc/passwd");
        assert_processes(bed, CARD, says, NULL);
}

/* A block device and a character device may have the same numbers. */
static void test_kinds(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/host0/target0/0:0:0:0/block/sda", "block", "1:3");
        put_open(bed, 5000100, "cat", 0, "/dev/null");
        assert_processes(bed, CARD, NULL);
        put_node(bed, CARD_FOLDER "/host0/target0/0:0:0:0/scsi_generic/sg0", "scsi_generic", "1:3");
        assert_processes(bed, CARD, "process: process 5000100 (cat) has /dev/null open", NULL);
}

static char *find_block_node(struct stat *ret) {
        g_autoptr(GDir) folder = g_dir_open("/dev", 0, NULL);
        const char *name;

        while ((name = g_dir_read_name(folder))) {
                g_autofree char *path = g_build_filename("/dev", name, NULL);

                if (lstat(path, ret) == 0 && S_ISBLK(ret->st_mode))
                        return g_steal_pointer(&path);
        }
        return NULL;
}

static void test_block(void) {
        g_autoptr(Bed) bed = make_bed();
        struct stat status;
        g_autofree char *path = find_block_node(&status);

        /* Nothing is opened: a link is enough. */
        g_assert_nonnull(path);
        g_autofree char *number = g_strdup_printf("%u:%u", major(status.st_rdev), minor(status.st_rdev)),
                        *says = g_strdup_printf("process: process 5000055 (qemu-system-x86) has %s open", path);
        put_node(bed, CARD_FOLDER "/virtio0/block/vda/vda1", "block", number);
        put_open(bed, 5000055, "qemu-system-x86", 12, path);
        assert_processes(bed, CARD, says, NULL);
        put_node(bed, CARD_FOLDER "/virtio0/block/vda/vda1", "char", number);
        assert_processes(bed, CARD, NULL);
}

/* With multipath, the disk, its partitions and its other node belong to the subsystem. */
static void test_nvme_multipath(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_folder(bed->tree, CARD_FOLDER "/nvme/nvme0/nvme0c0n1");
        temp_tree_folder(bed->tree, "sys/class/nvme-subsystem");
        put_node(bed, "sys/devices/" SUBSYSTEM "/nvme0n1/nvme0n1p1", "char", "1:3");
        put_node(bed, "sys/devices/" SUBSYSTEM "/ng0n1", "nvme-generic", "1:5");
        temp_tree_link(bed->tree, "../../devices/" SUBSYSTEM, "sys/class/nvme-subsystem/nvme-subsys0");
        put_open(bed, 5000100, "qemu-system-x86", 12, "/dev/null");
        put_open(bed, 5000101, "nvme", 3, "/dev/zero");
        assert_processes(bed, CARD, NULL);
        temp_tree_link(bed->tree, "../../../pci0000:00/0000:00:1c.0/" CARD "/nvme/nvme0",
                        "sys/devices/" SUBSYSTEM "/nvme0");
        assert_processes(bed, CARD, "process: process 5000100 (qemu-system-x86) has /dev/null open",
                        "process: process 5000101 (nvme) has /dev/zero open", NULL);
        assert_processes(bed, OTHER, NULL);
        /* A second controller of the same subsystem. */
        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" OTHER "/nvme/nvme1");
        temp_tree_link(bed->tree, "../../../pci0000:00/0000:00:1c.1/" OTHER "/nvme/nvme1",
                        "sys/devices/" SUBSYSTEM "/nvme1");
        assert_processes(bed, OTHER, "process: process 5000100 (qemu-system-x86) has /dev/null open",
                        "process: process 5000101 (nvme) has /dev/zero open", NULL);
}

/* /dev/nvidia7 is in no folder of sysfs. No process has it open here; another process has another node open. */
static void test_nvidia(void) {
        g_autoptr(Bed) bed = make_bed();
        static const char information[] = "proc/driver/nvidia/gpus/" CARD "/information";

        put_open(bed, 5000100, "Xorg", 12, "/dev/null");
        temp_tree_file(bed->tree,
                        "Model: \t\t NVIDIA GeForce RTX 3090\n"
                        "Bus Location: \t " CARD "\n"
                        "Device Minor: \t 3\n"
                        "GPU Excluded:\t No\n",
                        information);
        assert_processes(bed, CARD, NULL);
        temp_tree_link(bed->tree, "information", information);
        g_assert_cmpint(survey(bed, CARD), ==, 0);
        assert_use_says(bed->uses, "process", CARD " cannot be examined");
}

/* The folder of another PCI function in this folder, targets of links, and deep folders. */
static void test_folders(void) {
        g_autoptr(Bed) bed = make_bed();
        g_autoptr(GString) deep = g_string_new(CARD_FOLDER);

        put_open(bed, 5000100, "cat", 0, "/dev/null");
        put_node(bed, CARD_FOLDER "/0000:09:00.0/drm/card0", "drm", "1:3");
        put_node(bed, "sys/devices/elsewhere/x", "drm", "1:3");
        temp_tree_link(bed->tree, "../../../elsewhere", CARD_FOLDER "/elsewhere");
        temp_tree_folder(bed->tree, CARD_FOLDER "/dev");
        temp_tree_folder(bed->tree, CARD_FOLDER "/a/dev");
        temp_tree_link(bed->tree, "../x", CARD_FOLDER "/b/dev");
        assert_processes(bed, CARD, NULL);

        /* A disk behind five hubs. */
        for (unsigned i = 0; i < 18; i++)
                g_string_append_printf(deep, "/1-1.%u", i);
        put_node(bed, deep->str, "block", "1:3");
        put_node(bed, CARD_FOLDER "/usb1", "usb", "1:3");
        assert_processes(bed, CARD, "process: process 5000100 (cat) has /dev/null open", NULL);
        for (unsigned i = 0; i < 30; i++)
                g_string_append_printf(deep, "/x%u", i);
        temp_tree_folder(bed->tree, "%s", deep->str);
        g_assert_cmpint(survey(bed, CARD), ==, 0);
        assert_use_says(bed->uses, "process", CARD " cannot be examined");
}

static void test_unreadable(void) {
        static const char *const numbers[] = {"", "x\n", "1\n", "1:\n"};
        g_autoptr(Bed) bed = make_bed();

        for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
                temp_tree_file(bed->tree, numbers[i], CARD_FOLDER "/uio/uio0/dev");
                g_assert_cmpint(survey(bed, CARD), ==, 0);
                assert_use_says(bed->uses, "process", CARD " cannot be examined");
        }
        temp_tree_file(bed->tree, "1:3\n", CARD_FOLDER "/uio/uio0/dev");
        assert_processes(bed, CARD, NULL);
        Kernel broken = *bed->tree->kernel;
        broken.proc_fd = -EBADF;
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = snapshot_take(&broken, CARD, NULL, bed->uses);
        g_assert_cmpint(usage_by_processes(snapshot, (PciAddress){.bus = 3}), ==, 0);
        assert_use_says(bed->uses, "process", CARD " cannot be examined");
}

static void test_refused(void) {
        g_autoptr(Bed) bed = make_bed();
        g_autofree char *folder = temp_tree_path(bed->tree, "proc/5000100/fd");

        put_node(bed, CARD_FOLDER "/uio/uio0", "uio", "1:3");
        put_open(bed, 5000100, "guarded", 0, "/dev/zero");
        temp_tree_file(bed->tree, "5000100 (guarded) S 1 1 1\n", "proc/5000100/stat");
        g_assert_cmpint(chmod(folder, 0700), ==, 0);
        assert_processes(bed, CARD, NULL);
        g_assert_cmpint(seteuid(65534), ==, 0);
        assert_processes(bed, CARD,
                        "process: process 5000100 (guarded) may have a device node open: vfiod is not allowed to "
                        "examine it",
                        NULL);
        /* A device without a node cannot be open. */
        assert_processes(bed, OTHER, NULL);
        g_assert_cmpint(seteuid(0), ==, 0);
}

static void test_many(void) {
        g_autoptr(Bed) bed = make_bed();

        put_open(bed, 5000100, "getty", 0, "/dev/null");
        for (unsigned i = 0; i < 150; i++) {
                g_autofree char *number = g_strdup_printf("4000:%u\n", i);

                temp_tree_file(bed->tree, number, CARD_FOLDER "/tty/ttyX%u/dev", i);
        }
        assert_processes(bed, CARD, NULL);
        temp_tree_file(bed->tree, "1:3\n", CARD_FOLDER "/tty/ttyX77/dev");
        assert_processes(bed, CARD, "process: process 5000100 (getty) has /dev/null open", NULL);
}

/* Opens the file with these flags in a real process, whose descriptors the tree's process shows. */
static pid_t put_real(Bed *bed, const char *path, int flags) {
        int ends[2];
        char ready;

        g_assert_cmpint(pipe(ends), ==, 0);
        pid_t pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (open(path, flags) >= 0 && write(ends[1], "r", 1) == 1)
                        for (;;)
                                (void)pause();
                _exit(1);
        }
        close(ends[1]);
        g_assert_cmpint(read(ends[0], &ready, 1), ==, 1);
        close(ends[0]);
        g_autofree char *target = g_strdup_printf("/proc/%d", (int)pid);
        temp_tree_link(bed->tree, target, "proc/%d", (int)pid);
        return pid;
}

static void end_real(Bed *bed, pid_t pid) {
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        temp_tree_remove(bed->tree, "proc/%d", (int)pid);
}

/* Any user can open any node with O_PATH. The driver does not notice it. */
static void test_path_only(void) {
        static const int real[] = {O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE};
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/uio/uio0", "uio", "1:5");
        pid_t pid = put_real(bed, "/dev/zero", O_PATH);
        assert_processes(bed, CARD, NULL);
        end_real(bed, pid);
        for (size_t i = 0; i < G_N_ELEMENTS(real); i++) {
                pid = put_real(bed, "/dev/zero", real[i]);
                g_assert_cmpint(survey(bed, CARD), ==, 0);
                assert_use_says(bed->uses, "process", "/dev/zero open");
                end_real(bed, pid);
        }
}

static int survey_within(Bed *bed, size_t of_root, size_t of_others) {
        const UsageLimits limits = {
                        .processes = 100, .descriptors_of_root = of_root, .descriptors_of_others = of_others};
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot =
                        snapshot_take(bed->tree->kernel, CARD, &limits, bed->uses);

        return usage_by_processes(snapshot, (PciAddress){.bus = 3});
}

static void put_flood(Bed *bed, int pid, unsigned uid, unsigned user_namespace, unsigned n) {
        put_process(bed->tree, pid, "flood", 1, "");
        put_owner(bed->tree, pid, uid, user_namespace);
        for (unsigned i = 0; i < n; i++)
                temp_tree_link(bed->tree, "/dev/null", "proc/%d/fd/%u", pid, i);
}

static void put_device_node(Bed *bed, unsigned uid, unsigned gid, unsigned mode) {
        g_autofree char *path = temp_tree_path(bed->tree, "dev/snd/pcm");

        temp_tree_folder(bed->tree, "dev/snd");
        temp_tree_link(bed->tree, "../snd/pcm", "dev/char/1:5");
        (void)unlink(path);
        g_assert_cmpint(mknod(path, S_IFCHR | mode, makedev(1, 5)), ==, 0);
        g_assert_cmpint(chmod(path, mode), ==, 0);
        g_assert_cmpint(chown(path, uid, gid), ==, 0);
}

/* A user with more open files than vfiod reads must not block the detach of a device that he may not open. */
static void test_flood(void) {
        static const struct {
                unsigned uid, gid, mode;
                bool may_open;
        } cases[] = {
                        {0, 6, 0660, false},
                        {0, 6, 0666, true},
                        {0, 6, 0662, true},
                        {1000, 6, 0600, true},
                        {1000, 6, 0060, false},
                        {0, 1000, 0660, true},
                        {0, 44, 0640, true},
                        {0, 44, 0600, false},
        };
        static const char says[] = "process: process 5000200 (flood) may have a device node open: too many files are "
                                   "open to examine all of them";
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:5");
        put_owner(bed->tree, 1, 0, 1);
        put_flood(bed, 5000200, 1000, 1, 30);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                put_device_node(bed, cases[i].uid, cases[i].gid, cases[i].mode);
                g_assert_cmpint(survey_within(bed, 10, 29), ==, 0);
                assert_uses(bed->uses, cases[i].may_open ? says : NULL, NULL);
                g_assert_cmpint(survey_within(bed, 10, 30), ==, 0);
                assert_uses(bed->uses, NULL);
        }
        /* A node that is not in /dev: vfiod cannot determine who may open it. */
        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:7");
        g_assert_cmpint(survey_within(bed, 10, 29), ==, 0);
        assert_uses(bed->uses, says, NULL);
}

/* The permissions are those of the node that the link leads to, and a link to another node shows none. */
static void test_flood_links(void) {
        g_autoptr(Bed) bed = make_bed();
        g_autofree char *path = temp_tree_path(bed->tree, "dev/snd/pcm");

        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:5");
        put_owner(bed->tree, 1, 0, 1);
        put_flood(bed, 5000200, 1000, 1, 30);
        put_device_node(bed, 0, 6, 0600);
        g_assert_cmpint(survey_within(bed, 10, 29), ==, 0);
        assert_uses(bed->uses, NULL);
        for (unsigned i = 0; i < 2; i++) {
                g_assert_cmpint(unlink(path), ==, 0);
                g_assert_cmpint(mknod(path, (i == 0 ? S_IFCHR : S_IFBLK) | 0600, makedev(1, i == 0 ? 3 : 5)), ==, 0);
                g_assert_cmpint(survey_within(bed, 10, 29), ==, 0);
                assert_use_says(bed->uses, "process", "5000200 (flood) may have a device node open");
        }
}

/* The kernel's list of groups is longer than vfiod reads. Then the user counts as a member of every group. */
static void test_flood_groups(void) {
        g_autoptr(Bed) bed = make_bed();
        g_autoptr(GString) status = g_string_new("Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t1000\t0\t0\t0\nGroups:\t");

        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:5");
        put_owner(bed->tree, 1, 0, 1);
        put_flood(bed, 5000200, 1000, 1, 30);
        put_device_node(bed, 0, 6, 0660);
        for (unsigned i = 0; i < 800; i++)
                g_string_append_printf(status, "%u ", 2000000000 + i);
        g_string_append(status, "6 \n");
        temp_tree_file(bed->tree, status->str, "proc/5000200/status");
        g_assert_cmpint(survey_within(bed, 10, 29), ==, 0);
        assert_use_says(bed->uses, "process", "5000200 (flood) may have a device node open");
}

/* Others are seen all the same: root's processes, and those of users with fewer files. */
static void test_flood_order(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:5");
        put_device_node(bed, 0, 6, 0660);
        put_owner(bed->tree, 1, 0, 1);
        for (int pid = 5000200; pid < 5000205; pid++)
                put_flood(bed, pid, 1000, 1, 20);
        /* In a user namespace he has as many user ids as he likes. */
        for (unsigned i = 0; i < 20; i++)
                put_flood(bed, 5000300 + (int)i, 100000 + i, 77, 3);
        put_flood(bed, 5000400, 64055, 1, 40);
        temp_tree_link(bed->tree, "/dev/zero", "proc/5000400/fd/40");
        put_flood(bed, 5000401, 0, 1, 5);
        temp_tree_link(bed->tree, "/dev/zero", "proc/5000401/fd/5");
        g_assert_cmpint(survey_within(bed, 6, 41), ==, 0);
        assert_uses(bed->uses, "process: process 5000400 (flood) has /dev/zero open",
                        "process: process 5000401 (flood) has /dev/zero open", NULL);

        /* Processes of root are never skipped. */
        temp_tree_remove(bed->tree, "proc/5000401/fd/5");
        g_assert_cmpint(survey_within(bed, 4, 41), ==, 0);
        g_assert_cmpuint(bed->uses->lines->len, ==, 2);
        g_assert_nonnull(strstr(bed->uses->lines->pdata[1], "5000401 (flood) may have a device node open"));
        g_ptr_array_set_size(bed->uses->lines, 0);
}

/* A setuid program that he starts counts as his. */
static void test_flood_setuid(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:5");
        put_device_node(bed, 0, 6, 0660);
        put_flood(bed, 5000200, 1000, 1, 30); /* its effective user is root, with all capabilities */
        g_assert_cmpint(survey_within(bed, 1, 29), ==, 0);
        assert_uses(bed->uses, NULL);
}

static void test_too_many_processes(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:5");
        for (int pid = 5000200; pid < 5000301; pid++)
                put_process(bed->tree, pid, "x", 1, "");
        g_assert_cmpint(survey_within(bed, 100, 100), ==, 0);
        assert_use_says(bed->uses, "process", "the host has more than 100 processes");
}

/* A running process whose descriptors cannot be read, for any reason. */
static void test_unreadable_process(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/sound/card0/pcm", "sound", "1:5");
        temp_tree_link(bed->tree, "fd", "proc/5000200/fd");
        g_assert_cmpint(survey(bed, CARD), ==, 0);
        assert_use_says(bed->uses, "process", CARD " cannot be examined");
}

static void test_visitor_stops(void) {
        g_autoptr(Bed) bed = make_bed();

        put_node(bed, CARD_FOLDER "/uio/uio0", "uio", "1:3");
        for (int pid = 5000100; pid < 5000105; pid++)
                put_open(bed, pid, "x", 0, "/dev/null");
        bed->uses->end_after = 3;
        g_assert_cmpint(survey(bed, CARD), ==, 42);
        g_assert_cmpuint(bed->uses->lines->len, ==, 3);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/process-usage/free", test_free);
        g_test_add_func("/process-usage/character", test_character);
        g_test_add_func("/process-usage/other-path", test_elsewhere);
        g_test_add_func("/process-usage/kinds", test_kinds);
        g_test_add_func("/process-usage/block", test_block);
        g_test_add_func("/process-usage/nvme-multipath", test_nvme_multipath);
        g_test_add_func("/process-usage/nvidia", test_nvidia);
        g_test_add_func("/process-usage/folders", test_folders);
        g_test_add_func("/process-usage/unreadable", test_unreadable);
        g_test_add_func("/process-usage/refused", test_refused);
        g_test_add_func("/process-usage/many", test_many);
        g_test_add_func("/process-usage/path-only", test_path_only);
        g_test_add_func("/process-usage/flood", test_flood);
        g_test_add_func("/process-usage/flood-links", test_flood_links);
        g_test_add_func("/process-usage/flood-groups", test_flood_groups);
        g_test_add_func("/process-usage/flood-order", test_flood_order);
        g_test_add_func("/process-usage/flood-setuid", test_flood_setuid);
        g_test_add_func("/process-usage/too-many-processes", test_too_many_processes);
        g_test_add_func("/process-usage/unreadable-process", test_unreadable_process);
        g_test_add_func("/process-usage/visitor-stops", test_visitor_stops);
        return g_test_run();
}
