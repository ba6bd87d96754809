/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/first-edition.h"
#include "base/log.h"
#include "state/state-file.h"
#include "state/state-json.h"

#include <dirent.h>
#include <sys/file.h>

#define KIND "record"
#define RECORDS_MAX 100000
#define COUNT_MAX UINT16_MAX

static int read_record(int folder_fd, const char *name, json_t **ret) {
        _cleanup_close_ int fd = state_file_open(folder_fd, name, false);
        if (fd < 0)
                return fd;
        /* The first edition's workers locked with flock(). */
        if (flock(fd, LOCK_SH | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return state_file_read(fd, KIND, ret);
}

/* Copies an object. Returns NULL without memory: json_copy() then leaves values out. */
static json_t *copy_object(json_t *json) {
        json_t *copy = json_copy(json);

        if (copy && json_object_size(copy) != json_object_size(json)) {
                json_decref(copy);
                return NULL;
        }
        return copy;
}

/* Reads a device of a record. The first edition wrote the binding among the other values, and null for an unknown
 * value. */
static int read_device(json_t *json, PciAddress *ret_address, DeviceOrigin **ret) {
        _cleanup_(device_origin_freep) DeviceOrigin *origin = calloc(1, sizeof(DeviceOrigin));
        _cleanup_(json_decrefp) json_t *object = copy_object(json);
        int error = 0;
        const char *key;
        json_t *value;
        void *next;

        if (!origin || !object)
                return -ENOMEM;
        if (!json_is_object(object))
                return -EBADMSG;
        json_object_foreach_safe(object, next, key, value) {
                if (json_is_null(value))
                        (void)json_object_del(object, key);
        }
        if (json_object_set_new(object, "binding", copy_object(object)) < 0 ||
                        (!json_object_get(object, "names") && json_object_set_new(object, "names", json_array()) < 0))
                return -ENOMEM;
        StateJson reader = {.json = object, .error = &error};
        *ret_address = state_json_address(&reader, "address", (PciAddress){});
        state_json_origin(&reader, origin);
        if (error < 0)
                return error;
        *ret = TAKE_PTR(origin);
        return 0;
}

static int write_transaction(State *state, const Plan *plan) {
        unsigned long number;
        int fd = -EBADF;

        int r = transaction_file_find_number(state->transactions_fd, 1, &number);
        if (r >= 0)
                r = transaction_file_write(state->transactions_fd, number, plan, &fd);
        /* No worker has it, so the recovery at the start of vfiod ends it. */
        (void)safe_close(fd);
        return r;
}

/* Plans a reattach of the members that are neither with the host nor detached. */
static int add_unfinished(Plan *plan, PciAddress address, const DeviceOrigin *origin) {
        PlanMember *member = &plan->members[plan->n_members++];

        *member = (PlanMember){
                        .address = address,
                        .ids = origin->ids,
                        .group = plan->group,
                        .parent = PLAN_NO_PARENT,
                        .recorded = true,
                        .target = origin->binding,
                        .virtual_function = origin->virtual_function,
        };
        binding_set_driver(&member->before, PLAN_VFIO_DRIVER);
        binding_set_override(&member->before, PLAN_VFIO_DRIVER);
        plan->selected = address;
        return device_origin_copy(origin, &member->origin);
}

static int convert_members(State *state, json_t *record) {
        json_t *members = json_object_get(record, "members"), *json;
        json_int_t group = json_integer_value(json_object_get(record, "group"));
        _cleanup_(plan_freep) Plan *unfinished = NULL;
        size_t i;
        int r;

        if (!json_is_array(members) || group < IOMMU_GROUP_NONE || group > INT32_MAX)
                return -EBADMSG;
        if ((r = plan_new(PLAN_REATTACH, (int)group, json_array_size(members), &unfinished)) < 0)
                return r;
        json_array_foreach(members, i, json) {
                _cleanup_(device_origin_freep) DeviceOrigin *origin = NULL;
                const char *phase = json_string_value(json_object_get(json, "phase"));
                PciAddress address;

                if ((r = read_device(json, &address, &origin)) < 0 ||
                                (r = device_file_write(state->devices_fd, address, true, origin)) < 0)
                        return r;
                if (!streq_ptr(phase, "detached") && (r = add_unfinished(unfinished, address, origin)) < 0)
                        return r;
        }
        if (unfinished->n_members == 0)
                return 0;
        if ((r = plan_add_all_steps(unfinished)) < 0)
                return r;
        return write_transaction(state, unfinished);
}

/* Virtual functions. */

/* A VF that vfiod had detached has a state file, from an earlier record. It keeps the file when it is back. */
static int add_vf(const State *state, Plan *plan, json_t *json) {
        _cleanup_(device_origin_freep) DeviceOrigin *before = NULL;
        _cleanup_device_file_ DeviceFile file = {};
        PlanMember *member = &plan->members[plan->n_members];
        int r;

        *member = (PlanMember){.group = IOMMU_GROUP_NONE, .parent = 0, .virtual_function = true};
        if ((r = read_device(json, &member->address, &before)) < 0)
                return r;
        member->ids = before->ids;
        member->before = before->binding;
        plan->n_members++;
        r = device_file_read(state->devices_fd, member->address, &file);
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && pci_ids_equal(&file.origin->ids, &member->ids)) {
                member->recorded = true;
                member->origin = TAKE_PTR(file.origin);
        }
        return plan_add_step(plan, STEP_VANISH, plan->n_members - 1);
}

/* Plans a change of VFs that is reverted: this brings back the VFs that existed before, or only the host's setting if
 * there are none to bring back. */
static int make_vf_plan(const State *state, PciAddress pf, const DeviceOrigin *origin, json_t *before, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        json_t *json;
        size_t i;
        int r;

        if ((r = plan_new(PLAN_SET_VFS, IOMMU_GROUP_NONE, json_array_size(before) + 1, &plan)) < 0)
                return r;
        plan->members[plan->n_members++] = (PlanMember){
                        .address = pf, .ids = origin->ids, .group = IOMMU_GROUP_NONE, .parent = PLAN_NO_PARENT};
        plan->selected = pf;
        if ((r = plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, 0)) < 0)
                return r;
        plan->steps[0].before = !origin->autoprobe_known || origin->autoprobe;
        json_array_foreach(before, i, json) {
                if ((r = add_vf(state, plan, json)) < 0)
                        return r;
        }
        if (before) {
                if ((r = plan_add_value_step(plan, STEP_SET_VFS, 0, 0)) < 0)
                        return r;
                plan->steps[plan->n_steps - 1].before = (unsigned)json_array_size(before);
        }
        *ret = TAKE_PTR(plan);
        return 0;
}

/* The VFs that the PF had before will not come back. */
static int forget_vfs(State *state, json_t *before) {
        json_t *json;
        size_t i;
        int r = 0;

        json_array_foreach(before, i, json) {
                const char *text = json_string_value(json_object_get(json, "address"));
                PciAddress address;

                if (text && pci_address_parse(text, &address) >= 0 && r >= 0)
                        r = device_file_remove(state->devices_fd, address);
        }
        return r;
}

/* Returns 1 if the records of the new VFs, which follow, do not count; 0; or a negative errno. */
static int convert_functions(State *state, json_t *functions) {
        const char *phase = strempty(json_string_value(json_object_get(functions, "phase")));
        json_t *before = json_object_get(functions, "before");
        _cleanup_(device_origin_freep) DeviceOrigin *origin = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        bool making = streq(phase, "making"), made = streq(phase, "made"), kept = streq(phase, "kept");
        PciAddress pf;
        int r;

        if (!json_is_array(before) || (!making && !made && !kept && !streq(phase, "done")))
                return -EBADMSG;
        if ((r = read_device(functions, &pf, &origin)) < 0 || (!making && (r = forget_vfs(state, before)) < 0))
                return r;
        if (kept) {
                origin->autoprobe_known = true;
                return device_file_write(state->devices_fd, pf, false, origin);
        }
        if (making || made) {
                if ((r = make_vf_plan(state, pf, origin, making ? before : NULL, &plan)) < 0 ||
                                (r = write_transaction(state, plan)) < 0)
                        return r;
        }
        return making;
}

/* A later record counts more than an earlier one. The records up to the number skip_to do not count. */
static int convert_record(State *state, json_t *record, unsigned long number, unsigned long *skip_to) {
        json_t *functions = json_object_get(record, "functions");
        json_int_t count = json_integer_value(json_object_get(functions, "count"));

        if (!functions)
                return number > *skip_to ? convert_members(state, record) : 0;
        if (count < 0 || count > COUNT_MAX)
                return -EBADMSG;
        int r = convert_functions(state, functions);
        if (r > 0)
                *skip_to = number + (unsigned long)count;
        return r;
}

static int take_over(State *state, const char *name, unsigned long *skip_to) {
        _cleanup_(json_decrefp) json_t *record = NULL;
        int r;

        if ((r = read_record(state->folder_fd, name, &record)) < 0 ||
                        (r = convert_record(state, record, strtoul(name, NULL, 10), skip_to)) < 0) {
                if (r != -ENOMEM)
                        state_report(state, state->folder_fd, name, r);
                return r == -ENOMEM ? r : 0;
        }
        if ((r = state_file_remove(state->folder_fd, name)) < 0)
                log_error_errno(r, "Cannot remove the state file '%s' of an earlier version of vfiod", name);
        else
                log_notice("vfiod took over the state file '%s' of an earlier version of vfiod.", name);
        return 0;
}

static int is_record(const struct dirent *entry) {
        size_t length = strspn(entry->d_name, "0123456789");

        return length > 0 && length <= 18 && streq(entry->d_name + length, "." KIND);
}

int first_edition_take_over(State *state) {
        struct dirent **entries = NULL;
        unsigned long skip_to = 0;
        int r = 0;

        /* "9.record" comes before "10.record". */
        int n = state->folder_fd < 0 ? 0 : scandirat(state->folder_fd, ".", &entries, is_record, versionsort);
        if (n < 0)
                return -errno;
        if (n > RECORDS_MAX)
                log_warning("The state folder has more than %d files of an earlier version of vfiod. vfiod ignores the "
                            "others until its next start.",
                                RECORDS_MAX);
        for (int i = 0; i < n; i++) {
                if (i < RECORDS_MAX && r >= 0)
                        r = take_over(state, entries[i]->d_name, &skip_to);
                free(entries[i]);
        }
        free(entries);
        return r < 0 || n == 0 ? r : state_load(state);
}
