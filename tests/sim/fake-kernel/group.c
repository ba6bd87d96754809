/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "group.h"

#include <errno.h>

#include "device.h"
#include "driver.h"

/* The holder, if the fake kernel itself holds the group and not an open file. */
static const char fake_holder = 0;

static int group_node_open(Node *n, const void *holder) {
        Group *g = n->owner;

        if (g->holder)
                return -EBUSY;
        g->holder = holder;
        return 0;
}

static void group_node_close(Node *n, const void *holder) {
        Group *g = n->owner;

        if (g->holder != holder)
                return;
        g->holder = NULL;
        if (g->claimed)
                (void)group_release(g);
}

static const NodeOps group_node_ops = {.open = group_node_open, .close = group_node_close};

static int reserved_read(Node *n, GString *text) {
        Group *g = n->owner;

        g_string_append(text, g->reserved->str);
        return 0;
}

static const NodeOps reserved_ops = {.read = reserved_read};

Group *group_find(Machine *m, unsigned number) {
        for (unsigned i = 0; i < m->groups->len; i++) {
                Group *g = m->groups->pdata[i];

                if (g->number == number)
                        return g;
        }
        return NULL;
}

static int group_compare(const void *a, const void *b) {
        const Group *x = *(Group *const *)a, *y = *(Group *const *)b;

        return x->number < y->number ? -1 : x->number > y->number;
}

static Group *group_new(Machine *m, int number) {
        Group *g = g_new0(Group, 1);

        if (number < 0)
                for (number = 0; group_find(m, (unsigned)number);)
                        number++;
        g->machine = m;
        g->number = (unsigned)number;
        g->members = g_ptr_array_new();
        g->reserved = g_string_new("0x00000000fee00000 0x00000000feefffff msi\n");
        g_ptr_array_add(m->groups, g);
        g_ptr_array_sort(m->groups, group_compare);
        if (m->iommu)
                group_set_visible(g, true);
        return g;
}

static void group_show_member(Group *g, Device *d) {
        node_add_link(node_find(g->folder, "devices"), d->spec->address, d->folder);
        node_add_link(d->folder, "iommu_group", g->folder);
}

static void group_hide_member(Group *g, Device *d) {
        node_remove(node_find(node_find(g->folder, "devices"), d->spec->address));
        node_remove(node_find(d->folder, "iommu_group"));
}

void group_set_visible(Group *g, bool visible) {
        if (visible == !!g->folder)
                return;

        if (visible) {
                g_autofree char *name = g_strdup_printf("%u", g->number);

                g->folder = node_add_folder(node_find(g->machine->root, "sys/kernel/iommu_groups"), name);
                node_add_folder(g->folder, "devices");
                node_add_setting(g->folder, "type", "DMA", NULL);
                node_add_attribute(g->folder, "reserved_regions", 0444, &reserved_ops, g);
                for (unsigned i = 0; i < g->members->len; i++)
                        group_show_member(g, g->members->pdata[i]);
        } else {
                for (unsigned i = 0; i < g->members->len; i++)
                        group_hide_member(g, g->members->pdata[i]);
                g->folder = node_remove(g->folder);
        }
}

Group *group_join(Machine *m, int number, Device *d) {
        Group *g = number >= 0 ? group_find(m, (unsigned)number) : NULL;

        if (!g)
                g = group_new(m, number);
        g_ptr_array_add(g->members, d);
        g_ptr_array_sort(g->members, device_compare);
        if (g->folder)
                group_show_member(g, d);
        return g;
}

void group_leave(Group *g, Device *d) {
        if (g->folder)
                group_hide_member(g, d);
        g_ptr_array_remove(g->members, d);
        if (g->members->len > 0)
                return;

        g_assert(!g->node);
        g->folder = node_remove(g->folder);
        g_ptr_array_remove(g->machine->groups, g);
        g_ptr_array_unref(g->members);
        g_string_free(g->reserved, TRUE);
        g_free(g);
}

void group_add_vfio(Group *g) {
        Node *root = g->machine->root;
        g_autofree char *name = g_strdup_printf("%u", g->number);

        if (g->n_vfio++ > 0 || g->machine->no_group_nodes)
                return;
        g->node = node_add_device(node_find(root, "dev/vfio"), name, 0600, &group_node_ops, g);
        g->virtual = node_add_folder(node_find(root, "sys/devices/virtual/vfio"), name);
        node_add_text(g->virtual, "dev", "243:%u\n", g->number);
        node_add_link(g->virtual, "subsystem", node_find(root, "sys/class/vfio"));
        node_add_link(node_find(root, "sys/class/vfio"), name, g->virtual);
        machine_emit(g->machine, "add", g->virtual, "vfio", NULL);
}

/* A file that is still open continues to hold a node that was removed. */
void group_remove_vfio(Group *g) {
        if (--g->n_vfio > 0 || !g->node)
                return;
        machine_emit(g->machine, "remove", g->virtual, "vfio", NULL);
        node_remove(node_find(node_find(g->machine->root, "sys/class/vfio"), g->virtual->name));
        g->virtual = node_remove(g->virtual);
        g->node = node_remove(g->node);
        g->holder = NULL;
        g->claimed = false;
}

bool group_is_viable(Group *g) {
        for (unsigned i = 0; i < g->members->len; i++) {
                Device *d = g->members->pdata[i];

                if (d->driver && !driver_manages_dma(d->driver))
                        return false;
        }
        return true;
}

int group_hold(Group *g) {
        if (!g->node)
                return -ENOENT;
        if (g->holder)
                return -EBUSY;
        g->holder = &fake_holder;
        return 0;
}

int group_claim(Group *g) {
        if (!g->node)
                return -ENOENT;
        if (g->claimed)
                return -EBUSY;
        if (!group_is_viable(g))
                return -EPERM;
        if (!g->holder)
                g->holder = &fake_holder;
        g->claimed = true;
        return 0;
}

int group_release(Group *g) {
        if (!g->claimed && g->holder != &fake_holder)
                return -ENOENT;
        if (g->holder == &fake_holder)
                g->holder = NULL;
        g->claimed = false;
        machine_finish_waiting(g->machine);
        return 0;
}

void group_abandon(Group *g) {
        g->claimed = false;
        g->holder = NULL;
}

void group_snapshot(Group *g, GString *text) {
        g_string_append_printf(text, "group %u members=", g->number);
        for (unsigned i = 0; i < g->members->len; i++) {
                Device *d = g->members->pdata[i];

                g_string_append_printf(text, "%s%s", i ? "," : "", d->spec->address);
        }
        g_string_append_printf(text, " node=%s held=%s claimed=%s\n", g->node ? "yes" : "no", g->holder ? "yes" : "no",
                        g->claimed ? "yes" : "no");
}
