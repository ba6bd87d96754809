/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/host-checks.h"

#include <sys/stat.h>

#define MIB (1024 * UINT64_C(1024))

/* A virtual machine has at least so much memory. */
#define MEMLOCK_SMALL (1024 * MIB)

static void check_memlock(const HostFacts *facts, CheckList *list) {
        if (facts->is_root || !facts->has_memlock)
                return;
        if (facts->memlock == UINT64_MAX) {
                check_add(list, CHECK_MACHINE, "memlock", CHECK_OK, "You may lock memory without a limit.");
                return;
        }
        bool can_raise = facts->memlock < MEMLOCK_SMALL && facts->memlock_hard >= MEMLOCK_SMALL;
        char raise[64] = "";
        if (can_raise && facts->memlock_hard == UINT64_MAX)
                (void)snprintf(raise, sizeof(raise), ", but you may raise it without a limit");
        else if (can_raise)
                (void)snprintf(raise, sizeof(raise), ", but you may raise it to %llu MiB",
                                (unsigned long long)(facts->memlock_hard / MIB));
        check_add(list, CHECK_MACHINE, "memlock", facts->memlock < MEMLOCK_SMALL ? CHECK_WARNING : CHECK_INFO,
                        "Your limit of locked memory is %llu MiB%s. With a device, the kernel locks all memory of a "
                        "virtual machine. If the limit is lower, QEMU fails with \"VFIO_MAP_DMA failed: Cannot "
                        "allocate memory\".",
                        (unsigned long long)(facts->memlock / MIB), raise);
        check_detail(list, "limit", "%llu", (unsigned long long)facts->memlock);
        if (can_raise)
                check_cure(list, "Start QEMU with 'vfioctl lease', which raises the limit.");
        else
                check_cure(list,
                                "Write '@kvm - memlock unlimited' to a file in /etc/security/limits.d, for the users "
                                "in the group kvm, and log in again; or start QEMU with 'sudo systemd-run --uid=NAME "
                                "-p LimitMEMLOCK=infinity'.");
}

static void check_container(const NodeFact *node, CheckList *list) {
        if (!S_ISCHR(node->mode) || (node->mode & 0666) == 0666)
                return;
        bool for_group = (node->mode & 0660) == 0660;
        check_add(list, CHECK_MACHINE, "vfio-container", CHECK_WARNING,
                        "/dev/vfio/vfio has the mode %04o, so %s can start a virtual machine with a device. The node "
                        "itself gives access to no device, and udev sets its mode to 0666%s.",
                        (unsigned)node->mode & 07777,
                        for_group ? "not every user, but only its owner and its group," : "only its owner",
                        for_group ? " unless a rule of the administrator sets another mode" : "");
        if (for_group)
                check_cure(list,
                                "If every user should be able to: remove MODE and GROUP from the udev rule for "
                                "vfio/vfio in /etc/udev/rules.d, and run 'sudo udevadm control --reload' and 'sudo "
                                "udevadm trigger --name-match=vfio/vfio'.");
        else
                check_cure(list, "sudo udevadm trigger --name-match=vfio/vfio");
}

/* A node of a group or of a device. */
static void check_node(const NodeFact *node, CheckList *list) {
        if (!S_ISCHR(node->mode)) {
                check_add(list, CHECK_MACHINE, "vfio-node", CHECK_ERROR,
                                "/dev/vfio/%s is no device node. Somebody has put another file in its place.",
                                node->name);
                check_cure(list, "Find out what made the file, and remove it.");
        } else if (node->mode & S_IWOTH) {
                check_add(list, CHECK_MACHINE, "vfio-node", CHECK_WARNING,
                                "Every user may open /dev/vfio/%s, so every user may use its devices (mode %04o).",
                                node->name, (unsigned)node->mode & 07777);
                check_cure(list,
                                "Remove the udev rule that sets this mode; 'vfioctl lease' gives a device to one "
                                "user.");
        } else
                return;
        check_detail(list, "node", "/dev/vfio/%s", node->name);
}

void machine_checks_run(const HostFacts *facts, CheckList *list) {
        bool has_node = false;

        check_memlock(facts, list);
        for (size_t i = 0; i < facts->n_nodes; i++)
                if (streq(facts->nodes[i].name, "vfio"))
                        check_container(&facts->nodes[i], list);
                else {
                        check_node(&facts->nodes[i], list);
                        has_node = true;
                }
        if (has_node && !facts->is_root)
                check_add(list, CHECK_MACHINE, "node-access", CHECK_INFO,
                                "Only root can open the nodes of detached devices, unless an administrator permits it: "
                                "'vfioctl lease' gives them to a user.");
}
