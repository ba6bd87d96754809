/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "device.h"
#include "driver.h"
#include "group.h"

/* A controller that makes a PCI domain of its own, as Intel's VMD does: the functions behind it exist while its driver
 * is bound. The controller keeps their specs. They are in the IOMMU group of the controller, since their DMA has its
 * requester id. */

static bool is_exposing(Device *d) {
        return d->driver && d->driver->kind == DRIVER_VMD;
}

static int find_spec(Device *controller, const char *address) {
        for (unsigned i = 0; i < controller->behind->len; i++)
                if (strcmp(((DeviceSpec *)controller->behind->pdata[i])->address, address) == 0)
                        return (int)i;
        return -1;
}

static void remember(Device *controller, DeviceSpec *spec) {
        int i = find_spec(controller, spec->address);

        /* A new root bus has a driver for the device if the bus decides so, not because the topology names it. */
        g_clear_pointer(&spec->driver, g_free);
        if (i < 0) {
                g_ptr_array_add(controller->behind, spec);
                return;
        }
        spec_free(controller->behind->pdata[i]);
        controller->behind->pdata[i] = spec;
}

/* The root bus and the link to it, as the driver vmd makes them. */
static void add_root_bus(Device *d, const DeviceSpec *spec) {
        g_autofree char *bus = g_strndup(spec->address, strcspn(spec->address, ":") + strlen(":00"));
        g_autofree char *name = g_strconcat("pci", bus, NULL);

        if (spec->parent || node_find(d->folder, name))
                return;
        Node *folder = node_add_folder(node_add_folder(node_add_folder(d->folder, name), "pci_bus"), bus);
        if (!node_find(d->folder, "domain"))
                node_add_link(d->folder, "domain", folder);
}

int device_add_behind(Machine *m, DeviceSpec *spec, char **ret_error) {
        Device *controller = device_find(m, spec->behind);

        if (!controller || device_find(m, spec->address)) {
                *ret_error = controller ? g_strdup_printf("device exists: %s", spec->address)
                                        : g_strdup_printf("no such controller: %s", spec->behind);
                spec_free(spec);
                return -EINVAL;
        }
        if (spec->group == SPEC_GROUP_NEW)
                spec->group = controller->group ? (int)controller->group->number : SPEC_GROUP_NONE;
        remember(controller, spec_copy(spec));
        if (is_exposing(controller)) {
                add_root_bus(controller, spec);
                return device_add(m, spec, ret_error);
        }
        spec_free(spec);
        return 0;
}

static void forget(Device *controller, const char *address) {
        int i = find_spec(controller, address);

        if (i >= 0)
                spec_free(g_ptr_array_steal_index(controller->behind, (unsigned)i));
        for (unsigned k = 0; k < controller->behind->len;) {
                g_autofree char *below = NULL;
                const DeviceSpec *spec = controller->behind->pdata[k];

                if (g_strcmp0(spec->parent, address) != 0) {
                        k++;
                        continue;
                }
                below = g_strdup(spec->address);
                forget(controller, below);
                k = 0;
        }
}

bool device_pull_behind(Machine *m, const char *address) {
        for (unsigned i = 0; i < m->devices->len; i++) {
                Device *controller = m->devices->pdata[i];

                if (find_spec(controller, address) < 0)
                        continue;
                forget(controller, address);
                return true;
        }
        return false;
}

static bool is_root_bus(const char *name) {
        return g_str_has_prefix(name, "pci") && strchr(name, ':');
}

/* As the driver vmd of Linux 6.1 does: the number after the highest domain, and at least 0x10000. So a controller
 * gets another domain than before if another controller is bound. */
static unsigned next_domain(Machine *m) {
        unsigned domain = 0xffff;

        for (unsigned i = 0; i < m->devices->len; i++)
                domain = MAX(domain, ((Device *)m->devices->pdata[i])->address.domain);
        return domain + 1;
}

static void set_domain(char **address, unsigned domain) {
        char *old = *address;

        if (old)
                *address = g_strdup_printf("%04x%s", domain, strchr(old, ':'));
        g_free(old);
}

static void choose_domain(Device *d) {
        unsigned domain = next_domain(d->machine);

        for (unsigned i = 0; i < d->behind->len; i++) {
                DeviceSpec *spec = d->behind->pdata[i];

                set_domain(&spec->address, domain);
                set_domain(&spec->parent, domain);
        }
}

void device_expose(Device *d) {
        choose_domain(d);
        for (unsigned i = 0; i < d->behind->len; i++) {
                g_autofree char *error = NULL;

                add_root_bus(d, d->behind->pdata[i]);
                if (device_add(d->machine, spec_copy(d->behind->pdata[i]), &error) < 0)
                        g_printerr("fake-kernel: %s exposes: %s\n", d->spec->address, error);
        }
}

static Device *find_exposed(Device *d) {
        for (unsigned i = d->machine->devices->len; i > 0; i--) {
                Device *child = d->machine->devices->pdata[i - 1];

                if (g_strcmp0(child->spec->behind, d->spec->address) == 0)
                        return child;
        }
        return NULL;
}

int device_remove_exposed(Device *d) {
        Device *child;

        while ((child = find_exposed(d)))
                if (device_remove(child) == NODE_WAIT)
                        return NODE_WAIT;

        node_remove(node_find(d->folder, "domain"));
        g_autoptr(GList) names = g_hash_table_get_values(d->folder->children);
        for (GList *i = names; i; i = i->next)
                if (is_root_bus(((Node *)i->data)->name))
                        node_remove(i->data);
        return 0;
}
