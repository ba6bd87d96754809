/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "injection.h"

#include <string.h>

#include "device.h"

typedef struct Injection {
        Verdict kind;
        unsigned left;
        int error;
        char **words;
} Injection;

typedef struct Write {
        pid_t pid;
        char *ids;  /* ids of the device at the time of the write; "-" if it was for no device */
        char *text; /* path=value */
} Write;

struct Injections {
        GPtrArray *list;   /* Injection */
        GPtrArray *writes; /* Write */
};

static void injection_free(void *p) {
        Injection *i = p;

        g_strfreev(i->words);
        g_free(i);
}

static void write_free(void *p) {
        Write *w = p;

        g_free(w->ids);
        g_free(w->text);
        g_free(w);
}

Injections *injections_new(void) {
        Injections *i = g_new0(Injections, 1);

        i->list = g_ptr_array_new_with_free_func(injection_free);
        i->writes = g_ptr_array_new_with_free_func(write_free);
        return i;
}

Injections *injections_free(Injections *i) {
        if (!i)
                return NULL;
        g_ptr_array_unref(i->list);
        g_ptr_array_unref(i->writes);
        g_free(i);
        return NULL;
}

void injections_clear(Injections *i) {
        g_ptr_array_set_size(i->list, 0);
}

void injections_add(Injections *i, Verdict kind, unsigned k, int error, char *const *words) {
        Injection *new = g_new0(Injection, 1);

        new->kind = kind;
        new->left = k;
        new->error = error;
        new->words = g_strdupv((char **)words);
        g_ptr_array_add(i->list, new);
}

/* The device that an attribute belongs to. */
static Device *write_owner(Machine *m, Node *n) {
        for (Node *i = n->parent; i; i = i->parent) {
                Device *d = device_find(m, i->name);

                if (d && d->folder == i)
                        return d;
        }
        return NULL;
}

/* Attributes of a device have the path in sys/bus/pci/devices, which writers normally use. */
static char *write_path(Node *n, Device *owner) {
        g_autofree char *all = node_path(n), *folder = owner ? node_path(owner->folder) : NULL;

        if (!owner)
                return g_steal_pointer(&all);
        return g_strdup_printf("sys/bus/pci/devices/%s%s", owner->spec->address, all + strlen(folder));
}

static void write_record(Machine *m, Node *n, const char *value, pid_t pid) {
        Device *owner = n->alive ? write_owner(m, n) : NULL;
        g_autofree char *path = n->alive ? write_path(n, owner) : g_strdup_printf("gone/%s", n->name);
        g_autofree char *trimmed = value_trim(value);
        g_autofree char *escaped = g_strescape(trimmed, NULL);
        /* the value that is written to a driver or to the bus is an address */
        Device *d = owner ?: n->alive ? device_find(m, trimmed) : NULL;
        Write *w = g_new0(Write, 1);

        w->pid = pid;
        w->ids = d ? g_strdup_printf("%04x:%04x", d->spec->vendor, d->spec->device) : g_strdup("-");
        w->text = g_strdup_printf("%s=%s", path, escaped);
        g_ptr_array_add(m->injections->writes, w);
}

static void injection_act(Machine *m, const Injection *i) {
        g_autofree char *error = NULL;
        Device *d = i->words ? device_find(m, i->words[0]) : NULL;

        if (i->kind == VERDICT_VANISH && i->words)
                (void)device_pull_behind(m, i->words[0]);
        if (i->kind == VERDICT_VANISH && d)
                (void)device_remove(d);
        if (i->kind == VERDICT_SWAP && d && !device_swap(m, i->words[0], i->words + 1, &error))
                g_printerr("fake-kernel: swapat: %s\n", error);
}

Verdict injections_on_write(Machine *m, Node *n, const char *value, pid_t pid, int *ret_error) {
        GPtrArray *list = m->injections->list;
        Verdict verdict = VERDICT_APPLY;

        if (strcmp(n->name, "uevent") == 0)
                return VERDICT_APPLY;
        write_record(m, n, value, pid);

        for (unsigned k = 0; k < list->len;) {
                Injection *i = list->pdata[k];

                if (--i->left > 0) {
                        k++;
                        continue;
                }
                if (i->kind == VERDICT_VANISH || i->kind == VERDICT_SWAP)
                        injection_act(m, i);
                else {
                        verdict = i->kind;
                        *ret_error = i->error;
                }
                g_ptr_array_remove_index(list, k);
        }
        return verdict;
}

void injections_list_writes(Injections *i, bool writers, GString *text) {
        for (unsigned k = 0; k < i->writes->len; k++) {
                const Write *w = i->writes->pdata[k];

                if (writers)
                        g_string_append_printf(text, "%d %s ", (int)w->pid, w->ids);
                g_string_append_printf(text, "%s\n", w->text);
        }
}

unsigned injections_count_writes(Injections *i) {
        return i->writes->len;
}

void injections_reset_writes(Injections *i) {
        g_ptr_array_set_size(i->writes, 0);
}
