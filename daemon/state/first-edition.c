/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/first-edition.h"
#include "base/log.h"
#include "kernel/sysfs.h"
#include "state/state-file.h"
#include "state/state-json.h"

#include <sys/file.h>

#define KIND "record"
#define RECORDS_MAX 100000
#define COUNT_MAX UINT16_MAX

/* A record of the first edition. A later number counts more than an earlier one. */
typedef struct Record {
        unsigned long number;
        json_t *json;
} Record;

typedef struct RecordList {
        State *state;
        Record *records;
        size_t n_records;
} RecordList;

static void record_list_done(RecordList *list) {
        for (size_t i = 0; i < list->n_records; i++)
                json_decref(list->records[i].json);
        free(list->records);
}

static bool parse_name(const char *name, unsigned long *ret) {
        size_t length = strspn(name, "0123456789");

        if (length == 0 || length > 18 || !streq(name + length, ".record"))
                return false;
        *ret = strtoul(name, NULL, 10);
        return true;
}

static int read_record(int folder_fd, const char *name, json_t **ret) {
        _cleanup_close_ int fd = state_file_open(folder_fd, name, false);
        if (fd < 0)
                return fd;
        /* The first edition's workers locked with flock(). */
        if (flock(fd, LOCK_SH | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return state_file_read(fd, KIND, ret);
}

static int load_record(int folder_fd, const char *name, void *userdata) {
        RecordList *list = userdata;
        unsigned long number;
        json_t *json = NULL;

        if (!parse_name(name, &number) || list->n_records >= RECORDS_MAX)
                return 0;
        int r = read_record(folder_fd, name, &json);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                state_report(list->state, folder_fd, name, r);
                return 0;
        }
        Record *grown = reallocarray(list->records, list->n_records + 1, sizeof(Record));
        if (!grown) {
                json_decref(json);
                return -ENOMEM;
        }
        list->records = grown;
        grown[list->n_records++] = (Record){number, json};
        return 0;
}

static int compare_records(const void *a, const void *b) {
        const Record *x = a, *y = b;
        return x->number < y->number ? -1 : x->number > y->number;
}

/* A member of a record: an origin with its parts in one object. */
static int to_origin(json_t *json, PciAddress *ret_address, DeviceOrigin **ret) {
        _cleanup_(json_decrefp) json_t *converted = json_deep_copy(json);
        json_t *driver = json_object_get(json, "driver"), *override = json_object_get(json, "override");
        const char *address = json_string_value(json_object_get(json, "address"));
        json_t *binding = json_object();

        if (!converted || !binding || !address || pci_address_parse(address, ret_address) < 0) {
                json_decref(binding);
                return -EBADMSG;
        }
        static const char *const keys[] = {"any_driver", "power_control", "d3cold_allowed", "virtual_function_link"};
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (json_object_get(json, keys[i]))
                        (void)json_object_set(binding, keys[i], json_object_get(json, keys[i]));
        if (json_is_string(driver))
                (void)json_object_set(binding, "driver", driver);
        if (json_is_string(override))
                (void)json_object_set(binding, "override", override);
        if (json_is_null(json_object_get(converted, "module")))
                (void)json_object_del(converted, "module");
        if (json_object_set_new(converted, "binding", binding) < 0)
                return -ENOMEM;
        return state_json_to_origin(converted, ret);
}

static int write_transaction(State *state, const Plan *plan) {
        unsigned long number;
        int fd = -EBADF;

        int r = transaction_file_find_number(state->transactions_fd, 1, &number);
        if (r >= 0)
                r = transaction_file_write(state->transactions_fd, number, plan, &fd);
        /* Nobody works on it: the recovery at the start does. */
        (void)safe_close(fd);
        return r;
}

/* A reattach for the members that were in between: they go home. */
static int add_unfinished(Plan *plan, PciAddress address, DeviceOrigin *origin) {
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

                if ((r = to_origin(json, &address, &origin)) < 0 ||
                                (r = device_file_write(state->devices_fd, address, true, origin)) < 0)
                        return r;
                if (!streq_ptr(phase, "detached") && (r = add_unfinished(unfinished, address, origin)) < 0)
                        return r;
        }
        if (unfinished->n_members == 0)
                return 0;
        if ((r = plan_add_reattach_steps(unfinished)) < 0)
                return r;
        return write_transaction(state, unfinished);
}

/* Virtual functions. */

/* A VF that vfiod had detached has a state file, from an earlier record, and keeps it when it is back. */
static int add_vf_before(const State *state, Plan *plan, json_t *json) {
        _cleanup_device_file_ DeviceFile file = {};
        PlanMember *member = &plan->members[plan->n_members];
        const char *address = json_string_value(json_object_get(json, "address"));
        int r;

        *member = (PlanMember){.group = IOMMU_GROUP_NONE, .parent = 0, .virtual_function = true};
        if (!address || pci_address_parse(address, &member->address) < 0)
                return -EBADMSG;
        if ((r = state_json_to_ids(json_object_get(json, "ids"), &member->ids)) < 0 ||
                        (r = state_json_to_binding(json, &member->before)) < 0)
                return r;
        plan->n_members++;
        r = device_file_read(state->devices_fd, member->address, &file);
        if (r < 0 || !pci_ids_equal(&file.origin->ids, &member->ids))
                return r == -ENOMEM ? r : 0;
        member->recorded = true;
        member->origin = TAKE_PTR(file.origin);
        return 0;
}

/* The plan whose revert brings back the VFs that existed, or only the host's setting. */
static int make_vf_plan(const State *state, json_t *functions, bool made, Plan **ret) {
        json_t *before = json_object_get(functions, "before"), *json;
        const char *address = json_string_value(json_object_get(functions, "address"));
        _cleanup_(plan_freep) Plan *plan = NULL;
        size_t i;
        int r;

        if (!json_is_array(before) || !address)
                return -EBADMSG;
        if ((r = plan_new(PLAN_SET_VFS, IOMMU_GROUP_NONE, json_array_size(before) + 1, &plan)) < 0)
                return r;
        PlanMember *pf = &plan->members[plan->n_members++];
        *pf = (PlanMember){.group = IOMMU_GROUP_NONE, .parent = PLAN_NO_PARENT};
        if (pci_address_parse(address, &pf->address) < 0)
                return -EBADMSG;
        plan->selected = pf->address;
        if ((r = state_json_to_ids(json_object_get(functions, "ids"), &pf->ids)) < 0)
                return r;
        if ((r = plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, 0)) < 0)
                return r;
        plan->steps[0].before = !json_is_false(json_object_get(functions, "autoprobe"));
        if (!made) {
                json_array_foreach(before, i, json) {
                        if ((r = add_vf_before(state, plan, json)) < 0 ||
                                        (r = plan_add_step(plan, STEP_VANISH, plan->n_members - 1)) < 0)
                                return r;
                }
                if ((r = plan_add_value_step(plan, STEP_SET_VFS, 0, 0)) < 0)
                        return r;
                plan->steps[plan->n_steps - 1].before = (unsigned)json_array_size(before);
        }
        *ret = TAKE_PTR(plan);
        return 0;
}

/* The VFs that the PF had before are gone for good. */
static int forget_vfs_before(State *state, json_t *functions) {
        json_t *before = json_object_get(functions, "before"), *json;
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

static int keep_autoprobe(State *state, json_t *functions) {
        const char *text = json_string_value(json_object_get(functions, "address"));
        DeviceOrigin origin = {
                        .autoprobe_known = true,
                        .autoprobe = json_is_true(json_object_get(functions, "autoprobe")),
        };
        PciAddress address;
        int r;

        if (!text || pci_address_parse(text, &address) < 0)
                return -EBADMSG;
        if ((r = state_json_to_ids(json_object_get(functions, "ids"), &origin.ids)) < 0)
                return r;
        return device_file_write(state->devices_fd, address, false, &origin);
}

/* Returns 1 if the records of the new VFs, which follow, do not count; 0; or a negative errno. */
static int convert_functions(State *state, json_t *functions) {
        const char *phase = json_string_value(json_object_get(functions, "phase"));
        _cleanup_(plan_freep) Plan *plan = NULL;
        bool making = streq_ptr(phase, "making");
        int r;

        if (making || streq_ptr(phase, "made")) {
                if ((r = make_vf_plan(state, functions, !making, &plan)) < 0 ||
                                (r = making ? 0 : forget_vfs_before(state, functions)) < 0 ||
                                (r = write_transaction(state, plan)) < 0)
                        return r;
                return making;
        }
        if (!streq_ptr(phase, "done") && !streq_ptr(phase, "kept"))
                return -EBADMSG;
        if ((r = forget_vfs_before(state, functions)) < 0)
                return r;
        return streq(phase, "kept") ? keep_autoprobe(state, functions) : 0;
}

static int convert_all(RecordList *list) {
        State *state = list->state;
        unsigned long skip_to = 0;

        for (size_t i = 0; i < list->n_records; i++) {
                const Record *record = &list->records[i];
                json_t *functions = json_object_get(record->json, "functions");
                json_int_t count = json_integer_value(json_object_get(functions, "count"));
                char name[40];
                int r = 0;

                (void)snprintf(name, sizeof(name), "%lu.record", record->number);
                if (functions && count >= 0 && count <= COUNT_MAX) {
                        r = convert_functions(state, functions);
                        if (r > 0)
                                skip_to = record->number + (unsigned long)count;
                } else if (record->number > skip_to)
                        r = convert_members(state, record->json);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        state_report(state, state->folder_fd, name, r);
                else if ((r = state_file_remove(state->folder_fd, name)) < 0)
                        log_error_errno(r, "Cannot remove the state file '%s' of an earlier version of vfiod", name);
                else
                        log_notice("The state file '%s' of an earlier version of vfiod was taken over.", name);
        }
        return 0;
}

int first_edition_take_over(State *state) {
        __attribute__((cleanup(record_list_done))) RecordList list = {.state = state};

        if (state->folder_fd < 0)
                return 0;
        int r = sysfs_for_each(state->folder_fd, ".", load_record, &list);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (list.n_records > 0)
                qsort(list.records, list.n_records, sizeof(Record), compare_records);
        return convert_all(&list);
}
