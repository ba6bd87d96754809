/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* A device that the host uses is not detached, whichever member of the group it is, unless the guard that found the
 * use is overridden by name. */

/* The last member in the order of detaching, so that the earlier members are not the only ones that are examined. */
#define COMPANION "0000:03:00.0"
#define DISK_OF_COMPANION "nvme1n1"
#define IN_GROUP "group=10 parent=0000:02:00.0"

/* A use, and its end. */
typedef struct Use {
        const char *name;
        void (*begin)(Host *host);
        void (*end)(Host *host); /* NULL for a permanent use */
        Guard guard;
        Outcome outcome;
        const char *address, *evidence; /* a pattern, see g_pattern_match_simple() */
} Use;

static void plug_disk(Host *host) {
        fake_kernel_do(host->fake,
                        "plug " COMPANION " vendor=1b36 device=0010 class=010802 block=" DISK_OF_COMPANION " " IN_GROUP
                        " driver=nvme");
}

static void claim_disk(Host *host) {
        plug_disk(host);
        fake_kernel_do(host->fake, "use " DISK_OF_COMPANION);
}

static void unclaim_disk(Host *host) {
        fake_kernel_do(host->fake, "unuse " DISK_OF_COMPANION);
}

static char *proc_path(Host *host, const char *name) {
        return g_build_filename(host->proc_folder, name, NULL);
}

static void write_proc(Host *host, const char *name, const char *text) {
        g_autofree char *path = proc_path(host, name);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *disk_number(Host *host) {
        char *number = fake_kernel_read(host->fake, "sys/class/block/" DISK_OF_COMPANION "/dev");

        g_assert_nonnull(number);
        return number;
}

/* Process 77 is in its own mount namespace, where the disk is mounted under another name. */
static void mount_disk(Host *host) {
        plug_disk(host);
        g_autofree char *folder = proc_path(host, "77/ns"), *namespace = proc_path(host, "77/ns/mnt");
        g_autofree char *number = disk_number(host);
        g_autofree char *line = g_strdup_printf("36 35 %s / /srv\\040data rw shared:1 - ext4 /dev/root rw\n", number);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
        g_assert_cmpint(symlink("mnt:[4026531841]", namespace), ==, 0);
        write_proc(host, "77/mountinfo", line);
}

static void unmount_disk(Host *host) {
        static const char *const names[] = {"77/mountinfo", "77/ns/mnt", "77/ns", "77"};

        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *path = proc_path(host, names[i]);

                g_assert_cmpint(g_remove(path), ==, 0);
        }
}

static void swap_on(Host *host) {
        plug_disk(host);
        write_proc(host, "swaps",
                        "Filename\tType\tSize\tUsed\tPriority\n/dev/" DISK_OF_COMPANION " partition 1048572 0 -2\n");
}

static void swap_off(Host *host) {
        write_proc(host, "swaps", "Filename\tType\tSize\tUsed\tPriority\n");
}

/* If it cannot be examined, it counts as in use. */
static void hide_number(Host *host) {
        plug_disk(host);
        fake_kernel_do(host->fake, "set " COMPANION " nvme/nvme1/" DISK_OF_COMPANION "/dev unreadable");
}

static void show_number(Host *host) {
        fake_kernel_do(host->fake, "set " COMPANION " nvme/nvme1/" DISK_OF_COMPANION "/dev 4000:9999");
}

/* It has no visible interface: the name is used in this namespace, as if the interface were in another namespace. */
static void hide_interface(Host *host) {
        fake_kernel_do(host->fake, "plug " COMPANION " vendor=8086 device=100e class=020000 net=ens3 " IN_GROUP);
        assert_driver(host, COMPANION, "e1000");
}

static void unplug(Host *host) {
        fake_kernel_do(host->fake, "unplug " COMPANION);
}

static void show_picture(Host *host) {
        fake_kernel_do(host->fake, "plug " COMPANION " vendor=1234 device=1111 class=030000 boot_vga=1 " IN_GROUP);
}

static void go_dark(Host *host) {
        fake_kernel_do(host->fake, "set " COMPANION " boot_vga 0");
        g_assert_cmpint(fake_kernel_write(host->fake, "change", "sys/bus/pci/devices/" COMPANION "/uevent"), ==, 0);
}

/* A process has the disk's node open, in its own /dev. No driver has this number, so no real process can open the
 * node: this process consists of files. */
static void open_node(Host *host) {
        plug_disk(host);
        g_autofree char *number = disk_number(host), *folder = g_build_filename(host->folder, "dev", NULL),
                        *node = g_build_filename(folder, "disk", NULL), *descriptors = proc_path(host, "78/fd"),
                        *descriptor = proc_path(host, "78/fd/3");
        unsigned major, minor;

        g_assert_cmpint(sscanf(number, "%u:%u", &major, &minor), ==, 2);
        g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
        g_assert_cmpint(mknod(node, S_IFBLK | 0600, makedev(major, minor)), ==, 0);
        g_assert_cmpint(g_mkdir_with_parents(descriptors, 0700), ==, 0);
        g_assert_cmpint(symlink(node, descriptor), ==, 0);
        write_proc(host, "78/comm", "test-guard\n");
}

static void close_node(Host *host) {
        static const char *const names[] = {"78/fd/3", "78/fd", "78/comm", "78"};
        g_autofree char *node = g_build_filename(host->folder, "dev", "disk", NULL),
                        *folder = g_build_filename(host->folder, "dev", NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *path = proc_path(host, names[i]);

                g_assert_cmpint(g_remove(path), ==, 0);
        }
        g_assert_cmpint(g_unlink(node), ==, 0);
        g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void create_vfs(Host *host) {
        fake_kernel_do(host->fake, "driver igb module=igb ids=8086:10c9 kind=net");
        fake_kernel_do(host->fake, "driver igbvf module=igbvf ids=8086:10ca kind=net");
        fake_kernel_do(host->fake,
                        "plug " COMPANION
                        " vendor=8086 device=10c9 class=020000 totalvfs=2 vfdevice=10ca net=ens9 " IN_GROUP);
        g_assert_cmpint(fake_kernel_write(host->fake, "1", "sys/bus/pci/devices/" COMPANION "/sriov_numvfs"), ==, 0);
}

static void remove_vfs(Host *host) {
        g_assert_cmpint(fake_kernel_write(host->fake, "0", "sys/bus/pci/devices/" COMPANION "/sriov_numvfs"), ==, 0);
}

static void reserve_memory(Host *host) {
        fake_kernel_do(host->fake, "reserved %d 0x000000007b800000 0x000000007fffffff direct", PORTS_GROUP);
}

static const Use uses[] = {
                {"claimed", claim_disk, unclaim_disk, GUARD_STORAGE, OUTCOME_IN_USE_STORAGE, COMPANION,
                                "nvme1n1 is open exclusively*"},
                {"mounted", mount_disk, unmount_disk, GUARD_STORAGE, OUTCOME_IN_USE_STORAGE, COMPANION,
                                "nvme1n1 is mounted on /srv*"},
                {"swap", swap_on, swap_off, GUARD_STORAGE, OUTCOME_IN_USE_STORAGE, COMPANION, "nvme1n1 is swap space"},
                {"unreadable", hide_number, show_number, GUARD_STORAGE, OUTCOME_IN_USE_STORAGE, COMPANION,
                                "nvme1n1 cannot be examined*"},
                {"hidden", hide_interface, unplug, GUARD_NETWORK, OUTCOME_IN_USE_NETWORK, COMPANION,
                                COMPANION " shows no network interface here*"},
                {"display", show_picture, go_dark, GUARD_DISPLAY, OUTCOME_IN_USE_DISPLAY, COMPANION,
                                COMPANION " is the display*"},
                {"process", open_node, close_node, GUARD_PROCESS, OUTCOME_IN_USE_PROCESS, COMPANION,
                                "process * (test-guard)* has *dev/disk* open"},
                {"virtual-functions", create_vfs, remove_vfs, GUARD_VIRTUAL_FUNCTIONS, OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                                COMPANION, "its virtual function *igbvf"},
                /* this finding is about the group, so it is reported for the first device to be unbound */
                {"firmware", reserve_memory, NULL, GUARD_FIRMWARE, OUTCOME_FIRMWARE_MAPPING, PORT2, "the firmware*"},
};

/* The answer names the guard, the device, the evidence, and how to override it; nothing was written. */
static void check_refused(Daemon *daemon, const Use *use, unsigned overrides) {
        g_autofree char *before = fake_kernel_snapshot(daemon->host->fake);
        g_autofree char *said = g_strdup_printf(
                        "*%s: %s. If you are sure: vfioctl detach " PORT1 " *", use->address, use->evidence);
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(daemon->host->fake, "reset-writes");
        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = "ens1", .overrides = overrides}, use->outcome,
                        &reply);
        if (!g_pattern_match_simple(said, reply.answer.message))
                g_error("\"%s\" is not like \"%s\"", reply.answer.message, said);
        const char *list = strstr(reply.answer.message, "--override=");
        g_assert_nonnull(list);
        g_assert_nonnull(strstr(list, guard_to_string(use->guard)));
        g_assert_cmpstr(reply.answer.changes, ==, "");
        g_assert_cmpuint(count_writes(daemon->host), ==, 0);
        assert_nothing_recorded(daemon->host);
        assert_snapshot(daemon->host, before);
        assert_model_is_current(daemon);
}

/* The plan has one finding, or none. */
static void check_findings(Daemon *daemon, const Use *use) {
        _cleanup_reply_ Reply reply = {};
        g_autofree char *expected = use
                        ? g_strdup_printf("%s %s %s\n", guard_to_string(use->guard), use->address, use->evidence)
                        : g_strdup("");

        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = "ens1", .only_plan = true}, OUTCOME_DONE,
                        &reply);
        if (!g_pattern_match_simple(expected, reply.findings))
                g_error("\"%s\" is not like \"%s\"", reply.findings, expected);
}

static void detach_and_reattach(Daemon *daemon, unsigned overrides) {
        request_move(daemon, &(Request){.verb = PLAN_DETACH, .selector = "ens1", .overrides = overrides}, OUTCOME_DONE);
        assert_driver(daemon->host, PORT1, "vfio-pci");
        assert_driver(daemon->host, PORT2, "vfio-pci");
        request_move(daemon, &(Request){.verb = PLAN_REATTACH, .selector = "ens1"}, OUTCOME_DONE);
        assert_driver(daemon->host, PORT1, "e1000");
        assert_nothing_recorded(daemon->host);
}

static void test_override(const void *data) {
        const unsigned all = (1U << _GUARD_MAX) - 1;
        g_autoptr(Host) host = host_new();
        const Use *use = data;

        use->begin(host);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        check_findings(daemon, use);
        check_refused(daemon, use, 0);
        check_refused(daemon, use, all & ~(1U << use->guard));
        detach_and_reattach(daemon, 1U << use->guard);
}

static void test_end(const void *data) {
        g_autoptr(Host) host = host_new();
        const Use *use = data;

        use->begin(host);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        check_refused(daemon, use, 0);
        use->end(host);
        assert_model_is_current(daemon);
        check_findings(daemon, NULL);
        detach_and_reattach(daemon, 0);
}

/* The named device is examined like the others. */
static void test_named(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(host->fake, "use nvme0n1");
        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = "nvme0n1"}, OUTCOME_IN_USE_STORAGE, &reply);
        g_assert_nonnull(strstr(reply.answer.message, DISK ": nvme0n1 is open exclusively"));
        assert_driver(host, DISK, "nvme");
        fake_kernel_do(host->fake, "unuse nvme0n1");
        request_move(daemon, &(Request){.verb = PLAN_DETACH, .selector = "nvme0n1"}, OUTCOME_DONE);
}

/* Two guards refuse: each needs its own override, and the message has all findings. */
static void test_two(void) {
        const unsigned storage = 1U << GUARD_STORAGE, firmware = 1U << GUARD_FIRMWARE;
        g_autoptr(Host) host = host_new();

        claim_disk(host);
        reserve_memory(host);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply neither = {}, first = {}, second = {};

        fake_kernel_do(host->fake, "reset-writes");
        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = "ens1"}, OUTCOME_IN_USE_STORAGE, &neither);
        g_assert_nonnull(strstr(neither.answer.message, "nvme1n1 is open exclusively"));
        g_assert_nonnull(strstr(neither.answer.message, "the firmware"));
        g_assert_true(g_str_has_suffix(neither.answer.message, "--override=storage,firmware"));

        /* The override that was given stays in the suggested command. */
        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = "ens1", .overrides = storage},
                        OUTCOME_FIRMWARE_MAPPING, &first);
        g_assert_null(strstr(first.answer.message, "nvme1n1"));
        g_assert_true(g_str_has_suffix(first.answer.message, "--override=storage,firmware"));
        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = "ens1", .overrides = firmware},
                        OUTCOME_IN_USE_STORAGE, &second);
        g_assert_null(strstr(second.answer.message, "the firmware"));
        g_assert_cmpuint(count_writes(host), ==, 0);
        assert_nothing_recorded(host);
        detach_and_reattach(daemon, storage | firmware);
}

/* A VF whose PF is being detached. */
static void test_leaving_parent(void) {
        g_autoptr(Host) host = host_new();

        create_vfs(host);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        g_autofree char *vf = fake_kernel_link(host->fake, "sys/bus/pci/devices/" COMPANION "/virtfn0");
        _cleanup_reply_ Reply parent = {}, child = {};
        _cleanup_problem_ Problem problem = {};

        g_assert_nonnull(vf);
        fake_kernel_do(host->fake, "modprobe vfio-pci");
        fake_kernel_do(host->fake, "stall 1");
        request_must_begin(daemon,
                        &(Request){.verb = PLAN_DETACH, .selector = "ens1", .overrides = 1U << GUARD_VIRTUAL_FUNCTIONS},
                        &parent);
        fake_kernel_do(host->fake, "wait-pending 1");
        /* The VF will disappear, so it belongs to that job. */
        g_assert_cmpint(request_begin(daemon, &(Request){.verb = PLAN_DETACH, .selector = vf}, &child, &problem), ==,
                        OUTCOME_BUSY);
        g_assert_nonnull(strstr(problem.message, vf));
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &parent.answer);
        g_assert_cmpint(parent.answer.outcome, ==, OUTCOME_DONE);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(uses); i++) {
                g_autofree char *override = g_strdup_printf("/guard/override/%s", uses[i].name),
                                *end = g_strdup_printf("/guard/end/%s", uses[i].name);

                g_test_add_data_func(override, &uses[i], test_override);
                if (uses[i].end)
                        g_test_add_data_func(end, &uses[i], test_end);
        }
        g_test_add_func("/guard/named", test_named);
        g_test_add_func("/guard/two", test_two);
        g_test_add_func("/guard/leaving-parent", test_leaving_parent);
        return g_test_run();
}
