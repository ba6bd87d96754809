/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/host-facts.h"
#include "base/text.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A host may have thousands of groups, and usually all have the same type. */
#define GROUPS_MAX 256

static bool sys_has(const Kernel *kernel, const char *path) {
        return faccessat(kernel->sys_fd, path, F_OK, 0) >= 0;
}

static bool root_has(const Kernel *kernel, const char *path) {
        return kernel->root_fd >= 0 && faccessat(kernel->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void read_groups(const Kernel *kernel, HostFacts *facts) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(kernel->sys_fd, "kernel/iommu_groups", &folder);
        while (r >= 0 && facts->groups < GROUPS_MAX && (r = sysfs_next(folder, &name)) > 0) {
                char type[32];

                if (sysfs_read_text(dirfd(folder), SYSFS_PATH("%s/type", name), type, sizeof(type)) < 0)
                        continue;
                facts->groups++;
                facts->identity_groups += streq(type, "identity");
        }
}

static void read_vfio(const Kernel *kernel, HostFacts *facts) {
        char value[8];

        facts->has_vfio_driver = modules_driver_exists(kernel, "vfio-pci");
        facts->has_group_nodes = sys_has(kernel, "class/vfio");
        facts->has_cdevs = sys_has(kernel, "class/vfio-dev");
        facts->has_iommufd = sys_has(kernel, "class/misc/iommu");
        facts->no_iommu_mode = sysfs_read_text(kernel->sys_fd, "module/vfio/parameters/enable_unsafe_noiommu_mode",
                                               value, sizeof(value)) >= 0 &&
                        streq(value, "Y");
}

/* A file "pci-0000:01:00.0" contains the name of the driver. */
static int read_driverctl(const Kernel *kernel, HostFacts *facts) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        if (kernel->root_fd < 0)
                return 0;
        int r = sysfs_open_folder(kernel->root_fd, "etc/driverctl.d", &folder);
        while (r >= 0 && facts->n_overrides < DRIVERCTL_OVERRIDES_MAX && (r = sysfs_next(folder, &name)) > 0) {
                DriverctlOverride *override = &facts->overrides[facts->n_overrides];
                const char *address = startswith(name, "pci-");
                _cleanup_free_ char *text = NULL;

                if (!address || pci_address_parse(address, &override->address) < 0)
                        continue;
                int s = kernel_read_file(kernel, SYSFS_PATH("etc/driverctl.d/%s", name), DRIVER_NAME_MAX - 1, &text);
                if (s == -ENOMEM)
                        return s;
                if (s < 0)
                        continue;
                text[strcspn(text, " \t\n")] = '\0';
                (void)snprintf(override->driver, sizeof(override->driver), "%s", text);
                facts->n_overrides++;
        }
        return r == -ENOMEM ? r : 0;
}

static int read_others(const Kernel *kernel, HostFacts *facts) {
        facts->has_libvirt =
                        root_has(kernel, "run/libvirt/libvirt-sock") || root_has(kernel, "run/libvirt/virtqemud-sock");
        facts->has_supergfxd = root_has(kernel, "etc/supergfxd.conf");
        return read_driverctl(kernel, facts);
}

static uint64_t parse_limit(const char *text) {
        return streq(text, "unlimited") ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* "Max locked memory         8388608              8388608              bytes": the soft limit, which the kernel applies,
 * and the hard limit. */
static void read_memlock(const Kernel *kernel, pid_t pid, HostFacts *facts) {
        static const char key[] = "Max locked memory";
        char text[SYSFS_TEXT_MAX], soft[24], hard[24];

        if (pid <= 0 || sysfs_read_text(kernel->proc_fd, SYSFS_PATH("%d/limits", (int)pid), text, sizeof(text)) < 0)
                return;
        const char *line = strstr(text, key);
        if (!line || sscanf(line + sizeof(key) - 1, "%23s %23s", soft, hard) != 2)
                return;
        facts->has_memlock = true;
        facts->memlock = parse_limit(soft);
        facts->memlock_hard = parse_limit(hard);
}

int host_facts_read(const Kernel *kernel, uid_t uid, pid_t pid, HostFacts *ret) {
        int r;

        *ret = (HostFacts){.is_root = uid == 0};
        iommu_examine(kernel, &ret->iommu);
        platform_examine(kernel, &ret->platform);
        (void)lockdown_read(kernel, ret->lockdown);
        if (sysfs_read_text(kernel->proc_fd, "cmdline", ret->command_line, sizeof(ret->command_line)) < 0)
                ret->command_line[0] = '\0';
        ret->has_kvm = sys_has(kernel, "class/misc/kvm");
        read_groups(kernel, ret);
        read_vfio(kernel, ret);
        read_memlock(kernel, pid, ret);
        if ((r = read_others(kernel, ret)) < 0 || (r = boot_facts_read(kernel, &ret->boot)) < 0 ||
                        (r = modprobe_config_read(kernel, &ret->modprobe)) < 0)
                host_facts_done(ret);
        return r;
}

static size_t read_folder_nodes(const Kernel *kernel, const char *path, const char *prefix, NodeFact *nodes, size_t n) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(kernel->dev_fd, path, &folder);
        while (r >= 0 && n < NODE_FACTS_MAX && (r = sysfs_next(folder, &name)) > 0) {
                struct stat status;

                if (fstatat(dirfd(folder), name, &status, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(status.st_mode) ||
                                text_find_escaped(name) ||
                                snprintf(nodes[n].name, sizeof(nodes[n].name), "%s%s", prefix, name) >=
                                                (int)sizeof(nodes[n].name))
                        continue;
                nodes[n].mode = status.st_mode;
                nodes[n].uid = status.st_uid;
                nodes[n++].gid = status.st_gid;
        }
        return n;
}

size_t host_facts_read_nodes(const Kernel *kernel, NodeFact nodes[static NODE_FACTS_MAX]) {
        size_t n = read_folder_nodes(kernel, "vfio", "", nodes, 0);

        return read_folder_nodes(kernel, "vfio/devices", "devices/", nodes, n);
}

void host_facts_done(HostFacts *facts) {
        boot_facts_done(&facts->boot);
        modprobe_config_done(&facts->modprobe);
}
