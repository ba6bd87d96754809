/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics: what a monitoring system wants to know, as OpenMetrics text. */
#include "lease-proxy.h"
#include "proxy.h"
#include "rule-proxy.h"
#include "verbs.h"

/* A later vfiod may have more values of a label. */
#define VALUES_MAX 24

/* How often each value of a label occurs. */
typedef struct Tally {
        const char *values[VALUES_MAX]; /* borrowed */
        unsigned counts[VALUES_MAX];
        size_t n_values;
} Tally;

/* All that is counted. The lists own the texts that the tallies borrow. */
typedef struct Facts {
        Status status;
        GroupList groups;
        DeviceList devices;
        JobList jobs; /* also those that have ended */
        LeaseList leases;
        RuleList rules;
} Facts;

static void facts_clear(Facts *facts) {
        status_clear(&facts->status);
        group_list_clear(&facts->groups);
        device_list_clear(&facts->devices);
        job_list_clear(&facts->jobs);
        lease_list_clear(&facts->leases);
        rule_list_clear(&facts->rules);
}

static int facts_get(sd_bus *bus, Facts *facts, sd_bus_error *error) {
        int r;

        if ((r = proxy_get_status(bus, &facts->status, error)) < 0 ||
                        (r = proxy_list_groups(bus, &facts->groups, error)) < 0 ||
                        (r = proxy_list_devices(bus, &facts->devices, error)) < 0 ||
                        (r = proxy_list_all_jobs(bus, &facts->jobs, error)) < 0 ||
                        (r = proxy_list_leases(bus, &facts->leases, error)) < 0)
                return r;
        return proxy_list_rules(bus, &facts->rules, error);
}

/* Counts one more of this value. Those that do not fit are not counted. */
static void tally_add(Tally *tally, const char *value, unsigned count) {
        size_t i = 0;

        while (i < tally->n_values && !streq(tally->values[i], strempty(value)))
                i++;
        if (i == VALUES_MAX)
                return;
        tally->values[i] = strempty(value);
        tally->counts[i] += count;
        if (i == tally->n_values)
                tally->n_values++;
}

/* Starts with the known values, so that a value that does not occur is 0 and not missing. The list ends in NULL. */
static Tally tally_of(const char *const *known) {
        Tally tally = {0};

        for (; *known; known++)
                tally_add(&tally, *known, 0);
        return tally;
}
#define TALLY_OF(...) tally_of((const char *const[]){__VA_ARGS__, NULL})

/* The value of a label: backslash, quotation mark and line feed are escaped. */
static void print_label(FILE *stream, const char *name, const char *value) {
        fprintf(stream, "%s=\"", name);
        for (const char *c = strempty(value); *c; c++)
                if (*c == '\n')
                        fputs("\\n", stream);
                else
                        fprintf(stream, "%s%c", *c == '\\' || *c == '"' ? "\\" : "", *c);
        fputc('"', stream);
}

static void print_family(FILE *stream, const char *name, const char *type, const char *help) {
        fprintf(stream, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

static void print_tally(FILE *stream, const char *name, const char *label, const char *help, const Tally *tally) {
        print_family(stream, name, "gauge", help);
        for (size_t i = 0; i < tally->n_values; i++) {
                fprintf(stream, "%s{", name);
                print_label(stream, label, tally->values[i]);
                fprintf(stream, "} %u\n", tally->counts[i]);
        }
}

static void print_model(FILE *stream, const Facts *facts) {
        Tally devices = TALLY_OF("host", "driverless", "detached", "leased", "foreign", "changing", "stuck", "absent");
        Tally groups = TALLY_OF("host", "partial", "detached", "leased", "foreign", "changing", "stuck");

        for (size_t i = 0; i < facts->devices.count; i++)
                tally_add(&devices, facts->devices.items[i].state, 1);
        for (size_t i = 0; i < facts->groups.count; i++)
                tally_add(&groups, facts->groups.items[i].state, 1);
        print_tally(stream, "vfiod_devices", "state", "PCI functions by state.", &devices);
        print_tally(stream, "vfiod_groups", "state", "IOMMU groups by state.", &groups);
}

static void print_jobs(FILE *stream, const JobList *jobs) {
        Tally running = TALLY_OF("running", "cancelling", "recovering", "finishing", "stuck"),
              ended = TALLY_OF("done", "failed");

        for (size_t i = 0; i < jobs->count; i++)
                tally_add(jobs->items[i].ended_us > 0 ? &ended : &running, jobs->items[i].state, 1);
        print_tally(stream, "vfiod_jobs", "state", "Jobs that have not ended, by state.", &running);
        print_tally(stream, "vfiod_recent_jobs", "result", "The last jobs that have ended, at most 64, by result.",
                        &ended);
}

static void print_rules(FILE *stream, const RuleList *rules) {
        Tally states = TALLY_OF("active", "masked", "off"),
              devices = TALLY_OF("applied", "waiting", "refused", "released", "other-card");

        for (size_t i = 0; i < rules->count; i++) {
                tally_add(&states, rules->items[i].state, 1);
                for (size_t k = 0; k < rules->items[i].devices.count; k++)
                        tally_add(&devices, rules->items[i].devices.items[k].status, 1);
        }
        print_tally(stream, "vfiod_rules", "state", "Rules by state.", &states);
        print_tally(stream, "vfiod_rule_devices", "status", "Devices that a rule matches, by status.", &devices);
}

static void print_metrics(FILE *stream, const Facts *facts) {
        Tally leases = TALLY_OF("starting", "unclaimed", "active", "ending", "lingering");

        /* no "info": the textfile collector of node_exporter does not know this type */
        print_family(stream, "vfiod_build_info", "gauge", "The version of vfiod, and the state of the IOMMU.");
        fputs("vfiod_build_info{", stream);
        print_label(stream, "version", facts->status.version);
        fputc(',', stream);
        print_label(stream, "iommu", facts->status.iommu);
        fputs("} 1\n", stream);
        print_model(stream, facts);
        print_jobs(stream, &facts->jobs);
        for (size_t i = 0; i < facts->leases.count; i++)
                tally_add(&leases, facts->leases.items[i].state, 1);
        print_tally(stream, "vfiod_leases", "state", "Leases by state.", &leases);
        print_rules(stream, &facts->rules);
        print_family(stream, "vfiod_lost_events", "counter",
                        "How often kernel events were lost, after which vfiod read all devices again.");
        fprintf(stream, "vfiod_lost_events_total %u\n# EOF\n", facts->status.events_lost);
}

ExitCode verb_metrics(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(facts_clear) Facts facts = {0};

        if (invocation->output.json)
                return report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS,
                                "'metrics' prints OpenMetrics text, and no JSON. As JSON: vfioctl status --json");
        int r = facts_get(invocation->bus, &facts, &error);
        if (r < 0)
                return report_error(r, &error);
        print_metrics(invocation->output.stream, &facts);
        return EXIT_DONE;
}
