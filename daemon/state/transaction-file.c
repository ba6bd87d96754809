/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/transaction-file.h"
#include "state/state-file.h"
#include "state/state-json.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define KIND "transaction"
#define NAME_MAX_SIZE 24

/* A plan for all VFs of a PF: the PF, and as many old and new ones as there can be. */
#define MEMBERS_MAX (1 + 2 * UINT16_MAX)
#define STEPS_MAX (16 * MEMBERS_MAX)

static const char *format_name(unsigned long number, char buffer[static NAME_MAX_SIZE]) {
        (void)snprintf(buffer, NAME_MAX_SIZE, "%lu", number);
        return buffer;
}
#define NAME(number) format_name(number, (char[NAME_MAX_SIZE]){})

int transaction_file_parse_name(const char *name, unsigned long *ret) {
        size_t length = strspn(name, "0123456789");

        if (length == 0 || length > 9 || name[length] != '\0' || name[0] == '0')
                return -EINVAL;
        *ret = strtoul(name, NULL, 10);
        return 0;
}

int transaction_file_find_number(int transactions_fd, unsigned long from, unsigned long *ret) {
        struct stat status;

        for (unsigned long number = from; number <= TRANSACTION_NUMBER_MAX; number++)
                if (fstatat(transactions_fd, NAME(number), &status, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno != ENOENT)
                                return -errno;
                        *ret = number;
                        return 0;
                }
        return -ENOSPC;
}

static int from_member(const PlanMember *member, json_t **ret) {
        json_t *ids = NULL, *before = NULL, *target = NULL, *origin = NULL;
        int r;

        if ((r = state_json_from_ids(&member->ids, &ids)) < 0 ||
                        (r = state_json_from_binding(&member->before, &before)) < 0 ||
                        (r = state_json_from_binding(&member->target, &target)) < 0 ||
                        (member->origin && (r = state_json_from_origin(member->origin, &origin)) < 0)) {
                json_decref(ids);
                json_decref(before);
                json_decref(target);
                return r;
        }
        /* "o" takes the reference over, also on failure. */
        *ret = json_pack("{s:s, s:o, s:i, s:i, s:o, s:o, s:o?, s:b, s:b, s:b, s:b}", "address",
                        PCI_ADDRESS_TEXT(member->address), "ids", ids, "group", member->group, "parent", member->parent,
                        "before", before, "target", target, "origin", origin, "recorded", (int)member->recorded,
                        "virtual_function", (int)member->virtual_function, "unknown_origin",
                        (int)member->unknown_origin, "created", (int)member->created);
        return *ret ? 0 : -ENOMEM;
}

static int to_member(json_t *json, size_t index, size_t n_members, PlanMember *ret) {
        int recorded, virtual_function, unknown_origin, created, r;
        json_t *ids, *before, *target, *origin;
        json_int_t group, parent;
        const char *address;

        if (json_unpack(json, "{s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:b, s:b, s:b, s:b}", "address", &address, "ids",
                            &ids, "group", &group, "parent", &parent, "before", &before, "target", &target, "origin",
                            &origin, "recorded", &recorded, "virtual_function", &virtual_function, "unknown_origin",
                            &unknown_origin, "created", &created) < 0 ||
                        pci_address_parse(address, &ret->address) < 0 || group < IOMMU_GROUP_NONE || group > INT_MAX ||
                        parent < PLAN_NO_PARENT || parent >= (json_int_t)n_members || parent == (json_int_t)index)
                return -EBADMSG;
        ret->group = (int)group;
        ret->parent = (int)parent;
        ret->recorded = recorded;
        ret->virtual_function = virtual_function;
        ret->unknown_origin = unknown_origin;
        ret->created = created;
        if ((r = state_json_to_ids(ids, &ret->ids)) < 0 || (r = state_json_to_binding(before, &ret->before)) < 0 ||
                        (r = state_json_to_binding(target, &ret->target)) < 0)
                return r;
        /* A new VF belongs to a PF, and what has a state file has an origin. */
        if ((ret->created && !plan_member_depends(ret)) || (ret->recorded && json_is_null(origin)))
                return -EBADMSG;
        return json_is_null(origin) ? 0 : state_json_to_origin(origin, &ret->origin);
}

static int from_members(const Plan *plan, json_t **ret) {
        _cleanup_(json_decrefp) json_t *members = json_array();

        for (size_t i = 0; members && i < plan->n_members; i++) {
                json_t *member = NULL;

                int r = from_member(&plan->members[i], &member);
                if (r < 0)
                        return r;
                if (json_array_append_new(members, member) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(members);
        return *ret ? 0 : -ENOMEM;
}

static int from_steps(const Plan *plan, json_t **ret) {
        _cleanup_(json_decrefp) json_t *steps = json_array();

        for (size_t i = 0; steps && i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                if (json_array_append_new(steps,
                                    json_pack("[siii]", step_kind_to_string(step->kind), (int)step->member,
                                                    (int)step->value, (int)step->before)) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(steps);
        return *ret ? 0 : -ENOMEM;
}

static int from_plan(const Plan *plan, json_t **ret) {
        json_t *members = NULL, *steps = NULL;
        int r;

        if ((r = from_members(plan, &members)) < 0)
                return r;
        if ((r = from_steps(plan, &steps)) < 0) {
                json_decref(members);
                return r;
        }
        *ret = json_pack("{s:s, s:i, s:b, s:b, s:s, s:i, s:i, s:o, s:o}", "verb", plan_verb_to_string(plan->verb),
                        "group", plan->group, "force", (int)plan->force, "by_rule", (int)plan->by_rule, "selected",
                        PCI_ADDRESS_TEXT(plan->selected), "vf_count", (int)plan->vf_count, "vf_fate",
                        (int)plan->vf_fate, "members", members, "steps", steps);
        return *ret ? 0 : -ENOMEM;
}

static int to_steps(json_t *steps, Plan *plan) {
        json_t *entry;
        size_t i;

        json_array_foreach(steps, i, entry) {
                json_int_t member, value, before;
                const char *name;

                if (json_unpack(entry, "[sIII]", &name, &member, &value, &before) < 0)
                        return -EBADMSG;
                StepKind kind = step_kind_from_string(name);
                if (kind < 0 || member < 0 || member >= (json_int_t)plan->n_members || value < 0 ||
                                value > UINT16_MAX || before < 0 || before > UINT16_MAX)
                        return -EBADMSG;
                if ((kind == STEP_VANISH || kind == STEP_APPEAR) && !plan_member_depends(&plan->members[member]))
                        return -EBADMSG;
                int r = plan_add_value_step(plan, kind, (size_t)member, (unsigned)value);
                if (r < 0)
                        return r;
                plan->steps[plan->n_steps - 1].before = (unsigned)before;
        }
        return 0;
}

static int to_plan(json_t *json, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        json_int_t group, vf_count, vf_fate;
        int force, by_rule, r;
        json_t *members, *steps, *entry;
        const char *verb, *selected;
        size_t i;

        if (json_unpack(json, "{s:s, s:I, s:b, s:b, s:s, s:I, s:I, s:o, s:o}", "verb", &verb, "group", &group, "force",
                            &force, "by_rule", &by_rule, "selected", &selected, "vf_count", &vf_count, "vf_fate",
                            &vf_fate, "members", &members, "steps", &steps) < 0 ||
                        plan_verb_from_string(verb) < 0 || group < IOMMU_GROUP_NONE || group > INT_MAX ||
                        vf_count < 0 || vf_count > UINT16_MAX || vf_fate < 0 || vf_fate >= _VF_FATE_MAX ||
                        !json_is_array(members) || json_array_size(members) == 0 ||
                        json_array_size(members) > MEMBERS_MAX || !json_is_array(steps) ||
                        json_array_size(steps) == 0 || json_array_size(steps) > STEPS_MAX)
                return -EBADMSG;
        if ((r = plan_new(plan_verb_from_string(verb), group, json_array_size(members), &plan)) < 0)
                return r;
        if (pci_address_parse(selected, &plan->selected) < 0)
                return -EBADMSG;
        plan->force = force;
        plan->by_rule = by_rule;
        plan->recovery = true;
        plan->vf_count = (unsigned)vf_count;
        plan->vf_fate = (VfFate)vf_fate;
        json_array_foreach(members, i, entry) {
                plan->n_members++;
                if ((r = to_member(entry, i, json_array_size(members), &plan->members[i])) < 0)
                        return r;
        }
        if ((r = to_steps(steps, plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int transaction_file_write(int transactions_fd, unsigned long number, const Plan *plan, int *ret_fd) {
        _cleanup_(json_decrefp) json_t *json = NULL;

        int r = from_plan(plan, &json);
        return r < 0 ? r : state_file_write(transactions_fd, NAME(number), KIND, json, ret_fd);
}

int transaction_file_read(int transactions_fd, unsigned long number, Plan **ret, pid_t *ret_owner) {
        _cleanup_(json_decrefp) json_t *json = NULL;
        int r;

        _cleanup_close_ int fd = state_file_open(transactions_fd, NAME(number), false);
        if (fd < 0)
                return fd;
        pid_t owner = state_file_find_owner(fd);
        if (owner < 0)
                return owner;
        if ((r = state_file_read(fd, KIND, &json)) < 0 || (r = to_plan(json, ret)) < 0)
                return r;
        (*ret)->transaction = number;
        *ret_owner = owner;
        return 0;
}

int transaction_file_lock(int transactions_fd, unsigned long number) {
        struct stat status;

        _cleanup_close_ int fd = state_file_open(transactions_fd, NAME(number), true);
        if (fd < 0)
                return fd;
        int r = state_file_lock(fd);
        if (r < 0)
                return r;
        /* Another worker may have ended the transaction just before. */
        if (fstat(fd, &status) < 0 || status.st_nlink == 0)
                return -ENOENT;
        return TAKE_FD(fd);
}

int transaction_file_remove(int transactions_fd, unsigned long number) {
        return state_file_remove(transactions_fd, NAME(number));
}
