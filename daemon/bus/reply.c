/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/reply.h"

static int append_escaped(sd_bus_message *message, const char *text, TextEscape kind) {
        _cleanup_free_ char *escaped = text_escape_new(strempty(text), kind);

        return escaped ? sd_bus_message_append_basic(message, 's', escaped) : -ENOMEM;
}

int bus_append_name(sd_bus_message *message, const char *name) {
        return append_escaped(message, name, TEXT_NAME_ESCAPE);
}

int bus_append_text(sd_bus_message *message, const char *text) {
        return append_escaped(message, text, TEXT_MESSAGE_ESCAPE);
}

static int append_entry(sd_bus_message *message, const char *key, const char *signature, const void *value) {
        int r;

        if ((r = sd_bus_message_open_container(message, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append_basic(message, 's', key)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'v', signature)) < 0 ||
                        (r = sd_bus_message_append_basic(message, signature[0], value)) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

int bus_append_text_entry(sd_bus_message *message, const char *key, const char *text) {
        return append_entry(message, key, "s", text);
}

int bus_append_flag_entry(sd_bus_message *message, const char *key, bool flag) {
        int value = flag;

        return append_entry(message, key, "b", &value);
}

int bus_open_list(sd_bus_message *call, const char *contents, sd_bus_message **ret) {
        int r = sd_bus_message_new_method_return(call, ret);

        return r < 0 ? r : sd_bus_message_open_container(*ret, 'a', contents);
}

int bus_send_list(sd_bus_message *reply) {
        int r = sd_bus_message_close_container(reply);

        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int bus_set_error(sd_bus_error *error, int result, const Problem *problem) {
        char name[64];

        if (result < 0)
                return sd_bus_error_set_errno(error, result);
        /* A worker's message may have been cut in the middle of a character. */
        _cleanup_free_ char *message = text_escape_new(strempty(problem->message), TEXT_MESSAGE_ESCAPE);
        if (!message)
                return sd_bus_error_set_errno(error, -ENOMEM);
        if (problem->outcome == OUTCOME_INVALID_SELECTOR)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, message);
        (void)snprintf(name, sizeof(name), BUS_ERROR_PREFIX "%s", outcome_to_string(problem->outcome));
        return sd_bus_error_set(error, name, message);
}

bool ended_job_set_error(const EndedJob *job, bool tells_all, sd_bus_error *error) {
        int result = job->error < 0 ? job->error : (int)job->problem.outcome;
        Problem hidden = {.outcome = job->problem.outcome,
                        .message = (char *)"Only the caller and root get the reason, because it can name processes and "
                                           "mounts of other users. Plan tells what you may see."};

        if (result == 0)
                return false;
        (void)bus_set_error(error, result, job->is_private && !tells_all ? &hidden : &job->problem);
        return true;
}
