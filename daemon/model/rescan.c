/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/rescan.h"

/* If an entry is removed while a directory is listed, the kernel can skip the next entry. So each directory is listed this many times. */
#define LISTINGS 2

typedef enum Stage {
        STAGE_IDLE,
        STAGE_DEVICES, /* reads the listed devices */
        STAGE_NAMES,   /* reads the listed names */
        STAGE_UNSEEN,  /* reads the known devices that were not listed */
} Stage;

typedef struct ListedName {
        HostNameKind kind;
        char text[HOST_NAME_TEXT_MAX];
} ListedName;

/* A growing array. */
typedef struct List {
        void *entries;
        size_t n_entries, n_allocated;
} List;

struct Rescan {
        const Kernel *kernel;
        Inventory *inventory;
        Stage stage;
        bool asked;
        unsigned begun, done;   /* number of the last rescan that began, and that ended */
        List addresses;         /* PciAddress */
        List names;             /* ListedName */
        size_t next;            /* index of the next entry of the current list */
        PciAddress last_unseen; /* in STAGE_UNSEEN: the last device that was read */
        bool has_last_unseen;
};

int rescan_new(const Kernel *kernel, Inventory *inventory, Rescan **ret) {
        Rescan *rescan = calloc(1, sizeof(Rescan));
        if (!rescan)
                return -ENOMEM;
        rescan->kernel = kernel;
        rescan->inventory = inventory;
        *ret = rescan;
        return 0;
}

static void list_done(List *list) {
        free(list->entries);
        *list = (List){};
}

Rescan *rescan_free(Rescan *rescan) {
        if (!rescan)
                return NULL;
        list_done(&rescan->addresses);
        list_done(&rescan->names);
        free(rescan);
        return NULL;
}

unsigned rescan_ask(Rescan *rescan) {
        rescan->asked = true;
        return rescan->begun + 1;
}

unsigned rescan_done(const Rescan *rescan) {
        return rescan->done;
}

bool rescan_is_due(const Rescan *rescan) {
        return rescan->asked || rescan->stage != STAGE_IDLE;
}

static int list_add(List *list, const void *entry, size_t size) {
        if (list->n_entries == list->n_allocated) {
                size_t wanted = list->n_allocated ? list->n_allocated * 2 : 64;
                void *grown = reallocarray(list->entries, wanted, size);
                if (!grown)
                        return -ENOMEM;
                list->entries = grown;
                list->n_allocated = wanted;
        }
        memcpy((char *)list->entries + list->n_entries++ * size, entry, size);
        return 0;
}

/* Sorts the list and removes duplicates. */
static void list_sort(List *list, size_t size, int (*compare)(const void *, const void *)) {
        char *entries = list->entries;
        size_t n = 0;

        if (list->n_entries == 0)
                return;
        qsort(entries, list->n_entries, size, compare);
        for (size_t i = 1; i < list->n_entries; i++)
                if (compare(entries + n * size, entries + i * size) != 0)
                        memmove(entries + ++n * size, entries + i * size, size);
        list->n_entries = n + 1;
}

static int compare_addresses(const void *a, const void *b) {
        uint64_t x = pci_address_key(*(const PciAddress *)a), y = pci_address_key(*(const PciAddress *)b);
        return x < y ? -1 : x > y;
}

static int compare_names(const void *a, const void *b) {
        const ListedName *x = a, *y = b;
        return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->text, y->text);
}

static int on_address(PciAddress address, void *userdata) {
        Rescan *rescan = userdata;
        return list_add(&rescan->addresses, &address, sizeof(address));
}

static int on_name(HostNameKind kind, const char *name, void *userdata) {
        Rescan *rescan = userdata;
        ListedName listed = {.kind = kind};

        size_t length = strlen(name);
        if (length >= sizeof(listed.text))
                return 0;
        memcpy(listed.text, name, length + 1);
        return list_add(&rescan->names, &listed, sizeof(listed));
}

static int begin(Rescan *rescan) {
        int r;

        rescan->asked = false;
        rescan->begun++;
        rescan->stage = STAGE_DEVICES;
        rescan->next = 0;
        rescan->has_last_unseen = false;
        inventory_begin_rescan(rescan->inventory);
        for (unsigned i = 0; i < LISTINGS; i++)
                if ((r = pci_device_for_each(rescan->kernel, on_address, rescan)) < 0)
                        return r;
        list_sort(&rescan->addresses, sizeof(PciAddress), compare_addresses);
        return 0;
}

/* Reads one device. A device that cannot be read is skipped, so that the others are read. Returns 0 or -ENOMEM. */
static int read_device(Rescan *rescan, PciAddress address) {
        int r = scan_device(rescan->kernel, rescan->inventory, address);
        return r == -ENOMEM ? r : 0;
}

static int step_devices(Rescan *rescan) {
        const PciAddress *addresses = rescan->addresses.entries;
        int r;

        if (rescan->next < rescan->addresses.n_entries)
                return read_device(rescan, addresses[rescan->next++]);

        list_done(&rescan->addresses);
        rescan->stage = STAGE_NAMES;
        rescan->next = 0;
        for (unsigned i = 0; i < LISTINGS; i++)
                if ((r = host_names_list(rescan->kernel, on_name, rescan)) < 0)
                        return r;
        list_sort(&rescan->names, sizeof(ListedName), compare_names);
        return 0;
}

static int step_names(Rescan *rescan) {
        const ListedName *names = rescan->names.entries;

        if (rescan->next < rescan->names.n_entries) {
                const ListedName *name = &names[rescan->next++];
                return scan_name(rescan->kernel, rescan->inventory, name->kind, name->text);
        }
        list_done(&rescan->names);
        rescan->stage = STAGE_UNSEEN;
        return 0;
}

/* The list of devices is old by now. A known device that is not on the list may exist, so it is read before the end of the rescan drops it. */
static int step_unseen(Rescan *rescan) {
        const Device *unseen =
                        inventory_find_unseen(rescan->inventory, rescan->has_last_unseen ? &rescan->last_unseen : NULL);
        if (unseen) {
                rescan->last_unseen = unseen->address;
                rescan->has_last_unseen = true;
                return read_device(rescan, rescan->last_unseen);
        }
        int r = inventory_end_rescan(rescan->inventory);
        if (r < 0)
                return r;
        rescan->stage = STAGE_IDLE;
        rescan->done = rescan->begun;
        return 1;
}

int rescan_step(Rescan *rescan) {
        switch (rescan->stage) {
        case STAGE_IDLE:
                return rescan->asked ? begin(rescan) : 0;
        case STAGE_DEVICES:
                return step_devices(rescan);
        case STAGE_NAMES:
                return step_names(rescan);
        case STAGE_UNSEEN:
                return step_unseen(rescan);
        }
        return -EINVAL;
}

int rescan_all(const Kernel *kernel, Inventory *inventory) {
        _cleanup_(rescan_freep) Rescan *rescan = NULL;

        int r = rescan_new(kernel, inventory, &rescan);
        if (r < 0)
                return r;
        (void)rescan_ask(rescan);
        while (r == 0)
                r = rescan_step(rescan);
        return r < 0 ? r : 0;
}
