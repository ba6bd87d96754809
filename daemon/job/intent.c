/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/intent.h"
#include "job/function-job.h"

static bool is_planned(const Plan *plan, PciAddress address) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (pci_address_equal(plan->members[i].address, address))
                        return true;
        return false;
}

/* Whether it is a record of the group that is to be taken: of that nothing waits to be given back any more. */
static bool is_of_taken_group(const Plan *plan, const Record *record) {
        return plan->verb == PLAN_DETACH && record->group == plan->group;
}

static bool is_touched(const Plan *plan, const Record *record) {
        if (is_of_taken_group(plan, record))
                return true;
        for (size_t i = 0; i < record->n_members; i++)
                if (is_planned(plan, record->members[i].address))
                        return true;
        return false;
}

/* Copies what an older record says of devices that the plan leaves alone. */
static int keep_others(const Plan *plan, const Record *old, Record *record) {
        bool taken = is_of_taken_group(plan, old);
        int r = 0;

        for (size_t i = 0; i < old->n_members && r >= 0; i++) {
                const RecordMember *member = &old->members[i];

                if (!is_planned(plan, member->address))
                        r = record_add(record, member->address, taken ? RECORD_DETACHED : member->phase,
                                        member->origin);
        }
        return r;
}

/* What is known of the plan's own devices. */
static void note_recorded(const Journal *journal, Plan *plan) {
        for (size_t i = 0; i < plan->n_members; i++) {
                PlanMember *member = &plan->members[i];
                const RecordMember *old = journal_find(journal, member->address);

                member->recorded = old && pci_ids_equal(&old->origin->ids, &member->ids);
                member->unfinished = member->recorded && old->phase != RECORD_DETACHED;
        }
}

int intent_make_record(
                Journal *journal, Plan *plan, Record **ret, unsigned long **ret_superseded, size_t *ret_n_superseded) {
        _cleanup_free_ unsigned long *superseded = calloc(journal->n_records + 1, sizeof(unsigned long));
        _cleanup_(record_freep) Record *record = NULL;
        size_t n = 0, n_kept = 0;

        if (plan->verb == PLAN_SET_FUNCTIONS)
                return function_job_make_record(journal, plan, ret, ret_superseded, ret_n_superseded);
        if (!superseded)
                return -ENOMEM;
        note_recorded(journal, plan);
        for (size_t i = 0; i < journal->n_records; i++)
                n_kept += journal->records[i]->n_members;
        int r = record_new(journal->next_number++, plan->group, plan->n_members + n_kept, &record);
        if (r >= 0)
                record->forced = plan->force;
        for (size_t i = 0; i < journal->n_records && r >= 0; i++)
                if (is_touched(plan, journal->records[i])) {
                        superseded[n++] = journal->records[i]->number;
                        r = keep_others(plan, journal->records[i], record);
                }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(record);
        *ret_superseded = TAKE_PTR(superseded);
        *ret_n_superseded = n;
        return 0;
}

/* The device of an entry that is to be given back, where it is there to be: one that is gone, or another card, must not keep the others
 * from going home. NULL otherwise; the entry stays. */
static const Device *find_left_over(const Inventory *inventory, const RecordMember *member, const Plan *of) {
        const Device *device = inventory_find_device(inventory, member->address);

        if (of && !is_planned(of, member->address))
                return NULL;
        return member->phase != RECORD_DETACHED && device && device->group && device_is_ours(device) ? device : NULL;
}

/* The group to begin with: the one that the record was made for, or else any that one of its devices is in by now. */
static const Group *choose_group(const Inventory *inventory, const Record *record, const Plan *of) {
        const Group *group = NULL;

        for (size_t i = 0; i < record->n_members; i++) {
                const Device *device = find_left_over(inventory, &record->members[i], of);
                if (device && (!group || device->group->number == record->group))
                        group = device->group;
        }
        return group;
}

int intent_undo_plan(const Inventory *inventory, const Record *record, const Plan *of, Plan **ret) {
        const Group *group = choose_group(inventory, record, of);
        size_t n = 0;
        int r = 0;

        if (!group)
                return -ENOENT;
        PlanMember *members = calloc(record->n_members, sizeof(PlanMember));
        if (!members)
                return -ENOMEM;
        for (size_t i = 0; i < record->n_members && r >= 0; i++) {
                const RecordMember *member = &record->members[i];
                const Device *device = find_left_over(inventory, member, of);

                if (!device || device->group != group)
                        continue;
                members[n] = (PlanMember){.address = member->address, .ids = member->origin->ids};
                r = device_origin_copy(member->origin, &members[n++].origin);
        }
        if (r >= 0)
                r = plan_restore(group->number, members, n, ret);
        for (size_t i = 0; i < n; i++)
                plan_member_done(&members[i]);
        free(members);
        return r;
}
