/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/idle.h"
#include "base/log.h"

#include <systemd/sd-daemon.h>

/* As long as a caller remains connected, vfiod asks for it less and less often. */
#define CHECK_MIN_US UINT64_C(1000000)
#define CHECK_MAX_US (UINT64_C(3600) * 1000000)

struct Idle {
        IdleParts parts;
        sd_event_source *timer; /* off while there is work */
        sd_event_source *post_source;
        uint64_t check_us;
        uint64_t n_calls; /* at the last reading; UINT64_MAX before the first */
        bool ending;
};

static bool has_work(const Idle *idle) {
        const Service *service = idle->parts.service;
        const State *state = idle->parts.state;

        return service->peers || service->queries || service->approvals || job_next(service->jobs, NULL) ||
                        job_table_history(service->jobs)->n_ended > 0 || lease_next(service->leases, NULL) ||
                        revert_next(service->reverts, NULL) || state->n_devices > 0 || state->n_transactions > 0 ||
                        rule_keeper_book(service->rules)->n_files > 0 || service->censuses->censuses ||
                        service->diagnoses->diagnoses || idle->parts.is_busy(idle->parts.userdata);
}

static int set_timer(Idle *idle, uint64_t delay_us) {
        int r = sd_event_source_set_time_relative(idle->timer, delay_us);
        return r < 0 ? r : sd_event_source_set_enabled(idle->timer, SD_EVENT_ONESHOT);
}

/* Until the name is released, somebody may have called. Then vfiod fails, so that systemd starts it again at once. */
static int on_released(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Idle *idle = userdata;

        (void)reply, (void)error;
        if (!has_work(idle))
                return sd_event_exit(idle->parts.event, 0);
        log_notice("Somebody called vfiod while it began to end. systemd starts it again.");
        return sd_event_exit(idle->parts.event, -EAGAIN);
}

/* STOPPING=1 comes before the name is released: so systemd takes the next call for a new start, which waits for the end of this process. */
static int end(Idle *idle) {
        sd_bus *bus = idle->parts.service->bus;

        if (!bus)
                return set_timer(idle, idle->parts.delay_us);
        idle->ending = true;
        idle->parts.stop(idle->parts.userdata);
        log_info("vfiod has nothing to do and ends. The next call or event starts it again.");
        (void)sd_notify(false, "STOPPING=1");
        int r = sd_bus_release_name_async(bus, NULL, BUS_NAME, on_released, idle);
        return r < 0 ? sd_event_exit(idle->parts.event, r) : 0;
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        Idle *idle = userdata;
        Backlog *callers = system_bus_backlog(idle->parts.bus);
        uint64_t n_calls = backlog_count_calls(callers);

        (void)source, (void)time;
        if (has_work(idle))
                return 0; /* on_turn_end() sets the timer again */
        if (n_calls != idle->n_calls) {
                idle->n_calls = n_calls;
                idle->check_us = CHECK_MIN_US;
                return set_timer(idle, idle->parts.delay_us);
        }
        if (backlog_count_callers(callers) == 0)
                return end(idle);
        backlog_check_callers(callers);
        int r = set_timer(idle, idle->check_us);
        idle->check_us = idle->check_us * 2 < CHECK_MAX_US ? idle->check_us * 2 : CHECK_MAX_US;
        return r;
}

/* Runs at the end of each turn, after all others: one of them may free the connection of the last caller. */
static int on_turn_end(sd_event_source *source, void *userdata) {
        Idle *idle = userdata;
        int enabled;

        (void)source;
        int r = sd_event_source_get_enabled(idle->timer, &enabled);
        if (r < 0 || idle->ending)
                return r;
        bool is_on = enabled != SD_EVENT_OFF, has = has_work(idle);
        if (has != is_on)
                return 0;
        return has ? sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF) : set_timer(idle, idle->parts.delay_us);
}

int idle_new(const IdleParts *parts, Idle **ret) {
        Idle *idle = malloc(sizeof(Idle));
        if (!idle)
                return -ENOMEM;
        *idle = (Idle){.parts = *parts, .check_us = CHECK_MIN_US, .n_calls = UINT64_MAX};
        int r = sd_event_add_time_relative(
                        parts->event, &idle->timer, CLOCK_MONOTONIC, parts->delay_us, 0, on_timer, idle);
        if (r < 0 || (r = sd_event_add_post(parts->event, &idle->post_source, on_turn_end, idle)) < 0 ||
                        (r = sd_event_source_set_priority(idle->post_source, SD_EVENT_PRIORITY_IDLE)) < 0) {
                idle_free(idle);
                return r;
        }
        *ret = idle;
        return 0;
}

Idle *idle_free(Idle *idle) {
        if (!idle)
                return NULL;
        sd_event_source_disable_unref(idle->timer);
        sd_event_source_disable_unref(idle->post_source);
        free(idle);
        return NULL;
}
