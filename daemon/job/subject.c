/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/subject.h"
#include "kernel/host-names.h"
#include "kernel/sysfs.h"

#define ADDRESS(subject) PCI_ADDRESS_TEXT((subject)->address)

/* The kernel shows "(null)" for none. */
static int read_override(int device_fd, char buffer[static OVERRIDE_MAX]) {
        int r = sysfs_read_text(device_fd, "driver_override", buffer, OVERRIDE_MAX);
        if (r >= 0 && streq(buffer, "(null)"))
                buffer[0] = '\0';
        return r < 0 ? r : 0;
}

int subject_read_binding(const Subject *subject, Binding *ret) {
        int r;

        if ((r = pci_device_read_driver(subject->fd, ret->driver)) < 0 ||
                        (r = read_override(subject->fd, ret->override)) < 0)
                return r;
        return power_read(subject->fd, &ret->power);
}

int subject_open(Subject *subject, const Kernel *kernel, PciAddress address, const PciIds *ids, int group,
                Problem *problem) {
        char group_text[16];
        PciIds found;

        *subject = (Subject){.address = address, .ids = *ids, .fd = pci_device_open(kernel, address)};
        if (subject->fd < 0)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is gone from its slot: look again with 'vfioctl groups'.", ADDRESS(subject));

        int r = pci_device_read_ids(subject->fd, &found);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot read the ids of %s: %s", ADDRESS(subject),
                                strerror(-r));
        if (!pci_ids_equal(&found, ids))
                return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                                "Another card is at %s now (%04x:%04x) than the one that was meant (%04x:%04x): it is "
                                "left alone.",
                                ADDRESS(subject), found.vendor, found.device, ids->vendor, ids->device);

        r = sysfs_read_link(subject->fd, "iommu_group", group_text, sizeof(group_text));
        if (group == IOMMU_GROUP_NONE ? r != -ENOENT : r < 0 || atoi(group_text) != group)
                return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                                "%s is not in IOMMU group %d any more: look again with 'vfioctl groups'.",
                                ADDRESS(subject), group);

        r = subject_read_binding(subject, &subject->before);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot read driver and override of %s: %s",
                                ADDRESS(subject), strerror(-r));
        return 0;
}

void subject_expect_early_override(Subject *subject, const char *override, bool newcomer) {
        bool bound = streq(subject->before.driver, override);

        subject->early_override = override;
        subject->was_early = streq(subject->before.override, override) && (newcomer || !bound);
        if (subject->was_early)
                subject->before.override[0] = '\0';
        if (subject->was_early && bound)
                subject->before.driver[0] = '\0';
}

bool subject_is_gone(const Subject *subject) {
        Binding now;

        int r = subject_read_binding(subject, &now);
        return r == -ENODEV || r == -ENOENT;
}

int subject_verify_unmoved(const Subject *subject, Problem *problem) {
        const char *early = subject->early_override;
        Binding now;

        int r = subject_read_binding(subject, &now);
        bool same_override = r >= 0 &&
                        (streq(now.override, subject->before.override) || (early && streq(now.override, early)));
        bool same_driver = r >= 0 && streq(now.driver, subject->before.driver);
        bool waited = r >= 0 && subject->before.driver[0] == '\0' &&
                        (streq(now.driver, subject->target.driver) || (early && streq(now.driver, early)));
        if (same_override && (same_driver || waited))
                return 0;
        return problem_set(problem, OUTCOME_FAILED,
                        "Somebody else moved %s while it was looked at. Nothing was changed: try again.",
                        ADDRESS(subject));
}

void subject_close(Subject *subject) {
        subject->fd = safe_close(subject->fd);
}

/* The kernel takes an address for these writes, so another card would be what they reach: the one that is held open must still be there. */
static int check_presence(const Subject *subject, Problem *problem) {
        PciIds found;

        if (pci_device_read_ids(subject->fd, &found) >= 0 && pci_ids_equal(&found, &subject->ids))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s is gone from its slot.", ADDRESS(subject));
}

int subject_set_override(Subject *subject, const char *override, Problem *problem) {
        char found[OVERRIDE_MAX];

        /* A line break clears it: an empty write never reaches the attribute. */
        int r = sysfs_write(subject->fd, "driver_override", isempty(override) ? "\n" : override);
        if (r >= 0)
                r = read_override(subject->fd, found);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot set driver_override of %s to '%s': %s",
                                ADDRESS(subject), override, strerror(-r));
        if (!streq(found, override))
                return problem_set(problem, OUTCOME_FAILED, "driver_override of %s is '%s' after '%s' was written.",
                                ADDRESS(subject), found, override);
        return 0;
}

int subject_unbind(Subject *subject, const char *keep, Problem *problem) {
        char driver[DRIVER_NAME_MAX], left[DRIVER_NAME_MAX];

        int r = check_presence(subject, problem);
        if (r != 0)
                return r;
        r = pci_device_read_driver(subject->fd, driver);
        if (r >= 0 && (driver[0] == '\0' || streq(driver, keep)))
                return 0;
        if (r >= 0)
                r = sysfs_write(subject->fd, "driver/unbind", ADDRESS(subject));
        /* Somebody else was quicker: what counts is that it has no driver. */
        if (r == -ENODEV || r == -ENOENT)
                r = 0;
        if (r >= 0)
                r = pci_device_read_driver(subject->fd, left);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot take %s from its driver: %s", ADDRESS(subject),
                                strerror(-r));
        if (left[0] != '\0')
                return problem_set(
                                problem, OUTCOME_FAILED, "%s is still on %s after its unbind.", ADDRESS(subject), left);
        return 0;
}

int subject_probe(Subject *subject, const Kernel *kernel, const char *driver, Problem *problem) {
        char found[DRIVER_NAME_MAX];

        int r = check_presence(subject, problem);
        if (r != 0)
                return r;
        /* The kernel calls a probe a success also when nothing bound, so the link alone tells. */
        int write_result = sysfs_write(kernel->sys_fd, "bus/pci/drivers_probe", ADDRESS(subject));
        r = pci_device_read_driver(subject->fd, found);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot read the driver of %s after its probe: %s",
                                ADDRESS(subject), strerror(-r));
        if (streq(found, driver))
                return 0;
        return problem_set(problem, OUTCOME_DRIVER_DID_NOT_BIND,
                        "%s did not bind to %s, which %s%s (%s). The kernel's log may say why.", driver,
                        ADDRESS(subject), found[0] != '\0' ? "is on " : "has no driver now", found,
                        write_result < 0 ? strerror(-write_result) : "the kernel reported no error");
}

int subject_probe_any(Subject *subject, const Kernel *kernel, Problem *problem) {
        int r = check_presence(subject, problem);
        if (r != 0)
                return r;
        (void)sysfs_write(kernel->sys_fd, "bus/pci/drivers_probe", ADDRESS(subject));
        r = pci_device_read_driver(subject->fd, subject->target.driver);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "Cannot read the driver of %s after its probe: %s",
                                ADDRESS(subject), strerror(-r));
        return 0;
}

int subject_set_power(Subject *subject, const PowerSettings *power, Problem *problem) {
        int r = power_write(subject->fd, power);
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "Cannot restore the power settings of %s: %s",
                                       ADDRESS(subject), strerror(-r))
                     : 0;
}

int subject_set_link(Subject *subject, const Kernel *kernel, const VirtualFunctionLink *link, Problem *problem) {
        int r = virtual_function_write_link(kernel, subject->fd, subject->address, link);
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "Cannot restore MAC address and VLAN of %s: %s",
                                       ADDRESS(subject), strerror(-r))
                     : 0;
}

typedef struct Announcement {
        const Kernel *kernel;
        PciAddress address;
} Announcement;

static int announce(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        const Announcement *announcement = userdata;
        char path[HOST_NAME_TEXT_MAX + 32];

        if (kind != HOST_NAME_NETWORK || !pci_address_equal(address, announcement->address))
                return 0;
        if (snprintf(path, sizeof(path), "class/net/%s/uevent", name) < (int)sizeof(path))
                (void)sysfs_write(announcement->kernel->sys_fd, path, "change");
        return 0;
}

void subject_announce_interfaces(const Subject *subject, const Kernel *kernel) {
        (void)host_names_for_each(kernel, announce, &(Announcement){kernel, subject->address});
}
