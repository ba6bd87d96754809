/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/transaction-file.h"
#include "kernel/sysfs.h"
#include "state/device-file.h"
#include "state/state-file.h"
#include "state/state-json.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define KIND "transaction"
#define NAME_MAX_SIZE 24

/* A plan for all VFs of a PF: the PF, and as many old and new VFs as there can be. */
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

/* A device that a detach takes for the first time has no origin. Earlier versions wrote null for that. */
static void transfer_origin(StateJson *json, PlanMember *member) {
        const json_t *found = json_object_get(json->json, "origin");

        if (found && !json_is_null(found)) {
                member->origin = calloc(1, sizeof(DeviceOrigin));
                if (!member->origin)
                        state_json_fail(json, -ENOMEM);
        }
        if (!member->origin)
                return;
        StateJson origin = state_json_enter(json, "origin", JSON_OBJECT);
        state_json_origin(&origin, member->origin);
}

static void transfer_member(StateJson *array, const Plan *plan, PlanMember *member) {
        StateJson json = state_json_enter(array, NULL, JSON_OBJECT);
        json_int_t last = (json_int_t)plan->n_members - 1;

        member->address = state_json_address(&json, "address", member->address);
        state_json_ids(&json, &member->ids);
        member->group = (int)state_json_number(&json, "group", member->group, IOMMU_GROUP_NONE, INT_MAX);
        member->parent = (int)state_json_number(&json, "parent", member->parent, PLAN_NO_PARENT, last);
        state_json_binding(&json, "before", &member->before);
        state_json_binding(&json, "target", &member->target);
        transfer_origin(&json, member);
        member->recorded = state_json_flag(&json, "recorded", member->recorded);
        member->virtual_function = state_json_flag(&json, "virtual_function", member->virtual_function);
        member->unknown_origin = state_json_flag(&json, "unknown_origin", member->unknown_origin);
        member->created = state_json_flag(&json, "created", member->created);
        if (state_json_has(&json, "cdev", member->cdev != 0))
                member->cdev = (dev_t)state_json_number(&json, "cdev", (json_int_t)member->cdev, 1, INT64_MAX);
        /* A member is not its own parent. A new VF has a PF, and a member with a state file has an origin. */
        if (member->parent == member - plan->members || (member->created && !plan_member_depends(member)) ||
                        (member->recorded && !member->origin))
                state_json_fail(&json, -EBADMSG);
}

static void transfer_step(StateJson *array, const Plan *plan, PlanStep *step) {
        StateJson json = state_json_enter(array, NULL, JSON_ARRAY);
        json_int_t last = (json_int_t)plan->n_members - 1;

        step->kind = step_kind_from_string(state_json_string(&json, NULL, step_kind_to_string(step->kind)));
        step->member = state_json_number(&json, NULL, step->member, 0, last);
        step->value = state_json_number(&json, NULL, step->value, 0, UINT16_MAX);
        step->before = state_json_number(&json, NULL, step->before, 0, UINT16_MAX);
        bool depends = plan_member_depends(&plan->members[step->member]);
        if (step->kind < 0 || ((step->kind == STEP_VANISH || step->kind == STEP_APPEAR) && !depends))
                state_json_fail(&json, -EBADMSG);
        state_json_leave(&json);
}

static void transfer_field(StateJson *array, PlanCaller *caller, size_t i) {
        const char *field = state_json_string(array, NULL, array->writing ? caller->fields.texts[i] : NULL);
        int r = array->writing || *array->error < 0 ? 0 : plan_caller_read_field(caller, field);

        if (r < 0)
                state_json_fail(array, r);
}

/* Earlier versions did not write it. */
static void transfer_caller(StateJson *outer, PlanCaller *caller) {
        if (!state_json_has(outer, "caller", caller->text != NULL))
                return;
        StateJson json = state_json_enter(outer, "caller", JSON_OBJECT);
        const char *text = state_json_string(&json, "text", caller->text);
        int r = json.writing || *json.error < 0 ? 0 : plan_caller_read_text(caller, text);
        StateJson fields = state_json_enter(&json, "fields", JSON_ARRAY);
        size_t n = json.writing ? caller->fields.n_texts : json_array_size(fields.json);
        if (r < 0 || n > PLAN_CALLER_FIELDS_MAX)
                state_json_fail(&json, r < 0 ? r : -EBADMSG);
        for (size_t i = 0; i < n && *json.error == 0; i++)
                transfer_field(&fields, caller, i);
}

/* When reading, the plan has its members and steps already, and nothing is in them. */
static void transfer_plan(StateJson *json, Plan *plan) {
        plan->verb = plan_verb_from_string(state_json_string(json, "verb", plan_verb_to_string(plan->verb)));
        if (plan->verb < 0)
                state_json_fail(json, -EBADMSG);
        plan->group = (int)state_json_number(json, "group", plan->group, IOMMU_GROUP_NONE, INT_MAX);
        plan->force = state_json_flag(json, "force", plan->force);
        plan->by_rule = state_json_flag(json, "by_rule", plan->by_rule);
        plan->selected = state_json_address(json, "selected", plan->selected);
        plan->vf_count = state_json_number(json, "vf_count", plan->vf_count, 0, UINT16_MAX);
        plan->vf_fate = state_json_number(json, "vf_fate", plan->vf_fate, 0, _VF_FATE_MAX - 1);
        transfer_caller(json, &plan->caller);
        StateJson members = state_json_enter(json, "members", JSON_ARRAY);
        for (size_t i = 0; i < plan->n_members && *json->error == 0; i++)
                transfer_member(&members, plan, &plan->members[i]);
        StateJson steps = state_json_enter(json, "steps", JSON_ARRAY);
        for (size_t i = 0; i < plan->n_steps && *json->error == 0; i++)
                transfer_step(&steps, plan, &plan->steps[i]);
}

static int to_plan(json_t *object, Plan **ret) {
        size_t n_members = json_array_size(json_object_get(object, "members"));
        size_t n_steps = json_array_size(json_object_get(object, "steps"));
        _cleanup_(plan_freep) Plan *plan = NULL;
        int error = 0, r;

        if (n_members == 0 || n_members > MEMBERS_MAX || n_steps == 0 || n_steps > STEPS_MAX)
                return -EBADMSG;
        r = plan_new(PLAN_DETACH, IOMMU_GROUP_NONE, n_members, &plan);
        if (r < 0)
                return r;
        plan->n_members = n_members;
        for (size_t i = 0; i < n_steps && r >= 0; i++)
                r = plan_add_step(plan, STEP_RECORD, 0);
        if (r < 0)
                return r;
        transfer_plan(&(StateJson){.json = object, .error = &error}, plan);
        if (error < 0)
                return error;
        plan->recovery = true;
        *ret = TAKE_PTR(plan);
        return 0;
}

int transaction_file_write(int transactions_fd, unsigned long number, const Plan *plan, int *ret_fd) {
        _cleanup_(json_decrefp) json_t *object = json_object();
        int error = 0;

        /* Writing changes nothing in the plan. */
        transfer_plan(&(StateJson){.json = object, .writing = true, .error = &error}, (Plan *)plan);
        if (error < 0)
                return error;
        return state_file_write(transactions_fd, NAME(number), KIND, object, ret_fd);
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
        /* Another worker may just have ended the transaction. */
        if (fstat(fd, &status) < 0 || status.st_nlink == 0)
                return -ENOENT;
        return TAKE_FD(fd);
}

int transaction_file_remove(int transactions_fd, unsigned long number) {
        return state_file_remove(transactions_fd, NAME(number));
}

/* Dropping. */

typedef struct Drop {
        int devices_fd, transactions_fd;
        const Plan *plan;
} Drop;

static bool is_about(const Plan *old, const Plan *plan) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (!plan->members[i].created && plan_find_member(old, plan->members[i].address) >= 0)
                        return true;
        return false;
}

static int drop_transaction(int folder_fd, const char *name, void *userdata) {
        _cleanup_(plan_freep) Plan *old = NULL;
        const Drop *drop = userdata;
        unsigned long number;
        pid_t owner;
        int r;

        (void)folder_fd;
        if (transaction_file_parse_name(name, &number) < 0)
                return 0;
        r = transaction_file_read(drop->transactions_fd, number, &old, &owner);
        /* The daemon reports a file that cannot be read. */
        if (r < 0 || owner > 0 || !is_about(old, drop->plan))
                return r == -ENOMEM ? r : 0;
        /* vfiod must still restore sriov_drivers_autoprobe of the PF, so its state file says what the host had. */
        const PlanMember *pf = &old->members[0];
        if (old->verb == PLAN_SET_VFS && pf->origin && pf->origin->autoprobe_known &&
                        (r = device_file_write(drop->devices_fd, pf->address, false, pf->origin)) < 0)
                return r;
        return transaction_file_remove(drop->transactions_fd, number);
}

int transaction_files_drop(int devices_fd, int transactions_fd, const Plan *plan) {
        return sysfs_for_each(transactions_fd, ".", drop_transaction, &(Drop){devices_fd, transactions_fd, plan});
}
