/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/error-details.h"

/* Texts, each once. */
typedef struct TextSet {
        char *texts[REQUEST_LIST_MAX + 1];
        size_t n;
} TextSet;

static void text_set_done(TextSet *set) {
        for (size_t i = 0; i < set->n; i++)
                free(set->texts[i]);
}

/* A set that is full drops further texts. */
static int text_set_add(TextSet *set, const char *text) {
        if (!text || set->n == REQUEST_LIST_MAX)
                return 0;
        for (size_t i = 0; i < set->n; i++)
                if (streq(set->texts[i], text))
                        return 0;
        if (!(set->texts[set->n] = strdup(text)))
                return -ENOMEM;
        set->n++;
        return 0;
}

static int append_set(sd_bus_message *message, const char *key, const TextSet *set) {
        int r;

        if (set->n == 0)
                return 0;
        if ((r = sd_bus_message_open_container(message, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append_basic(message, 's', key)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'v', "as")) < 0 ||
                        (r = sd_bus_message_append_strv(message, (char **)set->texts)) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

/* What would help against all causes together. */
typedef struct Summary {
        TextSet options, companions, guards;
        pid_t pid; /* of the first cause that has one */
        char cure[FINDING_CURE_MAX];
} Summary;

static void summary_done(Summary *summary) {
        text_set_done(&summary->options);
        text_set_done(&summary->companions);
        text_set_done(&summary->guards);
}

static int summarize_obstacle(const FindingSource *source, const Obstacle *obstacle, Summary *ret) {
        if (ret->cure[0] == '\0')
                (void)obstacle_cure(source, obstacle, ret->cure);
        int r = text_set_add(&ret->options, obstacle_option(source, obstacle->outcome));
        if (r < 0 || obstacle->outcome != OUTCOME_GROUP_NEEDS_CONSENT)
                return r;
        return text_set_add(&ret->companions, PCI_ADDRESS_TEXT(obstacle->address));
}

static int summarize_finding(const FindingSource *source, const Finding *finding, Summary *ret) {
        if (finding_is_overridden(source, finding))
                return 0;
        if (ret->cure[0] == '\0')
                (void)finding_cure(source, finding, ret->cure);
        if (ret->pid == 0)
                ret->pid = finding->pid;
        int r = text_set_add(&ret->options, finding_option(source));
        if (r < 0 || source->verb == PLAN_REATTACH || source->verb == PLAN_RESET)
                return r;
        return text_set_add(&ret->guards, guard_to_string(finding->guard));
}

static int summarize(const FindingSource *source, Summary *ret) {
        int r = 0;

        for (size_t i = 0; i < source->obstacles->n_obstacles && r >= 0; i++)
                r = summarize_obstacle(source, &source->obstacles->obstacles[i], ret);
        for (size_t i = 0; i < source->findings->n_findings && r >= 0; i++)
                r = summarize_finding(source, &source->findings->findings[i], ret);
        return r;
}

static int append_rows(sd_bus_message *message, const FindingSource *source) {
        int r;

        if (source->obstacles->n_obstacles + source->findings->n_findings == 0)
                return 0;
        if ((r = sd_bus_message_open_container(message, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(message, "s", "Findings")) < 0 ||
                        (r = sd_bus_message_open_container(message, 'v', "a(sssba{sv})")) < 0 ||
                        (r = finding_rows_append(message, source)) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

int error_details_append(sd_bus_message *message, const ErrorDetails *details) {
        _cleanup_(summary_done) Summary summary = {};
        int r = summarize(&details->source, &summary);

        if (r >= 0 && details->has_device)
                r = sd_bus_message_append(message, "{sv}", "Device", "s", PCI_ADDRESS_TEXT(details->source.selected));
        if (r >= 0 && details->group != IOMMU_GROUP_NONE)
                r = sd_bus_message_append(message, "{sv}", "Group", "i", (int32_t)details->group);
        if (r >= 0 && details->rule)
                r = sd_bus_message_append(message, "{sv}", "Rule", "s", TEXT_NAME(details->rule));
        if (r < 0 || (r = append_rows(message, &details->source)) < 0)
                return r;
        if (details->n_more > 0)
                r = sd_bus_message_append(message, "{sv}", "More", "u", (uint32_t)details->n_more);
        if (r >= 0 && summary.pid > 0)
                r = sd_bus_message_append(message, "{sv}", "Pid", "u", (uint32_t)summary.pid);
        if (r >= 0 && summary.cure[0] != '\0')
                r = sd_bus_message_append(message, "{sv}", "Cure", "s", summary.cure);
        if (r < 0 || (r = append_set(message, "Options", &summary.options)) < 0 ||
                        (r = append_set(message, "Companions", &summary.companions)) < 0)
                return r;
        return append_set(message, "Override", &summary.guards);
}

int error_details_reply(sd_bus_message *call, int result, const sd_bus_error *error, const ErrorDetails *details) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if (!details)
                return sd_bus_reply_method_errno(call, result, error);
        if (sd_bus_message_get_expect_reply(call) == 0)
                return 0;
        r = sd_bus_error_is_set(error) ? sd_bus_message_new_method_error(call, &reply, error)
                                       : sd_bus_message_new_method_errno(call, &reply, result, NULL);
        if (r < 0 || (r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = error_details_append(reply, details)) < 0 ||
                        (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

int error_details_add_cause(ObstacleList *obstacles, FindingList *findings, PlanVerb verb, Outcome outcome,
                PciAddress selected, const char *message) {
        if (finding_is_obstacle(verb, outcome)) {
                for (size_t i = 0; i < obstacles->n_obstacles; i++)
                        if (obstacles->obstacles[i].outcome == outcome)
                                return 0;
                return obstacle_list_add(obstacles, outcome, selected, "%s", message);
        }
        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if (guard_outcome(guard) == outcome)
                        return findings->n_findings > 0 ? 0 : finding_list_add(findings, guard, selected, message);
        return 0;
}

FailureContext failure_context_new(const Service *service, const Request *request, PciAddress selected, int group) {
        return (FailureContext){
                        .service = service,
                        .tells_details = request->error_details,
                        .verb = request->verb,
                        .selected = selected,
                        .group = group,
                        .overrides = request->overrides,
                        .force = request->force,
        };
}

int error_details_reply_job(sd_bus_message *call, const FailureContext *context, const WorkerResult *result) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_obstacles_ ObstacleList obstacles = {};
        _cleanup_(finding_list_done) FindingList own = {};
        const FindingList *findings = &result->report.findings;
        const Problem *problem = &result->problem;
        int r;

        (void)bus_set_error(&error, result->error, problem);
        if (!context->tells_details)
                return error_details_reply(call, result->error, &error, NULL);
        if (result->error == 0 && findings->n_findings == 0 &&
                        (r = error_details_add_cause(&obstacles, &own, context->verb, problem->outcome,
                                         context->selected, strempty(problem->message))) < 0)
                return r;
        ErrorDetails details = {
                        .source =
                                        {
                                                        .service = context->service,
                                                        .verb = context->verb,
                                                        .selected = context->selected,
                                                        .force = context->force,
                                                        .overrides = context->overrides,
                                                        .findings = own.n_findings > 0 ? &own : findings,
                                                        .obstacles = &obstacles,
                                        },
                        .has_device = true,
                        .group = context->group,
        };
        return error_details_reply(call, result->error, &error, &details);
}

int error_details_reply_rule(sd_bus_message *call, bool tells_details, const sd_bus_error *error, const char *rule) {
        static const ObstacleList no_obstacles = {};
        static const FindingList no_findings = {};
        ErrorDetails details = {
                        .source = {.findings = &no_findings, .obstacles = &no_obstacles},
                        .group = IOMMU_GROUP_NONE,
                        .rule = rule,
        };

        return error_details_reply(call, 0, error, tells_details ? &details : NULL);
}

int error_details_append_job(sd_bus_message *message, const Service *service, const EndedJob *job, bool tells_all) {
        static const ObstacleList no_obstacles = {};
        static const FindingList no_findings = {};

        if (job->error == 0 && job->problem.outcome == OUTCOME_DONE)
                return 0;
        bool hides = job->findings_are_private && !tells_all;
        ErrorDetails details = {
                        .source =
                                        {
                                                        .service = service,
                                                        .verb = job->verb,
                                                        .selected = job->selected,
                                                        .force = job->force,
                                                        .overrides = job->overrides,
                                                        .findings = hides ? &no_findings : &job->findings,
                                                        .obstacles = &no_obstacles,
                                        },
                        .has_device = true,
                        .group = job->group,
                        .n_more = hides ? 0 : job->n_more_findings,
        };
        return error_details_append(message, &details);
}
