/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine.h"

#include <errno.h>
#include <string.h>

#include "device.h"
#include "driver.h"
#include "group.h"
#include "injection.h"

/* No real interface has such a number, so nothing in the real routing tables can match it by accident. */
#define IFINDEX_BASE 1000000U

#define COMMAND_LINE "BOOT_IMAGE=/boot/vmlinuz-fake root=/dev/vda1 ro"

static int flag_check(Node *n _unused_, const char *value) {
        return strcmp(value, "0") == 0 || strcmp(value, "1") == 0 ? 0 : -EINVAL;
}

static void machine_describe_iommu(Machine *m) {
        Node *class = node_ensure_folder(m->root, "sys/class/iommu");
        Node *virtual = node_ensure_folder(m->root, "sys/devices/virtual/iommu");

        node_remove(node_find(class, "dmar0"));
        node_remove(node_find(virtual, "dmar0"));
        node_remove(node_find(m->root, "proc/cmdline"));

        if (m->iommu) {
                Node *dmar = node_add_folder(virtual, "dmar0");

                node_add_text(node_add_folder(dmar, "intel-iommu"), "version", "1:0\n");
                node_add_link(class, "dmar0", dmar);
        }
        node_add_text(node_ensure_folder(m->root, "proc"), "cmdline", "%s%s\n", COMMAND_LINE,
                        m->iommu ? " intel_iommu=on" : "");
}

Machine *machine_new(void) {
        Machine *m = g_new0(Machine, 1);

        m->devices = g_ptr_array_new();
        m->drivers = g_ptr_array_new();
        m->groups = g_ptr_array_new();
        m->blacklist = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        m->injections = injections_new();
        m->iommu = true;
        m->last_ifindex = IFINDEX_BASE;

        m->root = node_new_root();
        node_ensure_folder(m->root, "sys/bus/pci/devices");
        node_ensure_folder(m->root, "sys/bus/pci/drivers");
        node_ensure_folder(m->root, "sys/kernel/iommu_groups");
        node_ensure_folder(m->root, "sys/module");
        node_ensure_folder(m->root, "sys/class/net");
        node_ensure_folder(m->root, "sys/class/block");
        node_ensure_folder(m->root, "sys/class/nvme");
        node_ensure_folder(m->root, "sys/class/input");
        node_ensure_folder(m->root, "sys/class/tty");
        node_ensure_folder(m->root, "sys/class/vfio");
        node_ensure_folder(m->root, "sys/class/vfio-dev");
        node_ensure_folder(m->root, "sys/devices/virtual/vfio");

        Node *bus = node_find(m->root, "sys/bus/pci");
        node_add_setting(bus, "drivers_autoprobe", "1", flag_check);
        node_add_attribute(bus, "drivers_probe", 0200, &drivers_probe_ops, m);

        Node *dmar = node_add_text(node_ensure_folder(m->root, "sys/firmware/acpi/tables"), "DMAR",
                        "DMAR (a table of the fake kernel)\n");
        dmar->mode = (dmar->mode & ~0777u) | 0400;

        g_autofree char *boot_id = g_uuid_string_random();
        node_add_text(node_ensure_folder(m->root, "proc/sys/kernel/random"), "boot_id", "%s\n", boot_id);
        node_add_device(node_ensure_folder(m->root, "dev/vfio"), "vfio", 0666, NULL, NULL);
        machine_describe_iommu(m);
        return m;
}

Machine *machine_free(Machine *m) {
        if (!m)
                return NULL;

        m->on_event = NULL;
        for (unsigned i = 0; i < m->groups->len; i++)
                group_abandon(m->groups->pdata[i]);
        for (unsigned i = 0; i < m->devices->len; i++)
                ((Device *)m->devices->pdata[i])->n_cdev_opens = 0;
        while (m->devices->len > 0) {
                int r = device_remove(m->devices->pdata[m->devices->len - 1]);

                g_assert(r == 0);
        }
        for (unsigned i = 0; i < m->drivers->len; i++)
                driver_free(m->drivers->pdata[i]);
        g_assert(m->groups->len == 0);

        g_ptr_array_unref(m->devices);
        g_ptr_array_unref(m->drivers);
        g_ptr_array_unref(m->groups);
        g_hash_table_unref(m->blacklist);
        injections_free(m->injections);
        node_remove(m->root);
        g_free(m);
        return NULL;
}

bool machine_get_autoprobe(Machine *m) {
        return node_find(m->root, "sys/bus/pci/drivers_autoprobe")->text[0] == '1';
}

static bool machine_has_vfio_devices(Machine *m) {
        for (unsigned i = 0; i < m->devices->len; i++) {
                Device *d = m->devices->pdata[i];

                if (d->driver && driver_is_vfio(d->driver))
                        return true;
        }
        return false;
}

int machine_set_group_nodes(Machine *m, bool on) {
        if (m->no_group_nodes == !on)
                return 0;
        if (machine_has_vfio_devices(m))
                return -EBUSY;
        m->no_group_nodes = !on;
        if (on)
                node_ensure_folder(m->root, "sys/class/vfio");
        else
                node_remove(node_find(m->root, "sys/class/vfio"));
        return 0;
}

int machine_set_iommu(Machine *m, bool on) {
        if (m->iommu == on)
                return 0;
        if (machine_has_vfio_devices(m))
                return -EBUSY;
        m->iommu = on;
        machine_describe_iommu(m);
        for (unsigned i = 0; i < m->groups->len; i++)
                group_set_visible(m->groups->pdata[i], on);
        return 0;
}

bool machine_set_interrupts(Machine *m, const char *kind) {
        Node *interrupt = node_ensure_folder(m->root, "sys/kernel/irq/9");
        bool remapped = strcmp(kind, "remapped") == 0;

        if (!remapped && strcmp(kind, "plain") != 0)
                return false;
        node_remove(node_find(interrupt, "chip_name"));
        node_add_text(interrupt, "chip_name", "%s\n", remapped ? "IR-IO-APIC" : "IO-APIC");
        return true;
}

void machine_finish_waiting(Machine *m) {
        m->kick = true;

        for (unsigned i = 0; i < m->devices->len;) {
                Device *d = m->devices->pdata[i];
                bool progress = false;

                if (d->removing)
                        progress = device_remove(d) == 0;
                else if (d->unbinding)
                        progress = device_unbind(d) == 0;
                else if (d->removing_vfs)
                        progress = device_remove_vfs(d) == 0;
                i = progress ? 0 : i + 1;
        }
}

void machine_snapshot(Machine *m, GString *text) {
        for (unsigned i = 0; i < m->devices->len; i++)
                device_snapshot(m->devices->pdata[i], text);
        for (unsigned i = 0; i < m->groups->len; i++)
                group_snapshot(m->groups->pdata[i], text);
}

static void machine_tell(Machine *m, const char *line) {
        if (m->n_to_lose == 0)
                m->on_event(line, m->userdata);
        else if (--m->n_to_lose == 0)
                m->on_event("lost", m->userdata);
}

void machine_emit(Machine *m, const char *action, Node *node, const char *subsystem, const char *old_path) {
        if (!m->on_event)
                return;

        g_autofree char *path = node_path(node);
        g_autofree char *line = g_strdup_printf(
                        "%s %s %s%s%s", action, path + strlen("sys"), subsystem, old_path ? " " : "", old_path ?: "");

        machine_tell(m, line);
}

void machine_lose(Machine *m, unsigned n) {
        m->n_to_lose = n;
}

void machine_storm(Machine *m, unsigned n, const char *path) {
        g_autofree char *line = g_strdup_printf("change %s pci", path);

        for (unsigned i = 0; i < n && m->on_event; i++)
                machine_tell(m, line);
}

char *value_trim(const char *value) {
        size_t n = strlen(value);

        return g_strndup(value, n > 0 && value[n - 1] == '\n' ? n - 1 : n);
}
