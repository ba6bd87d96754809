/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/approval.h"
#include "bus/call-entry.h"
#include "bus/polkit.h"
#include "bus/refusal.h"

/* Limits for the calls that wait for polkit. Root never waits. */
static const QuotaLimits limits = {.total = 32, .per_user = 4};

/* A person may have to look for a password. */
#define INTERACTIVE_DEADLINE_US (300 * UINT64_C(1000000))
#define DEADLINE_US (25 * UINT64_C(1000000))

struct Approval {
        Approval *next;
        Service *service;
        sd_bus_message *call;
        Caller caller;
        const CallHandler *handler;
        Request *request;
        CallDetails details;
        Action action; /* that polkit is asked for */
        PolkitCheck *check;
};

static Approval *approval_free(Approval *approval) {
        if (!approval)
                return NULL;
        for (Approval **link = &approval->service->approvals; *link; link = &(*link)->next)
                if (*link == approval) {
                        *link = approval->next;
                        break;
                }
        polkit_check_free(approval->check);
        call_details_done(&approval->details);
        request_free(approval->request);
        sd_bus_message_unref(approval->call);
        free(approval);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Approval *, approval_free)

/* Describes what the call would do now. Returns 0, an outcome or -ENOMEM. */
static int describe(const Approval *approval, CallDetails *details, Problem *problem) {
        int r = call_details_set(details, CALL_DETAIL_METHOD, "%s", approval->request->method->member);

        if (r < 0 || !approval->handler->describe)
                return r;
        return approval->handler->describe(approval->service, approval->request, details, problem);
}

/* Sends a denial. Returns a negative errno with the error set. */
static int deny(const Approval *approval, PolkitAnswer answer, const char *polkit_error, sd_bus_error *error) {
        const char *id = action_to_string(approval->action), *words = action_in_words(approval->action);
        unsigned uid = (unsigned)approval->caller.uid;

        switch (answer) {
        case POLKIT_CHALLENGE:
                return sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                "User %u must authenticate %s (%s). Call it from a terminal or a desktop session, or "
                                "try it with sudo.",
                                uid, words, id);
        case POLKIT_DISMISSED:
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "The authentication of user %u %s (%s) was cancelled.", uid, words, id);
        case POLKIT_ABSENT:
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "Only root may call %s of %s: polkit, which could permit it to others, does not run. "
                                "Try "
                                "it with sudo.",
                                approval->request->method->member, BUS_NAME);
        case POLKIT_TIMED_OUT:
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "User %u may not call %s of %s, because polkit did not answer in time whether this "
                                "user "
                                "is authorized %s (%s).",
                                uid, approval->request->method->member, BUS_NAME, words, id);
        case POLKIT_FAILED:
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "User %u may not call %s of %s, because polkit cannot tell whether this user is "
                                "authorized %s (%s): %s",
                                uid, approval->request->method->member, BUS_NAME, words, id,
                                isempty(polkit_error) ? "its answer is not valid" : TEXT_EXCERPT(polkit_error));
        default:
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "User %u is not authorized %s (%s). Try it with sudo. An administrator can permit it "
                                "by "
                                "a rule of polkit: see \"AUTHORIZATION\" in vfiod(8).",
                                uid, words, id);
        }
}

/* Refuses if the call would not do any more what polkit permitted. Returns 0, PLAN_STALE or -ENOMEM. */
static int check_unchanged(const Approval *approval, Problem *problem) {
        _cleanup_call_details_ CallDetails details = {};
        _cleanup_problem_ Problem impossible = {};

        int r = describe(approval, &details, &impossible);
        if (r < 0 || (r == 0 && details.fingerprint == approval->details.fingerprint))
                return r;
        return problem_set(problem, OUTCOME_PLAN_STALE,
                        "The devices, drivers or rules changed while polkit decided about %s. Nothing was changed: try "
                        "again.%s%s",
                        approval->request->method->member, r > 0 ? " " : "", strempty(impossible.message));
}

/* Makes the call. */
static int run(Approval *approval, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};

        int r = check_unchanged(approval, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        return approval->handler->run(approval->service, approval->call, &approval->caller, approval->request, error);
}

static void log_refusal(const Approval *approval, int error_number, const sd_bus_error *error) {
        call_entry_log_refusal(approval->service, &approval->caller, approval->request, error_number, error);
}

static void on_answer(PolkitAnswer answer, const char *polkit_error, void *userdata);

/* The next action that the call needs, or _ACTION_MAX. */
static Action find_next_action(const Approval *approval) {
        Action action = approval->action + 1;

        while (action < _ACTION_MAX && !(approval->request->actions & 1U << action))
                action++;
        return action;
}

/* Asks for the action. Returns 0 or a negative errno. */
static int ask(Approval *approval) {
        PolkitDetail details[_CALL_DETAIL_MAX];
        size_t n = 0;

        for (CallDetail detail = 0; detail < _CALL_DETAIL_MAX; detail++)
                if (approval->details.texts[detail])
                        details[n++] = (PolkitDetail){call_detail_to_string(detail), approval->details.texts[detail]};
        bool interactive = sd_bus_message_get_allow_interactive_authorization(approval->call) > 0;
        PolkitQuestion question = {
                        .caller = sd_bus_message_get_sender(approval->call),
                        .action = action_to_string(approval->action),
                        .details = details,
                        .n_details = n,
                        .interactive = interactive,
                        .deadline_us = approval->service->polkit_deadline_us > 0 ? approval->service->polkit_deadline_us
                                        : interactive                            ? INTERACTIVE_DEADLINE_US
                                                                                 : DEADLINE_US,
        };
        return polkit_ask(approval->service->bus, &question, on_answer, approval, &approval->check);
}

static void on_answer(PolkitAnswer answer, const char *polkit_error, void *userdata) {
        _cleanup_(approval_freep) Approval *approval = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        approval->check = polkit_check_free(approval->check);
        if (answer == POLKIT_CALLER_GONE)
                return;
        approval->caller.polkit = polkit_answer_to_string(answer);
        if (answer != POLKIT_AUTHORIZED)
                r = deny(approval, answer, polkit_error, &error);
        else if ((approval->action = find_next_action(approval)) < _ACTION_MAX) {
                r = ask(approval);
                if (r >= 0) {
                        TAKE_PTR(approval);
                        return;
                }
        } else
                r = run(approval, &error);
        if (r < 0) {
                log_refusal(approval, r, &error);
                (void)refuse_call(approval->service, approval->handler, approval->call, approval->request, r, &error);
        }
}

/* Returns 0, LIMITS_EXCEEDED or -ENOMEM. */
static int check_quota(const Service *service, uid_t uid, Problem *problem) {
        QuotaUse use = {};

        for (const Approval *approval = service->approvals; approval; approval = approval->next)
                quota_add(&use, approval->caller.uid, uid);
        return quota_check(&limits, &use, uid, "authorizations by polkit", problem);
}

/* Describes the call and asks polkit. Returns 0, or a negative errno with the error set. */
static int begin(Approval *approval, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};

        /* The quota comes first, before vfiod does any work for the caller. */
        int r = check_quota(approval->service, approval->caller.uid, &problem);
        if (r == 0)
                r = describe(approval, &approval->details, &problem);
        return r != 0 ? bus_set_error(error, r, &problem) : ask(approval);
}

int approval_start(Service *service, sd_bus_message *call, const Caller *caller, const CallHandler *handler,
                Request *request, sd_bus_error *error) {
        _cleanup_(request_freep) Request *owned = request;
        _cleanup_(approval_freep) Approval *approval = calloc(1, sizeof(Approval));

        if (!approval)
                return -ENOMEM;
        *approval = (Approval){
                        .service = service,
                        .call = sd_bus_message_ref(call),
                        .caller = *caller,
                        .handler = handler,
                        .request = TAKE_PTR(owned),
                        .action = _ACTION_FIRST_OF_POLKIT - 1,
        };
        approval->action = find_next_action(approval);
        assert(approval->action < _ACTION_MAX);
        int r = begin(approval, error);
        if (r < 0) {
                log_refusal(approval, r, error);
                return refuse_call(service, handler, call, approval->request, r, error);
        }
        approval->next = service->approvals;
        service->approvals = TAKE_PTR(approval);
        return 1;
}

void approval_forget(Service *service) {
        while (service->approvals)
                approval_free(service->approvals);
}

void approval_done(Service *service) {
        for (const Approval *approval = service->approvals; approval; approval = approval->next)
                (void)sd_bus_reply_method_errno(approval->call, -ESHUTDOWN, NULL);
        approval_forget(service);
}
