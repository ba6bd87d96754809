/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "device.h"
#include "driver.h"

/* The distance of the first VF from the PF, as on Intel's 82576. */
#define VF_OFFSET 0x80

static int autoprobe_check(Node *n _unused_, const char *value) {
        return strcmp(value, "0") == 0 || strcmp(value, "1") == 0 ? 0 : -EINVAL;
}

static int numvfs_read(Node *n, GString *text) {
        Device *d = n->owner;

        g_string_append_printf(text, "%u\n", d->vfs->len);
        return 0;
}

static int numvfs_write(Node *n, const char *value, bool retry _unused_) {
        Device *d = n->owner;
        g_autofree char *trimmed = value_trim(value);
        guint64 wanted;

        if (!g_ascii_string_to_unsigned(trimmed, 10, 0, 65535, &wanted, NULL))
                return -EINVAL;
        if (wanted > (guint64)d->spec->total_vfs)
                return -ERANGE;
        if (device_is_locked(d))
                return NODE_WAIT;
        if (wanted == d->vfs->len)
                return 0;
        if (!d->driver || driver_is_vfio(d->driver))
                return -ENOENT;
        if (wanted == 0)
                return device_remove_vfs(d);
        if (d->vfs->len > 0)
                return -EBUSY;
        return device_create_vfs(d, (unsigned)wanted);
}

static const NodeOps numvfs_ops = {.read = numvfs_read, .write = numvfs_write};

void device_add_sriov_attributes(Device *d) {
        node_add_text(d->folder, "sriov_totalvfs", "%d\n", d->spec->total_vfs);
        node_add_text(d->folder, "sriov_offset", "%d\n", VF_OFFSET);
        node_add_text(d->folder, "sriov_stride", "1\n");
        node_add_text(d->folder, "sriov_vf_device", "%04x\n", d->spec->vf_device ?: d->spec->device);
        node_add_attribute(d->folder, "sriov_numvfs", 0644, &numvfs_ops, d);
        node_add_setting(d->folder, "sriov_drivers_autoprobe", "1", autoprobe_check);
}

static DeviceSpec *vf_spec_new(Device *d, unsigned index) {
        unsigned id = d->address.bus << 8 | d->address.slot << 3 | d->address.function;
        g_autofree char *address = NULL;
        DeviceSpec *s;

        id += VF_OFFSET + index;
        address = g_strdup_printf("%04x:%02x:%02x.%x", d->address.domain, id >> 8 & 0xff, id >> 3 & 0x1f, id & 7);
        s = spec_new(address);
        s->vendor = d->spec->vendor;
        s->device = d->spec->vf_device ?: d->spec->device;
        s->class = d->spec->class;
        s->revision = d->spec->revision;
        s->subsystem_vendor = d->spec->subsystem_vendor;
        s->subsystem_device = d->spec->subsystem_device;
        s->numa = d->spec->numa;
        s->parent = g_strdup(d->spec->parent);
        s->physfn = g_strdup(d->spec->address);
        s->reset = g_strdup("flr");
        s->group = d->spec->group == SPEC_GROUP_NONE ? SPEC_GROUP_NONE : d->spec->vf_group;
        if (d->spec->net)
                s->net = g_strdup_printf("%sv%u", d->spec->net, index);
        return s;
}

/* Creates all VFs or none. */
int device_create_vfs(Device *d, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                g_autofree char *error = NULL;
                int r = device_add(d->machine, vf_spec_new(d, i), &error);

                if (r < 0) {
                        (void)device_remove_vfs(d);
                        return -ENOMEM;
                }
        }
        machine_emit(d->machine, "change", d->folder, "pci", NULL);
        return 0;
}

int device_remove_vfs(Device *d) {
        for (unsigned i = d->vfs->len; i > 0; i--)
                (void)device_remove(d->vfs->pdata[i - 1]);

        d->removing_vfs = d->vfs->len > 0;
        return d->removing_vfs ? NODE_WAIT : 0;
}
