/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job-text.h"
#include "language.h"

#include "present.h"

static bool is_call(const JobCaller *caller) {
        return streq_ptr(caller->kind, "call");
}

static bool has_user(const JobCaller *caller) {
        return is_call(caller) || streq_ptr(caller->kind, "lease") || streq_ptr(caller->kind, "revert");
}

char *job_caller_in_words(const JobCaller *caller) {
        char *text = NULL;
        int r;

        if (is_call(caller))
                r = asprintf(&text, _("uid %u, process %u (%s)"), caller->uid, caller->pid,
                                isempty(caller->command) ? _("gone") : caller->command);
        else if (streq_ptr(caller->kind, "lease"))
                r = asprintf(&text, _("a lease of uid %u"), caller->uid);
        else if (streq_ptr(caller->kind, "revert"))
                r = asprintf(&text, _("the revert of a detach by uid %u"), caller->uid);
        else if (!isempty(caller->rule))
                r = asprintf(&text, _("rule %s"), caller->rule);
        else
                r = asprintf(&text, "%s", strempty(caller->kind));
        return r < 0 ? NULL : text;
}

/* Borrows the texts of the properties of a Job. */
static JobCaller borrow_caller(json_t *caller) {
        return (JobCaller){
                        .kind = (char *)json_string_value(json_object_get(caller, "Kind")),
                        .uid = (uint32_t)json_integer_value(json_object_get(caller, "Uid")),
                        .pid = (uint32_t)json_integer_value(json_object_get(caller, "Pid")),
                        .command = (char *)json_string_value(json_object_get(caller, "Command")),
                        .unit = (char *)json_string_value(json_object_get(caller, "Unit")),
                        .session = (char *)json_string_value(json_object_get(caller, "Session")),
                        .rule = (char *)json_string_value(json_object_get(caller, "Rule")),
        };
}

char *job_caller_json_in_words(json_t *caller) {
        JobCaller copy = borrow_caller(caller);

        return job_caller_in_words(&copy);
}

static json_t *number_or_null(bool known, uint32_t number) {
        return known ? json_integer((json_int_t)number) : json_null();
}

static json_t *caller_to_json(const JobCaller *caller) {
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", json_text(caller->kind), "uid",
                        number_or_null(has_user(caller), caller->uid), "pid",
                        number_or_null(caller->pid > 0, caller->pid), "command", json_text(caller->command), "unit",
                        json_text(caller->unit), "session", json_text(caller->session), "rule",
                        json_text(caller->rule));
}

json_t *job_caller_json_to_json(json_t *caller) {
        JobCaller copy = borrow_caller(caller);

        return caller_to_json(&copy);
}

/* The same as "details" of an error. */
static json_t *details_to_json(const Job *job) {
        Refusal refusal = job->refusal;

        refusal.group = job->group;
        return isempty(job->error) ? json_null() : refusal_to_json(&refusal);
}

json_t *job_to_json(const Job *job) {
        return json_pack("{s:I, s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
                        "number", (json_int_t)job->number, "path", json_text(job->path), "kind", json_text(job->kind),
                        "state", json_text(job->state), "cancelled", (int)job->cancelled, "group",
                        number_or_null(job->group >= 0, (uint32_t)job->group), "devices", json_strings(job->devices),
                        "step", (json_int_t)job->step, "steps", (json_int_t)job->steps, "action",
                        json_text(job->action), "address", json_text(job->address), "waits_for",
                        json_text(job->waits_for), "caller", caller_to_json(&job->caller), "started_usec",
                        (json_int_t)job->started_us, "ended_usec",
                        job->ended_us > 0 ? json_integer((json_int_t)job->ended_us) : json_null(), "error",
                        json_text(job->error), "message", json_text(job->message), "details", details_to_json(job));
}
