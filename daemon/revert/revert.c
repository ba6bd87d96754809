/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "revert/revert-internal.h"

#define USEC_PER_SEC UINT64_C(1000000)

const RevertLimits revert_limits_default = {
                .reverts = {.total = 1024, .per_user = 64, .for_root = 512},
                .retry_min_us = USEC_PER_SEC,
                .retry_max_us = 30 * USEC_PER_SEC,
                .fault_max_us = 600 * USEC_PER_SEC,
};

RevertCall *revert_call_new(const Revert *revert) {
        RevertCall *call = malloc(sizeof(RevertCall));

        if (call)
                *call = (RevertCall){revert->table, revert->number};
        return call;
}

Revert *revert_of_call(const RevertCall *call) {
        Revert *revert = call->table->reverts;

        while (revert && revert->number != call->number)
                revert = revert->next;
        return call->table->is_ending ? NULL : revert;
}

unsigned revert_following_number(unsigned number) {
        return number >= FILE_NUMBER_MAX ? 1 : number + 1;
}

int revert_new(RevertTable *table, unsigned number, Revert **ret) {
        Revert *revert = malloc(sizeof(Revert));

        if (!revert)
                return -ENOMEM;
        *revert = (Revert){
                        .table = table,
                        .number = number,
                        .group = IOMMU_GROUP_NONE,
                        .holder_fd = -EBADF,
                        .retry_us = table->parts.limits->retry_min_us,
        };
        *ret = revert;
        return 0;
}

void revert_announce(const Revert *revert) {
        const RevertTable *table = revert->table;

        if (table->watch && revert->group != IOMMU_GROUP_NONE)
                table->watch(revert->group, table->watch_userdata);
}

void revert_add(Revert *revert) {
        revert->next = revert->table->reverts;
        revert->table->reverts = revert;
        revert_announce(revert);
}

Revert *revert_free(Revert *revert) {
        if (!revert)
                return NULL;
        for (Revert **link = &revert->table->reverts; *link; link = &(*link)->next)
                if (*link == revert) {
                        *link = revert->next;
                        revert_announce(revert);
                        break;
                }
        sd_event_source_disable_unref(revert->timer);
        sd_event_source_disable_unref(revert->holder_source);
        (void)safe_close(revert->holder_fd);
        problem_done(&revert->obstacle);
        plan_free(revert->plan);
        free(revert->addresses);
        free(revert->caller);
        log_fields_done(&revert->fields);
        free(revert);
        return NULL;
}

bool revert_has_detached(const Revert *revert, const Device *device) {
        return device_is_ours(device) && device->origin->trial == revert->detach;
}

bool revert_is_needed(const Revert *revert) {
        for (size_t i = 0; i < revert->n_addresses; i++) {
                const Device *device = inventory_find_device(revert->table->parts.inventory, revert->addresses[i]);

                if (device && (revert_has_detached(revert, device) || device->activity != DEVICE_QUIET))
                        return true;
        }
        return false;
}

void revert_update_group(Revert *revert) {
        int group = IOMMU_GROUP_NONE;

        for (size_t i = 0; i < revert->n_addresses && group == IOMMU_GROUP_NONE; i++) {
                const Device *device = inventory_find_device(revert->table->parts.inventory, revert->addresses[i]);

                if (device && device->present && device->group)
                        group = device->group->number;
        }
        if (group == revert->group)
                return;
        int former = revert->group;
        revert->group = group;
        if (revert->table->watch && former != IOMMU_GROUP_NONE)
                revert->table->watch(former, revert->table->watch_userdata);
        revert_announce(revert);
}

void revert_forget_holder(Revert *revert) {
        revert->holder_source = sd_event_source_disable_unref(revert->holder_source);
        revert->holder_fd = safe_close(revert->holder_fd);
}

void revert_retry_later(Revert *revert, uint64_t max, sd_event_time_handler_t handler) {
        revert->waits = false;
        revert->timer = sd_event_source_disable_unref(revert->timer);
        revert->retry_us = revert->retry_us > max ? max : revert->retry_us;
        int r = sd_event_add_time_relative(revert->table->parts.event, &revert->timer, CLOCK_MONOTONIC,
                        revert->retry_us, 0, handler, revert);
        if (r < 0)
                log_error_errno(r, "Revert %u does not continue before vfiod is restarted", revert->number);
        revert->retry_us = revert->retry_us * 2 > max ? max : revert->retry_us * 2;
}

static int on_end_retry(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        revert_end(userdata);
        return 0;
}

static void on_forgotten(int error, void *userdata) {
        _cleanup_free_ RevertCall *call = userdata;
        Revert *revert = revert_of_call(call);

        if (!revert || error == -ECANCELED)
                return;
        revert->waits = false;
        if (error < 0) {
                log_error_errno(error, "Cannot remove the file of revert %u", revert->number);
                revert_retry_later(revert, revert->table->parts.limits->retry_max_us, on_end_retry);
        } else
                revert_free(revert);
}

void revert_end(Revert *revert) {
        const RevertParts *parts = &revert->table->parts;
        RevertCall *call = revert_call_new(revert);

        if (!revert->is_over) {
                revert->is_over = true;
                revert_announce(revert);
        }
        revert_forget_holder(revert);
        revert->timer = sd_event_source_disable_unref(revert->timer);
        int r = call ? worker_request(parts->event, parts->port, "ForgetRevert", on_forgotten, call, "u",
                                       revert->number)
                     : -ENOMEM;
        revert->waits = r >= 0;
        if (r < 0) {
                free(call);
                revert_retry_later(revert, parts->limits->retry_max_us, on_end_retry);
        }
}

/* A revert whose file is being removed because its devices are back is not shown. */
static bool is_shown(const Revert *revert) {
        return !revert->is_over && (revert->state == REVERT_PENDING || revert->state == REVERT_DUE);
}

RevertDescription revert_describe(const Revert *revert) {
        bool shown = revert->state == REVERT_DUE;

        return (RevertDescription){
                        .number = revert->number,
                        .uid = revert->uid,
                        .at_us = revert->at_us,
                        .group = revert->group,
                        .outcome = shown ? revert->obstacle.outcome : OUTCOME_DONE,
                        .waits_for = shown ? strempty(revert->obstacle.message) : "",
                        .addresses = revert->addresses,
                        .n_addresses = revert->n_addresses,
        };
}

Revert *revert_find_group(const RevertTable *table, int group) {
        for (Revert *revert = table->reverts; revert; revert = revert->next)
                if (revert->group == group && group != IOMMU_GROUP_NONE && is_shown(revert))
                        return revert;
        return NULL;
}

Revert *revert_find_device(const RevertTable *table, PciAddress address) {
        for (Revert *revert = table->reverts; revert; revert = revert->next)
                for (size_t i = 0; i < revert->n_addresses && is_shown(revert); i++)
                        if (pci_address_equal(revert->addresses[i], address))
                                return revert;
        return NULL;
}

Revert *revert_next(const RevertTable *table, const Revert *previous) {
        Revert *revert = previous ? previous->next : table->reverts;

        while (revert && !is_shown(revert))
                revert = revert->next;
        return revert;
}

Revert *revert_next_live(const RevertTable *table, const Revert *previous) {
        Revert *revert = previous ? previous->next : table->reverts;

        while (revert && revert->is_over)
                revert = revert->next;
        return revert;
}

void revert_table_watch(RevertTable *table, revert_watch_t watch, void *userdata) {
        table->watch = watch;
        table->watch_userdata = userdata;
}
