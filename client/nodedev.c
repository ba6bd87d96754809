/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of virsh, for those who know it. */
#include "proxy.h"
#include "verbs.h"

/* No hardware has so many bridges in a row. */
#define DEPTH_MAX 64

/* "pci_0000_3b_00_0" */
static void print_name(FILE *stream, const char *address) {
        fputs("pci_", stream);
        for (const char *c = address; *c; c++)
                fputc(*c == ':' || *c == '.' ? '_' : *c, stream);
        fputc('\n', stream);
}

/* The tree, with the first child and the next sibling of each device: indexes in the list of devices, plus one; 0 for none. The root
 * has the index of the last device plus one. */
typedef struct Tree {
        FILE *stream;
        const DeviceList *devices;
        const Device **sorted; /* by the text of the address */
        size_t *children, *siblings;
        char indent[4 * DEPTH_MAX + 4];
} Tree;

static void tree_clear(Tree *tree) {
        free(tree->sorted);
        free(tree->children);
        free(tree->siblings);
}

static int compare(const void *a, const void *b) {
        const Device *const *device_a = a, *const *device_b = b;

        return strcmp(strempty((*device_a)->address), strempty((*device_b)->address));
}

/* Returns the index of the parent: the root, if the list does not have it. */
static size_t find_parent(const Tree *tree, const Device *device) {
        const Device key = {.address = device->parent}, *key_pointer = &key;
        size_t n = tree->devices->count;

        const Device **found =
                        device->parent ? bsearch(&key_pointer, tree->sorted, n, sizeof(Device *), compare) : NULL;
        return found ? (size_t)(*found - tree->devices->items) : n;
}

/* Makes the tree, whose lists of children are in the order of addresses. */
static int tree_fill(Tree *tree) {
        size_t n = tree->devices->count;

        tree->sorted = calloc(n + 1, sizeof(Device *));
        tree->children = calloc(n + 1, sizeof(size_t));
        tree->siblings = calloc(n + 1, sizeof(size_t));
        if (!tree->sorted || !tree->children || !tree->siblings)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                tree->sorted[i] = &tree->devices->items[i];
        qsort(tree->sorted, n, sizeof(Device *), compare);
        for (size_t i = n; i > 0; i--) {
                size_t parent = find_parent(tree, &tree->devices->items[i - 1]);

                tree->siblings[i - 1] = tree->children[parent];
                tree->children[parent] = i;
        }
        return 0;
}

/* Prints the children of a device as virsh does, which also prints blanks in empty lines. */
static void print_children(Tree *tree, size_t parent, unsigned depth) {
        size_t length = strlen(tree->indent);

        if (depth == DEPTH_MAX)
                return;
        if (tree->children[parent] > 0)
                fprintf(tree->stream, "%s  |\n", tree->indent);
        memcpy(tree->indent + length, "  ", sizeof("  "));
        for (size_t child = tree->children[parent]; child > 0; child = tree->siblings[child - 1]) {
                bool is_last = tree->siblings[child - 1] == 0;

                fprintf(tree->stream, "%s+- ", tree->indent);
                print_name(tree->stream, strempty(tree->devices->items[child - 1].address));
                memcpy(tree->indent + length + 2, is_last ? "  " : "| ", sizeof("  "));
                print_children(tree, child - 1, depth + 1);
                if (is_last && tree->children[child - 1] == 0)
                        fprintf(tree->stream, "%s\n", tree->indent);
                tree->indent[length + 2] = '\0';
        }
        tree->indent[length] = '\0';
}

static int print_tree(FILE *stream, const DeviceList *devices) {
        _cleanup_(tree_clear) Tree tree = {.stream = stream, .devices = devices};

        if (tree_fill(&tree) < 0)
                return -ENOMEM;
        fputs("computer\n", stream);
        print_children(&tree, devices->count, 0);
        fputc('\n', stream);
        return 0;
}

ExitCode verb_nodedev_list(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList devices = {0};
        ExitCode code;
        int r;

        if (invocation->output.json)
                return verb_devices(invocation);
        code = invocation_connect(invocation);
        if (code != EXIT_DONE)
                return code;
        r = proxy_list_devices(invocation->bus, &devices, &error);
        if (r < 0)
                return report_error(r, &error);
        if (invocation->tree)
                r = print_tree(invocation->output.stream, &devices);
        for (size_t i = 0; !invocation->tree && i < devices.count; i++)
                print_name(invocation->output.stream, strempty(devices.items[i].address));
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
