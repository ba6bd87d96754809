/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "kernel/sysfs.h"
#include "usage/disk-claim.h"
#include "usage/mounts.h"
#include "usage/usage.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

/* Disks on partitions on mappings on ...: deeper stacks than this do not exist. */
#define DEPTH_MAX 16

/* "nvme0n1 > nvme0n1p2 > dm-0 (vg-root)" */
#define CHAIN_MAX 4096

/* "/dev/mapper/" and the longest name of a mapping, with its end. */
#define NODE_MAX 160

typedef struct Search {
        const Kernel *kernel;
        MountTable mounts;
        usage_visit_t visit;
        void *userdata;
        const char *chain; /* of the device that is looked at */
        unsigned depth;
        unsigned n_found;
        dev_t *seen; /* an array over two partitions is looked at once */
        size_t n_seen;
} Search;

static int found(Search *search, const char *what, const char *where) {
        search->n_found++;
        return usage_report(search->visit, search->userdata, USAGE_STORAGE, "%s %s%s", search->chain, what, where);
}

/* What others call a block device. */
typedef struct Names {
        char node[NODE_MAX];    /* "/dev/dm-0" */
        char mapping[NODE_MAX]; /* "/dev/mapper/vg-root"; "" for all but mappings */
} Names;

/* The node of a block device below /dev: the kernel writes "!" for a "/" in a name. */
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

static bool is_named(const Names *names, const char *path) {
        return streq(path, names->node) || (names->mapping[0] != '\0' && streq(path, names->mapping));
}

/* Whether /proc/swaps names the node. Returns 1, 0, or a negative errno. */
static int is_swap(const Kernel *kernel, const Names *names) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, "swaps");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno; /* a kernel without swap */
        while (getline(&line, &size, file) > 0) {
                line[strcspn(line, " \t\n")] = '\0';
                char *gone = strstr(mount_unescape(line), " (deleted)");
                if (gone)
                        *gone = '\0';
                if (is_named(names, line))
                        return 1;
        }
        return 0;
}

static int examine(Search *search, const char *name);

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

/* A mapping, array or cache that is built on the device. */
static int on_holder(int directory_fd, const char *name, void *userdata) {
        Search *search = userdata;
        unsigned found_before = search->n_found;
        size_t seen_before = search->n_seen;
        char buffer[LABEL_MAX];

        (void)directory_fd;
        int r = examine_below(search, name);
        /* Not mounted, but there: it would lose its ground. */
        return r == 0 && search->n_found == found_before && search->n_seen > seen_before
                        ? found(search, "carries ", label(search->kernel, name, buffer))
                        : r;
}

/* Some parts of the kernel use a block device without a claim that anybody could see: they say by name which. */
typedef struct Unclaimed {
        Search *search;
        const Names *names;
} Unclaimed;

/* An entry of /sys/class/block. */
static int on_loop(int directory_fd, const char *name, void *userdata) {
        const Unclaimed *unclaimed = userdata;
        char path[300], file[SYSFS_TEXT_MAX];

        if (!startswith(name, "loop"))
                return 0;
        (void)snprintf(path, sizeof(path), "%.255s/loop/backing_file", name);
        if (sysfs_read_text(directory_fd, path, file, sizeof(file)) < 0 || !is_named(unclaimed->names, file))
                return 0;
        return on_holder(directory_fd, name, unclaimed->search);
}

/* An entry of "namespaces" of an NVMe target. */
static int on_exported(int directory_fd, const char *name, void *userdata) {
        const Unclaimed *unclaimed = userdata;
        char path[300], device[SYSFS_TEXT_MAX], *resolved;
        long enabled;

        (void)snprintf(path, sizeof(path), "%.255s/enable", name);
        if (sysfs_read_number(directory_fd, path, 0, 1, &enabled) < 0 || enabled == 0)
                return 0;
        (void)snprintf(path, sizeof(path), "%.255s/device_path", name);
        if (sysfs_read_text(directory_fd, path, device, sizeof(device)) < 0)
                return 0;
        resolved = realpath(device, NULL); /* "/dev/disk/by-id/..." */
        bool is_this = is_named(unclaimed->names, device) || (resolved && is_named(unclaimed->names, resolved));
        free(resolved);
        return is_this ? found(unclaimed->search, "is exported as an NVMe target", "") : 0;
}

/* An entry of "subsystems" of the NVMe target. */
static int on_target(int directory_fd, const char *name, void *userdata) {
        char path[300];

        (void)snprintf(path, sizeof(path), "%.255s/namespaces", name);
        int r = sysfs_for_each(directory_fd, path, on_exported, userdata);
        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

static int examine_unclaimed(Search *search, const Names *names) {
        Unclaimed unclaimed = {search, names};

        int r = sysfs_for_each(search->kernel->sys_fd, "class/block", on_loop, &unclaimed);
        if (r != 0)
                return r;
        r = sysfs_for_each(search->kernel->sys_fd, "kernel/config/nvmet/subsystems", on_target, &unclaimed);
        return r == -ENOENT ? 0 : r;
}

/* An entry of the disk's folder: perhaps a partition. */
static int on_disk_entry(int directory_fd, const char *name, void *userdata) {
        char path[300];

        (void)snprintf(path, sizeof(path), "%.255s/partition", name);
        if (faccessat(directory_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        return examine_below(userdata, name);
}

/* Follows a link of /sys/class/block: the folder is held open from here on. */
static int open_block(const Kernel *kernel, const char *name) {
        char path[128];

        (void)snprintf(path, sizeof(path), "class/block/%.64s", name);
        int fd = openat(kernel->sys_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Returns 1 where the device was looked at already, 0, or -ENOMEM. */
static int mark_seen(Search *search, dev_t number) {
        for (size_t i = 0; i < search->n_seen; i++)
                if (search->seen[i] == number)
                        return 1;
        dev_t *grown = reallocarray(search->seen, search->n_seen + 1, sizeof(dev_t));
        if (!grown)
                return -ENOMEM;
        search->seen = grown;
        search->seen[search->n_seen++] = number;
        return 0;
}

static int examine(Search *search, const char *name) {
        unsigned major = 0, minor = 0;
        char number[32];
        Names names;
        int r = 0;

        _cleanup_close_ int fd = open_block(search->kernel, name);
        if (fd < 0)
                return found(search, "cannot be examined: ", strerror(-fd));
        if (sysfs_read_text(fd, "dev", number, sizeof(number)) < 0 || sscanf(number, "%u:%u", &major, &minor) != 2)
                return found(search, "cannot be examined: it shows no device number", "");
        if ((r = mark_seen(search, makedev(major, minor))) != 0)
                return r < 0 ? r : 0;

        read_names(search->kernel, name, &names);
        const Mount *mount = mount_table_find(&search->mounts, major, minor, names.node);
        if (!mount && names.mapping[0] != '\0')
                mount = mount_table_find(&search->mounts, major, minor, names.mapping);
        if (mount) {
                _cleanup_free_ char *target = text_escape_new(mount->target, TEXT_NAME_ESCAPE);
                r = target ? found(search, "is mounted on ", target) : -ENOMEM;
        }
        int swap = is_swap(search->kernel, &names);
        if (r == 0 && swap != 0)
                r = swap > 0 ? found(search, "is swap space", "")
                             : found(search, "cannot be examined: /proc/swaps: ", strerror(-swap));
        if (r == 0 && (r = sysfs_for_each(fd, "holders", on_holder, search)) == -ENOENT)
                r = 0;
        if (r == 0)
                r = examine_unclaimed(search, &names);
        if (r == 0)
                r = sysfs_for_each(fd, ".", on_disk_entry, search);
        return r;
}

/* The kernel's own answer: whoever uses a block device or a part of it has it open exclusively, whatever it is. */
static int examine_claim(Search *search, const char *disk) {
        _cleanup_close_ int fd = disk_open_exclusively(search->kernel, disk);
        if (fd >= 0 || fd == -ENOMEDIUM || fd == -ENXIO)
                return 0;
        if (fd != -EBUSY)
                return found(search, "cannot be examined: ", strerror(-fd));
        return search->n_found > 0 ? 0
                                   : found(search,
                                                     "is claimed by something that does not show itself (ZFS, iSCSI, a "
                                                     "virtual machine)",
                                                     "");
}

int usage_of_disk(const Kernel *kernel, const char *disk, bool only_visible, usage_visit_t visit, void *userdata) {
        Search search = {.kernel = kernel, .visit = visit, .userdata = userdata, .chain = TEXT_NAME(disk)};

        int r = mount_table_read(kernel, &search.mounts);
        if (r < 0)
                return usage_report(visit, userdata, USAGE_STORAGE, "%s cannot be examined: the mounts cannot be read",
                                search.chain);
        r = examine(&search, disk);
        if (r == 0 && !only_visible)
                r = examine_claim(&search, disk);
        if (r < 0 && r != -ENOMEM)
                r = found(&search, "cannot be examined: ", strerror(-r));
        mount_table_done(&search.mounts);
        free(search.seen);
        return r;
}
