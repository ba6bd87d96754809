/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/service.h"

uint32_t service_count_reverts(const Service *service) {
        uint32_t n = 0;

        for (const Revert *revert = NULL; (revert = revert_next(service->reverts, revert));)
                n++;
        return n;
}

ManagerFacts service_count(const Service *service) {
        size_t n_devices, n_groups, n_detached = 0;

        Device *const *devices = inventory_devices(service->inventory, &n_devices);
        (void)inventory_groups(service->inventory, &n_groups);
        /* Most hosts have many devices, of which none or few are detached. */
        size_t n_left = inventory_count_origins(service->inventory);
        for (size_t i = 0; i < n_devices && n_left > 0; i++) {
                n_left -= devices[i]->origin != NULL;
                n_detached += device_is_ours(devices[i]) && (!devices[i]->present || device_is_on_vfio(devices[i]));
        }
        return (ManagerFacts){
                        .n_devices = (uint32_t)n_devices,
                        .n_groups = (uint32_t)n_groups,
                        .n_detached = (uint32_t)n_detached,
                        .n_reverts = service_count_reverts(service),
                        .events_lost = follower_events_lost(service->follower),
        };
}

Service *service_of(sd_bus *bus) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));
}

const Peer *service_find_peer(const Service *service, const sd_bus *bus) {
        const Peer *peer = service->peers;

        while (peer && peer->bus != bus)
                peer = peer->next;
        return peer;
}

int service_group_path(int number, char **ret) {
        return asprintf(ret, BUS_PATH_GROUPS "/%d", number) < 0 ? -ENOMEM : 0;
}

int service_device_path(PciAddress address, char **ret) {
        return sd_bus_path_encode(BUS_PATH_DEVICES, PCI_ADDRESS_TEXT(address), ret);
}

int service_job_path(unsigned long number, char **ret) {
        return asprintf(ret, BUS_PATH_JOBS "/%lu", number) < 0 ? -ENOMEM : 0;
}

int service_rule_path(const char *name, char **ret) {
        return sd_bus_path_encode(BUS_PATH_RULES, name, ret);
}

int service_lease_path(unsigned number, char **ret) {
        return asprintf(ret, BUS_PATH_LEASES "/%u", number) < 0 ? -ENOMEM : 0;
}

int service_refuse_without_group(const Service *service, const Device *device, Problem *problem) {
        IommuReport iommu;

        if (!device->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is detached and gone from its slot. It has no group until it is plugged in again.",
                                PCI_ADDRESS_TEXT(device->address));
        iommu_examine(service->kernel, &iommu);
        if (iommu.state != IOMMU_ON)
                return problem_set(problem, OUTCOME_NO_IOMMU, "There are no IOMMU groups: the IOMMU is %s. %s",
                                iommu_state_to_string(iommu.state), iommu.reason);
        return problem_set(problem, OUTCOME_NO_GROUP, "%s has no IOMMU group.", PCI_ADDRESS_TEXT(device->address));
}
