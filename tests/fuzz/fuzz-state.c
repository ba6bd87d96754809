/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "state-folder.h"
#include "state-input.h"
#include "state-text.h"
#include "state/device-file.h"
#include "state/lease-file.h"
#include "state/revert-file.h"
#include "state/transaction-file.h"

/* The input is the JSON of a state file behind a right header; and also a whole file. */

#define DEVICE "0000:03:01.0"

static StateFolder *folder;

static char *origin_to_text(const DeviceFile *file) {
        GString *text = g_string_new(file->away ? "away" : "not-away");

        append_origin(text, file->origin);
        return g_string_free(text, FALSE);
}

/* What was read is written, and then it is the same. */
static void check_device(const DeviceFile *file) {
        PciAddress other = address_of("ffffffff:ff:1f.7");
        _cleanup_device_file_ DeviceFile again = {};

        g_assert_cmpint(device_file_write(folder->fd, other, file->away, file->origin), ==, 0);
        g_assert_cmpint(device_file_read(folder->fd, other, &again), ==, 0);
        g_assert_cmpint(again.away, ==, file->away);
        g_assert_true(device_origin_equal(again.origin, file->origin));
        g_autofree char *text = origin_to_text(file), *again_text = origin_to_text(&again);
        g_assert_cmpstr(again_text, ==, text);
}

static void read_device(void) {
        _cleanup_device_file_ DeviceFile file = {};

        int r = device_file_read(folder->fd, address_of(DEVICE), &file);
        g_assert_true(r == 0 || r == -EBADMSG || r == -ESTALE);
        if (r == 0)
                check_device(&file);
        else
                g_assert_null(file.origin);
}

static void read_lease(void) {
        _cleanup_lease_file_ LeaseFile file = {}, again = {};

        int r = lease_file_read(folder->fd, 7, &file);
        g_assert_true(r == 0 || r == -EBADMSG || r == -ESTALE || r == -E2BIG);
        if (r < 0) {
                g_assert_null(file.addresses);
                return;
        }
        file.number = 8;
        g_assert_cmpint(lease_file_write(folder->fd, &file), ==, 0);
        g_assert_cmpint(lease_file_read(folder->fd, 8, &again), ==, 0);
        g_assert_cmpuint(again.n_addresses, ==, file.n_addresses);
        g_assert_cmpuint(again.uid, ==, file.uid);
}

static void read_revert(void) {
        _cleanup_revert_file_ RevertFile file = {}, again = {};

        int r = revert_file_read(folder->fd, 7, &file);
        g_assert_true(r == 0 || r == -EBADMSG || r == -ESTALE || r == -E2BIG);
        if (r < 0) {
                g_assert_null(file.addresses);
                return;
        }
        file.number = 8;
        g_assert_cmpint(revert_file_write(folder->fd, &file), ==, 0);
        g_assert_cmpint(revert_file_read(folder->fd, 8, &again), ==, 0);
        g_assert_cmpuint(again.n_addresses, ==, file.n_addresses);
        g_assert_true(again.uid == file.uid && again.at_us == file.at_us);
}

static void check_ranges(const Plan *plan) {
        char reason[PLAN_REASON_MAX];

        g_assert_cmpuint(plan->n_members, >, 0);
        g_assert_cmpuint(plan->n_steps, >, 0);
        g_assert_true(plan->verb >= 0 && plan->verb < _PLAN_VERB_MAX);
        g_assert_true(plan->vf_fate < _VF_FATE_MAX);
        for (size_t i = 0; i < plan->n_steps; i++) {
                g_assert_true(plan->steps[i].kind >= 0 && plan->steps[i].kind < _STEP_KIND_MAX);
                g_assert_cmpuint(plan->steps[i].member, <, plan->n_members);
                (void)plan_step_address(plan, &plan->steps[i]);
                fuzz_assert_message(plan_step_reason(plan, &plan->steps[i], reason));
        }
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                g_assert_cmpint(member->parent, >=, PLAN_NO_PARENT);
                g_assert_cmpint(member->parent, <, (int)plan->n_members);
                g_assert_cmpint(member->parent, !=, (int)i);
                g_assert_true(member->origin || !member->recorded);
        }
}

static void check_plan(const Plan *plan) {
        _cleanup_(plan_freep) Plan *again = NULL;
        _cleanup_close_ int lock = -EBADF;
        pid_t owner;

        check_ranges(plan);
        g_assert_cmpint(transaction_file_write(folder->fd, 8, plan, &lock), ==, 0);
        g_assert_cmpint(transaction_file_read(folder->fd, 8, &again, &owner), ==, 0);
        g_autofree char *text = plan_to_text(plan), *again_text = plan_to_text(again);
        g_assert_cmpstr(again_text, ==, text);
}

static void read_transaction(void) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        pid_t owner;

        int r = transaction_file_read(folder->fd, 7, &plan, &owner);
        g_assert_true(r == 0 || r == -EBADMSG || r == -ESTALE);
        g_assert_true((r == 0) == (plan != NULL));
        if (plan) {
                g_assert_true(owner == 0 && plan->recovery && plan->transaction == 7);
                check_plan(plan);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!folder)
                folder = state_folder_new();
        state_input_write(folder->fd, DEVICE, "device", data, size);
        read_device();
        state_input_write(folder->fd, "7", "transaction", data, size);
        read_transaction();
        state_input_write(folder->fd, "7", "lease", data, size);
        read_lease();
        state_input_write(folder->fd, "7", "revert", data, size);
        read_revert();
        state_input_write(folder->fd, DEVICE, NULL, data, size);
        read_device();
        state_input_write(folder->fd, "7", NULL, data, size);
        read_transaction();
        return 0;
}
