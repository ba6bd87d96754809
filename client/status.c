/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status: the version of vfiod, the IOMMU, the numbers of devices, groups and leases, and what deserves attention. */
#include "config.h"
#include "language.h"
#include "lease-proxy.h"
#include "present.h"
#include "proxy.h"
#include "revert.h"
#include "rule-proxy.h"
#include "verbs.h"

/* What else deserves attention. -1 if vfiod does not tell it, for example because it is an older version. */
typedef struct Counts {
        json_int_t leases;
        json_int_t jobs;
        json_int_t stuck_jobs;
        json_int_t refused; /* devices that a rule should detach, but vfiod refuses */
        json_int_t reverts; /* groups that go back to the host */
        json_int_t faulty;  /* rules with an error */
} Counts;

static void count_jobs(sd_bus *bus, Counts *counts) {
        _cleanup_(job_list_clear) JobList jobs = {0};

        if (proxy_list_jobs(bus, &jobs, NULL) < 0)
                return;
        counts->jobs = (json_int_t)jobs.count;
        counts->stuck_jobs = 0;
        for (size_t i = 0; i < jobs.count; i++)
                counts->stuck_jobs += streq_ptr(jobs.items[i].state, "stuck");
}

static void count_rules(sd_bus *bus, Counts *counts) {
        _cleanup_(rule_list_clear) RuleList rules = {0};

        if (proxy_list_rules(bus, &rules, NULL) < 0)
                return;
        counts->refused = counts->faulty = 0;
        for (size_t i = 0; i < rules.count; i++) {
                counts->faulty += streq_ptr(rules.items[i].state, "off");
                for (size_t k = 0; k < rules.items[i].devices.count; k++)
                        counts->refused += streq_ptr(rules.items[i].devices.items[k].status, "refused");
        }
}

/* Reads the groups only if there is a revert: a host can have thousands of them. */
static void count_reverts(sd_bus *bus, const Status *status, Counts *counts, GroupList *groups) {
        if (status->revert_count > 0 && proxy_list_groups(bus, groups, NULL) < 0)
                return;
        counts->reverts = 0;
        for (size_t i = 0; i < groups->count; i++)
                counts->reverts += groups->items[i].revert_at_us > 0;
}

static Counts count(sd_bus *bus, const Status *status, GroupList *groups) {
        Counts counts = {.leases = -1, .reverts = -1, .jobs = -1, .stuck_jobs = -1, .refused = -1, .faulty = -1};
        _cleanup_(lease_list_clear) LeaseList leases = {0};

        if (proxy_list_leases(bus, &leases, NULL) >= 0)
                counts.leases = (json_int_t)leases.count;
        count_jobs(bus, &counts);
        count_rules(bus, &counts);
        count_reverts(bus, status, &counts, groups);
        return counts;
}

static json_t *count_to_json(json_int_t count) {
        return count < 0 ? json_null() : json_integer(count);
}

static json_t *status_to_json(const Status *status, const Counts *counts) {
        return json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "version",
                        json_text(status->version), "client_version", VFIOD_VERSION, "iommu", json_text(status->iommu),
                        "iommu_reason", json_text(status->iommu_reason), "iommu_warning",
                        json_text(status->iommu_warning), "device_count", (json_int_t)status->device_count,
                        "group_count", (json_int_t)status->group_count, "detached_count",
                        (json_int_t)status->detached_count, "lease_count", count_to_json(counts->leases), "job_count",
                        count_to_json(counts->jobs), "stuck_job_count", count_to_json(counts->stuck_jobs),
                        "refused_device_count", count_to_json(counts->refused), "faulty_rule_count",
                        count_to_json(counts->faulty), "revert_count", count_to_json(counts->reverts), "events_lost",
                        (json_int_t)status->events_lost);
}

/* Prints a count that is not 0, with advice. */
static void print_count(Output *output, const char *key, json_int_t count, const char *advice) {
        if (count > 0)
                output_field(output, key, "%" JSON_INTEGER_FORMAT "%s", count, advice);
}

/* Prints which groups go back to the host, and when. */
static void print_reverts(Output *output, const GroupList *groups) {
        const char *key = _("Reverts");

        for (size_t i = 0; i < groups->count; i++) {
                const Group *group = &groups->items[i];
                _cleanup_free_ char *text = NULL;
                char selector[sizeof("group:-2147483648")];

                if (group->revert_at_us == 0)
                        continue;
                (void)snprintf(selector, sizeof(selector), "group:%i", group->number);
                text = revert_in_words(group, selector);
                output_field(output, key, _("group %i, %s"), group->number, strempty(text));
                key = "";
        }
}

static int print_status(Output *output, const Status *status, const Counts *counts, const GroupList *groups) {
        if (output->json)
                return output_json(output, status_to_json(status, counts));

        if (streq(strempty(status->version), VFIOD_VERSION))
                output_field(output, "vfiod", "%s", VFIOD_VERSION);
        else
                output_field(output, "vfiod", _("%s (vfioctl %s)"), strempty(status->version), VFIOD_VERSION);
        output_field(output, _("IOMMU"), "%s", strempty(status->iommu));
        if (!isempty(status->iommu_reason))
                output_field(output, _("Reason"), "%s", status->iommu_reason);
        if (!isempty(status->iommu_warning))
                output_field(output, _("Warning"), "%s", status->iommu_warning);
        output_field(output, _("Devices"), "%u", status->device_count);
        output_field(output, _("Groups"), "%u", status->group_count);
        output_field(output, _("Detached"), "%u", status->detached_count);
        print_count(output, _("Leases"), counts->leases, "");
        print_count(output, _("Jobs"), counts->jobs, "");
        print_count(output, _("Stuck jobs"), counts->stuck_jobs, _(": see 'vfioctl jobs'"));
        print_reverts(output, groups);
        print_count(output, _("Refused by rules"), counts->refused, _(": see 'vfioctl rule list'"));
        print_count(output, _("Rules with errors"), counts->faulty, _(": see 'vfioctl rule check'"));
        print_count(output, _("Lost events"), status->events_lost,
                        _(" times; each time, vfiod read all devices again"));
        return 0;
}

ExitCode verb_status(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(group_list_clear) GroupList groups = {0};
        _cleanup_(status_clear) Status status = {0};
        int r;

        r = proxy_get_status(invocation->bus, &status, &error);
        if (r >= 0) {
                Counts counts = count(invocation->bus, &status, &groups);

                r = print_status(&invocation->output, &status, &counts, &groups);
        }
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}
