/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/bind.h"
#include "kernel/host-names.h"
#include "kernel/sysfs.h"

#define ADDRESS(work, i) PCI_ADDRESS_TEXT((work)->plan->members[i].address)

/* These writes name an address, so they would change another card that is in the slot now. So the card whose folder is
 * open must still be there: if it is gone, its attributes cannot be read, whatever is in the slot. */
static int check_presence(const Work *work, size_t i, Problem *problem) {
        char vendor[16];

        if (work->fds[i] >= 0 && sysfs_read_text(work->fds[i], "vendor", vendor, sizeof(vendor)) >= 0)
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s is gone from its slot.", ADDRESS(work, i));
}

static int check_override_result(const Work *work, size_t i, int r, const char *override, Problem *problem) {
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "Cannot set driver_override of %s to '%s': %s",
                                       ADDRESS(work, i), override, strerror(-r))
                     : 0;
}

int bind_write_override(const Work *work, size_t i, const char *override, Problem *problem) {
        char now[OVERRIDE_MAX];

        /* A line break clears the attribute: an empty write never reaches it. */
        int r = work->fds[i] < 0 ? -ENOENT
                                 : sysfs_write(work->fds[i], "driver_override", isempty(override) ? "\n" : override);
        if ((r = check_override_result(work, i, r, override, problem)) != 0 ||
                        (r = work_check_read(work, i, binding_read_override(work->fds[i], now), problem)) != 0)
                return r;
        if (streq(now, override))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "driver_override of %s is '%s' after '%s' was written.",
                        ADDRESS(work, i), now, override);
}

int bind_set_override(const Work *work, size_t i, const char *override, Problem *problem) {
        char now[OVERRIDE_MAX];

        int r = work->fds[i] < 0 ? -ENOENT : binding_read_override(work->fds[i], now);
        if (r >= 0 && streq(now, override))
                return 0;
        r = check_override_result(work, i, r, override, problem);
        return r != 0 ? r : bind_write_override(work, i, override, problem);
}

bool bind_is_bound(const char *driver, const Binding *wanted) {
        return wanted->any_driver ? driver[0] != '\0' && !pci_driver_is_vfio(driver) : streq(driver, wanted->driver);
}

int bind_unbind(const Work *work, size_t i, const Binding *wanted, Problem *problem) {
        char driver[DRIVER_NAME_MAX], path[DRIVER_NAME_MAX + 32];

        /* A card that has a driver is there. Otherwise it may be gone. */
        int r = pci_device_read_driver(work->fds[i], driver);
        if (r < 0 || driver[0] == '\0') {
                int absent = check_presence(work, i, problem);
                return absent != 0 ? absent : work_check_read(work, i, r, problem);
        }
        if (bind_is_bound(driver, wanted))
                return 0;
        /* By its name, so that no other driver loses the device if it binds right now. */
        (void)snprintf(path, sizeof(path), "bus/pci/drivers/%s/unbind", driver);
        r = sysfs_write(work->kernel->sys_fd, path, ADDRESS(work, i));
        /* Another program has unbound it just before. */
        if (r == -ENODEV || r == -ENOENT)
                r = 0;
        return work_check(work, i, r, "Cannot unbind", problem);
}

int bind_probe(const Work *work, size_t i, const char *driver, char ret_driver[static DRIVER_NAME_MAX],
                Problem *problem) {
        int r = check_presence(work, i, problem);
        if (r != 0)
                return r;
        int write_result = sysfs_write(work->kernel->sys_fd, "bus/pci/drivers_probe", ADDRESS(work, i));
        if ((r = work_check_read(work, i, pci_device_read_driver(work->fds[i], ret_driver), problem)) != 0)
                return r;
        if (!driver || streq(ret_driver, driver))
                return 0;
        return problem_set(problem, OUTCOME_DRIVER_DID_NOT_BIND,
                        "Driver %s did not bind to %s. The device %s%s (%s). The kernel's log may say why.", driver,
                        ADDRESS(work, i), ret_driver[0] != '\0' ? "is on " : "has no driver now", ret_driver,
                        write_result < 0 ? strerror(-write_result) : "the kernel reported no error");
}

int bind_set_link(const Work *work, size_t i, const VirtualFunctionLink *link, Problem *problem) {
        int r = virtual_function_write_link(work->kernel, work->fds[i], work->plan->members[i].address, link);
        return work_check(work, i, r, "Cannot restore MAC address and VLAN of", problem);
}

int bind_set_power(const Work *work, size_t i, const PowerSettings *power, Problem *problem) {
        return work_check(work, i, power_write(work->fds[i], power), "Cannot restore the power settings of", problem);
}

int bind_check_link(const Work *work, size_t i, const VirtualFunctionLink *link, Problem *problem) {
        VirtualFunctionLink now;

        if (!link->known)
                return 0;
        int r = virtual_function_read_link(work->kernel, work->fds[i], work->plan->members[i].address, &now);
        if (r >= 0 && (!now.known || virtual_function_link_equal(&now, link)))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s does not have the MAC address and VLAN that vfiod set: %s",
                        ADDRESS(work, i), r < 0 ? strerror(-r) : "the card did not accept them");
}

bool bind_has_power(const PowerSettings *now, const PowerSettings *wanted) {
        bool same_control =
                        wanted->control[0] == '\0' || now->control[0] == '\0' || streq(now->control, wanted->control);
        bool same_d3cold = !wanted->d3cold_known || !now->d3cold_known || now->d3cold_allowed == wanted->d3cold_allowed;
        return same_control && same_d3cold;
}

static int bind_driver(const Work *work, size_t i, const Binding *wanted, Problem *problem) {
        char driver[DRIVER_NAME_MAX];
        int r;

        if ((r = bind_set_override(work, i, binding_override_for_probe(wanted), problem)) != 0 ||
                        (r = bind_unbind(work, i, wanted, problem)) != 0 ||
                        (r = bind_set_link(work, i, &wanted->link, problem)) != 0)
                return r;
        if (wanted->driver[0] == '\0' && !wanted->any_driver)
                return 0;
        return bind_probe(work, i, wanted->any_driver ? NULL : wanted->driver, driver, problem);
}

int bind_as(const Work *work, size_t i, const Binding *wanted, Problem *problem) {
        Binding now;

        int r = work_check_read(work, i, work_read_binding(work, i, &now), problem);
        if (r != 0)
                return r;
        r = bind_is_bound(now.driver, wanted) ? bind_set_link(work, i, &wanted->link, problem)
                                              : bind_driver(work, i, wanted, problem);
        if (r != 0 || (r = bind_set_override(work, i, wanted->override, problem)) != 0)
                return r;
        return bind_set_power(work, i, &wanted->power, problem);
}

static bool is_address(PciAddress address, const void *userdata) {
        return pci_address_equal(address, *(const PciAddress *)userdata);
}

void bind_announce(const Work *work, size_t i) {
        _cleanup_host_index_ HostIndex index = {};
        const HostIndexName *name = NULL;

        /* This event removes the property that the early rule has set in the database of udev. */
        (void)sysfs_write(work->fds[i], "uevent", "change");
        (void)host_index_read(
                        work->kernel, 1U << HOST_NAME_NETWORK, is_address, &work->plan->members[i].address, &index);
        while ((name = host_index_next(&index, HOST_NAME_NETWORK, work->plan->members[i].address, name)))
                (void)sysfs_write(work->kernel->sys_fd, SYSFS_PATH("class/net/%s/uevent", name->name), "change");
}
