/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"
#include "complete.h"
#include "config.h"
#include "help.h"
#include "language.h"
#include "nearest.h"
#include "options.h"
#include "own-command.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verb-table.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>

/* Prints the message and a hint. Returns NULL, so that parse_verb() and its helpers can return it. */
static const Verb *usage_error(const char *format, ...) _printf_(1, 2);
static const Verb *usage_error(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        (void)report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS, "%s\n%s", strempty(text), OPTIONS_HINT);
        return NULL;
}

/* What other programs call it: driverctl, dpdk-devbind, and scripts. */
static const char *const synonyms[][2] = {
                {"bind", "detach"},
                {"unbind", "detach"},
                {"passthrough", "detach"},
                {"set-override", "detach"},
                {"unset-override", "reattach"},
                {"list-devices", "devices"},
                {"ls", "list"},
                {"info", "show"},
};

/* The word is no verb. Finds the one that was probably meant. */
static const Verb *unknown_verb(const char *word) {
        Nearest nearest = NEAREST_NONE;

        for (size_t i = 0; i < ELEMENTSOF(synonyms); i++)
                if (streq(word, synonyms[i][0]))
                        return usage_error(_("unknown command '%s': do you mean '%s'?"), word, synonyms[i][1]);
        for (size_t i = 0; verb_at(i); i++)
                if (!verb_at(i)->foreign)
                        nearest_try(&nearest, word, verb_at(i)->name);
        nearest_try(&nearest, word, "help");
        nearest_try(&nearest, word, "rule");
        return nearest.word ? usage_error(_("unknown command '%s': do you mean '%s'?"), word, nearest.word)
                            : usage_error(_("unknown command '%s'\nIf it is a device or a group: vfioctl show %s%s"),
                                              word, own_command_dashes(word), word);
}

/* Reads the arguments of the verb, which end in NULL. Returns the verb; or NULL after it has printed what is
 * wrong. */
static const Verb *parse_operands(const Verb *verb, char **operands, Invocation *invocation) {
        size_t n_taken = 1;

        switch (verb->operand) {
        case OPERAND_NONE:
                n_taken = 0;
                break;
        case OPERAND_SELECTOR:
                if (!*operands)
                        return usage_error(
                                        _("'%s' needs a selector: an address, a name like ens1 or nvme0n1, or group:N"),
                                        verb->name);
                invocation->selector = *operands;
                break;
        case OPERAND_SELECTORS:
                invocation->selectors = operands;
                return verb;
        case OPERAND_MAYBE_SELECTOR:
                n_taken = *operands != NULL;
                invocation->selector = *operands;
                break;
        case OPERAND_VFS:
                if (!*operands)
                        return usage_error(_("'%s' needs a selector: an address, or a name like ens1"), verb->name);
                invocation->selector = *operands;
                if (!operands[1])
                        break;
                n_taken = 2;
                invocation->n_vfs = options_parse_number(operands[1]);
                if (invocation->n_vfs == 0 && !streq(operands[1], "0"))
                        return usage_error(_("'%s' is not a number of virtual functions"), operands[1]);
                invocation->sets_vfs = true;
                break;
        case OPERAND_JOB:
                if (!*operands)
                        return usage_error(_("'%s' needs a job number: see 'vfioctl jobs'"), verb->name);
                invocation->job = options_parse_number(*operands);
                if (invocation->job == 0)
                        return usage_error(_("'%s' is not a job number: see 'vfioctl jobs'"), *operands);
                break;
        case OPERAND_COMMAND:
                if (!*operands)
                        return usage_error(
                                        _("'%s' needs a selector: an address, a name like ens1 or nvme0n1, or group:N"),
                                        verb->name);
                invocation->selector = *operands;
                invocation->command = operands + 1;
                return verb;
        case OPERAND_LEASE:
                if (!*operands)
                        return usage_error(_("'%s' needs the number of a lease, or a selector: see 'vfioctl leases'"),
                                        verb->name);
                invocation->selector = *operands;
                break;
        case OPERAND_RULE:
                if (!*operands)
                        return usage_error(_("'%s' needs the name of a rule: see 'vfioctl rule list'"), verb->name);
                invocation->rule = *operands;
                break;
        case OPERAND_FILES:
                invocation->files = operands;
                return verb;
        }
        if (!operands[n_taken])
                return verb;
        return n_taken == 1 && streq(operands[0], "group")
                        ? usage_error(_("too many arguments: a group is one word, 'group:%s'"), operands[1])
                        : usage_error(_("too many arguments: '%s'"), operands[n_taken]);
}

/* Checks what only lease takes. Without "--" before the command, options of the command would be those of vfioctl.
 * Returns the verb; or NULL after it has printed what is wrong. */
static const Verb *check_lease(const Verb *verb, char **argv, const Invocation *invocation) {
        const CallOptions *call = &invocation->options;
        bool has_command = *invocation->command;

        if (!has_command && call->pid == 0)
                return usage_error(_("'lease' needs a command after '--', or --pid"));
        if (has_command && call->pid > 0)
                return usage_error(_("'lease' takes a command or --pid, not both"));
        if (has_command && !streq(argv[optind - 1], "--"))
                return usage_error(_("'lease' needs '--' before the command"));
        if (call->pid > 0 && call->descriptors)
                return usage_error(
                                _("--pid and --descriptors cannot be used together: a process that already runs cannot "
                                  "inherit descriptors"));
        if (call->pid > 0 && (invocation->memory > 0 || invocation->force_memlock))
                return usage_error(_("--memory and --force-memlock need a command"));
        return verb;
}

/* Returns the verb; or NULL after it has printed how to get a fingerprint. */
static const Verb *check_fingerprint(const Verb *verb, const Invocation *invocation) {
        _cleanup_free_ char *plan = NULL;
        const char *text = invocation->options.plan;

        if (strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16)
                return verb;
        plan = own_command_plan(invocation,
                        verb->run == verb_reattach                ? "reattach"
                                        : verb->run == verb_reset ? "reset"
                                                                  : "detach");
        return usage_error(_("'%s' is no fingerprint of a plan. This prints one: %s"), text, strempty(plan));
}

/* How many places the user named. */
static int count_places(const Place *place) {
        return (place->address != NULL) + (place->host != NULL) + (place->machine != NULL);
}

/* Finds the verb and checks that its arguments and options fit. Returns NULL after it has printed what is wrong. */
static const Verb *parse_verb(int argc, char **argv, const char *used_options, Invocation *invocation) {
        const Verb *verb;
        size_t foreign;
        int n_words = 0;

        /* Without a verb, the first one is meant. */
        verb = optind >= argc ? verb_at(0) : verb_find(argv + optind, &n_words); /* argv ends in NULL */
        if (!verb && streq(argv[optind], "rule"))
                return usage_error(_("'rule' needs one of: list, show, add, remove, enable, disable, edit, check"));
        if (!verb && streq(argv[optind], "import"))
                return usage_error(_("'import' needs the program to import from: driverctl"));
        if (!verb)
                return unknown_verb(argv[optind]);
        if (!parse_operands(verb, argv + optind + n_words, invocation))
                return NULL;
        foreign = strspn(used_options, verb->options);
        if (used_options[foreign] == OPTION_DRY_RUN)
                return usage_error(_("'%s' changes no device and no rule, so it takes no --dry-run"), verb->name);
        if (used_options[foreign])
                return usage_error(_("'%s' does not take --%s"), verb->name, options_name(used_options[foreign]));
        if (verb->operand == OPERAND_COMMAND && !check_lease(verb, argv, invocation))
                return NULL;
        if (verb->run == verb_detach && invocation->rule && !invocation->persistent)
                return usage_error(_("'detach' takes --name only with --persistent: it is the name of the rule"));
        if (verb->run == verb_import_driverctl && invocation->files[0] && invocation->files[1])
                return usage_error(_("too many arguments: '%s'"), invocation->files[1]);
        if (count_places(&invocation->place) > 1)
                return usage_error(_("use only one of --address, --host and --machine"));
        if ((invocation->place.host || invocation->place.machine) &&
                        (verb->run == verb_lease || verb->run == verb_log || verb->run == verb_import_driverctl))
                return usage_error(
                                _("'%s' works only on its own host: run it there, for example with ssh"), verb->name);
        if (invocation->dry_run && invocation->persistent)
                return usage_error(_("--dry-run and --persistent cannot be used together: a dry run writes no rule"));
        if (verb->operand == OPERAND_VFS && !invocation->sets_vfs && used_options[0])
                return usage_error(_("'%s' takes --%s only with a number"), verb->name, options_name(used_options[0]));
        if (invocation->options.revert_after_us > 0 && (invocation->persistent || invocation->reattach))
                return usage_error(_("--revert-after and --%s cannot be used together%s"),
                                invocation->persistent ? "persistent" : "reattach",
                                invocation->persistent ? ": confirm the detach first, then use 'rule add'" : "");
        if (invocation->options.plan && !check_fingerprint(verb, invocation))
                return NULL;
        foreign = strcspn(used_options, DETACH_OPTIONS);
        if (invocation->reattach && used_options[foreign])
                return usage_error(_("'plan --reattach' does not take --%s"), options_name(used_options[foreign]));
        foreign = strcspn(used_options, REATTACH_OPTIONS);
        if (verb->run == verb_plan && !invocation->reattach && used_options[foreign])
                return usage_error(_("'plan' takes --%s only with --reattach"), options_name(used_options[foreign]));
        return verb;
}

/* "help", and "help COMMAND". The words end in NULL. */
static ExitCode help_for(char *const *words, FILE *stream) {
        const Verb *verb;
        int n_words;

        if (!*words) {
                help_print(stream);
                return EXIT_DONE;
        }
        verb = verb_find(words, &n_words);
        if (!verb) {
                (void)unknown_verb(words[0]);
                return EXIT_USAGE;
        }
        help_print_verb(verb, stream);
        return EXIT_DONE;
}

static ExitCode run_verb(const Verb *verb, Invocation *invocation) {
        ExitCode code = verb->local ? EXIT_DONE : invocation_connect(invocation);

        if (code != EXIT_DONE)
                return code;
        if (verb->changes && !invocation->no_ask_password && !invocation->dry_run && !connection_is_remote())
                invocation->agent = agent_start(invocation->bus);
        return invocation->dry_run && verb->dry_run ? verb->dry_run(invocation) : verb->run(invocation);
}

/* From now on, errors are kept for the document, and texts are English. */
static void keep_for_programs(void) {
        report_keep();
        language_stop();
}

static ExitCode run(int argc, char **argv, Invocation *invocation) {
        char used_options[OPTIONS_MAX] = "";
        const Verb *verb;
        int r;

        r = options_parse(argc, argv, invocation, used_options);
        if (invocation->output.json) /* also by an abbreviation */
                keep_for_programs();
        if (r == -EINVAL)
                return EXIT_USAGE;
        if (r < 0)
                return report_error(r, NULL);
        if (r == OPTION_HELP) {
                help_print(invocation->output.stream);
                return EXIT_DONE;
        }
        if (r == OPTION_VERSION) {
                fprintf(invocation->output.stream, "vfioctl %s\n", VFIOD_VERSION);
                return EXIT_DONE;
        }
        if (optind < argc && streq(argv[optind], "help"))
                return help_for(argv + optind + 1, invocation->output.stream);
        verb = parse_verb(argc, argv, used_options, invocation);
        return verb ? run_verb(verb, invocation) : EXIT_USAGE;
}

static void invocation_clear(Invocation *invocation) {
        agent_stop(invocation->agent);
        sd_bus_flush_close_unref(invocation->bus);
        output_clear(&invocation->output);
        strv_free(invocation->options.companions);
        strv_free(invocation->options.overrides);
        strv_free(invocation->list.states);
        strv_free(invocation->list.classes);
        strv_free(invocation->list.drivers);
}

/* Whether "--json" is among the options, also if another option before it is wrong. */
static bool wants_json(int argc, char **argv) {
        for (int i = 1; i < argc && !streq(argv[i], "--"); i++)
                if (streq(argv[i], "--json"))
                        return true;
        return false;
}

/* With --json, an error is the document, unless there is a result. */
static void print_kept_error(Output *output) {
        (void)fflush(output->stream);
        if (output->size > 0) {
                report_print_kept();
                return;
        }
        json_t *error = report_take();
        if (error && output_json(output, error) < 0)
                terminal_say(_("vfioctl: out of memory"));
}

int main(int argc, char **argv) {
        _cleanup_(invocation_clear) Invocation invocation = {0};
        ExitCode code;
        int r;

        language_start();
        /* If the reader of the output closes it early, vfioctl must not be killed in the middle of its work. */
        invocation.ignored_sigpipe = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
        /* getopt begins its messages with this. */
        if (argc > 0)
                argv[0] = (char *)"vfioctl";

        if (argc > 1 && streq(argv[1], "complete"))
                return complete_print(argv + 2);
        r = output_open(&invocation.output);
        if (r < 0)
                return report_error(r, NULL);
        if (wants_json(argc, argv))
                keep_for_programs();
        code = run(argc, argv, &invocation);
        print_kept_error(&invocation.output);

        r = output_finish(&invocation.output);
        if (r < 0) {
                terminal_say(_("vfioctl: cannot write the result: %s"), strerror(-r));
                if (code == EXIT_DONE)
                        code = EXIT_FAILED;
        }
        /* The parent process must see that an interrupt ended vfioctl: a shell then ends its script too. */
        if (code == EXIT_INTERRUPTED) {
                (void)signal(SIGINT, SIG_DFL);
                (void)raise(SIGINT);
        }
        return code;
}
