/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "kernel/uevents.h"
#include "rule/boot-keeper.h"
#include "rule/early-keeper.h"
#include "rule/network-watch.h"
#include "rule/rule-recovery.h"
#include "rule/rule-status.h"

#include <time.h>

/* A device may be in use for a moment after it was plugged in, because udev opens disks. So the keeper tries several
 * times, and doubles the delay each time. */
#define ATTEMPTS_MAX 6
#define ATTEMPTS_WITHOUT_HOTPLUG 4 /* the start of vfiod waits for them, less than a second */
#define FIRST_DELAY_US UINT64_C(100000)

/* How often the keeper looks whether udev has evaluated its rules for a device. */
#define UDEV_POLL_US UINT64_C(100000)

#define TIMER_ACCURACY_US 10000

/* The services that wait for the network at boot give up earlier. */
#define NETWORK_PATIENCE_US UINT64_C(300000000)

/* Only wakes the event loop, which then calls rule_keeper_process(). */
static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        RuleKeeper *keeper = userdata;

        (void)source, (void)time;
        keeper->wake_us = 0;
        return 0;
}

/* Wakes the event loop at this time or earlier. */
static void wake_at(RuleKeeper *keeper, uint64_t time) {
        if (keeper->wake_us > 0 && keeper->wake_us <= time)
                return;
        keeper->wake_us = time;
        (void)sd_event_source_set_time(keeper->timer, time);
        (void)sd_event_source_set_enabled(keeper->timer, SD_EVENT_ONESHOT);
}

static uint64_t now_us(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int rule_keeper_new(const RuleKeeperParts *parts, RuleKeeper **ret) {
        _cleanup_(rule_keeper_freep) RuleKeeper *keeper = calloc(1, sizeof(RuleKeeper));
        int r;

        if (!keeper)
                return -ENOMEM;
        keeper->parts = *parts;
        if ((r = rule_book_new(parts->folders, &keeper->book)) < 0 ||
                        (r = free_and_strdup(&keeper->udev_database, parts->udev_database)) < 0 ||
                        (r = free_and_strdup(&keeper->early_rules, parts->early_rules)) < 0 ||
                        (r = sd_event_add_time(parts->event, &keeper->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US,
                                         on_timer, keeper)) < 0 ||
                        (r = sd_event_source_set_enabled(keeper->timer, SD_EVENT_OFF)) < 0)
                return r;
        if (parts->boot_rules && (r = boot_keeper_new(parts->event, parts->port, parts->boot_rules, &keeper->boot)) < 0)
                return r;
        if (parts->network_online)
                r = network_watch_new(parts->event, parts->network_online, NETWORK_PATIENCE_US, &keeper->network);
        /* Without the folder, nobody makes the file: vfiod was not started by systemd. */
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = TAKE_PTR(keeper);
        return 0;
}

RuleKeeper *rule_keeper_free(RuleKeeper *keeper) {
        if (!keeper)
                return NULL;
        if (keeper->has_early_rules)
                (void)worker_request_now(keeper->parts.port, "SetEarlyRules", "b", 0);
        boot_keeper_free(keeper->boot);
        network_watch_free(keeper->network);
        free(keeper->early_rules);
        free(keeper->udev_database);
        sd_event_source_disable_unref(keeper->timer);
        rule_case_list_done(&keeper->cases);
        rule_book_free(keeper->book);
        free(keeper);
        return NULL;
}

const RuleBook *rule_keeper_book(const RuleKeeper *keeper) {
        return keeper->book;
}

const RuleCaseList *rule_keeper_cases(const RuleKeeper *keeper) {
        return &keeper->cases;
}

bool rule_keeper_is_settled(const RuleKeeper *keeper) {
        for (size_t i = 0; i < keeper->cases.n_cases; i++) {
                const RuleCase *rule_case = &keeper->cases.cases[i];
                const Device *device = inventory_find_device(keeper->parts.inventory, rule_case->address);
                bool waits = rule_case->status == RULE_STATUS_WAITING &&
                                !(device && rule_plan_waits_long(keeper, device));

                if (rule_case->running || rule_case->needs_release || waits)
                        return false;
        }
        return true;
}

bool rule_keeper_take_changed(RuleKeeper *keeper) {
        bool has_reloaded = TAKE_GENERIC(keeper->has_reloaded, bool, false);

        return rule_case_list_take_changed(&keeper->cases) || has_reloaded;
}

/* Results that do not move the device. */

/* Records that the device is not detached. If an early rule has set its driver_override, or will do so in a moment, the
 * keeper must clear it. A device that vfiod has detached is excluded: clearing it here would lose its recorded original
 * state. A call of Reattach restores it. */
static void decline(RuleKeeper *keeper, RuleCase *rule_case, RuleStatus status, const char *message) {
        const Device *device = inventory_find_device(keeper->parts.inventory, rule_case->address);
        const Rule *rule = rule_plan_rule_of(keeper, rule_case);

        rule_case_set(rule_case, status, message);
        if (rule && rule->virtual_functions > 0) {
                rule_case->needs_driver = device && !device->driver;
                return;
        }
        rule_case->needs_release = device && device->present && !device_is_ours(device) &&
                        (rule_case->hotplugged ? early_rules_cover(keeper->book, device) ||
                                                                        boot_keeper_has(keeper->boot, device)
                                               : !device->driver);
}

/* Tells whether the outcome may be different after a short time. For example, udev opens a disk for a moment also after other
 * events than a hot-plug. */
static bool is_transient(const RuleCase *rule_case, Outcome outcome) {
        if (!rule_case->hotplugged)
                return outcome == OUTCOME_IN_USE_PROCESS;
        return outcome == OUTCOME_IN_USE_STORAGE || outcome == OUTCOME_IN_USE_NETWORK ||
                        outcome == OUTCOME_IN_USE_PROCESS || outcome == OUTCOME_FAILED ||
                        outcome == OUTCOME_ROLLED_BACK || outcome == OUTCOME_FOREIGN;
}

/* At boot, udev may bind a device of the boot file a moment after vfiod has read the device. It counts as plugged in then, too. */
static void note_bound_at_boot(RuleKeeper *keeper, RuleCase *rule_case) {
        const Device *device = inventory_find_device(keeper->parts.inventory, rule_case->address);

        if (!device || !boot_keeper_has(keeper->boot, device))
                return;
        rule_case->hotplugged = true;
        inventory_mark_appeared(keeper->parts.inventory, device->address);
}

static void retry_or_refuse(RuleKeeper *keeper, RuleCase *rule_case, Outcome outcome, const char *message) {
        _cleanup_free_ char *advice = NULL;
        char agreement[512];

        if (rule_case->rule && rule_status_advise(message, &advice) == 0 && advice)
                message = advice;
        if (outcome == OUTCOME_GROUP_NEEDS_CONSENT && rule_case->rule) {
                (void)snprintf(agreement, sizeof(agreement), "%s In a rule, use 'Companions='.", message);
                message = agreement;
        }
        if (outcome == OUTCOME_FOREIGN && rule_case->rule)
                note_bound_at_boot(keeper, rule_case);
        unsigned max = rule_case->hotplugged ? ATTEMPTS_MAX : ATTEMPTS_WITHOUT_HOTPLUG;
        if (is_transient(rule_case, outcome) && rule_case->n_attempts + 1 < max) {
                rule_case->retry_us = now_us() + (FIRST_DELAY_US << rule_case->n_attempts++);
                rule_case_set(rule_case, RULE_STATUS_WAITING, message);
                wake_at(keeper, rule_case->retry_us);
                return;
        }
        rule_status_log_refusal(rule_case, outcome, message);
        decline(keeper, rule_case, RULE_STATUS_REFUSED, message);
}

/* The result of a job. */

typedef struct JobRequest {
        RuleKeeper *keeper;
        PciAddress address;
} JobRequest;

static void on_job_done(const WorkerResult *result, void *userdata) {
        _cleanup_free_ JobRequest *request = userdata;
        RuleKeeper *keeper = request->keeper;
        RuleCase *rule_case = rule_case_find(&keeper->cases, request->address);
        const char *message = result->error < 0 ? strerror(-result->error) : strempty(result->problem.message);

        if (!rule_case || !rule_case->running)
                return;
        rule_case_set_running(rule_case, false);
        keeper->boot_stale = true;
        if (result->error == 0 && result->problem.outcome == OUTCOME_DONE) {
                rule_case_set(rule_case, RULE_STATUS_APPLIED, NULL);
                rule_case->needs_review = true;
                rule_plan_note_companions(keeper, request->address);
        } else if (result->problem.outcome == OUTCOME_STUCK || result->problem.outcome == OUTCOME_SURVEY_TIMED_OUT)
                rule_case_set(rule_case, RULE_STATUS_WAITING, message);
        else if (result->problem.outcome == OUTCOME_CANCELLED)
                decline(keeper, rule_case, RULE_STATUS_RELEASED, message);
        else
                retry_or_refuse(keeper, rule_case, result->error < 0 ? OUTCOME_FAILED : result->problem.outcome,
                                message);
}

/* Starts the job of the case. Takes ownership of the plan. Returns as job_start() does, or -ENOMEM. */
static int start_job(RuleKeeper *keeper, RuleCase *rule_case, Plan *plan, Problem *problem) {
        _cleanup_free_ JobRequest *request = malloc(sizeof(JobRequest));
        _cleanup_log_fields_ LogFields fields = {};
        char caller[RULE_NAME_MAX + 8];

        if (!request) {
                plan_free(plan);
                return -ENOMEM;
        }
        *request = (JobRequest){keeper, rule_case->address};
        plan->by_rule = true;
        (void)snprintf(caller, sizeof(caller), "%s%s", rule_case->rule ? "rule " : "hot-plug",
                        strempty(rule_case->rule));
        log_fields_add(&fields, "VFIOD_CALLER_KIND", "%s", rule_case->rule ? "rule" : "hot-plug");
        rule_status_add_fields(rule_case, plan->overrides, &fields);
        int r = job_start(keeper->parts.jobs, plan, caller, &fields, on_job_done, request, problem);
        if (r != 0)
                return r;
        (void)TAKE_PTR(request);
        rule_case_set_running(rule_case, true);
        rule_case_set(rule_case, RULE_STATUS_APPLIED, NULL);
        return 0;
}

/* Decisions. */

static void apply(RuleKeeper *keeper, RuleCase *rule_case, Device *device) {
        _cleanup_problem_ Problem problem = {};
        const Rule *rule = rule_plan_rule_of(keeper, rule_case);
        Plan *plan;

        if (rule_plan_is_changing(keeper, device))
                return;
        /* The end of the lease may reattach it. */
        if (device->leased) {
                rule_case_set(rule_case, RULE_STATUS_WAITING, "it is leased. The rule is applied when the lease ends.");
                return;
        }
        if (device_state(device) == DEVICE_DETACHED && !(rule && rule->virtual_functions > 0)) {
                rule_case_set(rule_case, RULE_STATUS_APPLIED, NULL);
                rule_plan_note_companions(keeper, device->address);
                return;
        }
        /* Somebody unbinds it from its vfio driver, or the kernel removes it and waits until a guest closes it. Do not
         * interfere. */
        if (!rule_case->hotplugged && device_is_ours(device) && device_state(device) == DEVICE_DRIVERLESS) {
                rule_case_set(rule_case, RULE_STATUS_RELEASED, "it was unbound from its vfio driver");
                return;
        }
        /* A job that worked on the device when it was plugged in may have reattached it. */
        if (!rule_case->rule && !rule_plan_is_detached(keeper, device)) {
                rule_case_set(rule_case, RULE_STATUS_REFUSED, NULL);
                return;
        }
        if (rule_plan_awaits_interface(rule_case, device, now_us(), &rule_case->retry_us)) {
                wake_at(keeper, rule_case->retry_us);
                return;
        }
        rule_case->retry_us = 0;
        if (rule_plan_awaits_network(keeper, device)) {
                rule_case_set(rule_case, RULE_STATUS_WAITING, "vfiod waits until the network of the host is online");
                return;
        }
        int r = rule_plan_make(keeper, rule_case, device, &plan, &problem);
        if (r == 0)
                r = start_job(keeper, rule_case, plan, &problem);
        if (r == 0)
                return;
        if (r < 0)
                retry_or_refuse(keeper, rule_case, OUTCOME_FAILED, strerror(-r));
        else if (r == OUTCOME_BUSY || r == OUTCOME_STUCK || r == OUTCOME_LIMITS_EXCEEDED)
                rule_case_set(rule_case, RULE_STATUS_WAITING, problem.message);
        else if (r == OUTCOME_ALREADY_DETACHED)
                rule_case_set(rule_case, RULE_STATUS_APPLIED, NULL);
        else
                retry_or_refuse(keeper, rule_case, (Outcome)r, problem.message);
}

/* Returns a refused device to the host: clears the driver_override of the early rule and makes the kernel probe
 * drivers. */
static void release(RuleKeeper *keeper, RuleCase *rule_case, const Device *device) {
        _cleanup_log_fields_ LogFields fields = {};
        _cleanup_problem_ Problem problem = {};
        uint64_t now = now_us();
        Plan *plan;

        if (!rule_plan_udev_is_done(keeper, rule_case, now)) {
                wake_at(keeper, now + UDEV_POLL_US);
                return;
        }
        log_fields_add(&fields, "VFIOD_CALLER_KIND", "clear-override");
        int r = plan_release(device, rule_case->hotplugged, &plan);
        if (r >= 0)
                r = job_start(keeper->parts.jobs, plan, "clearing driver_override", &fields, NULL, NULL, &problem);
        rule_case->needs_release = r == OUTCOME_BUSY || r == OUTCOME_LIMITS_EXCEEDED;
        if (r != 0 && !rule_case->needs_release)
                log_warning("Cannot clear driver_override of %s, so its host driver may not bind: %s",
                                PCI_ADDRESS_TEXT(device->address), r < 0 ? strerror(-r) : problem.message);
}

/* Tells whether the case belongs to this rule. If rule is NULL, tells whether the rule of the case agrees to detach the
 * device as a companion. */
static bool belongs_to_rule(const RuleKeeper *keeper, const RuleCase *rule_case, const Rule *rule) {
        const Rule *known = rule_plan_rule_of(keeper, rule_case);

        return rule ? known == rule : known && rule_takes_along(known, rule_case->address);
}

/* Decides about a device without regard to its former status. hotplugged: it was plugged in. */
static void evaluate(RuleKeeper *keeper, Device *device, bool hotplugged) {
        const Rule *other = NULL, *rule = rule_plan_find(keeper, device, &other);
        RuleCase *rule_case = rule_case_find(&keeper->cases, device->address);
        bool returned = hotplugged && rule_plan_is_detached(keeper, device) && !device_is_on_vfio(device);

        if (hotplugged && device->returned) {
                rule_status_release_with_parent(keeper, rule, device);
                return;
        }
        if (!rule)
                rule = rule_plan_find_in_group(keeper, device);
        if (!hotplugged && rule_case && rule_case->status == RULE_STATUS_RELEASED &&
                        belongs_to_rule(keeper, rule_case, rule))
                return;
        if (!rule && !returned) {
                if (other)
                        rule_status_set_other_card(keeper, other, device);
                else
                        rule_case_remove(&keeper->cases, device->address);
                if (hotplugged && device->origin && !device_is_ours(device))
                        log_notice("%s: the slot of a detached card holds another card now. vfiod does not touch it, "
                                   "and still knows the original state of the detached card.",
                                        PCI_ADDRESS_TEXT(device->address));
                return;
        }
        rule_case = rule_case_obtain(&keeper->cases, device->address, rule ? rule->name : NULL);
        if (!rule_case || rule_case->running)
                return;
        rule_case->hotplugged = hotplugged;
        /* If udev prepared it at boot, there is no event to wait for. */
        rule_case->plugged_us = hotplugged && !boot_keeper_took(keeper->boot, device) ? now_us() : 0;
        rule_case->incarnation = device->incarnation;
        apply(keeper, rule_case, device);
}

/* Clears the mark of a device that was plugged in, unless there is more to do. A failed job may be tried again. */
static void finish_evaluation(RuleKeeper *keeper, PciAddress address) {
        const RuleCase *rule_case = rule_case_find(&keeper->cases, address);

        if (rule_case && (rule_case->status == RULE_STATUS_WAITING || rule_case->running))
                return;
        inventory_clear_appeared(keeper->parts.inventory, address);
        if (rule_case && !rule_case->rule && !rule_case->needs_release)
                rule_case_remove(&keeper->cases, address);
}

static void process_changes(RuleKeeper *keeper) {
        Inventory *inventory = keeper->parts.inventory;
        Change change;

        for (size_t i = 0; inventory_peek_change(inventory, i, &change); i++) {
                if (change.kind != CHANGE_DEVICE_ADDED && change.kind != CHANGE_DEVICE_CHANGED &&
                                change.kind != CHANGE_DEVICE_REMOVED)
                        continue;
                keeper->boot_stale = true;
                Device *device = inventory_find_device(inventory, change.address);
                RuleCase *rule_case = rule_case_find(&keeper->cases, change.address);

                /* Another card is in the slot: the old case, and the result of its job, do not apply to it. */
                if (rule_case && (!device || !device->present || device->incarnation != rule_case->incarnation)) {
                        rule_case_remove(&keeper->cases, change.address);
                        rule_case = NULL;
                }
                if (!device || !device->present)
                        continue;
                if (rule_case && rule_case->n_attempts == 0)
                        rule_case->retry_us = 0;
                if (rule_case)
                        rule_status_update(keeper, rule_case, device);
                else if (device->appeared)
                        evaluate(keeper, device, true);
                finish_evaluation(keeper, change.address);
        }
}

static void process_cases(RuleKeeper *keeper) {
        uint64_t now = 0;

        for (size_t i = keeper->cases.n_cases; i > 0; i--) {
                RuleCase *rule_case = &keeper->cases.cases[i - 1];
                PciAddress address = rule_case->address;
                Device *device = inventory_find_device(keeper->parts.inventory, address);

                if (!device || !device->present || rule_case->running)
                        continue;
                /* A driver that was bound again before its events were handled changes nothing in the model. */
                if ((rule_case->needs_review || rule_case->needs_driver) && !rule_plan_is_changing(keeper, device)) {
                        rule_case->needs_review = false;
                        rule_status_update(keeper, rule_case, device);
                }
                /* Another job may have detached it in the meantime. */
                rule_case->needs_release = rule_case->needs_release && !device_is_ours(device);
                if (rule_case->needs_release && device->activity == DEVICE_QUIET)
                        release(keeper, rule_case, device);
                if (rule_case->status != RULE_STATUS_WAITING)
                        continue;
                if (rule_case->retry_us > 0 && now == 0)
                        now = now_us();
                if (rule_case->retry_us > now)
                        wake_at(keeper, rule_case->retry_us);
                else
                        apply(keeper, rule_case, device);
                rule_case = rule_case_find(&keeper->cases, address);
                keeper->boot_stale = keeper->boot_stale || !rule_case || rule_case->status != RULE_STATUS_WAITING;
                finish_evaluation(keeper, address);
        }
}

/* A line of the boot file has put this device on its vfio driver, and no rule wants it any more. */
static void give_back(RuleKeeper *keeper, const Device *device) {
        RuleCase *rule_case = rule_case_obtain(&keeper->cases, device->address, NULL);

        if (!rule_case)
                return;
        log_notice("%s: the boot file put it on %s, but no rule matches it now. It goes to its host driver.",
                        PCI_ADDRESS_TEXT(device->address), device->driver);
        rule_case->hotplugged = rule_case->needs_release = true;
        rule_case->incarnation = device->incarnation;
        rule_case_set(rule_case, RULE_STATUS_REFUSED, NULL);
        wake_at(keeper, now_us());
}

/* At the first time, the devices that udev has prepared at boot count as plugged in. */
static void mark_prepared(RuleKeeper *keeper) {
        size_t n;

        Device *const *devices = inventory_devices(keeper->parts.inventory, &n);
        for (size_t i = 0; i < n && !keeper->started; i++)
                if (boot_keeper_took(keeper->boot, devices[i]))
                        inventory_mark_appeared(keeper->parts.inventory, devices[i]->address);
        keeper->started = true;
}

int rule_keeper_reload(RuleKeeper *keeper, const char *const *deferred) {
        size_t n;

        int r = rule_book_load(keeper->book, true);
        if (r < 0)
                return r;
        rule_recovery_start(keeper);
        early_keeper_write(keeper);
        mark_prepared(keeper);
        (void)inventory_devices(keeper->parts.inventory, &n);
        for (size_t i = 0; i < n; i++) {
                Device *device = inventory_devices(keeper->parts.inventory, &n)[i];
                bool appeared = device->appeared;

                if (!device->present)
                        continue;
                if (deferred && rule_status_defer(keeper, deferred, device))
                        continue;
                evaluate(keeper, device, appeared);
                if (appeared && boot_keeper_took(keeper->boot, device) &&
                                !rule_case_find(&keeper->cases, device->address))
                        give_back(keeper, device);
                finish_evaluation(keeper, device->address);
        }
        boot_keeper_update(keeper, true);
        return 0;
}

void rule_keeper_process(RuleKeeper *keeper) {
        if (TAKE_GENERIC(keeper->needs_reload, bool, false)) {
                int r = rule_keeper_reload(keeper, NULL);
                if (r < 0)
                        log_error_errno(r, "Cannot read the rules again");
                keeper->has_reloaded = true;
        }
        process_changes(keeper);
        process_cases(keeper);
        if (keeper->started && TAKE_GENERIC(keeper->boot_stale, bool, false))
                boot_keeper_update(keeper, false);
}
