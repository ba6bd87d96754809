/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device.h"

#include <errno.h>

#include "group.h"

/* What a vfio driver creates for its device: the folder vfio-dev/vfioN and, with cdevs, the node
 * dev/vfio/devices/vfioN. */

/* The kernel chooses a free number at its start. */
#define CDEV_MAJOR 511

/* Any number of opens is allowed, even while another process has the group's node open. Each open file makes an
 * unbind wait until it is closed. */
static int cdev_open(Node *n, const void *holder _unused_) {
        Device *d = n->owner;

        if (d->unbinding)
                return -ENODEV;
        d->n_cdev_opens++;
        return 0;
}

static void cdev_close(Node *n, const void *holder _unused_) {
        Device *d = n->owner;

        if (--d->n_cdev_opens == 0)
                machine_finish_waiting(d->machine);
}

static const NodeOps cdev_ops = {.open = cdev_open, .close = cdev_close};

static int vfio_number_next(Machine *m) {
        for (int number = 0;; number++) {
                bool taken = false;

                for (unsigned i = 0; i < m->devices->len; i++)
                        taken |= ((Device *)m->devices->pdata[i])->vfio_number == number;
                if (!taken)
                        return number;
        }
}

void device_add_vfio(Device *d) {
        Node *root = d->machine->root, *class = node_find(root, "sys/class/vfio-dev"), *n;
        g_autofree char *name = NULL;

        group_add_vfio(d->group);
        d->vfio_number = vfio_number_next(d->machine);
        name = g_strdup_printf("vfio%d", d->vfio_number);
        n = node_add_folder(node_add_folder(d->folder, "vfio-dev"), name);
        node_add_link(n, "device", d->folder);
        node_add_link(n, "subsystem", class);
        node_add_link(class, name, n);
        if (d->machine->cdevs) {
                node_add_text(n, "dev", "%d:%d\n", CDEV_MAJOR, d->vfio_number);
                d->cdev = node_add_device(node_ensure_folder(root, "dev/vfio/devices"), name, 0600, &cdev_ops, d);
        }
        machine_emit(d->machine, "add", n, "vfio-dev", NULL);
        /* vfio-pci calls pm_runtime_allow(), and at its unbind pm_runtime_forbid(): the setting of the administrator
         * is lost. */
        node_set_text(node_find(d->folder, "power/control"), "auto");
}

static void remove_vfio_folder(Device *d) {
        g_autofree char *name = g_strdup_printf("vfio%d", d->vfio_number);
        Node *folder = node_find(d->folder, "vfio-dev");

        machine_emit(d->machine, "remove", node_find(folder, name), "vfio-dev", NULL);
        node_remove(node_find(node_find(d->machine->root, "sys/class/vfio-dev"), name));
        node_remove(folder);
}

/* Kernels with cdevs remove the folder and the node before they wait for the holders, so that nobody opens the node
 * meanwhile. */
void device_hide_cdev(Device *d) {
        if (!d->cdev)
                return;
        remove_vfio_folder(d);
        node_hide(d->cdev);
}

void device_remove_vfio(Device *d) {
        if (d->cdev)
                d->cdev = node_remove(d->cdev);
        else
                remove_vfio_folder(d);
        node_set_text(node_find(d->folder, "power/control"), "on");
        d->vfio_number = -1;
        group_remove_vfio(d->group);
}
