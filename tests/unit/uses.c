/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

Uses *uses_new(void) {
        Uses *uses = g_new0(Uses, 1);

        uses->lines = g_ptr_array_new_with_free_func(g_free);
        return uses;
}

Uses *uses_free(Uses *uses) {
        if (uses)
                g_ptr_array_unref(uses->lines);
        g_free(uses);
        return NULL;
}

Bed *bed_new(void) {
        Bed *bed = g_new0(Bed, 1);

        bed->tree = temp_tree_new();
        bed->uses = uses_new();
        return bed;
}

Bed *bed_free(Bed *bed) {
        temp_tree_free(bed->tree);
        uses_free(bed->uses);
        g_free(bed);
        return NULL;
}

int on_use(PciAddress device, UsageKind kind, const char *evidence, void *userdata) {
        static const char *const names[_USAGE_KIND_MAX] = {
                        "storage", "network", "display", "console", "memory", "process", "child"};
        Uses *uses = userdata;

        uses->device = device;
        g_assert_cmpint(kind, <, _USAGE_KIND_MAX);
        g_ptr_array_add(uses->lines, g_strdup_printf("%s: %s", names[kind], evidence));
        return uses->lines->len == uses->end_after ? 42 : 0;
}

UsageSnapshot *snapshot_take(const Kernel *kernel, const char *address, const UsageLimits *limits, Uses *uses) {
        UsageSnapshot *snapshot = NULL;
        PciAddress parsed = {};

        if (address)
                g_assert_cmpint(pci_address_parse(address, &parsed), ==, 0);
        g_assert_cmpint(usage_snapshot_new(kernel, &parsed, address ? 1 : 0, on_use, uses, &snapshot), ==, 0);
        snapshot->reader = uses->reader;
        if (limits)
                snapshot->limits = limits;
        return snapshot;
}

int disk_uses(const Kernel *kernel, const char *disk, Uses *uses) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = snapshot_take(kernel, NULL, NULL, uses);
        HostIndexName *name = calloc(1, sizeof(HostIndexName));

        g_assert_nonnull(name);
        name->kind = HOST_NAME_BLOCK;
        g_strlcpy(name->name, disk, sizeof(name->name));
        host_index_done(&snapshot->host);
        snapshot->host = (HostIndex){.names = name, .n_names = 1};
        snapshot->has_host = true;
        return usage_of_disks(snapshot, name->address);
}

int interface_uses(const Kernel *kernel, const char *interface, Uses *uses) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = snapshot_take(kernel, NULL, NULL, uses);
        return usage_of_interface(snapshot, interface);
}

static char *lines_join(Uses *uses) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < uses->lines->len; i++)
                g_string_append_printf(text, "\n  %s", (const char *)uses->lines->pdata[i]);
        return g_strdup(text->str);
}

void assert_uses(Uses *uses, ...) {
        g_autofree char *text = lines_join(uses);
        const char *expected;
        va_list list;

        va_start(list, uses);
        while ((expected = va_arg(list, const char *))) {
                unsigned index;

                if (!g_ptr_array_find_with_equal_func(uses->lines, expected, g_str_equal, &index))
                        g_error("no use says \"%s\" among:%s", expected, text);
                g_ptr_array_remove_index(uses->lines, index);
        }
        va_end(list);
        if (uses->lines->len > 0)
                g_error("unexpected use \"%s\" among:%s", (const char *)uses->lines->pdata[0], text);
}

void assert_use_says(Uses *uses, const char *kind, const char *says) {
        g_autofree char *text = lines_join(uses), *prefix = g_strconcat(kind, ": ", NULL);

        if (uses->lines->len != 1 || !g_str_has_prefix(uses->lines->pdata[0], prefix) ||
                        !strstr(uses->lines->pdata[0], says))
                g_error("there is not exactly one use of kind %s that says \"%s\":%s", kind, says, text);
        g_ptr_array_set_size(uses->lines, 0);
}

void put_process(TempTree *tree, int pid, const char *command, unsigned namespace, const char *mounts) {
        g_autofree char *comm = g_strconcat(command, "\n", NULL), *link = g_strdup_printf("mnt:[%u]", namespace);

        temp_tree_file(tree, comm, "proc/%d/comm", pid);
        temp_tree_file(tree, mounts, "proc/%d/mountinfo", pid);
        temp_tree_link(tree, link, "proc/%d/ns/mnt", pid);
        temp_tree_folder(tree, "proc/%d/fd", pid);
}

void put_owner(TempTree *tree, int pid, unsigned uid, unsigned user_namespace) {
        g_autofree char *link = g_strdup_printf("user:[%u]", user_namespace),
                        *status = g_strdup_printf("Name:\tx\nUid:\t%u\t0\t0\t0\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\n"
                                                  "Groups:\t27 44 \nCapPrm:\tffffffffff\n",
                                        uid, uid, uid, uid, uid);

        temp_tree_link(tree, link, "proc/%d/ns/user", pid);
        temp_tree_file(tree, status, "proc/%d/status", pid);
}

void put_block(TempTree *tree, const char *path, const char *number) {
        g_autofree char *name = g_path_get_basename(path), *target = g_strconcat("../../devices/", path, NULL),
                        *line = g_strconcat(number, "\n", NULL), *node = g_strdelimit(g_strdup(name), "!", '/');

        temp_tree_folder(tree, "sys/devices/%s/holders", path);
        temp_tree_file(tree, line, "sys/devices/%s/dev", path);
        temp_tree_link(tree, target, "sys/class/block/%s", name);
        temp_tree_file(tree, "", "dev/%s", node);
}

void put_partition(TempTree *tree, const char *path, const char *number) {
        put_block(tree, path, number);
        temp_tree_file(tree, "1\n", "sys/devices/%s/partition", path);
}

void put_holder(TempTree *tree, const char *below, const char *above) {
        g_autofree char *target = g_strdup_printf("../../../%s", above);

        temp_tree_link(tree, target, "sys/class/block/%s/holders/%s", below, above);
}
