/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-names.h"

#include <libudev.h>
#include <search.h>

/* A host has far fewer different ids. This is a limit for a host whose cards change their ids for ever. */
#define ENTRIES_MAX 1024

/* The names of the devices with these ids. */
typedef struct Entry {
        PciIds ids;
        char *names[_PCI_NAME_KIND_MAX]; /* NULL if the database has none */
} Entry;

struct PciNames {
        struct udev_hwdb *database; /* NULL while it is not mapped */
        bool missing;               /* There was no database when it was to be mapped. */
        void *entries;              /* a tree of tsearch(), by ids */
        size_t n_entries;
        const Entry *last; /* that was looked up; NULL for none. Virtual functions have the ids of those before them. */
};

int pci_names_new(PciNames **ret) {
        *ret = calloc(1, sizeof(PciNames));
        return *ret ? 0 : -ENOMEM;
}

static void entry_free(void *pointer) {
        Entry *entry = pointer;

        for (PciNameKind kind = 0; kind < _PCI_NAME_KIND_MAX; kind++)
                free(entry->names[kind]);
        free(entry);
}

static void forget(PciNames *names) {
        tdestroy(names->entries, entry_free);
        names->entries = NULL;
        names->n_entries = 0;
        names->last = NULL;
}

PciNames *pci_names_free(PciNames *names) {
        if (!names)
                return NULL;
        pci_names_close(names);
        forget(names);
        free(names);
        return NULL;
}

void pci_names_close(PciNames *names) {
        names->database = udev_hwdb_unref(names->database);
        names->missing = false;
}

/* The names do not depend on the revision. */
static int compare_entries(const void *a, const void *b) {
        const PciIds *x = &((const Entry *)a)->ids, *y = &((const Entry *)b)->ids;

        if (x->vendor != y->vendor || x->device != y->device)
                return x->vendor != y->vendor ? COMPARE(x->vendor, y->vendor) : COMPARE(x->device, y->device);
        if (x->subsystem_vendor != y->subsystem_vendor)
                return COMPARE(x->subsystem_vendor, y->subsystem_vendor);
        if (x->subsystem_device != y->subsystem_device)
                return COMPARE(x->subsystem_device, y->subsystem_device);
        return COMPARE(x->class, y->class);
}

/* Returns the properties for a modalias, NULL for none. They are valid until the next call. */
static struct udev_list_entry *find_properties(PciNames *names, const char *modalias) {
        if (!names->database && !names->missing) {
                names->database = udev_hwdb_new(NULL);
                names->missing = !names->database;
        }
        return names->database ? udev_hwdb_get_properties_list_entry(names->database, modalias, 0) : NULL;
}

static const char *find_value(struct udev_list_entry *properties, const char *key) {
        struct udev_list_entry *property = udev_list_entry_get_by_name(properties, key);

        return property ? udev_list_entry_get_value(property) : NULL;
}

static int copy_name(const char *name, char **ret) {
        if (!name || *name == '\0')
                return 0;
        *ret = strndup(name, PCI_NAME_MAX - 1);
        return *ret ? 0 : -ENOMEM;
}

/* For a subsystem that the database knows, the model is "DEVICE (SUBSYSTEM)" instead of "DEVICE". In a few lines the last
 * parenthesis is missing, because a "#" in a name starts a comment. */
static int copy_subsystem(struct udev_list_entry *properties, const PciIds *ids, const char *device, char **ret) {
        const char *model = find_value(properties, "ID_MODEL_FROM_DATABASE");
        const char *rest = device && model ? startswith(model, device) : NULL;
        const char *added = rest ? startswith(rest, " (") : NULL;
        bool same_ids = ids->subsystem_vendor == ids->vendor && ids->subsystem_device == ids->device;

        if (rest && rest[0] == '\0')
                return copy_name(same_ids ? device : NULL, ret);
        int r = copy_name(added ? added : model, ret);
        char *end = added && *ret ? strrchr(*ret, ')') : NULL;
        if (end && end[1] == '\0')
                *end = '\0';
        return r;
}

/* The number tells which subclass it is that has no name. */
static int copy_class(struct udev_list_entry *properties, const PciIds *ids, char **ret) {
        const char *class = find_value(properties, "ID_PCI_CLASS_FROM_DATABASE");
        const char *subclass = find_value(properties, "ID_PCI_SUBCLASS_FROM_DATABASE");
        char text[PCI_NAME_MAX];

        if (subclass || !class)
                return copy_name(subclass, ret);
        (void)snprintf(text, sizeof(text), "%.200s [%04x]", class, ids->class >> 8);
        return copy_name(text, ret);
}

/* Looks up all names for the ids. The lines for vendors and devices match each modalias that begins with these ids. The
 * modalias is as in the kernel's attribute. */
static int read_names(PciNames *names, const PciIds *ids, Entry *entry) {
        char modalias[sizeof("pci:v00000000d00000000sv00000000sd00000000bc00sc00i00")];
        char **found = entry->names;
        int r;

        (void)snprintf(modalias, sizeof(modalias), "pci:v%08Xd%08X", ids->vendor, ids->device);
        struct udev_list_entry *properties = find_properties(names, modalias);
        if ((r = copy_name(find_value(properties, "ID_VENDOR_FROM_DATABASE"), &found[PCI_NAME_VENDOR])) < 0 ||
                        (r = copy_name(find_value(properties, "ID_MODEL_FROM_DATABASE"), &found[PCI_NAME_DEVICE])) < 0)
                return r;
        (void)snprintf(modalias, sizeof(modalias), "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", ids->vendor,
                        ids->device, ids->subsystem_vendor, ids->subsystem_device, ids->class >> 16 & 0xff,
                        ids->class >> 8 & 0xff, ids->class & 0xff);
        properties = find_properties(names, modalias);
        if ((r = copy_subsystem(properties, ids, found[PCI_NAME_DEVICE], &found[PCI_NAME_SUBSYSTEM])) < 0)
                return r;
        return copy_class(properties, ids, &found[PCI_NAME_CLASS]);
}

static Entry *entry_new(PciNames *names, const PciIds *ids) {
        Entry *entry = calloc(1, sizeof(Entry));

        if (!entry)
                return NULL;
        entry->ids = *ids;
        if (read_names(names, ids, entry) < 0) {
                entry_free(entry);
                return NULL;
        }
        return entry;
}

/* Finds the entry, or adds it. Returns NULL without memory. */
static const Entry *obtain(PciNames *names, const PciIds *ids) {
        Entry *const *found = tfind(&(Entry){.ids = *ids}, &names->entries, compare_entries);

        if (found)
                return *found;
        if (names->n_entries >= ENTRIES_MAX)
                forget(names);
        Entry *entry = entry_new(names, ids);
        if (!entry || !tsearch(entry, &names->entries, compare_entries)) {
                if (entry)
                        entry_free(entry);
                return NULL;
        }
        names->n_entries++;
        return entry;
}

const char *pci_names_lookup(PciNames *names, PciNameKind kind, const PciIds *ids) {
        Entry wanted = {.ids = *ids};

        if (!names->last || compare_entries(names->last, &wanted) != 0)
                names->last = obtain(names, ids);
        return names->last ? strempty(names->last->names[kind]) : "";
}

typedef struct Refresh {
        PciNames *names;
        bool changed;
} Refresh;

/* An entry keeps its old names without memory for the new names. */
static void refresh_entry(const void *node, VISIT visit, void *userdata) {
        Entry *entry = *(Entry *const *)node;
        Refresh *refresh = userdata;

        if (visit != postorder && visit != leaf)
                return;
        Entry *read = entry_new(refresh->names, &entry->ids);
        if (!read)
                return;
        for (PciNameKind kind = 0; kind < _PCI_NAME_KIND_MAX; kind++) {
                char *old = entry->names[kind];

                refresh->changed = refresh->changed || !streq_ptr(old, read->names[kind]);
                entry->names[kind] = read->names[kind];
                read->names[kind] = old;
        }
        entry_free(read);
}

bool pci_names_refresh(PciNames *names) {
        Refresh refresh = {.names = names};

        pci_names_close(names);
        twalk_r(names->entries, refresh_entry, &refresh);
        return refresh.changed;
}
