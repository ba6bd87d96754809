/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "kernel/sysfs.h"
#include "revert/revert-internal.h"

/* vfiod itself makes not more reverts than the quota allows. Files that something else has put into the folder are limited, too. */
#define REVERTS_MAX(table) (2 * (size_t)(table)->parts.limits->reverts.total)

/* One reading of the folder. */
typedef struct Reading {
        RevertTable *table;
        size_t n_reverts;
        bool has_too_many;
} Reading;

static int restore(RevertTable *table, RevertFile *file) {
        _cleanup_(revert_freep) Revert *revert = NULL;
        int r;

        if (file->n_addresses == 0)
                return -EBADMSG;
        if ((r = revert_new(table, file->number, &revert)) < 0)
                return r;
        revert->uid = file->uid;
        revert->at_us = file->at_us;
        revert->detach = file->detach;
        revert->addresses = TAKE_PTR(file->addresses);
        revert->n_addresses = file->n_addresses;
        if (asprintf(&revert->caller, "revert of uid %u", (unsigned)revert->uid) < 0) {
                revert->caller = NULL;
                return -ENOMEM;
        }
        log_fields_add(&revert->fields, "VFIOD_CALLER_KIND", "revert");
        log_fields_add(&revert->fields, "VFIOD_CALLER_UID", "%u", (unsigned)revert->uid);
        if (table->next_number <= revert->number)
                table->next_number = revert_following_number(revert->number);
        revert_add(revert);
        revert_update_group(revert);
        /* If the devices are back, revert_table_process() ends it. */
        revert_arm(TAKE_PTR(revert));
        return 0;
}

static bool is_known(const RevertTable *table, unsigned number) {
        return revert_of_call(&(RevertCall){(RevertTable *)table, number});
}

static int on_file(int folder_fd, const char *name, void *userdata) {
        _cleanup_revert_file_ RevertFile file = {};
        Reading *reading = userdata;
        RevertTable *table = reading->table;
        unsigned number;

        if (numbered_file_parse_name(name, &number) < 0 || is_known(table, number))
                return 0;
        int r = revert_file_read(folder_fd, number, &file);
        if (r >= 0 && reading->n_reverts >= REVERTS_MAX(table)) {
                reading->has_too_many = true;
                return 0;
        }
        if (r >= 0)
                r = restore(table, &file);
        reading->n_reverts += r >= 0;
        if (r < 0 && r != -ENOENT && r != -ENOMEM)
                state_report(table->parts.state, folder_fd, name, r);
        return r == -ENOMEM ? r : 0;
}

int revert_restore_all(RevertTable *table) {
        Reading reading = {.table = table};
        int folder_fd = table->parts.state->reverts_fd;

        int r = folder_fd < 0 ? 0 : sysfs_for_each(folder_fd, ".", on_file, &reading);
        if (reading.has_too_many)
                log_warning("The folder 'reverts' has more than %zu reverts. vfiod ignores the others.",
                                REVERTS_MAX(table));
        return r < 0 ? r : 0;
}
