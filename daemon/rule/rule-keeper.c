/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "rule/early-rule-text.h"
#include "rule/rule-plan.h"
#include "rule/rule-release.h"

#include <time.h>

/* What is plugged in may be busy for a moment: udev looks into disks. It is tried so often, each time after twice as long. */
#define ATTEMPTS_MAX 6
#define FIRST_DELAY_US UINT64_C(100000)

/* A driver has made its interface by then, or makes none. */
#define INTERFACE_PATIENCE_US UINT64_C(2000000)
#define CLASS_NETWORK 0x02

int rule_keeper_new(const RuleKeeperParts *parts, RuleKeeper **ret) {
        _cleanup_(rule_keeper_freep) RuleKeeper *keeper = calloc(1, sizeof(RuleKeeper));
        if (!keeper)
                return -ENOMEM;
        keeper->parts = *parts;
        keeper->next_ticket = 1;
        int r = rule_book_new(parts->folders, &keeper->book);
        if (r >= 0)
                r = free_and_strdup(&keeper->udev_database, parts->udev_database);
        if (r >= 0 && parts->early_rules)
                r = early_rules_new(parts->event, parts->kernel, parts->early_rules, &keeper->early);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(keeper);
        return 0;
}

RuleKeeper *rule_keeper_free(RuleKeeper *keeper) {
        if (!keeper)
                return NULL;
        early_rules_free(keeper->early);
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

static uint64_t now_us(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The turn's end, which comes after, does the work. */
static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time, (void)userdata;
        return 0;
}

static int wake_at(RuleKeeper *keeper, uint64_t time) {
        static const uint64_t accuracy = 10000;
        uint64_t armed;
        int enabled, r;

        if (!keeper->timer)
                return sd_event_add_time(
                                keeper->parts.event, &keeper->timer, CLOCK_MONOTONIC, time, accuracy, on_timer, keeper);
        if ((r = sd_event_source_get_enabled(keeper->timer, &enabled)) < 0 ||
                        (r = sd_event_source_get_time(keeper->timer, &armed)) < 0)
                return r;
        if (enabled != SD_EVENT_OFF && armed <= time)
                return 0;
        if ((r = sd_event_source_set_time(keeper->timer, time)) < 0)
                return r;
        return sd_event_source_set_enabled(keeper->timer, SD_EVENT_ONESHOT);
}

/* Ends that leave the device where it was. */

static void report(const RuleCase *one, const char *message) {
        const char *address = PCI_ADDRESS_TEXT(one->address);

        log_event(&(LogEvent){.priority = LOG_WARNING, .message_id = MESSAGE_RULE_REFUSED, .address = address},
                        "%s%s: %s is left alone: %s", one->rule ? "Rule " : "Returned", strempty(one->rule), address,
                        message);
}

/* It is not taken: what may keep it from the host, now or in a moment, is to be removed. Of one that is ours, what is owed to it would be forgotten: it is given
 * back by a call. */
static void leave(RuleKeeper *keeper, RuleCase *one, RuleStatus status, const char *message) {
        const Device *device = inventory_find_device(keeper->parts.inventory, one->address);

        rule_case_set(one, status, message);
        one->release = device && device->present && !device_is_ours(device) &&
                        (one->fresh ? early_rule_text_covers(keeper->book, device) : !device->driver);
}

static void refuse(RuleKeeper *keeper, RuleCase *one, const char *message) {
        report(one, message);
        leave(keeper, one, RULE_STATUS_REFUSED, message);
}

/* Whether it may be otherwise in a moment. */
static bool is_passing(Outcome outcome) {
        return outcome == OUTCOME_IN_USE_STORAGE || outcome == OUTCOME_IN_USE_NETWORK ||
                        outcome == OUTCOME_IN_USE_PROCESS || outcome == OUTCOME_FAILED ||
                        outcome == OUTCOME_ROLLED_BACK;
}

static void fail(RuleKeeper *keeper, RuleCase *one, Outcome outcome, const char *message) {
        char agreement[512];

        if (outcome == OUTCOME_GROUP_NEEDS_CONSENT && one->rule) {
                (void)snprintf(agreement, sizeof(agreement), "%s In the rule that is 'Companions='.", message);
                message = agreement;
        }
        if (one->fresh && is_passing(outcome) && one->attempts + 1 < ATTEMPTS_MAX) {
                one->retry_us = now_us() + (FIRST_DELAY_US << one->attempts++);
                rule_case_set(one, RULE_STATUS_WAITING, message);
                if (wake_at(keeper, one->retry_us) >= 0)
                        return;
        }
        refuse(keeper, one, message);
}

/* What a job came to. */

typedef struct Errand {
        RuleKeeper *keeper;
        PciAddress address;
        unsigned ticket;
} Errand;

static void on_job_done(const WorkerResult *result, void *userdata) {
        _cleanup_free_ Errand *errand = userdata;
        RuleKeeper *keeper = errand->keeper;
        RuleCase *one = rule_case_find(&keeper->cases, errand->address);
        const char *message = result->error < 0 ? strerror(-result->error) : strempty(result->problem.message);

        if (!one || one->ticket != errand->ticket)
                return;
        one->ticket = 0;
        if (result->error == 0 && result->problem.outcome == OUTCOME_DONE) {
                rule_case_set(one, RULE_STATUS_APPLIED, NULL);
                rule_plan_note_companions(keeper, errand->address);
        } else if (result->problem.outcome == OUTCOME_STUCK)
                rule_case_set(one, RULE_STATUS_WAITING, message);
        else if (result->problem.outcome == OUTCOME_CANCELLED)
                leave(keeper, one, RULE_STATUS_RELEASED, message);
        else
                fail(keeper, one, result->error < 0 ? OUTCOME_FAILED : result->problem.outcome, message);
}

/* Takes the plan over, and marks it. Returns as job_start() does. */
static int start_job(RuleKeeper *keeper, RuleCase *one, Plan *plan, Problem *problem) {
        char caller[RULE_NAME_MAX + 8];

        Errand *errand = malloc(sizeof(Errand));
        if (!errand) {
                plan_free(plan);
                return -ENOMEM;
        }
        *errand = (Errand){keeper, one->address, keeper->next_ticket};
        plan->by_rule = true;
        (void)snprintf(caller, sizeof(caller), "%s%s", one->rule ? "rule " : "its return", strempty(one->rule));
        int r = job_start(keeper->parts.jobs, plan, caller, on_job_done, errand, problem);
        if (r != 0) {
                free(errand);
                return r;
        }
        one->ticket = keeper->next_ticket++;
        if (keeper->next_ticket == 0)
                keeper->next_ticket = 1;
        rule_case_set(one, RULE_STATUS_APPLIED, NULL);
        return 0;
}

/* Deciding. */

/* Whether a job is at work on it, or on the physical function that it may vanish with. */
static bool is_worked_on(const RuleKeeper *keeper, const Device *device) {
        const Device *physical = device->virtual_function
                        ? inventory_find_device(keeper->parts.inventory, device->physical_function)
                        : NULL;
        return device->activity != DEVICE_QUIET || (physical && physical->activity != DEVICE_QUIET);
}

/* Whether its driver is still at work on it: a network card without an interface looks as if that were in a container. */
static bool is_unfinished(const RuleCase *one, const Device *device) {
        bool network = device->ids.class >> 16 == CLASS_NETWORK && device->driver && !device_is_on_vfio(device);

        for (const HostName *name = device->names; network && name; name = name->next)
                network = name->kind != HOST_NAME_NETWORK;
        return network && one->fresh && now_us() < one->plugged_us + INTERFACE_PATIENCE_US;
}

static void attempt(RuleKeeper *keeper, RuleCase *one, Device *device) {
        _cleanup_problem_ Problem problem = {};
        const Rule *rule = rule_plan_rule_of(keeper, one);
        Plan *plan;

        if (is_worked_on(keeper, device))
                return;
        bool functions = rule && rule->virtual_functions > 0;
        if (device_state(device) == DEVICE_DETACHED && !functions) {
                rule_case_set(one, RULE_STATUS_APPLIED, NULL);
                rule_plan_note_companions(keeper, device->address);
                return;
        }
        /* Another hand takes it from vfio-pci, or the kernel does, and waits until a guest lets go of it: no business of ours. */
        if (!one->fresh && device_is_ours(device) && device_state(device) == DEVICE_DRIVERLESS) {
                rule_case_set(one, RULE_STATUS_RELEASED, "somebody took it from vfio-pci");
                return;
        }
        /* The job that was at work on it when it came may have left nothing to be kept. */
        if (!one->rule && !rule_plan_is_kept(keeper, device)) {
                rule_case_set(one, RULE_STATUS_REFUSED, NULL);
                return;
        }
        if (is_unfinished(one, device)) {
                one->retry_us = one->plugged_us + INTERFACE_PATIENCE_US;
                if (wake_at(keeper, one->retry_us) >= 0)
                        return;
        }
        one->retry_us = 0;
        int r = rule_plan_make(keeper, one, device, &plan, &problem);
        if (r == 0)
                r = start_job(keeper, one, plan, &problem);
        if (r == 0)
                return;
        if (r < 0)
                fail(keeper, one, OUTCOME_FAILED, strerror(-r));
        else if (r == OUTCOME_BUSY || r == OUTCOME_STUCK || r == OUTCOME_LIMITS_EXCEEDED)
                rule_case_set(one, RULE_STATUS_WAITING, problem.message);
        else if (r == OUTCOME_ALREADY_DETACHED)
                rule_case_set(one, RULE_STATUS_APPLIED, NULL);
        else
                fail(keeper, one, (Outcome)r, problem.message);
}

/* Gives what is not taken after all to the host. */
static void release(RuleKeeper *keeper, RuleCase *one, const Device *device) {
        _cleanup_problem_ Problem problem = {};
        uint64_t now = now_us();

        if (!rule_release_is_due(keeper->udev_database, one->address, one->plugged_us, now) &&
                        wake_at(keeper, now + RULE_RELEASE_LOOK_US) >= 0)
                return;
        one->release = false;
        int r = rule_release_start(keeper->parts.jobs, device, one->fresh, &problem);
        if (r == OUTCOME_BUSY || r == OUTCOME_LIMITS_EXCEEDED)
                one->release = true;
        else if (r != 0)
                log_warning("%s may be kept from its driver: %s", PCI_ADDRESS_TEXT(device->address),
                                r < 0 ? strerror(-r) : problem.message);
}

static void say_other_card(RuleKeeper *keeper, const Rule *rule, const Device *device) {
        char message[160], meant[32] = "";
        const PciIds *ids = &device->ids;
        RuleCase *one;

        if (rule->subsystem_vendor >= 0)
                (void)snprintf(meant, sizeof(meant), " (%04x:%04x)", rule->subsystem_vendor, rule->subsystem_device);
        (void)snprintf(message, sizeof(message),
                        "the rule means a card %04x:%04x%s, and %04x:%04x (%04x:%04x, class %06x) is there.",
                        rule->vendor, rule->device, meant, ids->vendor, ids->device, ids->subsystem_vendor,
                        ids->subsystem_device, ids->class);
        if (rule_case_obtain(&keeper->cases, device->address, rule->name, &one) < 0)
                return;
        one->incarnation = device->incarnation;
        report(one, message);
        rule_case_set(one, RULE_STATUS_OTHER_CARD, message);
}

/* Whether the case is one of this rule; or, if none applies, of one that would take the device along. */
static bool is_under(const RuleKeeper *keeper, const RuleCase *one, const Rule *rule) {
        const Rule *known = rule_plan_rule_of(keeper, one);

        return rule ? known == rule : known && rule_takes_along(known, one->address);
}

/* Looks at a device from the beginning: fresh if it was plugged in. */
static void consider(RuleKeeper *keeper, Device *device, bool fresh) {
        const Rule *other = NULL, *rule = rule_plan_find(keeper, device, &other);
        RuleCase *one = rule_case_find(&keeper->cases, device->address);
        bool returned = fresh && rule_plan_is_kept(keeper, device) && !device_is_on_vfio(device);

        if (!rule)
                rule = rule_plan_find_of_group(keeper, device);
        if (!fresh && one && one->status == RULE_STATUS_RELEASED && is_under(keeper, one, rule))
                return;
        if (!rule && !returned) {
                if (other)
                        say_other_card(keeper, other, device);
                else
                        rule_case_remove(&keeper->cases, device->address);
                if (fresh && device->origin && !device_is_ours(device))
                        log_notice("%s: another card came into the slot of the one that was detached, and is left "
                                   "alone. That one is still known, for its return.",
                                        PCI_ADDRESS_TEXT(device->address));
                return;
        }
        if (rule_case_obtain(&keeper->cases, device->address, rule ? rule->name : NULL, &one) < 0 || one->ticket != 0)
                return;
        one->fresh = fresh;
        one->plugged_us = fresh ? now_us() : 0;
        one->incarnation = device->incarnation;
        attempt(keeper, one, device);
}

/* Another hand, or a call, gave back what a rule had taken: it is not fought over. */
static void review(const RuleKeeper *keeper, RuleCase *one, const Device *device) {
        const Rule *rule = rule_plan_rule_of(keeper, one);
        DeviceState state = device_state(device);

        /* A physical function stays with the host. */
        if (rule && rule->virtual_functions > 0)
                return;
        if (state == DEVICE_DETACHED && (one->status == RULE_STATUS_REFUSED || one->status == RULE_STATUS_RELEASED))
                rule_case_set(one, RULE_STATUS_APPLIED, NULL);
        if (one->status == RULE_STATUS_APPLIED && one->ticket == 0 &&
                        (state == DEVICE_HOST || (state == DEVICE_DRIVERLESS && !device->origin)))
                rule_case_set(one, RULE_STATUS_RELEASED, "somebody gave it back");
}

/* All that is to be done with the device for now is done: what a job that is on the way comes to may be tried again. */
static bool is_settled(const RuleCase *one) {
        return !one || (one->status != RULE_STATUS_WAITING && one->ticket == 0);
}

static void settle(RuleKeeper *keeper, PciAddress address) {
        const RuleCase *one = rule_case_find(&keeper->cases, address);

        if (!is_settled(one))
                return;
        inventory_clear_appeared(keeper->parts.inventory, address);
        if (one && !one->rule && one->ticket == 0 && !one->release)
                rule_case_remove(&keeper->cases, address);
}

static void look_at_changes(RuleKeeper *keeper) {
        Inventory *inventory = keeper->parts.inventory;
        Change change;

        for (size_t i = 0; inventory_peek_change(inventory, i, &change); i++) {
                if (change.kind != CHANGE_DEVICE_ADDED && change.kind != CHANGE_DEVICE_CHANGED &&
                                change.kind != CHANGE_DEVICE_REMOVED)
                        continue;
                Device *device = inventory_find_device(inventory, change.address);
                RuleCase *one = rule_case_find(&keeper->cases, change.address);

                /* Another card is another case: what a job still does about the one before is not its. */
                if (one && (!device || !device->present || device->incarnation != one->incarnation)) {
                        rule_case_remove(&keeper->cases, change.address);
                        one = NULL;
                }
                if (!device || !device->present)
                        continue;
                if (one && one->attempts == 0)
                        one->retry_us = 0;
                if (one)
                        review(keeper, one, device);
                else if (device->appeared)
                        consider(keeper, device, true);
                settle(keeper, change.address);
        }
}

static void try_again(RuleKeeper *keeper) {
        uint64_t now = 0;

        for (size_t i = keeper->cases.n_cases; i > 0; i--) {
                RuleCase *one = &keeper->cases.cases[i - 1];
                Device *device = inventory_find_device(keeper->parts.inventory, one->address);

                if (!device || !device->present || one->ticket != 0)
                        continue;
                /* Another's job may have taken it meanwhile. */
                one->release = one->release && !device_is_ours(device);
                if (one->release && device->activity == DEVICE_QUIET)
                        release(keeper, one, device);
                if (one->status != RULE_STATUS_WAITING)
                        continue;
                if (one->retry_us > 0 && now == 0)
                        now = now_us();
                if (one->retry_us > now)
                        (void)wake_at(keeper, one->retry_us);
                else
                        attempt(keeper, one, device);
                settle(keeper, device->address);
        }
}

void rule_keeper_process(RuleKeeper *keeper) {
        look_at_changes(keeper);
        try_again(keeper);
}

/* The file for udev follows the rules. */
static void tell_udev(RuleKeeper *keeper) {
        char *text;

        if (!keeper->early)
                return;
        int r = early_rule_text_make(keeper->book, &text);
        if (r >= 0)
                r = early_rules_set(keeper->early, text);
        if (r < 0)
                log_error_errno(r,
                                "Cannot tell udev of the rules: a driver of the host may have a device for a moment "
                                "before its rule is applied");
}

int rule_keeper_reload(RuleKeeper *keeper) {
        size_t n;

        int r = rule_book_load(keeper->book);
        if (r < 0)
                return r;
        tell_udev(keeper);
        (void)inventory_devices(keeper->parts.inventory, &n);
        for (size_t i = 0; i < n; i++) {
                Device *device = inventory_devices(keeper->parts.inventory, &n)[i];

                if (device->present)
                        consider(keeper, device, device->appeared);
        }
        return 0;
}

bool rule_keeper_take_changed(RuleKeeper *keeper) {
        return rule_case_list_take_changed(&keeper->cases);
}

static const char *const status_table[_RULE_STATUS_MAX] = {
                [RULE_STATUS_WAITING] = "waiting",
                [RULE_STATUS_APPLIED] = "applied",
                [RULE_STATUS_REFUSED] = "refused",
                [RULE_STATUS_RELEASED] = "released",
                [RULE_STATUS_OTHER_CARD] = "other-card",
};

const char *rule_status_to_string(RuleStatus status) {
        return status_table[status];
}

int rule_keeper_for_each(const RuleKeeper *keeper, rule_report_visit_t visit, void *userdata) {
        int r = 0;

        for (size_t i = 0; i < keeper->cases.n_cases && r == 0; i++) {
                const RuleCase *one = &keeper->cases.cases[i];

                if (one->rule)
                        r = visit(&(RuleMatchReport){one->address, one->rule, one->status, strempty(one->message)},
                                        userdata);
        }
        return r;
}
