/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "own-command.h"

#include "strv.h"

#include "daemon/base/text.h"

#include <inttypes.h>

/* Appends "--option=value", unless the value is empty. */
static int push_option(char ***words, const char *option, const char *value) {
        _cleanup_free_ char *word = NULL;

        if (isempty(value))
                return 0;
        if (asprintf(&word, "--%s=%s", option, value) < 0) {
                word = NULL;
                return -ENOMEM;
        }
        return strv_push(words, word);
}

static int push_detach_options(char ***words, const CallOptions *options, const OwnCommand *command) {
        _cleanup_free_ char *overrides = strv_join(command->guards, ",");
        int r;

        if (!overrides || ((options->whole_group || command->whole_group) && strv_push(words, "--group") < 0))
                return -ENOMEM;
        for (char **companion = command->whole_group ? NULL : options->companions; companion && *companion; companion++)
                if ((r = push_option(words, "companion", *companion)) < 0)
                        return r;
        r = push_option(words, "driver", options->driver);
        if (r >= 0 && options->revert_after_us > 0) {
                char seconds[32];

                (void)snprintf(seconds, sizeof(seconds), "%" PRIu64 "s", options->revert_after_us / 1000000);
                r = push_option(words, "revert-after", seconds);
        }
        return r < 0 ? r : push_option(words, "override", overrides);
}

static int push_reattach_options(char ***words, const CallOptions *options, const OwnCommand *command) {
        int r;

        if (streq(command->verb, "plan") && (r = strv_push(words, "--reattach")) < 0)
                return r;
        if ((options->force || command->force) && (r = strv_push(words, "--force")) < 0)
                return r;
        return options->adopt ? strv_push(words, "--adopt") : 0;
}

static int push_options(char ***words, const CallOptions *options, const OwnCommand *command) {
        if (streq(command->verb, "reset"))
                return command->dry_run ? strv_push(words, "--dry-run") : 0;
        return command->reattach ? push_reattach_options(words, options, command)
                                 : push_detach_options(words, options, command);
}

int own_command_make(const Invocation *invocation, const OwnCommand *command, char ***ret_words) {
        _cleanup_(strv_freep) char **words = NULL;
        const CallOptions *options = &invocation->options;
        bool dashed = invocation->selector[0] == '-';
        int r;

        if ((r = strv_push(&words, "vfioctl")) < 0 || (r = strv_push(&words, command->verb)) < 0 ||
                        (!dashed && (r = strv_push(&words, invocation->selector)) < 0) ||
                        (r = push_options(&words, options, command)) < 0 ||
                        (r = push_option(&words, "plan", command->fingerprint)) < 0 ||
                        (dashed &&
                                        ((r = strv_push(&words, "--")) < 0 ||
                                                        (r = strv_push(&words, invocation->selector)) < 0)))
                return r;
        for (char **word = words; *word; word++) {
                r = text_escape_message(word);
                if (r < 0)
                        return r;
        }
        *ret_words = TAKE_PTR(words);
        return 0;
}

/* Prints the word, quoted for a shell where needed. */
static void print_word(FILE *stream, const char *word) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

        if (!isempty(word) && word[strspn(word, plain)] == '\0') {
                fputs(word, stream);
                return;
        }
        fputc('\'', stream);
        for (; *word; word++)
                if (*word == '\'')
                        fputs("'\\''", stream);
                else
                        fputc(*word, stream);
        fputc('\'', stream);
}

char *own_command_line(char *const *words) {
        char *line = NULL;
        size_t size;

        FILE *stream = open_memstream(&line, &size);
        if (!stream)
                return NULL;
        for (size_t i = 0; words[i]; i++) {
                if (i > 0)
                        fputc(' ', stream);
                print_word(stream, words[i]);
        }
        if (fclose(stream) != 0) {
                free(line);
                return NULL;
        }
        return line;
}

char *own_command_plan(const Invocation *invocation, const char *verb) {
        bool is_reset = streq(verb, "reset");
        const OwnCommand plan = {
                        .verb = is_reset ? "reset" : "plan",
                        .reattach = streq(verb, "reattach"),
                        .dry_run = is_reset,
                        .guards = invocation->options.overrides,
        };
        _cleanup_(strv_freep) char **words = NULL;

        return own_command_make(invocation, &plan, &words) < 0 ? NULL : own_command_line(words);
}

const char *own_command_dashes(const char *name) {
        return strempty(name)[0] == '-' ? "-- " : "";
}
