/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "device.h"
#include "driver.h"
#include "group.h"

/* The attributes in the folder of a device. Those that take device_lock in the kernel wait here too. */

static int override_read(Node *n, GString *text) {
        Device *d = n->owner;

        if (device_is_locked(d))
                return NODE_WAIT;
        g_string_append_printf(text, "%s\n", d->override ?: "(null)");
        return 0;
}

static int override_write(Node *n, const char *value, bool retry _unused_) {
        Device *d = n->owner;
        g_autofree char *name = g_strndup(value, strcspn(value, "\n"));

        if (device_is_locked(d))
                return NODE_WAIT;
        device_set_override(d, name);
        return 0;
}

static char *device_make_modalias(Device *d) {
        const DeviceSpec *s = d->spec;

        return g_strdup_printf("pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", s->vendor, s->device, s->subsystem_vendor,
                        s->subsystem_device, s->class >> 16, s->class >> 8 & 0xff, s->class & 0xff);
}

static int uevent_read(Node *n, GString *text) {
        Device *d = n->owner;
        g_autofree char *modalias = device_make_modalias(d);

        if (device_is_locked(d))
                return NODE_WAIT;
        if (d->driver)
                g_string_append_printf(text, "DRIVER=%s\n", d->driver->name);
        g_string_append_printf(text,
                        "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n"
                        "PCI_SLOT_NAME=%s\nMODALIAS=%s\n",
                        d->spec->class, d->spec->vendor, d->spec->device, d->spec->subsystem_vendor,
                        d->spec->subsystem_device, d->spec->address, modalias);
        return 0;
}

static int uevent_write(Node *n, const char *value, bool retry _unused_) {
        static const char *const actions[] = {
                        "add", "remove", "change", "move", "online", "offline", "bind", "unbind", NULL};
        Device *d = n->owner;
        g_autofree char *action = g_strndup(value, strcspn(value, " \n"));

        if (!g_strv_contains(actions, action))
                return -EINVAL;
        machine_emit(d->machine, action, d->folder, "pci", NULL);
        return 0;
}

static int remove_write(Node *n, const char *value, bool retry _unused_) {
        Device *d = n->owner;
        g_autofree char *trimmed = value_trim(value);

        if (strcmp(trimmed, "0") == 0)
                return 0;
        return device_remove(d);
}

/* Each method resets only the function, except those that reset its bus. */
static bool has_own_reset(const Device *d) {
        g_auto(GStrv) methods = g_strsplit(node_find(d->folder, "reset_method")->text, " ", -1);

        for (char **method = methods; *method; method++)
                if (!g_str_has_prefix(*method, "bus") && !g_str_has_prefix(*method, "cxl_bus"))
                        return true;
        return false;
}

static bool is_alone_on_bus(const Device *d) {
        for (unsigned i = 0; i < d->machine->devices->len; i++) {
                const Device *other = d->machine->devices->pdata[i];

                if (other != d && other->parent == d->parent)
                        return false;
        }
        return d->parent != NULL;
}

static int reset_write(Node *n, const char *value, bool retry _unused_) {
        g_autofree char *trimmed = value_trim(value);
        Device *d = n->owner;

        if (device_is_locked(d))
                return NODE_WAIT;
        if (strcmp(trimmed, "1") != 0)
                return -EINVAL;
        return has_own_reset(d) || is_alone_on_bus(d) ? 0 : -ENOTTY;
}

/* A host driver enables the device; vfio-pci enables it only while a VM uses it. */
static int enable_read(Node *n, GString *text) {
        Device *d = n->owner;
        bool enabled = d->driver && (!driver_is_vfio(d->driver) || d->group->claimed);

        g_string_append_printf(text, "%d\n", enabled);
        return 0;
}

static int enable_write(Node *n, const char *value _unused_, bool retry _unused_) {
        Device *d = n->owner;

        return d->driver ? -EBUSY : 0;
}

static int config_read(Node *n, GString *text) {
        Device *d = n->owner;
        const DeviceSpec *s = d->spec;
        unsigned char bytes[256] = {
                        [0x00] = s->vendor & 0xff,
                        [0x01] = s->vendor >> 8 & 0xff,
                        [0x02] = s->device & 0xff,
                        [0x03] = s->device >> 8 & 0xff,
                        [0x08] = s->revision & 0xff,
                        [0x09] = s->class & 0xff,
                        [0x0a] = s->class >> 8 & 0xff,
                        [0x0b] = s->class >> 16 & 0xff,
                        [0x0e] = device_is_bridge(d),
                        [0x2c] = s->subsystem_vendor & 0xff,
                        [0x2d] = s->subsystem_vendor >> 8,
                        [0x2e] = s->subsystem_device & 0xff,
                        [0x2f] = s->subsystem_device >> 8,
        };

        if (d->physfn) /* vendor and device id of a VF read as 0xffff */
                memset(bytes, 0xff, 4);
        if (s->dead)
                memset(bytes, 0xff, sizeof(bytes));
        g_string_append_len(text, (const char *)bytes, sizeof(bytes));
        return 0;
}

static int reset_method_check(Node *n _unused_, const char *value) {
        return *value ? 0 : -EINVAL;
}

static int power_read(Node *n, GString *text) {
        g_string_append(text, n->text);
        return 0;
}

static int power_write(Node *n, const char *value, bool retry _unused_) {
        g_autofree char *trimmed = value_trim(value);

        if (device_is_locked(n->owner))
                return NODE_WAIT;
        if (strcmp(trimmed, "auto") != 0 && strcmp(trimmed, "on") != 0)
                return -EINVAL;
        node_set_text(n, trimmed);
        return 0;
}

static int flag_check(Node *n _unused_, const char *value) {
        return strcmp(value, "0") == 0 || strcmp(value, "1") == 0 ? 0 : -EINVAL;
}

static const struct {
        const char *name;
        mode_t mode;
        NodeOps ops;
} attributes[] = {
                {"driver_override", 0644, {.read = override_read, .write = override_write}},
                {"uevent", 0644, {.read = uevent_read, .write = uevent_write}},
                {"remove", 0200, {.write = remove_write}},
                {"enable", 0644, {.read = enable_read, .write = enable_write}},
                {"config", 0644, {.read = config_read}},
};

static const NodeOps reset_ops = {.write = reset_write};
static const NodeOps power_ops = {.read = power_read, .write = power_write};

static void add_link_attributes(Device *d) {
        const char *current = d->spec->current_link ?: d->spec->link;
        double speed;
        unsigned width;

        if (!d->spec->link)
                return;
        (void)spec_get_link(d->spec->link, &speed, &width);
        node_add_text(d->folder, "max_link_speed", "%.1f GT/s PCIe\n", speed);
        node_add_text(d->folder, "max_link_width", "%u\n", width);
        (void)spec_get_link(current, &speed, &width);
        node_add_text(d->folder, "current_link_speed", "%.1f GT/s PCIe\n", speed);
        node_add_text(d->folder, "current_link_width", "%u\n", width);
}

static void add_bridge_attributes(Device *d) {
        unsigned bus = d->spec->secondary ? (unsigned)d->spec->secondary : d->address.bus + 1;
        g_autofree char *name = g_strdup_printf("%04x:%02x", d->address.domain, bus);

        node_add_folder(node_add_folder(d->folder, "pci_bus"), name);
        node_add_text(d->folder, "secondary_bus_number", "%u\n", bus);
}

/* The first BAR is memory, at an address that is unique for each device. */
static void add_resource(Device *d) {
        const Address *a = &d->address;
        guint64 start = 0xe0000000 + ((guint64)a->domain << 40) +
                        ((guint64)(a->bus << 8 | a->slot << 3 | a->function) << 16);
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < 13; i++)
                g_string_append_printf(text, "0x%016" G_GINT64_MODIFIER "x 0x%016" G_GINT64_MODIFIER "x 0x%016x\n",
                                i ? 0 : start, i ? 0 : start + 0xffff, i ? 0 : 0x40200);
        node_add_text(d->folder, "resource", "%s", text->str);
}

static void add_power_attributes(Device *d) {
        Node *power = node_add_folder(d->folder, "power");

        node_set_text(node_add_attribute(power, "control", 0644, &power_ops, d), "on");
        node_add_text(power, "runtime_status", "active\n");
        node_add_setting(d->folder, "d3cold_allowed", "1", flag_check);
}

void device_add_attributes(Device *d) {
        const DeviceSpec *s = d->spec;
        g_autofree char *modalias = device_make_modalias(d);
        g_autofree char *numa = g_strdup_printf("%d", s->numa);

        for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++)
                node_add_attribute(d->folder, attributes[i].name, attributes[i].mode, &attributes[i].ops, d);

        node_add_text(d->folder, "vendor", "0x%04x\n", s->vendor);
        node_add_text(d->folder, "device", "0x%04x\n", s->device);
        node_add_text(d->folder, "subsystem_vendor", "0x%04x\n", s->subsystem_vendor);
        node_add_text(d->folder, "subsystem_device", "0x%04x\n", s->subsystem_device);
        node_add_text(d->folder, "class", "0x%06x\n", s->class);
        node_add_text(d->folder, "revision", "0x%02x\n", s->revision);
        node_add_text(d->folder, "modalias", "%s\n", modalias);
        node_add_text(d->folder, "irq", "%d\n", s->irq);
        node_add_text(d->folder, "local_cpulist", "0-1\n");
        node_add_setting(d->folder, "numa_node", numa, NULL);
        if (s->class >> 8 == 0x0300)
                node_add_text(d->folder, "boot_vga", "%d\n", s->boot_vga);
        if (s->reset) {
                g_autofree char *methods = g_strdelimit(g_strdup(s->reset), ",", ' ');

                node_add_setting(d->folder, "reset_method", methods, reset_method_check);
                node_add_attribute(d->folder, "reset", 0200, &reset_ops, d);
        }
        add_resource(d);
        add_power_attributes(d);
        add_link_attributes(d);
        if (device_is_bridge(d))
                add_bridge_attributes(d);
}
