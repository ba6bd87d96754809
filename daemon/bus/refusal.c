/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/refusal.h"
#include "bus/error-details.h"

static Outcome read_outcome(const sd_bus_error *error) {
        const char *name = startswith(strempty(error->name), BUS_ERROR_PREFIX);
        Outcome outcome = name ? outcome_from_string(name) : OUTCOME_DONE;

        return outcome < 0 ? OUTCOME_DONE : outcome;
}

static const char *find_rule(const Request *request) {
        if (request_names_rule(request))
                return request->selector;
        return request->rules.n_changes == 1 ? request->rules.changes[0].name : request->name;
}

/* Finds the selected device, or the first endpoint of the selected group. */
static void find_device(const Service *service, const Request *request, ErrorDetails *details) {
        _cleanup_problem_ Problem problem = {};
        Selection selection = {};

        details->group = IOMMU_GROUP_NONE;
        if (isempty(request->selector) || request_names_rule(request) ||
                        selector_resolve(service->inventory, request->selector, &selection, &problem) != 0)
                return;
        const Device *device = selection.device;
        for (size_t i = 0; !device && i < selection.group->n_members; i++)
                if (selection.group->members[i]->endpoint)
                        device = selection.group->members[i];
        details->has_device = device;
        if (device)
                details->source.selected = device->address;
        if (selection.group)
                details->group = selection.group->number;
}

/* Finds what stands against the call. Only errors that name such a cause are explained. */
static int find_causes(const Service *service, const CallHandler *handler, const Request *request,
                const sd_bus_error *error, ErrorDetails *details, ObstacleList *obstacles, FindingList *findings) {
        Outcome outcome = read_outcome(error);
        int r;

        if (finding_is_obstacle(request->verb, outcome) && handler->explain &&
                        (r = handler->explain(service, request, obstacles)) < 0)
                return r;
        if (!details->has_device)
                return 0;
        return error_details_add_cause(obstacles, findings, request->verb, outcome, details->source.selected,
                        strempty(error->message));
}

int refuse_call(const Service *service, const CallHandler *handler, sd_bus_message *call, const Request *request,
                int result, sd_bus_error *error) {
        _cleanup_obstacles_ ObstacleList obstacles = {};
        _cleanup_(finding_list_done) FindingList findings = {};
        ErrorDetails details = {
                        .source =
                                        {
                                                        .service = service,
                                                        .verb = request->verb,
                                                        .force = request->force,
                                                        .overrides = request->overrides,
                                                        .findings = &findings,
                                                        .obstacles = &obstacles,
                                        },
                        .rule = find_rule(request),
        };
        int r = 0;

        find_device(service, request, &details);
        if (request->error_details)
                r = find_causes(service, handler, request, error, &details, &obstacles, &findings);
        if (r >= 0)
                r = error_details_reply(call, result, error, request->error_details ? &details : NULL);
        if (r < 0)
                return r;
        sd_bus_error_free(error);
        return 1;
}
