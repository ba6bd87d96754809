/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device.h"

#include <errno.h>
#include <string.h>

#include "driver.h"
#include "group.h"

Device *device_find(Machine *m, const char *address) {
        for (unsigned i = 0; i < m->devices->len; i++) {
                Device *d = m->devices->pdata[i];

                if (strcmp(d->spec->address, address) == 0)
                        return d;
        }
        return NULL;
}

int device_compare(const void *a, const void *b) {
        return address_compare(&(*(Device *const *)a)->address, &(*(Device *const *)b)->address);
}

bool device_is_locked(Device *d) {
        return d->unbinding || d->removing_vfs;
}

bool device_is_bridge(Device *d) {
        return d->spec->bridge || d->spec->class >> 8 == 0x0604;
}

static Node *device_parent_folder(Machine *m, const DeviceSpec *s, Device *parent, const Address *a) {
        g_autofree char *name = NULL;

        if (parent)
                return parent->folder;
        if (s->behind) {
                name = g_strdup_printf("pci%04x:%02x", a->domain, a->bus);
                return node_ensure_folder(device_find(m, s->behind)->folder, name);
        }
        name = g_strdup_printf("sys/devices/pci%04x:%02x", a->domain, a->bus);
        return node_ensure_folder(m->root, name);
}

static bool device_get_relatives(
                Machine *m, const DeviceSpec *s, Device **ret_parent, Device **ret_physfn, char **ret_error) {
        Device *parent = s->parent ? device_find(m, s->parent) : NULL;
        Device *physfn = s->physfn ? device_find(m, s->physfn) : NULL;

        if (device_find(m, s->address))
                *ret_error = g_strdup_printf("device exists: %s", s->address);
        else if (s->parent && !parent)
                *ret_error = g_strdup_printf("no such parent: %s", s->parent);
        else if (parent && !device_is_bridge(parent))
                *ret_error = g_strdup_printf("parent is not a bridge: %s", s->parent);
        else if (s->physfn && !physfn)
                *ret_error = g_strdup_printf("no such physical function: %s", s->physfn);
        else if (s->behind && !device_find(m, s->behind))
                *ret_error = g_strdup_printf("no such controller: %s", s->behind);
        else if (s->driver && strcmp(s->driver, "none") != 0 &&
                        (!driver_find(m, s->driver) || !driver_find(m, s->driver)->folder))
                *ret_error = g_strdup_printf("no such driver is loaded: %s", s->driver);
        else {
                *ret_parent = parent;
                *ret_physfn = physfn;
                return true;
        }
        return false;
}

static void device_join_physfn(Device *d) {
        g_autofree char *name = g_strdup_printf("virtfn%u", d->physfn->vfs->len);

        node_add_link(d->physfn->folder, name, d->folder);
        node_add_link(d->folder, "physfn", d->physfn->folder);
        g_ptr_array_add(d->physfn->vfs, d);
}

static void device_leave_physfn(Device *d) {
        g_autoptr(GList) links = g_hash_table_get_values(d->physfn->folder->children);

        for (GList *i = links; i; i = i->next) {
                Node *n = i->data;

                if (g_str_has_prefix(n->name, "virtfn") && g_str_has_suffix(n->text, d->spec->address))
                        node_remove(n);
        }
        g_ptr_array_remove(d->physfn->vfs, d);
}

/* As at boot: if the command names a driver, it must bind; otherwise the bus chooses. */
static int device_first_probe(Device *d, char **ret_error) {
        const char *name = d->spec->driver;
        Driver *driver;
        int r;

        if (!name) {
                if (machine_get_autoprobe(d->machine))
                        device_attach(d);
                return 0;
        }
        if (strcmp(name, "none") == 0)
                return 0;

        driver = driver_find(d->machine, name);
        if (driver_is_vfio(driver))
                device_set_override(d, name);
        r = driver_matches(driver, d) ? device_probe(d, driver) : -ENODEV;
        if (r < 0)
                *ret_error = g_strdup_printf("%s does not bind to %s: %s", name, d->spec->address, g_strerror(-r));
        return MIN(r, 0);
}

int device_add(Machine *m, DeviceSpec *spec, char **ret_error) {
        Device *parent, *physfn, *d;
        Address address;
        Node *folder;

        if (!address_parse(spec->address, &address)) {
                *ret_error = g_strdup_printf("not an address: %s", spec->address);
                spec_free(spec);
                return -EINVAL;
        }
        if (!device_get_relatives(m, spec, &parent, &physfn, ret_error)) {
                spec_free(spec);
                return -EINVAL;
        }

        folder = device_parent_folder(m, spec, parent, &address);
        d = g_new0(Device, 1);
        d->machine = m;
        d->spec = spec;
        d->address = address;
        d->parent = parent;
        d->physfn = physfn;
        d->vfs = g_ptr_array_new();
        d->behind = g_ptr_array_new();
        d->vfio_number = -1;
        d->folder = node_add_folder(folder, spec->address);
        g_ptr_array_add(m->devices, d);
        g_ptr_array_sort(m->devices, device_compare);

        node_add_link(d->folder, "subsystem", node_find(m->root, "sys/bus/pci"));
        node_add_link(node_find(m->root, "sys/bus/pci/devices"), spec->address, d->folder);
        device_add_attributes(d);
        if (spec->total_vfs > 0)
                device_add_sriov_attributes(d);
        if (physfn)
                device_join_physfn(d);
        if (spec->group != SPEC_GROUP_NONE)
                d->group = group_join(m, spec->group, d);
        if (spec->override)
                device_set_override(d, spec->override);

        machine_emit(m, "add", d->folder, "pci", NULL);
        return device_first_probe(d, ret_error);
}

static Device *device_get_child(Device *d) {
        for (unsigned i = 0; i < d->machine->devices->len; i++) {
                Device *child = d->machine->devices->pdata[i];

                if (child->parent == d)
                        return child;
        }
        return NULL;
}

int device_remove(Device *d) {
        Machine *m = d->machine;
        Device *child;

        d->removing = true;
        if (device_remove_vfs(d) == NODE_WAIT)
                return NODE_WAIT;
        while ((child = device_get_child(d)))
                if (device_remove(child) == NODE_WAIT)
                        return NODE_WAIT;
        if (device_unbind(d) == NODE_WAIT)
                return NODE_WAIT;

        node_remove(node_find(node_find(m->root, "sys/bus/pci/devices"), d->spec->address));
        if (d->physfn)
                device_leave_physfn(d);
        machine_emit(m, "remove", d->folder, "pci", NULL);
        if (d->group)
                group_leave(d->group, d);
        node_remove(d->folder);

        g_ptr_array_remove(m->devices, d);
        g_ptr_array_unref(d->vfs);
        for (unsigned i = 0; i < d->behind->len; i++)
                spec_free(d->behind->pdata[i]);
        g_ptr_array_unref(d->behind);
        g_free(d->override);
        spec_free(d->spec);
        g_free(d);
        m->kick = true;
        return 0;
}

bool device_swap(Machine *m, const char *address, char *const *words, char **ret_error) {
        Device *d = device_find(m, address);
        DeviceSpec *spec;

        if (!d) {
                *ret_error = g_strdup_printf("no such device: %s", address);
                return false;
        }
        spec = spec_copy(d->spec);
        g_clear_pointer(&spec->driver, g_free); /* the bus chooses the driver, unless the words name one */
        if (!spec_apply(spec, words, ret_error)) {
                spec_free(spec);
                return false;
        }
        if (device_remove(d) == NODE_WAIT) {
                *ret_error = g_strdup_printf("device is held, its removal waits: %s", address);
                spec_free(spec);
                return false;
        }
        return (spec->behind ? device_add_behind(m, spec, ret_error) : device_add(m, spec, ret_error)) == 0;
}

static int device_check_probe(Device *d, Driver *driver) {
        if (d->driver)
                return -EBUSY;
        if (d->physfn && !d->override && node_find(d->physfn->folder, "sriov_drivers_autoprobe")->text[0] == '0')
                return -ENODEV;
        if (driver_is_vfio(driver)) {
                if (device_is_bridge(d) || !d->group || !d->machine->iommu)
                        return -EINVAL;
        } else if (!driver_manages_dma(driver) && d->group && d->group->claimed)
                return -EBUSY;
        return 0;
}

int device_probe(Device *d, Driver *driver) {
        int r = device_check_probe(d, driver);

        if (r < 0)
                return r;
        if (d->probe_nothing) {
                d->probe_nothing = false;
                return 1;
        }

        d->driver = driver;
        node_add_link(d->folder, "driver", driver->folder);
        node_add_link(driver->folder, d->spec->address, d->folder);
        if (driver_is_vfio(driver))
                device_add_vfio(d);
        else
                device_add_host_names(d);
        if (driver->kind == DRIVER_VMD)
                device_expose(d);
        machine_emit(d->machine, "bind", d->folder, "pci", NULL);
        return 0;
}

void device_attach(Device *d) {
        for (unsigned i = 0; i < d->machine->drivers->len; i++) {
                Driver *driver = d->machine->drivers->pdata[i];

                if (driver->folder && driver_matches(driver, d) && device_probe(d, driver) >= 0)
                        return;
        }
}

int device_unbind(Device *d) {
        Driver *driver = d->driver;

        if (!driver)
                return 0;
        if (!d->unbinding) {
                node_remove(node_find(d->folder, "driver"));
                node_remove(node_find(driver->folder, d->spec->address));
                d->unbinding = true;
                if (driver_is_vfio(driver))
                        device_hide_cdev(d);
        }
        if (driver_is_vfio(driver) && (d->group->claimed || d->n_cdev_opens > 0))
                return NODE_WAIT;
        /* NVMe keeps its VFs at an unbind; other PF drivers remove them */
        if (driver->kind != DRIVER_NVME && device_remove_vfs(d) == NODE_WAIT)
                return NODE_WAIT;
        if (device_remove_exposed(d) == NODE_WAIT)
                return NODE_WAIT;

        if (driver_is_vfio(driver))
                device_remove_vfio(d);
        else
                device_remove_host_names(d);
        d->driver = NULL;
        d->unbinding = false;
        d->machine->kick = true;
        machine_emit(d->machine, "unbind", d->folder, "pci", NULL);
        return 0;
}

void device_set_override(Device *d, const char *name) {
        g_free(d->override);
        d->override = *name ? g_strdup(name) : NULL;
}

static void snapshot_text(Device *d, const char *attribute, GString *text) {
        Node *n = node_find(d->folder, attribute);

        if (n && n->text)
                g_string_append_printf(text, " %s=%.*s", attribute, (int)strcspn(n->text, "\n"), n->text);
}

/* The names of the device in a class, found by the targets of the links. */
static void snapshot_names(Device *d, const char *class, const char *below, GString *text) {
        g_autofree char *path = g_strdup_printf("sys/class/%s", class);
        g_autofree char *part = g_strdup_printf("/%s/%s/", d->spec->address, below);
        Node *folder = node_find(d->machine->root, path);
        g_autoptr(GList) names = g_hash_table_get_keys(folder->children);

        names = g_list_sort(names, (GCompareFunc)strcmp);
        for (GList *i = names; i; i = i->next) {
                Node *n = node_find(folder, i->data);
                g_autofree char *address = g_strdup_printf("%s/%s/address", below, n->name);

                if (!strstr(n->text, part))
                        continue;
                g_string_append_printf(text, " %s=%s", class, n->name);
                snapshot_text(d, address, text);
        }
}

void device_snapshot(Device *d, GString *text) {
        g_string_append_printf(text, "device %s %04x:%04x driver=%s%s override=%s group=", d->spec->address,
                        d->spec->vendor, d->spec->device, d->driver ? d->driver->name : "none",
                        d->unbinding ? "(unbinding)" : "", d->override ?: "(null)");
        if (d->group)
                g_string_append_printf(text, "%u", d->group->number);
        else
                g_string_append(text, "none");
        if (d->spec->total_vfs > 0)
                g_string_append_printf(text, " sriov_numvfs=%u", d->vfs->len);
        snapshot_text(d, "sriov_drivers_autoprobe", text);
        snapshot_text(d, "power/control", text);
        snapshot_text(d, "d3cold_allowed", text);
        snapshot_text(d, "reset_method", text);
        snapshot_names(d, "net", "net", text);
        snapshot_names(d, "block", "nvme", text);
        snapshot_names(d, "block", "ata1", text);
        g_string_append_c(text, '\n');
}
