/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmd.h"

#include <fcntl.h>
#include <glib/gstdio.h>

/* A VMD and the disk behind it over the fake kernel: the disk vanishes with the detach, and is back with the reattach
 * as it was. */

static void test_story(void) {
        g_autoptr(Host) host = vmd_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);
        _cleanup_reply_ Reply away = {}, home = {};

        request_run(daemon, &(Request){.verb = PLAN_DETACH, .selector = VMD}, OUTCOME_DONE, &away);
        g_assert_cmpstr(away.answer.changes, ==, VMD " vmd vfio-pci, " VMD_DISK " nvme ");
        g_autofree char *detached = fake_kernel_snapshot(host->fake);
        assert_vmd_away(daemon, detached);

        /* What is recorded of both, as the next daemon reads it. */
        daemon_stopp(&daemon);
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_vmd_away(daemon, detached);
        const Device *disk = inventory_find_device(host->inventory, address_of(VMD_DISK));
        g_assert_true(disk->origin->has_parent && !disk->origin->virtual_function);
        g_assert_true(pci_address_equal(disk->origin->parent, address_of(VMD)));
        g_assert_cmpstr(disk->origin->binding.driver, ==, "nvme");
        g_assert_cmpstr(disk->origin->binding.override, ==, "nvme");
        g_assert_cmpstr(disk->origin->binding.power.control, ==, "auto");
        g_assert_true(host_name_list_has(disk->origin->names, HOST_NAME_BLOCK, "nvme0n1"));
        const Device *controller = inventory_find_device(host->inventory, address_of(VMD));
        g_assert_false(controller->origin->has_parent);
        g_assert_cmpstr(controller->origin->binding.driver, ==, "vmd");

        request_run(daemon, &(Request){.verb = PLAN_REATTACH, .selector = VMD}, OUTCOME_DONE, &home);
        g_assert_cmpstr(home.answer.changes, ==, VMD " vfio-pci vmd, " VMD_DISK "  nvme");
        assert_vmd_home(daemon, at_home);
        disk = inventory_find_device(host->inventory, address_of(VMD_DISK));
        g_assert_true(host_name_list_has(disk->names, HOST_NAME_BLOCK, "nvme0n1"));
}

/* The caller agrees to the disk by name, whichever of both is named. The root port needs no consent: a bridge is never
 * given away. */
static void check_consent(Daemon *daemon, const char *named, const char *other) {
        const char *const companions[] = {other, NULL};
        _cleanup_problem_ Problem refused = {}, problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        Selection selection;
        IommuReport iommu;

        iommu_examine(daemon->host->kernel, &iommu);
        g_assert_cmpint(selector_resolve(daemon->host->inventory, named, &selection, &problem), ==, 0);
        int r = plan_detach(daemon->host->inventory, &selection, &iommu, &(DetachOptions){}, &plan, &refused);
        g_assert_cmpint(r, ==, OUTCOME_GROUP_NEEDS_CONSENT);
        g_assert_nonnull(strstr(refused.message, other));
        g_assert_null(strstr(refused.message, VMD_PORT));

        r = plan_detach(daemon->host->inventory, &selection, &iommu, &(DetachOptions){.companions = companions}, &plan,
                        &problem);
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpuint(plan->n_members, ==, 2);
        int controller = plan_find_member(plan, address_of(VMD)), disk = plan_find_member(plan, address_of(VMD_DISK));
        g_assert_cmpint(controller, >=, 0);
        g_assert_cmpint(plan->members[disk].parent, ==, controller);
        g_assert_cmpint(plan->members[controller].parent, ==, PLAN_NO_PARENT);
}

static void test_consent(void) {
        g_autoptr(Host) host = vmd_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);

        check_consent(daemon, VMD, VMD_DISK);
        check_consent(daemon, VMD_DISK, VMD);
}

/* Named by the disk, the detach takes the controller; named by the disk that is gone, the reattach brings both back. */
static void test_named_by_disk(void) {
        g_autoptr(Host) host = vmd_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);
        _cleanup_reply_ Reply reply = {};

        request_move(daemon, &(Request){.verb = PLAN_DETACH, .selector = VMD_DISK}, OUTCOME_DONE);
        g_autofree char *detached = fake_kernel_snapshot(host->fake);
        assert_vmd_away(daemon, detached);
        request_run(daemon, &(Request){.verb = PLAN_REATTACH, .selector = VMD_DISK}, OUTCOME_DONE, &reply);
        g_assert_cmpstr(reply.answer.changes, ==, VMD " vfio-pci vmd, " VMD_DISK "  nvme");
        assert_vmd_home(daemon, at_home);

        /* And by the group. */
        request_move(daemon, &(Request){.verb = PLAN_DETACH, .selector = "group:5"}, OUTCOME_DONE);
        request_move(daemon, &(Request){.verb = PLAN_REATTACH, .selector = "group:5"}, OUTCOME_DONE);
        assert_vmd_home(daemon, at_home);
}

static void write_proc(Host *host, const char *name, const char *text) {
        g_autofree char *path = g_build_filename(host->proc_folder, name, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* A file system on the disk keeps the controller with the host, unless the storage guard is overridden. */
static void test_mounted(void) {
        g_autoptr(Host) host = vmd_host();
        g_autofree char *number = fake_kernel_read(host->fake, "sys/class/block/nvme0n1/dev"),
                        *mount = g_strdup_printf("36 35 %s / /srv rw shared:1 - ext4 /dev/nvme0n1 rw\n", number),
                        *folder = g_build_filename(host->proc_folder, "77/ns", NULL),
                        *namespace = g_build_filename(folder, "mnt", NULL);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
        g_assert_cmpint(symlink("mnt:[4026531841]", namespace), ==, 0);
        write_proc(host, "77/mountinfo", mount);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);
        static const unsigned not_enough[] = {0, ((1U << _GUARD_MAX) - 1) & ~(1U << GUARD_STORAGE)};
        static const char *const selectors[] = {VMD, VMD_DISK, "group:5"};

        for (size_t i = 0; i < G_N_ELEMENTS(not_enough); i++)
                for (size_t k = 0; k < G_N_ELEMENTS(selectors); k++) {
                        const Request request = {PLAN_DETACH, .selector = selectors[k], .overrides = not_enough[i]};
                        _cleanup_reply_ Reply reply = {};

                        fake_kernel_do(host->fake, "reset-writes");
                        request_run(daemon, &request, OUTCOME_IN_USE_STORAGE, &reply);
                        g_assert_nonnull(strstr(reply.answer.message, "nvme0n1 is mounted on /srv"));
                        /* Once, although it vanishes with the controller. */
                        g_assert_cmpstr(reply.findings, ==, "storage " VMD_DISK " nvme0n1 is mounted on /srv\n");
                        g_assert_cmpuint(count_writes(host), ==, 0);
                        assert_vmd_home(daemon, at_home);
                }
        request_move(daemon, &(Request){PLAN_DETACH, .selector = VMD, .overrides = 1U << GUARD_STORAGE}, OUTCOME_DONE);
        write_proc(host, "77/mountinfo", "");
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD}, OUTCOME_DONE);
        assert_vmd_home(daemon, at_home);
}

/* A process that has the disk open exclusively, as mkfs has, counts as well. */
static void test_claimed(void) {
        g_autoptr(Host) host = vmd_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);

        fake_kernel_do(host->fake, "use nvme0n1");
        request_move(daemon, &(Request){PLAN_DETACH, .selector = VMD}, OUTCOME_IN_USE_STORAGE);
        assert_vmd_home(daemon, at_home);
        fake_kernel_do(host->fake, "unuse nvme0n1");
        request_move(daemon, &(Request){PLAN_DETACH, .selector = VMD}, OUTCOME_DONE);
        assert_driver(host, VMD, "vfio-pci");
}

/* While a virtual machine has the controller, nothing is changed. */
static void test_held(void) {
        g_autoptr(Host) host = vmd_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);
        static const char *const selectors[] = {VMD, VMD_DISK};

        request_move(daemon, &(Request){PLAN_DETACH, .selector = VMD}, OUTCOME_DONE);
        g_autofree char *detached = fake_kernel_snapshot(host->fake);
        int node = fake_kernel_open(host->fake, O_RDWR, "dev/vfio/%d", VMD_GROUP);
        g_assert_cmpint(node, >=, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(selectors); i++)
                request_move(daemon, &(Request){PLAN_REATTACH, .selector = selectors[i]}, OUTCOME_HELD);
        close(node);
        assert_vmd_away(daemon, detached);
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD}, OUTCOME_DONE);
        assert_vmd_home(daemon, at_home);
}

#define SECOND_DISK "10000:e1:00.1"
#define PLUG_SECOND \
        "plug " SECOND_DISK " vendor=144d device=a80a class=010802 revision=01 behind=" VMD " parent=" VMD_PORT \
        " block=nvme1n1"

/* The plan does not know a disk that appeared a moment ago. It must not vanish unnoticed: nothing is written. */
static void test_appeared(void) {
        g_autoptr(Host) host = vmd_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply reply = {}, away = {};

        fake_kernel_do(host->fake, PLUG_SECOND);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);
        fake_kernel_do(host->fake, "reset-writes");
        request_run(daemon, &(Request){PLAN_DETACH, .selector = VMD}, OUTCOME_FAILED, &reply);
        g_assert_cmpstr(reply.answer.message, ==,
                        SECOND_DISK " has just appeared behind " VMD ". Nothing was changed: try again.");
        g_assert_cmpuint(count_writes(host), ==, 0);
        assert_vmd_home(daemon, at_home);

        request_run(daemon, &(Request){PLAN_DETACH, .selector = VMD}, OUTCOME_DONE, &away);
        g_assert_cmpstr(away.answer.changes, ==, VMD " vmd vfio-pci, " VMD_DISK " nvme , " SECOND_DISK " nvme ");
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD}, OUTCOME_DONE);
        assert_vmd_home(daemon, at_home);
}

static load_module_t load_module;

static int load_and_plug(const Kernel *kernel, const char *module, void *userdata) {
        Host *host = userdata;
        int r = load_module(kernel, module, userdata);

        fake_kernel_do(host->fake, PLUG_SECOND);
        return r;
}

/* It appears while the driver is loaded, when the uses of all devices are known already. A bridge that appears makes no
 * difference. */
static void test_appeared_late(void) {
        g_autoptr(Host) host = vmd_host();
        _cleanup_problem_ Problem problem = {}, none = {};

        fake_kernel_do(host->fake, "rmmod vfio-pci");
        load_module = host->kernel->load_module;
        host->kernel->load_module = load_and_plug;
        fake_kernel_do(host->fake, "reset-writes");
        g_assert_cmpint(host_move(host, PLAN_DETACH, VMD, &problem), ==, OUTCOME_FAILED);
        g_assert_nonnull(strstr(problem.message, SECOND_DISK " has just appeared"));
        g_assert_cmpuint(count_writes(host), ==, 0);
        assert_nothing_recorded(host);

        Plan *plan = host_plan(host, PLAN_DETACH, VMD);
        fake_kernel_do(host->fake,
                        "plug 10000:e0:07.0 vendor=8086 device=201d class=060400 behind=" VMD " secondary=e2");
        g_assert_cmpint(host_run(host, plan, &none), ==, 0);
        host_must_move(host, PLAN_REATTACH, VMD);
        assert_driver(host, SECOND_DISK, "nvme");
        assert_nothing_recorded(host);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vmd/story", test_story);
        g_test_add_func("/vmd/consent", test_consent);
        g_test_add_func("/vmd/named-by-disk", test_named_by_disk);
        g_test_add_func("/vmd/mounted", test_mounted);
        g_test_add_func("/vmd/claimed", test_claimed);
        g_test_add_func("/vmd/held", test_held);
        g_test_add_func("/vmd/appeared", test_appeared);
        g_test_add_func("/vmd/appeared-late", test_appeared_late);
        return g_test_run();
}
