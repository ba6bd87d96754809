/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "kernel/sysfs.h"
#include "usage/disk-claim.h"
#include "usage/usage.h"

#include <fcntl.h>
#include <search.h>
#include <sys/sysmacros.h>

/* Disks on partitions on mappings on ...: deeper stacks than this do not exist. */
#define DEPTH_MAX 16

/* "nvme0n1 > nvme0n1p2 > dm-0 (vg-root)" */
#define CHAIN_MAX 4096

/* "/dev/mapper/" and the longest name of a mapping, with its end. */
#define NODE_MAX 160

/* A block device that was examined already: an array over two partitions, or over a thousand disks, is examined once. */
typedef struct Seen {
        unsigned disk; /* the last one that led to it */
        char name[HOST_NAME_TEXT_MAX];
} Seen;

/* Over all disks of a function. */
typedef struct Search {
        const Kernel *kernel;
        const MountTable *mounts;
        const BlockUsers *users;
        bool only_visible;
        usage_visit_t visit;
        void *userdata;
        void *seen; /* a tree of tsearch(), by name */
        unsigned disk;
        const char *chain; /* from the disk to the device that is examined */
        unsigned depth;
        unsigned n_found; /* of this disk */
        size_t n_examined;
} Search;

static int found(Search *search, const char *what, const char *where) {
        search->n_found++;
        return usage_report(search->visit, search->userdata, USAGE_STORAGE, "%s %s%s", search->chain, what, where);
}

/* The nodes of a block device. */
typedef struct Names {
        char node[NODE_MAX];    /* "/dev/dm-0" */
        char mapping[NODE_MAX]; /* "/dev/mapper/vg-root"; "" for all but mappings */
} Names;

/* The kernel writes "!" for a "/" in a name. */
static const char *node_path(const char *name, const char *folder, char buffer[static NODE_MAX]) {
        int length = snprintf(buffer, NODE_MAX, "%s%.64s", folder, name);

        for (char *c = buffer + strlen(folder); c < buffer + length; c++)
                *c = *c == '!' ? '/' : *c;
        return buffer;
}

static void read_names(const Kernel *kernel, const char *name, Names *ret) {
        char path[NODE_MAX], mapping[NODE_MAX - sizeof("/dev/mapper/")];

        (void)node_path(name, "/dev/", ret->node);
        (void)snprintf(path, sizeof(path), "class/block/%.64s/dm/name", name);
        ret->mapping[0] = '\0';
        if (sysfs_read_text(kernel->sys_fd, path, mapping, sizeof(mapping)) > 0)
                (void)snprintf(ret->mapping, sizeof(ret->mapping), "/dev/mapper/%s", mapping);
}

/* "dm-0 (vg-root)", escaped */
#define LABEL_MAX (TEXT_ESCAPED_MAX(NODE_MAX) + TEXT_ESCAPED_MAX(64) + 8)

static const char *label(const Kernel *kernel, const char *name, char buffer[static LABEL_MAX]) {
        Names names;

        read_names(kernel, name, &names);
        const char *mapping = startswith(names.mapping, "/dev/mapper/");
        (void)snprintf(buffer, LABEL_MAX, "%s%s%s%s", TEXT_NAME(name), mapping ? " (" : "", TEXT_NAME(mapping),
                        mapping ? ")" : "");
        return buffer;
}

static int examine(Search *search, const char *name);

static int examine_below(Search *search, const char *name) {
        const char *chain_before = search->chain;
        char chain[CHAIN_MAX], buffer[LABEL_MAX];

        if (search->depth >= DEPTH_MAX)
                return found(search, "is a stack too deep to look through", "");
        (void)snprintf(chain, sizeof(chain), "%s > %s", chain_before, label(search->kernel, name, buffer));

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

typedef enum SeenState {
        SEEN_NEVER,
        SEEN_FROM_THIS_DISK,
        SEEN_FROM_OTHER_DISK,
} SeenState;

/* Notes that the device is examined, for this disk. Returns whether it was before, or -ENOMEM. */
static int mark_seen(Search *search, const char *name) {
        Seen key = {};

        (void)snprintf(key.name, sizeof(key.name), "%s", name);
        Seen **known = tfind(&key, &search->seen, compare_seen);
        if (known) {
                SeenState state = (*known)->disk == search->disk ? SEEN_FROM_THIS_DISK : SEEN_FROM_OTHER_DISK;
                (*known)->disk = search->disk;
                return state;
        }
        Seen *seen = malloc(sizeof(Seen));
        if (!seen)
                return -ENOMEM;
        *seen = (Seen){.disk = search->disk};
        memcpy(seen->name, key.name, sizeof(key.name));
        if (!tsearch(seen, &search->seen, compare_seen)) {
                free(seen);
                return -ENOMEM;
        }
        return SEEN_NEVER;
}

/* A mapping, array or cache that is built on the device. */
static int on_holder(int directory_fd, const char *name, void *userdata) {
        Search *search = userdata;
        unsigned found_before = search->n_found;
        char buffer[LABEL_MAX];

        (void)directory_fd;
        int state = mark_seen(search, name);
        if (state < 0 || state == SEEN_FROM_THIS_DISK)
                return state < 0 ? state : 0;
        int r = state == SEEN_NEVER ? examine_below(search, name) : 0;
        /* It is not mounted, or was reported for another disk. All the same it would lose a part of what it is built on. */
        return r == 0 && search->n_found == found_before
                        ? found(search, "carries ", label(search->kernel, name, buffer))
                        : r;
}

/* Users of the node that are in a list: name is that of the device that they make of it. */
static int examine_users(Search *search, const BlockUserList *list, const char *node, const char *what) {
        size_t n;
        int r = 0;

        const BlockUser *users = block_user_list_find(list, node, &n);
        for (size_t i = 0; i < n && r == 0; i++)
                r = what ? found(search, what, "") : on_holder(-EBADF, users[i].name, search);
        return r;
}

/* Swap space, loop devices, and exports: of both names that the device may have. */
static int examine_unlinked(Search *search, const Names *names) {
        const struct {
                const BlockUserList *list;
                const char *what, *source;
        } kinds[] = {
                        {&search->users->swaps, "is swap space", "/proc/swaps"},
                        {&search->users->loops, NULL, "the loop devices"},
                        {&search->users->exports, "is exported as an NVMe target", "the NVMe targets"},
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(kinds) && r == 0; i++) {
                char text[128];

                r = examine_users(search, kinds[i].list, names->node, kinds[i].what);
                if (r == 0 && names->mapping[0] != '\0')
                        r = examine_users(search, kinds[i].list, names->mapping, kinds[i].what);
                if (r != 0 || kinds[i].list->error == 0)
                        continue;
                (void)snprintf(text, sizeof(text), "%s: %s", kinds[i].source, strerror(-kinds[i].list->error));
                r = found(search, "cannot be examined: ", text);
        }
        return r;
}

/* An entry of the disk's folder: perhaps a partition. */
static int on_disk_entry(int directory_fd, const char *name, void *userdata) {
        char path[300];

        (void)snprintf(path, sizeof(path), "%.255s/partition", name);
        if (faccessat(directory_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        return examine_below(userdata, name);
}

/* Follows a link of /sys/class/block: the folder is held open from here on. */
static int open_block(const Kernel *kernel, const char *name) {
        char path[128];

        (void)snprintf(path, sizeof(path), "class/block/%.64s", name);
        int fd = openat(kernel->sys_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int examine(Search *search, const char *name) {
        unsigned major = 0, minor = 0;
        char number[32];
        Names names;
        int r = 0;

        search->n_examined++;
        _cleanup_close_ int fd = open_block(search->kernel, name);
        if (fd < 0)
                return found(search, "cannot be examined: ", strerror(-fd));
        if (sysfs_read_text(fd, "dev", number, sizeof(number)) < 0 || sscanf(number, "%u:%u", &major, &minor) != 2)
                return found(search, "cannot be examined: it shows no device number", "");

        read_names(search->kernel, name, &names);
        const Mount *mount = mount_table_find(search->mounts, makedev(major, minor), names.node);
        if (!mount && names.mapping[0] != '\0')
                mount = mount_table_find(search->mounts, makedev(major, minor), names.mapping);
        if (mount) {
                _cleanup_free_ char *target = text_escape_new(mount->target, TEXT_NAME_ESCAPE);
                r = target ? found(search, "is mounted on ", target) : -ENOMEM;
        }
        if (r == 0)
                r = examine_unlinked(search, &names);
        if (r == 0 && (r = sysfs_for_each(fd, "holders", on_holder, search)) == -ENOENT)
                r = 0;
        if (r == 0)
                r = sysfs_for_each(fd, ".", on_disk_entry, search);
        return r;
}

/* The kernel's own answer: whoever mounts a block device or a part of it, or builds on it, has it open exclusively. */
static int examine_claim(Search *search, const char *disk) {
        _cleanup_close_ int fd = disk_open_exclusively(search->kernel, disk);
        if (fd >= 0 || fd == -ENOMEDIUM || fd == -ENXIO)
                return 0;
        if (fd != -EBUSY)
                return found(search, "cannot be examined: ", strerror(-fd));
        if (search->n_found > 0)
                return 0;
        return found(search, "is claimed by something that does not show itself (ZFS, iSCSI, a virtual machine",
                        search->mounts->is_partial ? ", or a mount: not all mounts could be read)" : ")");
}

static int examine_disk(Search *search, const char *disk) {
        search->chain = TEXT_NAME(disk);
        search->disk++;
        search->n_found = 0;
        int r = examine(search, disk);
        if (r == 0 && !search->only_visible)
                r = examine_claim(search, disk);
        return r < 0 && r != -ENOMEM ? found(search, "cannot be examined: ", strerror(-r)) : r;
}

/* Reads the parts of the snapshot that all disks need. Returns 0; -ENOMEM; what the visitor returned. Where it reported that a part cannot be
 * read, search->mounts is NULL. */
static int begin(UsageSnapshot *snapshot, const char *disk, Search *search) {
        int r = usage_snapshot_mounts(snapshot, &search->mounts);
        if (r < 0 && r != -ENOMEM) {
                search->mounts = NULL;
                return usage_report(search->visit, search->userdata, USAGE_STORAGE,
                                "%s cannot be examined: the mounts cannot be read: %s", TEXT_NAME(disk), strerror(-r));
        }
        return r < 0 ? r : usage_snapshot_block_users(snapshot, &search->users);
}

int usage_of_disk(UsageSnapshot *snapshot, const char *disk, usage_visit_t visit, void *userdata) {
        Search search = {
                        .kernel = snapshot->kernel,
                        .only_visible = snapshot->only_visible,
                        .visit = visit,
                        .userdata = userdata,
        };

        int r = begin(snapshot, disk, &search);
        if (r == 0 && search.mounts)
                r = examine_disk(&search, disk);
        tdestroy(search.seen, free);
        return r;
}

int usage_of_disks(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata) {
        Search search = {
                        .kernel = snapshot->kernel,
                        .only_visible = snapshot->only_visible,
                        .visit = visit,
                        .userdata = userdata,
        };
        const HostIndexName *disk = NULL;
        int r = 0;

        while (r == 0 && (disk = host_index_next(&snapshot->host, HOST_NAME_BLOCK, address, disk))) {
                if (!search.mounts && ((r = begin(snapshot, disk->name, &search)) != 0 || !search.mounts))
                        continue;
                r = examine_disk(&search, disk->name);
        }
        snapshot->n_blocks_examined += search.n_examined;
        tdestroy(search.seen, free);
        return r;
}
