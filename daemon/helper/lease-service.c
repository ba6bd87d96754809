/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/lease-service.h"
#include "base/file.h"
#include "kernel/node-acl.h"
#include "kernel/pci-facts.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"
#include "state/device-file.h"
#include "state/lease-file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

/* The nodes of a lease: of the group, of iommufd, and one for each device. */
#define NODES_MAX (LEASE_DEVICES_MAX + 2)

/* A node that the user of a lease needs. */
typedef struct LeaseNode {
        char name[48]; /* below /dev */
        int path_fd;
        bool of_iommufd, of_cdev;
} LeaseNode;

typedef struct NodeList {
        LeaseNode *nodes;
        size_t n_nodes;
} NodeList;

static void node_list_done(NodeList *list) {
        for (size_t i = 0; i < list->n_nodes; i++)
                (void)safe_close(list->nodes[i].path_fd);
        free(list->nodes);
}
#define _cleanup_nodes_ _cleanup_(node_list_done)

/* Adds a node if /dev has it. Returns 0; -ESTALE if /dev has another file under this name; or another negative errno. */
static int add_node(
                const WorkerHost *host, NodeList *list, const char *name, dev_t number, bool of_iommufd, bool of_cdev) {
        if (list->n_nodes >= NODES_MAX)
                return -E2BIG;
        int fd = vfio_node_open_path(host->kernel, name, number);
        if (fd < 0)
                return fd;
        if (!ARRAY_GROW(list->nodes, list->n_nodes)) {
                (void)close(fd);
                return -ENOMEM;
        }
        LeaseNode *node = &list->nodes[list->n_nodes++];
        *node = (LeaseNode){.path_fd = fd, .of_iommufd = of_iommufd, .of_cdev = of_cdev};
        (void)snprintf(node->name, sizeof(node->name), "%s", name);
        return 0;
}

static int add_iommufd(const WorkerHost *host, NodeList *list) {
        unsigned major, minor;
        char text[32];

        int r = sysfs_read_text(host->kernel->sys_fd, "class/misc/iommu/dev", text, sizeof(text));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (sscanf(text, "%u:%u", &major, &minor) != 2)
                return -EINVAL;
        r = add_node(host, list, "iommu", makedev(major, minor), true, false);
        return r == -ESTALE ? 0 : r;
}

/* Adds the cdev of a device, and stores the group of the device. Returns 0, also for a device without a cdev; or a negative
 * errno. */
static int add_cdev(const WorkerHost *host, NodeList *list, PciAddress address, int *ret_group) {
        PciFacts facts;
        VfioCdev cdev;
        int r;

        _cleanup_close_ int fd = pci_device_open(host->kernel, address);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        if ((r = pci_device_read_facts(host->kernel, address, &facts)) < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        *ret_group = facts.no_iommu ? IOMMU_GROUP_NONE : facts.group;
        if ((r = vfio_cdev_read(fd, &cdev)) <= 0)
                return r;
        r = add_node(host, list, VFIO_CDEV_TEXT(cdev.index) + strlen("/dev/"), cdev.number, false, true);
        return r == -ESTALE ? 0 : r;
}

/* Finds the nodes that exist now. The caller calls node_list_done(), also on failure. */
static int find_nodes(const WorkerHost *host, const LeaseFile *lease, NodeList *list) {
        int group = IOMMU_GROUP_NONE;
        dev_t number;
        int r = 0;

        for (size_t i = 0; i < lease->n_addresses && r >= 0; i++)
                r = add_cdev(host, list, lease->addresses[i], &group);
        if (r >= 0 && list->n_nodes > 0)
                r = add_iommufd(host, list);
        if (r < 0 || group < 0 || (r = vfio_node_read_number(host->kernel, group, false, &number)) <= 0)
                return r;
        r = add_node(host, list, VFIO_NODE_TEXT(group, false) + strlen("/dev/"), number, false, false);
        return r == -ESTALE ? 0 : r;
}

/* Two workers that change the list of one node at a time would lose a change, and a worker that takes /dev/iommu away could miss a lease
 * that just begins. So they wait for each other. The lock ends when the descriptor is closed. Returns it, or a negative errno. */
static int lock_leases(const WorkerHost *host) {
        return file_lock_folder(host->leases_fd);
}

/* Revoking. */

/* Tells whether another lease of the same user needs /dev/iommu. */
typedef struct OtherLease {
        const LeaseFile *lease;
        bool found;
} OtherLease;

static int check_other(int leases_fd, const char *name, void *userdata) {
        _cleanup_lease_file_ LeaseFile file = {};
        OtherLease *other = userdata;
        unsigned number;

        if (numbered_file_parse_name(name, &number) >= 0 && number != other->lease->number &&
                        lease_file_read(leases_fd, number, &file) >= 0 && file.uid == other->lease->uid &&
                        !file.descriptors)
                other->found = true;
        return other->found;
}

static int revoke_access(const WorkerHost *host, const LeaseFile *lease) {
        OtherLease other = {.lease = lease};
        _cleanup_nodes_ NodeList list = {};

        int r = find_nodes(host, lease, &list);
        if (r >= 0 && lease->uid != 0)
                (void)sysfs_for_each(host->leases_fd, ".", check_other, &other);
        for (size_t i = 0; i < list.n_nodes && r >= 0 && lease->uid != 0; i++)
                if (!list.nodes[i].of_iommufd || !other.found)
                        r = node_acl_revoke(list.nodes[i].path_fd, lease->uid);
        return r;
}

/* The caller has the lock. */
static int revoke_and_forget(const WorkerHost *host, unsigned number, bool forget) {
        _cleanup_lease_file_ LeaseFile lease = {};

        int r = lease_file_read(host->leases_fd, number, &lease);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if ((r = revoke_access(host, &lease)) < 0 || !forget)
                return r;
        return numbered_file_remove(host->leases_fd, number);
}

static int revoke_lease(const WorkerHost *host, unsigned number, bool forget) {
        _cleanup_close_ int lock_fd = lock_leases(host);

        return lock_fd < 0 ? lock_fd : revoke_and_forget(host, number, forget);
}

int lease_service_revoke(const WorkerHost *host, sd_bus_message *call) {
        uint32_t number;
        int forget;

        int r = sd_bus_message_read(call, "ub", &number, &forget);
        if (r < 0)
                return r;
        r = number == 0 || number > FILE_NUMBER_MAX ? -EBADMSG : revoke_lease(host, number, forget);
        return sd_bus_reply_method_return(call, "i", r);
}

/* Granting. */

/* A front that somebody took over must not give a device to itself. */
static bool is_own_user(sd_bus_message *call, uid_t uid) {
        struct ucred peer;
        socklen_t size = sizeof(peer);
        int fd = sd_bus_get_fd(sd_bus_message_get_bus(call));

        return fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
                        (peer.uid != 0 && peer.uid == uid);
}

/* Only devices that vfiod detached, and that are on a vfio driver now. */
static int check_device(const WorkerHost *host, PciAddress address) {
        _cleanup_device_file_ DeviceFile file = {};
        char driver[DRIVER_NAME_MAX];

        int r = device_file_read(host->devices_fd, address, &file);
        if (r < 0)
                return r == -ENOENT ? -EPERM : r;
        if (!file.away || (r = pci_device_read_driver_of(host->kernel, address, driver)) < 0)
                return r < 0 ? r : -EPERM;
        return pci_driver_is_vfio(driver) ? 0 : -EPERM;
}

/* detached: the devices must be detached. */
static int read_lease(const WorkerHost *host, sd_bus_message *call, bool detached, LeaseFile *lease) {
        uint32_t number, uid, pid;
        int took, descriptors, ends_holders, r;
        const char *text;

        if ((r = sd_bus_message_read(call, "uuutbbb", &number, &uid, &pid, &lease->since_us, &took, &descriptors,
                             &ends_holders)) < 0 ||
                        (r = sd_bus_message_enter_container(call, 'a', "s")) < 0)
                return r;
        if (number == 0 || number > FILE_NUMBER_MAX || uid == UINT32_MAX || pid > INT32_MAX ||
                        lease->since_us > INT64_MAX)
                return -EBADMSG;
        *lease = (LeaseFile){
                        .number = number,
                        .uid = uid,
                        .pid = (pid_t)pid,
                        .since_us = lease->since_us,
                        .took = took,
                        .descriptors = descriptors,
                        .kill = ends_holders,
                        .addresses = calloc(LEASE_DEVICES_MAX, sizeof(PciAddress)),
        };
        if (!lease->addresses)
                return -ENOMEM;
        if (is_own_user(call, uid))
                return -EPERM;
        while ((r = sd_bus_message_read_basic(call, 's', &text)) > 0) {
                PciAddress *address = &lease->addresses[lease->n_addresses];

                if (lease->n_addresses == LEASE_DEVICES_MAX || pci_address_parse(text, address) < 0)
                        return -EBADMSG;
                if (detached && (r = check_device(host, *address)) < 0)
                        return r;
                lease->n_addresses++;
        }
        return r;
}

static int append_descriptors(sd_bus_message *reply, const NodeList *list) {
        int r = sd_bus_message_open_container(reply, 'a', "h");

        for (size_t i = 0; i < list->n_nodes && r >= 0; i++) {
                if (!list->nodes[i].of_iommufd && !list->nodes[i].of_cdev)
                        continue;
                _cleanup_close_ int fd = vfio_node_reopen(list->nodes[i].path_fd);
                r = fd < 0 ? fd : sd_bus_message_append(reply, "h", fd);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_nodes(sd_bus_message *reply, const NodeList *list, bool descriptors) {
        char path[sizeof(list->nodes->name) + 5];

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; i < list->n_nodes && r >= 0; i++) {
                if (descriptors && !list->nodes[i].of_iommufd && !list->nodes[i].of_cdev)
                        continue;
                (void)snprintf(path, sizeof(path), "/dev/%s", list->nodes[i].name);
                r = sd_bus_message_append(reply, "s", path);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Tells whether a program can use the devices through the descriptors. */
static bool has_descriptors(const NodeList *list) {
        bool iommufd = false, cdev = false;

        for (size_t i = 0; i < list->n_nodes; i++) {
                iommufd = iommufd || list->nodes[i].of_iommufd;
                cdev = cdev || list->nodes[i].of_cdev;
        }
        return iommufd && cdev;
}

static int grant_nodes(const LeaseFile *lease, const NodeList *list) {
        int r = 0;

        for (size_t i = 0; i < list->n_nodes && r >= 0 && !lease->descriptors && lease->uid != 0; i++)
                r = node_acl_grant(list->nodes[i].path_fd, lease->uid);
        return r;
}

/* Access is taken away from the user whom the file names, so a file of another user must not be replaced. Returns 1 if the lease has a
 * file, which is the case when the kernel has made nodes again; 0; or a negative errno. */
static int check_known(const WorkerHost *host, const LeaseFile *lease) {
        _cleanup_lease_file_ LeaseFile known = {};

        int r = lease_file_read(host->leases_fd, lease->number, &known);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        return known.uid == lease->uid ? 1 : -EPERM;
}

static int grant(const WorkerHost *host, sd_bus_message *call, sd_bus_message *reply) {
        _cleanup_lease_file_ LeaseFile lease = {};
        _cleanup_nodes_ NodeList list = {};

        int r = read_lease(host, call, true, &lease);
        if (r < 0)
                return r;
        _cleanup_close_ int lock_fd = lock_leases(host);
        if (lock_fd < 0)
                return lock_fd;
        int known = check_known(host, &lease);
        if (known < 0 || (r = find_nodes(host, &lease, &list)) < 0)
                return known < 0 ? known : r;
        if (list.n_nodes == 0 || (lease.descriptors && !has_descriptors(&list)))
                return -ENOENT;
        if ((r = lease_file_write(host->leases_fd, &lease)) < 0)
                return r;
        if ((r = grant_nodes(&lease, &list)) < 0 || (r = sd_bus_message_append(reply, "i", 0)) < 0 ||
                        (r = append_nodes(reply, &list, lease.descriptors)) < 0 ||
                        (lease.descriptors ? (r = append_descriptors(reply, &list))
                                           : (r = sd_bus_message_append(reply, "ah", 0))) < 0) {
                (void)revoke_and_forget(host, lease.number, !known);
                return r;
        }
        return 0;
}

static int record(const WorkerHost *host, sd_bus_message *call) {
        _cleanup_lease_file_ LeaseFile lease = {};

        int r = read_lease(host, call, false, &lease);
        if (r < 0)
                return r;
        _cleanup_close_ int lock_fd = lock_leases(host);
        if (lock_fd < 0)
                return lock_fd;
        r = check_known(host, &lease);
        return r < 0 ? r : lease_file_write(host->leases_fd, &lease);
}

int lease_service_record(const WorkerHost *host, sd_bus_message *call) {
        return sd_bus_reply_method_return(call, "i", host->leases_fd < 0 ? -EROFS : record(host, call));
}

int lease_service_grant(const WorkerHost *host, sd_bus_message *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(call, &reply);
        if (r < 0)
                return r;
        r = host->leases_fd < 0 ? -EROFS : grant(host, call, reply);
        return r < 0 ? sd_bus_reply_method_return(call, LEASE_GRANT_RESULTS, r, 0, 0) : sd_bus_send(NULL, reply, NULL);
}
