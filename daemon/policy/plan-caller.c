/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan-caller.h"
#include "base/text.h"

#define PREFIX "VFIOD_"

void plan_caller_done(PlanCaller *caller) {
        free(caller->text);
        log_fields_done(&caller->fields);
        *caller = (PlanCaller){};
}

/* Returns whether the text is as text_escape() writes it. */
static bool is_escaped(const char *text) {
        char buffer[PLAN_CALLER_TEXT_MAX];

        return strlen(text) < sizeof(buffer) &&
                        streq(text_escape(text, TEXT_MESSAGE_ESCAPE, buffer, sizeof(buffer)), text);
}

/* Returns the length of the name, or 0 if there is no such name. */
static size_t measure_name(const char *field) {
        size_t length = strspn(field, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

        return startswith(field, PREFIX) && field[length] == '=' && field[length + 1] != '\0' ? length : 0;
}

/* Adds a copy of a field that has a name. */
static int add_field(PlanCaller *caller, const char *field, size_t length) {
        char name[64];

        if (length >= sizeof(name))
                return -EBADMSG;
        (void)snprintf(name, sizeof(name), "%.*s", (int)length, field);
        size_t n_before = caller->fields.n_texts;
        log_fields_add(&caller->fields, name, "%s", field + length + 1);
        return caller->fields.n_texts > n_before ? 0 : -ENOMEM;
}

int plan_caller_read_text(PlanCaller *caller, const char *text) {
        if (isempty(text) || !is_escaped(text))
                return -EBADMSG;
        return free_and_strdup(&caller->text, text) < 0 ? -ENOMEM : 0;
}

int plan_caller_read_field(PlanCaller *caller, const char *field) {
        size_t length = measure_name(field);

        if (length == 0 || !is_escaped(field) || caller->fields.n_texts >= PLAN_CALLER_FIELDS_MAX)
                return -EBADMSG;
        return add_field(caller, field, length);
}

int plan_caller_set(PlanCaller *caller, const char *text, const LogFields *fields) {
        char buffer[PLAN_CALLER_TEXT_MAX];
        int r = 0;

        plan_caller_done(caller);
        if (!isempty(text))
                r = plan_caller_read_text(caller, text_escape(text, TEXT_MESSAGE_ESCAPE, buffer, sizeof(buffer)));
        for (size_t i = 0; fields && i < fields->n_texts && r != -ENOMEM; i++)
                r = plan_caller_read_field(
                                caller, text_escape(fields->texts[i], TEXT_MESSAGE_ESCAPE, buffer, sizeof(buffer)));
        return r == -ENOMEM ? r : 0;
}
