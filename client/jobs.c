/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jobs and cancel: the jobs that are running. */
#include "job-text.h"
#include "language.h"
#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "verbs.h"

enum {
        COLUMN_JOB,
        COLUMN_KIND,
        COLUMN_GROUP,
        COLUMN_DEVICES,
        COLUMN_STATE,
        COLUMN_STEP,
        COLUMN_ACTION,
        COLUMN_WAITS_FOR,
        COLUMN_CALLER,
        COLUMN_SINCE,
};

static const Column columns[] = {
                [COLUMN_JOB] = {"JOB", SCOLS_FL_RIGHT},
                [COLUMN_KIND] = {"KIND", 0},
                [COLUMN_GROUP] = {"GROUP", SCOLS_FL_RIGHT},
                [COLUMN_DEVICES] = {"DEVICES", SCOLS_FL_WRAP},
                [COLUMN_STATE] = {"STATE", 0},
                [COLUMN_STEP] = {"STEP", SCOLS_FL_RIGHT},
                [COLUMN_ACTION] = {"ACTION", SCOLS_FL_WRAP},
                [COLUMN_WAITS_FOR] = {"WAITS-FOR", SCOLS_FL_WRAP},
                [COLUMN_CALLER] = {"CALLER", SCOLS_FL_WRAP},
                [COLUMN_SINCE] = {"SINCE", 0},
};

/* The job's state in its colour. A job that is cancelled and stuck is both: "stuck, cancelled". */
static int cell_set_job_state(const Output *output, struct libscols_line *line, const Job *job) {
        int r = cell_set_state(output, line, COLUMN_STATE, job->state);

        return r < 0 || !job_is_stuck_cancelled(job) ? r : cell_set(line, COLUMN_STATE, _("stuck, cancelled"));
}

static int add_line(const Output *output, struct libscols_table *table, const Job *job) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        _cleanup_free_ char *devices = strv_join(job->devices, " "), *caller = job_caller_in_words(&job->caller),
                            *action = NULL;
        char step[sizeof("4294967295/4294967295")], since[64];
        int r;

        if (!line || !devices || !caller)
                return -ENOMEM;
        if (asprintf(&action, "%s%s%s", strempty(job->ended_us > 0 ? job->message : job->action),
                            isempty(job->address) ? "" : " ", strempty(job->address)) < 0) {
                action = NULL;
                return -ENOMEM;
        }
        (void)snprintf(step, sizeof(step), "%u/%u", job->step, job->steps);
        time_in_words(job->started_us, since, sizeof(since));

        if ((r = cell_set_number(line, COLUMN_JOB, job->number)) < 0 ||
                        (r = cell_set(line, COLUMN_KIND, job->kind)) < 0 ||
                        (r = cell_set_group(line, COLUMN_GROUP, job->group)) < 0 ||
                        (r = cell_set(line, COLUMN_DEVICES, devices)) < 0 ||
                        (r = cell_set_job_state(output, line, job)) < 0 ||
                        (r = cell_set(line, COLUMN_STEP, step)) < 0 ||
                        (r = cell_set(line, COLUMN_ACTION, action)) < 0 ||
                        (r = cell_set(line, COLUMN_WAITS_FOR, job->waits_for)) < 0 ||
                        (r = cell_set(line, COLUMN_CALLER, caller)) < 0)
                return r;
        return cell_set(line, COLUMN_SINCE, since);
}

static json_t *jobs_to_json(const JobList *jobs) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < jobs->count; i++)
                array = json_append(array, job_to_json(&jobs->items[i]));
        return json_pack("{s:o}", "jobs", array);
}

static int print_jobs(Output *output, const JobList *jobs) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        if (output->json)
                return output_json(output, jobs_to_json(jobs));

        r = output_table_new(output, columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; r >= 0 && i < jobs->count; i++)
                r = add_line(output, table, &jobs->items[i]);
        return r < 0 ? r : output_table(output, table);
}

static int compare_jobs(const void *a, const void *b) {
        const Job *job_a = a, *job_b = b;

        return (job_a->number > job_b->number) - (job_a->number < job_b->number);
}

ExitCode verb_jobs(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(job_list_clear) JobList jobs = {0};
        int r;

        r = invocation->list.all ? proxy_list_all_jobs(invocation->bus, &jobs, &error)
                                 : proxy_list_jobs(invocation->bus, &jobs, &error);
        if (r < 0)
                return report_error(r, &error);
        if (jobs.count > 0)
                qsort(jobs.items, jobs.count, sizeof(Job), compare_jobs);
        else if (!invocation->output.quiet && !invocation->output.json)
                fputs(invocation->list.all ? _("vfioctl: there was no job since vfiod started\n")
                                           : _("vfioctl: no job is running\n"),
                                stderr);

        r = print_jobs(&invocation->output, &jobs);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

ExitCode verb_cancel(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *state = NULL, *message = NULL;
        Output *output = &invocation->output;
        int r;

        r = proxy_cancel_job(invocation->bus, invocation->job, &state, &message, &error);
        if (r < 0)
                return report_error(r, &error);
        if (output->json)
                r = output_json(output,
                                json_pack("{s:I, s:o, s:o}", "cancelling", (json_int_t)invocation->job, "state",
                                                json_text(state), "message", json_text(message)));
        else if (!output->quiet)
                fprintf(output->stream, _("%s\nSee 'vfioctl jobs'.\n"), message);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
