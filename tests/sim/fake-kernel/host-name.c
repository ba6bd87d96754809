/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "device.h"
#include "driver.h"

/* No real disk has this major number, so nothing in the real /proc can match it by accident. */
#define DISK_MAJOR 4000U

/* Network interfaces and disks: a bound host driver creates them below its device. */

static Node *class_folder(Device *d, const char *class) {
        g_autofree char *path = g_strdup_printf("sys/class/%s", class);

        return node_find(d->machine->root, path);
}

/* A folder of a device in a class, with its links device and subsystem, and the link from sys/class. */
static Node *class_add(Device *d, const char *class, Node *parent, const char *name, Node *device) {
        Node *n = node_add_folder(parent, name);

        node_add_link(n, "device", device);
        node_add_link(n, "subsystem", class_folder(d, class));
        node_add_link(class_folder(d, class), name, n);
        return n;
}

/* The node of a disk in dev/. It is a regular file, because a block device on FUSE would open a disk of the real
 * machine. It can be opened unless it is claimed. */
static int disk_open(Node *n, const void *holder _unused_) {
        return n->text ? -EBUSY : 0;
}

static const NodeOps disk_ops = {.open = disk_open};

static void disk_node_add(Device *d, const char *name) {
        node_add_device(node_ensure_folder(d->machine->root, "dev"), name, 0660, &disk_ops, NULL);
}

static void disk_node_remove(Device *d, const char *name) {
        g_autofree char *path = g_strdup_printf("dev/%s", name);

        node_remove(node_find(d->machine->root, path));
}

int disk_claim(Machine *m, const char *name, bool claimed) {
        g_autofree char *path = g_strdup_printf("dev/%s", name);
        Node *n = node_find(m->root, path);

        if (!n || n->ops != &disk_ops)
                return -ENOENT;
        g_free(n->text);
        n->text = claimed ? g_strdup("claimed") : NULL;
        return 0;
}

static void class_remove(Device *d, const char *class, Node *n) {
        if (strcmp(class, "block") == 0)
                disk_node_remove(d, n->name);
        machine_emit(d->machine, "remove", n, class, NULL);
        node_remove(node_find(class_folder(d, class), n->name));
        node_remove(n);
}

static void net_fill(Node *n, unsigned ifindex, const char *mac) {
        node_add_text(n, "address", "%s\n", mac);
        node_add_text(n, "ifindex", "%u\n", ifindex);
        node_add_text(n, "type", "1\n");
        node_add_text(n, "operstate", "down\n");
        node_add_text(n, "uevent", "INTERFACE=%s\nIFINDEX=%u\n", n->name, ifindex);
}

static void net_add(Device *d) {
        const Address *a = &d->address;
        g_autofree char *name = g_strdup(d->spec->net);
        g_autofree char *mac = g_strdup(d->spec->mac);

        for (unsigned i = 0; !name; i++) {
                name = g_strdup_printf("eth%u", i);
                if (node_find(class_folder(d, "net"), name))
                        g_clear_pointer(&name, g_free);
        }
        if (node_find(class_folder(d, "net"), name))
                return; /* another device has this name */
        if (!mac)
                mac = g_strdup_printf("52:54:%02x:%02x:%02x:%02x", a->domain & 0xff, a->bus, a->slot, a->function);

        Node *n = class_add(d, "net", node_add_folder(d->folder, "net"), name, d->folder);
        net_fill(n, ++d->machine->last_ifindex, mac);
        machine_emit(d->machine, "add", n, "net", NULL);
}

static void block_fill(Device *d, Node *n, unsigned minor) {
        node_add_text(n, "size", "2097152\n");
        node_add_text(n, "dev", "%u:%u\n", DISK_MAJOR, minor);
        node_add_folder(n, "holders");
        disk_node_add(d, n->name);
        node_add_text(n, "ro", "0\n");
        node_add_text(n, "uevent", "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=disk\n", DISK_MAJOR, minor, n->name);
        machine_emit(d->machine, "add", n, "block", NULL);
}

/* nvme0n1 is the first namespace of the controller nvme0. */
static void nvme_add(Device *d) {
        const char *block = d->spec->block;
        const char *n = block ? strrchr(block, 'n') : NULL;

        if (!n || n == block || node_find(class_folder(d, "block"), block))
                return;

        g_autofree char *name = g_strndup(block, (size_t)(n - block));
        Node *controller = class_add(d, "nvme", node_add_folder(d->folder, "nvme"), name, d->folder);
        node_add_text(controller, "model", "Fake NVMe\n");
        node_add_text(controller, "uevent", "DEVNAME=%s\n", name);
        machine_emit(d->machine, "add", controller, "nvme", NULL);
        block_fill(d, class_add(d, "block", controller, block, controller), (unsigned)controller->number);
}

#define ATA_FOLDER "ata1/host0/target0:0:0/0:0:0:0"

static void ata_add(Device *d) {
        Node *scsi;

        if (!d->spec->block || node_find(class_folder(d, "block"), d->spec->block))
                return;
        scsi = node_ensure_folder(d->folder, ATA_FOLDER);
        block_fill(d, class_add(d, "block", node_add_folder(scsi, "block"), d->spec->block, scsi),
                        (unsigned)scsi->number);
}

#define KEYBOARD_FOLDER "usb1/1-1/1-1:1.0/input"

static void keyboard_add(Device *d) {
        Node *n = class_add(d, "input", node_ensure_folder(d->folder, KEYBOARD_FOLDER), d->spec->keyboard, d->folder);

        node_add_text(n, "name", "Fake Keyboard\n");
        node_add_text(node_add_folder(n, "capabilities"), "key",
                        "10000 7 ff87207ac14057ff febeffdfffefffff fffffffffffffffe\n");
        machine_emit(d->machine, "add", n, "input", NULL);
}

static void console_add(Device *d) {
        Node *n = class_add(d, "tty", node_add_folder(d->folder, "tty"), d->spec->console, d->folder);

        node_add_text(node_ensure_folder(d->machine->root, "sys/class/tty/console"), "active", "tty0 %s\n",
                        d->spec->console);
        machine_emit(d->machine, "add", n, "tty", NULL);
}

void device_add_host_names(Device *d) {
        if (d->spec->keyboard)
                keyboard_add(d);
        if (d->spec->console)
                console_add(d);
        switch (d->driver->kind) {
        case DRIVER_NET:
                net_add(d);
                break;
        case DRIVER_NVME:
                nvme_add(d);
                break;
        case DRIVER_ATA:
                ata_add(d);
                break;
        default:
                break;
        }
}

static void class_remove_all(Device *d, const char *class, Node *folder) {
        g_autoptr(GList) children = folder ? g_hash_table_get_values(folder->children) : NULL;

        for (GList *i = children; i; i = i->next)
                class_remove(d, class, i->data);
        node_remove(folder);
}

void device_remove_host_names(Device *d) {
        Node *nvme = node_find(d->folder, "nvme");
        g_autoptr(GList) controllers = nvme ? g_hash_table_get_values(nvme->children) : NULL;

        for (GList *i = controllers; i; i = i->next) {
                Node *block = d->spec->block ? node_find(i->data, d->spec->block) : NULL;

                if (block)
                        class_remove(d, "block", block);
        }
        class_remove_all(d, "nvme", nvme);
        class_remove_all(d, "net", node_find(d->folder, "net"));
        class_remove_all(d, "block", node_find(d->folder, ATA_FOLDER "/block"));
        node_remove(node_find(d->folder, "ata1"));
        class_remove_all(d, "input", node_find(d->folder, KEYBOARD_FOLDER));
        if (d->spec->console)
                node_remove(node_find(d->machine->root, "sys/class/tty/console"));
        class_remove_all(d, "tty", node_find(d->folder, "tty"));
}

int device_rename_net(Device *d, const char *name) {
        Node *folder = node_find(d->folder, "net"), *class = class_folder(d, "net"), *old, *n;
        g_autoptr(GList) children = folder ? g_hash_table_get_values(folder->children) : NULL;

        if (node_find(class, name))
                return -EEXIST;
        if (!children) {
                g_free(d->spec->net);
                d->spec->net = g_strdup(name);
                return 0;
        }

        old = children->data;
        g_autofree char *path = node_path(old);
        g_autofree char *mac = value_trim(node_find(old, "address")->text);
        unsigned ifindex = (unsigned)g_ascii_strtoull(node_find(old, "ifindex")->text, NULL, 10);

        node_remove(node_find(class, old->name));
        node_remove(old);
        n = class_add(d, "net", folder, name, d->folder);
        net_fill(n, ifindex, mac);
        g_free(d->spec->net);
        d->spec->net = g_strdup(name);
        machine_emit(d->machine, "move", n, "net", path + strlen("sys"));
        return 0;
}
