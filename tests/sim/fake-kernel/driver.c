/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

static const char *const kind_names[_DRIVER_KIND_MAX] = {"none", "net", "nvme", "ata", "vmd"};

Driver *driver_find(Machine *m, const char *name) {
        for (unsigned i = 0; i < m->drivers->len; i++) {
                Driver *d = m->drivers->pdata[i];

                if (strcmp(d->name, name) == 0)
                        return d;
        }
        return NULL;
}

bool driver_is_vfio(Driver *d) {
        return strstr(d->name, "vfio");
}

bool driver_manages_dma(Driver *d) {
        return driver_is_vfio(d) || strcmp(d->name, "pcieport") == 0 || strcmp(d->name, "pci-stub") == 0;
}

/* With driver_override, only the named driver matches, whatever its id table says. The id table of a vfio driver is
 * "override only". */
bool driver_matches(Driver *d, Device *device) {
        if (device->override)
                return strcmp(device->override, d->name) == 0;
        if (driver_is_vfio(d))
                return false;

        for (unsigned i = 0; i < d->ids->len; i++) {
                DriverId *id = &g_array_index(d->ids, DriverId, i);

                if ((id->vendor < 0 || id->vendor == device->spec->vendor) &&
                                (id->device < 0 || id->device == device->spec->device))
                        return true;
        }
        return false;
}

static int probe_write(Node *n, const char *value, bool retry _unused_) {
        Machine *m = n->owner;
        g_autofree char *address = value_trim(value);
        Device *d = device_find(m, address);

        if (!d)
                return -ENODEV;
        if (device_is_locked(d))
                return NODE_WAIT;
        if (!d->driver)
                device_attach(d);
        return 0; /* also if nothing was bound */
}

const NodeOps drivers_probe_ops = {.write = probe_write};

static int bind_write(Node *n, const char *value, bool retry _unused_) {
        Driver *driver = n->owner;
        g_autofree char *address = value_trim(value);
        Device *d = device_find(driver->machine, address);
        int r;

        if (!d || !driver_matches(driver, d))
                return -ENODEV;
        if (device_is_locked(d))
                return NODE_WAIT;
        r = device_probe(d, driver);
        return MIN(r, 0);
}

static int unbind_write(Node *n, const char *value, bool retry) {
        Driver *driver = n->owner;
        g_autofree char *address = value_trim(value);
        Device *d = device_find(driver->machine, address);

        if (!d || d->driver != driver)
                return retry ? 0 : -ENODEV;
        if (device_is_locked(d))
                return NODE_WAIT;
        return device_unbind(d);
}

static const NodeOps bind_ops = {.write = bind_write};
static const NodeOps unbind_ops = {.write = unbind_write};

static void driver_load(Driver *d) {
        Node *root = d->machine->root;

        d->folder = node_add_folder(node_find(root, "sys/bus/pci/drivers"), d->name);
        node_add_attribute(d->folder, "bind", 0200, &bind_ops, d);
        node_add_attribute(d->folder, "unbind", 0200, &unbind_ops, d);

        if (d->module) {
                g_autofree char *link = g_strdup_printf("pci:%s", d->name);
                g_autofree char *path = g_strdup_printf("sys/module/%s", d->module);
                bool is_new = !node_find(root, path);
                Node *module = node_ensure_folder(root, path);

                if (is_new) {
                        node_add_text(module, "initstate", "live\n");
                        machine_emit(d->machine, "add", module, "module", NULL);
                }
                node_add_link(node_ensure_folder(module, "drivers"), link, d->folder);
                node_add_link(d->folder, "module", module);
        }
        machine_emit(d->machine, "add", d->folder, "drivers", NULL);

        if (!machine_get_autoprobe(d->machine))
                return;
        for (unsigned i = 0; i < d->machine->devices->len; i++) {
                Device *device = d->machine->devices->pdata[i];

                if (!device->driver && driver_matches(d, device))
                        (void)device_probe(device, d);
        }
}

static void driver_unload(Driver *d) {
        Node *root = d->machine->root, *drivers;
        g_autofree char *path = g_strdup_printf("sys/module/%s", d->module ?: "");
        g_autofree char *link = g_strdup_printf("pci:%s", d->name);

        machine_emit(d->machine, "remove", d->folder, "drivers", NULL);
        drivers = node_find(node_find(root, path), "drivers");
        node_remove(node_find(drivers, link));
        if (drivers && g_hash_table_size(drivers->children) == 0) {
                machine_emit(d->machine, "remove", node_find(root, path), "module", NULL);
                node_remove(node_find(root, path));
        }
        d->folder = node_remove(d->folder);
}

static bool id_parse(const char *text, DriverId *ret_id) {
        g_auto(GStrv) parts = g_strsplit(text, ":", 2);
        int *const fields[] = {&ret_id->vendor, &ret_id->device};

        if (g_strv_length(parts) != 2)
                return false;
        for (unsigned i = 0; i < 2; i++) {
                guint64 value;

                if (strcmp(parts[i], "*") == 0)
                        *fields[i] = -1;
                else if (g_ascii_string_to_unsigned(parts[i], 16, 0, 0xffff, &value, NULL))
                        *fields[i] = (int)value;
                else
                        return false;
        }
        return true;
}

static bool driver_apply(Driver *d, const char *key, const char *value, bool *loaded) {
        if (strcmp(key, "module") == 0) {
                g_free(d->module);
                d->module = g_strdelimit(g_strdup(value), "-", '_');
                return *value;
        }
        if (strcmp(key, "loaded") == 0) {
                *loaded = strcmp(value, "1") == 0;
                return *loaded || strcmp(value, "0") == 0;
        }
        if (strcmp(key, "kind") == 0) {
                for (DriverKind k = 0; k < _DRIVER_KIND_MAX; k++)
                        if (strcmp(value, kind_names[k]) == 0) {
                                d->kind = k;
                                return true;
                        }
                return false;
        }
        if (strcmp(key, "ids") == 0) {
                g_auto(GStrv) ids = g_strsplit(value, ",", -1);

                for (char **i = ids; *i; i++) {
                        DriverId id;

                        if (**i && !id_parse(*i, &id))
                                return false;
                        if (**i)
                                g_array_append_val(d->ids, id);
                }
                return true;
        }
        return false;
}

bool driver_add(Machine *m, const char *name, char *const *words, char **ret_error) {
        bool loaded = true;
        Driver *d;

        if (driver_find(m, name)) {
                *ret_error = g_strdup_printf("driver exists: %s", name);
                return false;
        }
        d = g_new0(Driver, 1);
        d->machine = m;
        d->name = g_strdup(name);
        d->ids = g_array_new(FALSE, FALSE, sizeof(DriverId));

        for (; *words; words++) {
                g_auto(GStrv) word = g_strsplit(*words, "=", 2);

                if (!word[1] || !driver_apply(d, word[0], word[1], &loaded)) {
                        *ret_error = g_strdup_printf("unknown key or bad value: %s", *words);
                        driver_free(d);
                        return false;
                }
        }
        if (!loaded && !d->module) {
                *ret_error = g_strdup("a driver without a module is always loaded");
                driver_free(d);
                return false;
        }
        g_ptr_array_add(m->drivers, d);
        if (loaded)
                driver_load(d);
        return true;
}

Driver *driver_free(Driver *d) {
        if (!d)
                return NULL;
        g_array_unref(d->ids);
        g_free(d->name);
        g_free(d->module);
        g_free(d);
        return NULL;
}

static char *module_resolve(Machine *m, const char *name) {
        Driver *d = driver_find(m, name);

        return d && d->module ? g_strdup(d->module) : g_strdelimit(g_strdup(name), "-", '_');
}

bool module_load(Machine *m, const char *name, char **ret_error) {
        g_autofree char *module = module_resolve(m, name);
        bool found = false;

        if (g_hash_table_contains(m->blacklist, module)) {
                *ret_error = g_strdup_printf("module is blacklisted: %s", module);
                return false;
        }
        for (unsigned i = 0; i < m->drivers->len; i++) {
                Driver *d = m->drivers->pdata[i];

                if (g_strcmp0(d->module, module) != 0)
                        continue;
                found = true;
                if (!d->folder)
                        driver_load(d);
        }
        if (!found)
                *ret_error = g_strdup_printf("no such module: %s", name);
        return found;
}

bool module_unload(Machine *m, const char *name, char **ret_error) {
        g_autofree char *module = module_resolve(m, name);
        bool found = false;

        for (unsigned i = 0; i < m->drivers->len; i++) {
                Driver *d = m->drivers->pdata[i];

                if (g_strcmp0(d->module, module) != 0 || !d->folder)
                        continue;
                found = true;
                for (unsigned j = 0; j < m->devices->len; j++) {
                        Device *device = m->devices->pdata[j];

                        if (device->driver == d && device_unbind(device) == NODE_WAIT) {
                                *ret_error = g_strdup_printf("module is in use: %s", module);
                                return false;
                        }
                }
                driver_unload(d);
        }
        if (!found)
                *ret_error = g_strdup_printf("module is not loaded: %s", name);
        return found;
}

void module_blacklist(Machine *m, const char *name) {
        g_hash_table_add(m->blacklist, module_resolve(m, name));
}
