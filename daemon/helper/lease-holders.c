/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/lease-holders.h"
#include "base/log.h"
#include "kernel/pci-facts.h"
#include "process/reaper-client.h"
#include "state/lease-file.h"
#include "usage/census.h"

#include <sys/syscall.h>

#define HOLDERS_MAX 64

/* The processes of one search, each once. */
typedef struct Found {
        pid_t pids[HOLDERS_MAX];
        size_t n_pids;
} Found;

static bool has(const Found *found, pid_t pid) {
        for (size_t i = 0; i < found->n_pids; i++)
                if (found->pids[i] == pid)
                        return true;
        return false;
}

static void add_of_user(const HolderList *list, uid_t uid, Found *found) {
        for (size_t i = 0; i < list->n_holders; i++) {
                const Holder *holder = &list->holders[i].holder;

                if (holder->uid == uid && holder->pid > 1 && !has(found, holder->pid) && found->n_pids < HOLDERS_MAX)
                        found->pids[found->n_pids++] = holder->pid;
        }
}

/* Adds the nodes of the devices and of their group to the table. */
static int add_nodes(HolderTable *table, const LeaseFile *lease) {
        int group = IOMMU_GROUP_NONE, r = 0;

        for (size_t i = 0; i < lease->n_addresses && r >= 0; i++) {
                PciFacts facts;
                VfioCdev cdev;

                _cleanup_close_ int fd = pci_device_open(table->kernel, lease->addresses[i]);
                if (fd < 0 || pci_device_read_facts(table->kernel, lease->addresses[i], &facts) < 0)
                        continue;
                group = facts.group;
                if ((r = vfio_cdev_read(fd, &cdev)) > 0)
                        r = holder_table_add_node(table, lease->addresses[i], (DeviceNode){.number = cdev.number});
        }
        return r < 0 || group < 0 ? r : holder_table_add_group(table, group);
}

static int search(const WorkerHost *host, const LeaseFile *lease, Found *ret) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = host->kernel, .names_max = HOLDERS_MAX};
        int r;

        *ret = (Found){};
        if ((r = add_nodes(&table, lease)) < 0 || (r = holder_table_search(&table)) < 0)
                return r;
        for (size_t i = 0; i < table.n_owners; i++)
                add_of_user(&table.owners[i].open, lease->uid, ret);
        return table.error;
}

static unsigned end_found(const WorkerHost *host, const LeaseFile *lease, const Found *found, const int *pidfds,
                const Found *again, bool hard) {
        unsigned n = 0;

        for (size_t i = 0; i < found->n_pids; i++) {
                if (pidfds[i] < 0 || !has(again, found->pids[i]))
                        continue;
                int r = reaper_client_end(host->reaper, pidfds[i], hard);
                if (r < 0)
                        log_error_errno(r, "Cannot end process %d, which has the devices of lease %u open",
                                        (int)found->pids[i], lease->number);
                else
                        log_notice("Lease %u: process %d of user %u was asked to end%s", lease->number,
                                        (int)found->pids[i], (unsigned)lease->uid, hard ? " with SIGKILL" : "");
                n += r >= 0;
        }
        return n;
}

/* Searches twice. A process that still has the device open after its pidfd was opened is the process of the pidfd, and not another one that
 * got its number. */
static int end_holders(const WorkerHost *host, unsigned number, bool hard, unsigned *ret_n) {
        _cleanup_lease_file_ LeaseFile lease = {};
        int pidfds[HOLDERS_MAX], r;
        Found found, again;

        if ((r = lease_file_read(host->leases_fd, number, &lease)) < 0)
                return r;
        if (!lease.kill)
                return -EPERM;
        if ((r = search(host, &lease, &found)) < 0 || found.n_pids == 0)
                return r;
        for (size_t i = 0; i < found.n_pids; i++)
                pidfds[i] = (int)syscall(SYS_pidfd_open, found.pids[i], 0);
        r = search(host, &lease, &again);
        if (r >= 0)
                *ret_n = end_found(host, &lease, &found, pidfds, &again, hard);
        for (size_t i = 0; i < found.n_pids; i++)
                (void)safe_close(pidfds[i]);
        return r;
}

int lease_service_end_holders(const WorkerHost *host, sd_bus_message *call) {
        unsigned n = 0;
        uint32_t number;
        int hard;

        int r = sd_bus_message_read(call, "ub", &number, &hard);
        if (r < 0)
                return r;
        r = number == 0 || number > FILE_NUMBER_MAX ? -EBADMSG : end_holders(host, number, hard, &n);
        return sd_bus_reply_method_return(call, "iu", r, n);
}
