/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

/* What a beginner types, and what vfioctl answers: what is wrong, and what to do next. Nothing changes. */

#define TRY "\nTry 'vfioctl --help'.\n"

static const struct {
        const char *arguments;
        int status;
        const char *errors; /* a pattern for stderr */
} mistakes[] = {
                /* The command. */
                {"detatch ens3", 2, "vfioctl: unknown command 'detatch': do you mean 'detach'?" TRY},
                {"unbind ens3", 2, "vfioctl: unknown command 'unbind': do you mean 'detach'?" TRY},
                {"attach ens3", 2, "vfioctl: unknown command 'attach': do you mean 'reattach'?" TRY},
                {"rules", 2, "vfioctl: unknown command 'rules': do you mean 'rule'?" TRY},
                {"rule", 2, "vfioctl: 'rule' needs one of: *" TRY},
                {"ens3", 2,
                                "vfioctl: unknown command 'ens3'\nIf it is a device or a group: "
                                "vfioctl show ens3" TRY},
                /* What to name. */
                {"detach", 2,
                                "vfioctl: 'detach' needs a selector: an address, a name like ens1 or "
                                "nvme0n1, or "
                                "group:N" TRY},
                {"detach ens9", 3,
                                "vfioctl: No PCI device has the name 'ens9', and none has such a "
                                "network interface or "
                                "disk. "
                                "'vfioctl devices' lists all.\n"},
                {"detach 12", 3,
                                "vfioctl: No PCI device has the name '12', *An IOMMU group is written "
                                "'group:12'.\n"},
                {"detach group 12", 2, "vfioctl: too many arguments: a group is one word, 'group:12'" TRY},
                {"detach group:99", 3, "vfioctl: There is no IOMMU group 99. 'vfioctl groups' lists all.\n"},
                {"detach 05:00", 2,
                                "vfioctl: '05:00' is a slot, which can have several functions. Give "
                                "the address with "
                                "its "
                                "function: 0000:05:00.0 (e1000e).\n"},
                {"detach 8086:10d3", 2,
                                "vfioctl: '8086:10d3' are ids, which several devices can have. Give an "
                                "address: "
                                "0000:05:00.0 (e1000e).\n"},
                {"detach 02:00.0", 5,
                                "vfioctl: 0000:02:00.0 is a bridge: it stays with the host. Name a "
                                "device behind "
                                "it.\n"},
                {"detach ens1 ens3", 2, "vfioctl: too many arguments: 'ens3'" TRY},
                {"list ens9", 3, "vfioctl: No PCI device has the name 'ens9', *"},
                /* How. */
                {"detach ens1", 5,
                                "vfioctl: 0000:03:01.0 is in IOMMU group 10 together with 0000:03:02.0 "
                                "(e1000, ens2). *"
                                "--group*"},
                {"detach ens1 --companions ens2", 2,
                                "vfioctl: unknown option '--companions': do you mean "
                                "'--companion'?" TRY},
                {"detach ens1 --group --override=all", 2,
                                "vfioctl: There is no guard 'all' to override: they are storage, "
                                "network, *"},
                {"detach ens3 --driver=e1000e", 2,
                                "vfioctl: 'e1000e' is no vfio driver: only a driver like vfio-pci or "
                                "mlx5_vfio_pci can "
                                "give a "
                                "device to a virtual machine.\n"},
                {"show ens3 --qemu", 5, "vfioctl: No device of group 12 is on a vfio driver: detach it first.\n*"},
                {"reattach ens3", 5,
                                "vfioctl: 0000:05:00.0 is not detached: it is on the host's driver "
                                "e1000e.\n"},
                {"vfs ens3 4", 5,
                                "vfioctl: 0000:05:00.0 has no virtual functions: the card has no SR-IOV, or the "
                                "firmware has "
                                "disabled it.\n"},
                {"vfs ens4 100", 5, "vfioctl: 0000:07:00.0 can have 7 virtual functions at most, not 100.\n"},
                {"vfs ens4 -1", 2, "vfioctl: there is no option -1, and numbers cannot be negative" TRY},
                {"cancel", 2, "vfioctl: 'cancel' needs a job number: see 'vfioctl jobs'" TRY},
                {"cancel 7", 3, "vfioctl: There is no job 7, or it has ended: see 'vfioctl jobs'.\n"},
                {"release ens3", 3, "vfioctl: Nobody has a lease of ens3: see 'vfioctl leases'.\n"},
                {"lease ens3", 2, "vfioctl: 'lease' needs a command after '--', or --pid" TRY},
                {"lease ens3 qemu-system-x86_64", 2, "vfioctl: 'lease' needs '--' before the command" TRY},
                {"rule remove nic", 3, "vfioctl: There is no rule of that name in *. 'vfioctl rule list' lists all.\n"},
                {"list --state=free", 2, "vfioctl: 'free' is no state: use available, *"},
};

static void test_mistakes(void) {
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(mistakes); i++)
                EXPECT(mistakes[i].status, mistakes[i].errors, "%s", mistakes[i].arguments);
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        fixture_expect_no_job(fixture);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfioctl-mistakes/mistakes", test_mistakes);
        return g_test_run();
}
