/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/reset-scope.h"

/* So many devices are named in a warning. */
#define NAMED_MAX 8

/* Bridges behind bridges: there are at most 256 buses. */
#define DEPTH_MAX 256

/* A list of devices in words: "0000:03:00.1 (snd_hda_intel), 0000:03:00.2 and 3 more". */
typedef struct List {
        char *text;
        size_t size;
        FILE *stream;
        unsigned n;
} List;

static void list_done(List *list) {
        if (list->stream)
                (void)fclose(list->stream);
        free(list->text);
}

static int list_begin(List *list) {
        list->stream = open_memstream(&list->text, &list->size);
        return list->stream ? 0 : -ENOMEM;
}

static void list_add(List *list, const Device *device) {
        if (list->n++ >= NAMED_MAX)
                return;
        fprintf(list->stream, "%s%s", list->n > 1 ? ", " : "", PCI_ADDRESS_TEXT(device->address));
        if (device->driver)
                fprintf(list->stream, " (%s)", TEXT_NAME(device->driver));
}

static int list_end(List *list) {
        if (list->n > NAMED_MAX)
                fprintf(list->stream, " and %u more", list->n - NAMED_MAX);
        int r = fclose(list->stream) == 0 ? 0 : -ENOMEM;
        list->stream = NULL;
        return r;
}

bool reset_scope_has_own(const Device *device) {
        static const char separators[] = " ";
        const char *word = strempty(device->reset_methods);

        for (word += strspn(word, separators); *word; word += strspn(word, separators)) {
                size_t length = strcspn(word, separators);

                if (strncmp(word, "bus", length) != 0 && strncmp(word, "cxl_bus", length) != 0)
                        return true;
                word += length;
        }
        return false;
}

/* Tells whether the device is on the bus behind the bridge, or below this bus. */
static bool is_below(const Inventory *inventory, const Device *device, PciAddress bridge) {
        for (unsigned depth = 0; device && device->has_upstream && depth < DEPTH_MAX; depth++) {
                if (pci_address_equal(device_upstream(device), bridge))
                        return true;
                device = inventory_find_device(inventory, device_upstream(device));
        }
        return false;
}

/* Lists the devices that are reset together with the device, without those of its group if the latter is not NULL, and
 * without those of the plan, which may be NULL. */
static int list_others(
                const Inventory *inventory, const Device *device, const Group *group, const Plan *plan, List *list) {
        size_t n;

        int r = list_begin(list);
        if (r < 0)
                return r;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                const Device *other = devices[i];
                bool is_same = other == device || (group && other->group == group);

                if (other->present && other->endpoint && !is_same && device->has_upstream &&
                                (!plan || plan_find_member(plan, other->address) < 0) &&
                                is_below(inventory, other, device_upstream(device)))
                        list_add(list, other);
        }
        return list_end(list);
}

static int list_in_words(const Inventory *inventory, const Device *device, const Group *group, char **ret) {
        __attribute__((cleanup(list_done))) List list = {};

        int r = list_others(inventory, device, group, NULL, &list);
        if (r >= 0)
                *ret = TAKE_PTR(list.text);
        return r;
}

int reset_scope_list_others(const Inventory *inventory, const Device *device, char **ret) {
        return list_in_words(inventory, device, device->group, ret);
}

int reset_scope_list_all(const Inventory *inventory, const Device *device, char **ret) {
        return list_in_words(inventory, device, NULL, ret);
}

/* Warns of devices of other groups that are reset together with the device. */
static int warn_of_others(const Inventory *inventory, const Device *device, Plan *plan) {
        __attribute__((cleanup(list_done))) List list = {};

        int r = list_others(inventory, device, device->group, plan, &list);
        if (r < 0 || list.n == 0)
                return r;
        return plan_add_warning(plan,
                        "%s has no reset of its own. A reset of its bus also resets %s, in another IOMMU group. The "
                        "kernel does that only for a virtual machine that has all of these devices. Otherwise the "
                        "device is not reset, and may fail when a virtual machine starts again.",
                        PCI_ADDRESS_TEXT(device->address), list.text);
}

/* Tells whether an earlier member has the same bus: then the same devices are reset with it. */
static bool stands_earlier(const Inventory *inventory, const Plan *plan, size_t i, const Device *device) {
        for (size_t earlier = 0; earlier < i; earlier++) {
                const Device *other = inventory_find_device(inventory, plan->members[earlier].address);

                if (other && !plan_member_depends(&plan->members[earlier]) && !reset_scope_has_own(other) &&
                                other->has_upstream &&
                                pci_address_equal(device_upstream(other), device_upstream(device)))
                        return true;
        }
        return false;
}

int reset_scope_warn(const Inventory *inventory, Plan *plan) {
        __attribute__((cleanup(list_done))) List never = {};

        int r = list_begin(&never);
        for (size_t i = 0; i < plan->n_members && r >= 0; i++) {
                const Device *device = inventory_find_device(inventory, plan->members[i].address);

                if (!device || plan_member_depends(&plan->members[i]) || reset_scope_has_own(device))
                        continue;
                if (!device->has_upstream)
                        list_add(&never, device);
                else if (!stands_earlier(inventory, plan, i, device))
                        r = warn_of_others(inventory, device, plan);
        }
        if (r < 0 || (r = list_end(&never)) < 0 || never.n == 0)
                return r;
        return plan_add_warning(plan,
                        "The kernel cannot reset %s: there is no reset method, and no bridge above it. After a virtual "
                        "machine has used such a device, it may fail in the next one until the host is rebooted.",
                        never.text);
}
