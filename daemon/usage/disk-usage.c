/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/disk-claim.h"
#include "usage/usage.h"

#include <fcntl.h>
#include <search.h>

/* Disks on partitions on mappings on ...: no real stack is deeper. */
#define DEPTH_MAX 16

/* "nvme0n1 > nvme0n1p2 > dm-0 (vg-root)" */
#define CHAIN_MAX 4096

/* "vg-root": the kernel allows 127 characters (DM_NAME_LEN). */
#define MAPPING_MAX 128

/* A block device that was examined. So an array over two partitions, or over a thousand disks, is examined only
 * once. */
typedef struct Seen {
        unsigned disk; /* the last disk that led to it */
        char name[HOST_NAME_TEXT_MAX];
} Seen;

/* The search over all disks of a function. */
typedef struct Search {
        UsageSnapshot *snapshot;
        const MountTable *mounts;
        const BlockUsers *users;
        void *seen; /* a tree of tsearch(), by name */
        unsigned disk;
        const char *chain; /* from the disk to the device that is examined */
        unsigned depth;
        unsigned n_found; /* for this disk */
} Search;

static int found(Search *search, const char *what, const char *where) {
        search->n_found++;
        return usage_report(search->snapshot, USAGE_STORAGE, "%s %s%s", search->chain, what, where);
}

/* Reads the name of a mapping, "vg-root" for "dm-0"; "" for other block devices. */
static const char *read_mapping(const Search *search, const char *name, char buffer[static MAPPING_MAX]) {
        if (sysfs_read_text(search->snapshot->kernel->sys_fd, SYSFS_PATH("class/block/%s/dm/name", name), buffer,
                            MAPPING_MAX) < 0)
                buffer[0] = '\0';
        return buffer;
}

/* "dm-0 (vg-root)", escaped */
#define LABEL_MAX (TEXT_ESCAPED_MAX(MAPPING_MAX) + TEXT_ESCAPED_MAX(HOST_NAME_TEXT_MAX) + 8)

static const char *label(const Search *search, const char *name, char buffer[static LABEL_MAX]) {
        char mapping[MAPPING_MAX];

        if (*read_mapping(search, name, mapping) != '\0')
                (void)snprintf(buffer, LABEL_MAX, "%s (%s)", TEXT_NAME(name), TEXT_NAME(mapping));
        else
                (void)snprintf(buffer, LABEL_MAX, "%s", TEXT_NAME(name));
        return buffer;
}

static int examine(Search *search, const char *name);

static int examine_below(Search *search, const char *name) {
        const char *chain_before = search->chain;
        char chain[CHAIN_MAX], buffer[LABEL_MAX];

        if (search->depth >= DEPTH_MAX)
                return found(search, "has too many layers of devices on it: vfiod cannot examine them all", "");
        (void)snprintf(chain, sizeof(chain), "%s > %s", chain_before, label(search, name, buffer));

        search->chain = chain;
        search->depth++;
        int r = examine(search, name);
        search->depth--;
        search->chain = chain_before;
        return r;
}

static int compare_seen(const void *a, const void *b) {
        return strcmp(((const Seen *)a)->name, ((const Seen *)b)->name);
}

/* Returns the entry of a block device, which is made if there is none; NULL without memory. */
static Seen *seen_of(Search *search, const char *name) {
        Seen *seen = calloc(1, sizeof(Seen)), **known = NULL;

        if (seen) {
                (void)snprintf(seen->name, sizeof(seen->name), "%s", name);
                known = tsearch(seen, &search->seen, compare_seen);
        }
        if (!known || *known != seen)
                free(seen);
        return known ? *known : NULL;
}

/* Examines a mapping, array, cache or loop device that is built on the device. */
static int examine_holder(Search *search, const char *name) {
        unsigned found_before = search->n_found;
        char buffer[LABEL_MAX];
        int r = 0;

        Seen *seen = seen_of(search, name);
        if (!seen)
                return -ENOMEM;
        if (seen->disk == search->disk)
                return 0;
        bool is_new = seen->disk == 0;
        seen->disk = search->disk;
        if (is_new)
                r = examine_below(search, name);
        /* It is not mounted, or was reported for another disk. But without this disk it would lose a part. */
        return r == 0 && search->n_found == found_before ? found(search, "carries ", label(search, name, buffer)) : r;
}

static int examine_holders(Search *search, int block_fd) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(block_fd, "holders", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                if ((r = examine_holder(search, name)) != 0)
                        return r;
        return r == -ENOENT ? 0 : r;
}

static int examine_partitions(Search *search, int block_fd) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(block_fd, ".", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                if (faccessat(dirfd(folder), SYSFS_PATH("%s/partition", name), F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        r = examine_below(search, name);
                else
                        r = errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
                if (r != 0)
                        return r;
        }
        return r;
}

/* Examines swap space, loop devices and exports on the nodes of the device. */
static int examine_users(Search *search, const char *node, const char *mapping_node) {
        static const struct {
                const char *what, *source;
        } kinds[_BLOCK_USER_KIND_MAX] = {
                        [BLOCK_USER_SWAP] = {"is swap space", "/proc/swaps"},
                        [BLOCK_USER_LOOP] = {NULL, "the loop devices"},
                        [BLOCK_USER_EXPORT] = {"is exported as an NVMe target",
                                        "the NVMe targets (/sys/kernel/config/nvmet)"},
                        [BLOCK_USER_PASSTHROUGH] = {"is passed through by an NVMe target",
                                        "the NVMe targets (/sys/kernel/config/nvmet)"},
        };
        int r = 0;

        for (size_t i = 0; i < search->users->n_users && r == 0; i++) {
                const BlockUser *user = &search->users->users[i];

                if (!streq(user->node, node) && !streq(user->node, mapping_node))
                        continue;
                r = user->kind == BLOCK_USER_LOOP ? examine_holder(search, user->name)
                                                  : found(search, kinds[user->kind].what, "");
        }
        for (BlockUserKind kind = 0; kind < _BLOCK_USER_KIND_MAX && r == 0; kind++) {
                char text[128];

                if (search->users->errors[kind] == 0)
                        continue;
                (void)snprintf(text, sizeof(text), "%s: %s", kinds[kind].source,
                                strerror(-search->users->errors[kind]));
                r = found(search, "cannot be examined: ", text);
        }
        return r;
}

static int examine_mount(Search *search, const char *number, const char *node, const char *mapping_node) {
        const Mount *mount = mount_table_find(search->mounts, number);

        if (!mount && !(mount = mount_table_find(search->mounts, node)) &&
                        !(mount = mount_table_find(search->mounts, mapping_node)))
                return 0;
        if (search->snapshot->reader != 0)
                return found(search, "is mounted", "");
        _cleanup_free_ char *target = text_escape_new(mount->target, TEXT_NAME_ESCAPE);
        return target ? found(search, "is mounted on ", target) : -ENOMEM;
}

static int examine(Search *search, const char *name) {
        char number[32], mapping[MAPPING_MAX], mapping_node[MAPPING_MAX + 16];
        _cleanup_closedir_ DIR *folder = NULL;
        const char *node = DISK_NODE(name);
        unsigned major, minor;

        int r = usage_snapshot_check_time(search->snapshot);
        if (r < 0)
                return r;
        search->snapshot->n_blocks_examined++;
        r = sysfs_open_folder(search->snapshot->kernel->sys_fd, SYSFS_PATH("class/block/%s", name), &folder);
        if (r < 0)
                return found(search, "cannot be examined: ", strerror(-r));
        if (sysfs_read_text(dirfd(folder), "dev", number, sizeof(number)) < 0 ||
                        sscanf(number, "%u:%u", &major, &minor) != 2)
                return found(search, "cannot be examined: it shows no device number", "");
        (void)snprintf(mapping_node, sizeof(mapping_node), "/dev/mapper/%s", read_mapping(search, name, mapping));

        if ((r = examine_mount(search, number, node, mapping_node)) != 0 ||
                        (r = examine_users(search, node, mapping_node)) != 0 ||
                        (r = examine_holders(search, dirfd(folder))) != 0)
                return r;
        return examine_partitions(search, dirfd(folder));
}

/* Asks the kernel: everyone who mounts a block device or a part of it, or builds on it, has it open exclusively. */
static int examine_claim(Search *search, const char *disk) {
        _cleanup_close_ int fd = disk_open_exclusively(search->snapshot->kernel, disk);
        if (fd >= 0 || fd == -ENOMEDIUM || fd == -ENXIO)
                return 0;
        if (fd != -EBUSY)
                return found(search, "cannot be examined: ", strerror(-fd));
        if (search->n_found > 0)
                return 0;
        return found(search, "is open exclusively, and vfiod cannot find out by whom (ZFS, iSCSI, a virtual machine",
                        search->mounts->is_partial ? ", or a mount: not all mounts could be read)" : ")");
}

static int examine_disk(Search *search, const char *disk) {
        int r = usage_snapshot_mounts(search->snapshot, &search->mounts);
        if (r < 0 && r != -ENOMEM && r != -ETIME)
                return usage_report(search->snapshot, USAGE_STORAGE,
                                "%s cannot be examined: the mounts cannot be read: %s", TEXT_NAME(disk), strerror(-r));
        if (r < 0)
                return usage_report_error(search->snapshot, USAGE_STORAGE, TEXT_NAME(disk), r);
        if ((r = usage_snapshot_block_users(search->snapshot, &search->users)) < 0)
                return r;
        search->chain = TEXT_NAME(disk);
        search->disk++;
        search->n_found = 0;
        r = examine(search, disk);
        if (r == 0 && !search->snapshot->only_visible)
                r = examine_claim(search, disk);
        return usage_report_error(search->snapshot, USAGE_STORAGE, search->chain, r);
}

/* An NVMe controller, which may have no disks. */
static int examine_controller(Search *search, const char *controller) {
        int r = usage_snapshot_block_users(search->snapshot, &search->users);
        if (r < 0)
                return r;
        search->chain = TEXT_NAME(controller);
        return usage_report_error(search->snapshot, USAGE_STORAGE, search->chain,
                        examine_users(search, DISK_NODE(controller), ""));
}

int usage_of_disks(UsageSnapshot *snapshot, PciAddress address) {
        const HostIndexName *disk = NULL, *controller = NULL;
        Search search = {.snapshot = snapshot};
        const HostIndex *host;

        int r = usage_snapshot_host(snapshot, &host);
        while (r == 0 && (disk = host_index_next(host, HOST_NAME_BLOCK, address, disk)))
                r = examine_disk(&search, disk->name);
        while (r == 0 && (controller = host_index_next(host, HOST_NAME_CONTROLLER, address, controller)))
                r = examine_controller(&search, controller->name);
        tdestroy(search.seen, free);
        return r;
}
