/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/holder-table.h"
#include "usage/node-access.h"

typedef struct Walk {
        const Kernel *kernel;
        HolderTable *table;
} Walk;

static void holder_list_done(HolderList *list) {
        for (size_t i = 0; i < list->n_holders; i++)
                free(list->holders[i].node);
        free(list->holders);
        *list = (HolderList){};
}

void holder_table_done(HolderTable *table) {
        for (size_t i = 0; i < table->n_functions; i++) {
                holder_list_done(&table->functions[i].open);
                holder_list_done(&table->functions[i].cut);
        }
        holder_list_done(&table->hidden);
        free(table->functions);
        free(table->nodes);
        *table = (HolderTable){};
}

static int add_nodes(const Kernel *kernel, HolderTable *table, size_t owner) {
        FunctionHolders *function = &table->functions[owner];
        _cleanup_free_ DeviceNode *nodes = NULL;
        size_t n_nodes = 0;

        function->error = device_nodes_collect(kernel, function->address, &nodes, &n_nodes);
        if (function->error == -ENOENT)
                function->error = 0; /* the function is gone: the check of its identity tells that better */
        if (function->error == -ENOMEM)
                return -ENOMEM;
        if (n_nodes == 0)
                return 0;
        NodeOwner *grown = reallocarray(table->nodes, table->n_nodes + n_nodes, sizeof(NodeOwner));
        if (!grown)
                return -ENOMEM;
        table->nodes = grown;
        for (size_t i = 0; i < n_nodes; i++)
                grown[table->n_nodes++] = (NodeOwner){nodes[i], owner};
        function->n_nodes = n_nodes;
        return 0;
}

static int add_holder(const Kernel *kernel, HolderList *list, pid_t pid, const char *node) {
        if (list->last == pid)
                return 0;
        list->last = pid;
        if (list->n_holders == HOLDERS_NAMED_MAX) {
                list->n_more++;
                return 0;
        }
        NamedHolder *grown = reallocarray(list->holders, list->n_holders + 1, sizeof(NamedHolder));
        if (!grown)
                return -ENOMEM;
        list->holders = grown;
        NamedHolder *added = &grown[list->n_holders];
        holder_describe(kernel, pid, &added->holder);
        added->node = node ? strdup(node) : NULL;
        if (node && !added->node)
                return -ENOMEM;
        list->n_holders++;
        return 0;
}

static int on_open(const Process *process, size_t owner, const char *node, void *userdata) {
        const Walk *walk = userdata;
        return add_holder(walk->kernel, &walk->table->functions[owner].open, process->pid, node);
}

static int on_hidden(const Process *process, void *userdata) {
        const Walk *walk = userdata;
        return add_holder(walk->kernel, &walk->table->hidden, process->pid, NULL);
}

/* The permissions of the nodes of a function; of nodes with equal permissions only one. */
typedef struct Rule {
        size_t owner;
        NodeAccess access;
} Rule;

static int compare_rules(const void *a, const void *b) {
        const Rule *left = a, *right = b;

        if (left->owner != right->owner)
                return left->owner < right->owner ? -1 : 1;
        if (left->access.is_open_to_all || right->access.is_open_to_all)
                return (int)right->access.is_open_to_all - (int)left->access.is_open_to_all;
        if (left->access.mode != right->access.mode)
                return left->access.mode < right->access.mode ? -1 : 1;
        if (left->access.uid != right->access.uid)
                return left->access.uid < right->access.uid ? -1 : 1;
        return left->access.gid < right->access.gid ? -1 : left->access.gid > right->access.gid;
}

static size_t make_rules(const HolderTable *table, const NodeAccessTable *access, Rule *rules) {
        size_t n_rules = 0;

        for (size_t i = 0; i < table->n_nodes; i++)
                rules[i] = (Rule){table->nodes[i].owner, node_access_find(access, &table->nodes[i].node)};
        qsort(rules, table->n_nodes, sizeof(Rule), compare_rules);
        for (size_t i = 0; i < table->n_nodes; i++)
                if (n_rules == 0 || compare_rules(&rules[n_rules - 1], &rules[i]) != 0)
                        rules[n_rules++] = rules[i];
        return n_rules;
}

static int add_cut_process(
                const Kernel *kernel, HolderTable *table, const Process *process, const Rule *rules, size_t n_rules) {
        NodeUser user;
        int r = 0;

        node_user_read(kernel, process, &user);
        for (size_t i = 0; i < n_rules && r >= 0; i++)
                if (node_access_allows(&rules[i].access, &user))
                        r = add_holder(kernel, &table->functions[rules[i].owner].cut, process->pid, NULL);
        return r;
}

/* Those whose descriptors were not all read. */
static int add_cut_processes(const Kernel *kernel, const ProcessTable *processes, HolderTable *table) {
        _cleanup_(node_access_done) NodeAccessTable access = {};
        _cleanup_free_ Rule *rules = calloc(table->n_nodes, sizeof(Rule));
        if (!rules)
                return -ENOMEM;

        int r = node_access_read(kernel, &access);
        if (r < 0)
                return r;
        size_t n_rules = make_rules(table, &access, rules);
        for (size_t i = 0; i < processes->n_processes && r >= 0; i++)
                if (processes->processes[i].is_cut)
                        r = add_cut_process(kernel, table, &processes->processes[i], rules, n_rules);
        return r;
}

static int walk_processes(
                const Kernel *kernel, ProcessTable *processes, const UsageLimits *limits, HolderTable *table) {
        Walk state = {kernel, table};
        HolderWalk walk = {
                        .nodes = table->nodes,
                        .n_nodes = table->n_nodes,
                        .on_open = on_open,
                        /* No process of this host has a node of a simulated machine open. */
                        .on_hidden = kernel->has_own_nodes ? NULL : on_hidden,
                        .userdata = &state,
        };
        bool is_cut = false;

        int r = holders_walk(kernel, processes, limits, &walk);
        table->n_descriptors = walk.n_descriptors;
        for (size_t i = 0; i < processes->n_processes && !is_cut; i++)
                is_cut = processes->processes[i].is_cut;
        return r < 0 || !is_cut ? r : add_cut_processes(kernel, processes, table);
}

int holder_table_collect(const Kernel *kernel, const PciAddress *addresses, size_t n_addresses, HolderTable *ret) {
        *ret = (HolderTable){.functions = calloc(n_addresses + 1, sizeof(FunctionHolders))};
        if (!ret->functions)
                return -ENOMEM;
        for (size_t i = 0; i < n_addresses; i++) {
                ret->functions[i].address = addresses[i];
                ret->n_functions++;
                int r = add_nodes(kernel, ret, i);
                if (r < 0)
                        return r;
        }
        if (ret->n_nodes > 0)
                qsort(ret->nodes, ret->n_nodes, sizeof(NodeOwner), node_owner_compare);
        return 0;
}

int holder_table_walk(const Kernel *kernel, ProcessTable *processes, const UsageLimits *limits, HolderTable *table) {
        table->error = walk_processes(kernel, processes, limits, table);
        return table->error == -ENOMEM ? -ENOMEM : 0;
}

static int compare_functions(const void *a, const void *b) {
        const FunctionHolders *left = a, *right = b;
        uint64_t left_key = pci_address_key(left->address), right_key = pci_address_key(right->address);

        return left_key < right_key ? -1 : left_key > right_key;
}

const FunctionHolders *holder_table_find(const HolderTable *table, PciAddress address) {
        FunctionHolders key = {.address = address};

        if (table->n_functions == 0)
                return NULL;
        return bsearch(&key, table->functions, table->n_functions, sizeof(FunctionHolders), compare_functions);
}
