/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"
#include "config.h"
#include "help.h"
#include "nearest.h"
#include "options.h"
#include "own-command.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>

/* The arguments that a verb takes. */
typedef enum Operand {
        OPERAND_NONE,
        OPERAND_SELECTOR,
        OPERAND_SELECTORS, /* any number of selectors and patterns */
        OPERAND_MAYBE_SELECTOR,
        OPERAND_VFS, /* a selector, and optionally a number */
        OPERAND_JOB,
        OPERAND_COMMAND, /* a selector, "--", and a command with its arguments */
        OPERAND_LEASE,   /* the number of a lease, or a selector */
        OPERAND_RULE,
        OPERAND_FILES,
} Operand;

typedef struct Verb {
        const char *name;      /* one word or two */
        const char *arguments; /* as --help shows them */
        const char *summary;
        Operand operand;
        const char *options; /* letters of the options that only some verbs take, and this one does */
        ExitCode (*run)(Invocation *invocation);
        bool changes; /* it needs an authorization */
        bool local;   /* it connects to vfiod itself */
} Verb;

/* Options that belong to detach only, and to reattach only. plan takes the options of the verb that it plans. */
#define DETACH_OPTIONS "gcOb"
#define REATTACH_OPTIONS "fa"

/* Options of all lists. */
#define LIST_OPTIONS "TCBb"

static const Verb verbs[] = {
                {"list", " [SELECTOR...]", "List the devices that can be given to virtual machines", OPERAND_SELECTORS,
                                LIST_OPTIONS "oSE", verb_list, .local = true},
                {"groups", " [SELECTOR...]", "List all IOMMU groups with their members", OPERAND_SELECTORS,
                                LIST_OPTIONS, verb_groups, .local = true},
                {"devices", " [SELECTOR...]", "List all PCI functions", OPERAND_SELECTORS, LIST_OPTIONS "oSE",
                                verb_devices, .local = true},
                {"show", " SELECTOR [--qemu]", "Show a device and its group in detail", OPERAND_SELECTOR, "QI",
                                verb_show},
                {"plan", " SELECTOR [--reattach]", "Show what detach would do, and which guards refuse",
                                OPERAND_SELECTOR, DETACH_OPTIONS REATTACH_OPTIONS "r", verb_plan},
                {"detach", " SELECTOR [--group]", "Move a whole group to vfio drivers, for a virtual machine",
                                OPERAND_SELECTOR, DETACH_OPTIONS "pdPN", verb_detach, true},
                {"reattach", " SELECTOR", "Return a whole group to the drivers of the host", OPERAND_SELECTOR,
                                REATTACH_OPTIONS "pd", verb_reattach, true},
                {"vfs", " SELECTOR [COUNT]", "List the virtual functions of a device, or set their number", OPERAND_VFS,
                                "ODWb", verb_vfs, true},
                {"lease", " SELECTOR -- COMMAND...", "Run a command that may use a device, until it ends",
                                OPERAND_COMMAND, DETACH_OPTIONS "xmMiK", verb_lease, true},
                {"leases", "", "List the leases", OPERAND_NONE, "", verb_leases},
                {"release", " LEASE|SELECTOR", "End a lease", OPERAND_LEASE, "f", verb_release, true},
                {"jobs", "", "List the running jobs", OPERAND_NONE, "", verb_jobs},
                {"cancel", " JOB", "Cancel a job and undo its changes", OPERAND_JOB, "", verb_cancel},
                {"log", " [SELECTOR]", "Show who changed what, and what was refused", OPERAND_MAYBE_SELECTOR, "sn",
                                verb_log, .local = true},
                {"monitor", "", "Print changes as they happen", OPERAND_NONE, "", verb_monitor},
                {"rule list", "", "List the rules, and the devices that they detach", OPERAND_NONE, "", verb_rule_list},
                {"rule add", " SELECTOR [--group]", "Detach this device whenever it appears", OPERAND_SELECTOR,
                                DETACH_OPTIONS "Nv", verb_rule_add, true},
                {"rule remove", " NAME", "Remove a rule", OPERAND_RULE, "", verb_rule_remove, true},
                {"rule check", " [FILE...]", "Check rules for errors", OPERAND_FILES, "", verb_rule_check},
                {"rescan", "", "Read all devices and rules again", OPERAND_NONE, "", verb_rescan, true},
                {"status", "", "Show the version, the IOMMU, and the numbers of devices and groups", OPERAND_NONE, "",
                                verb_status},
                {"explain", " SELECTOR", "Explain why devices share a group, and what the host would lose",
                                OPERAND_SELECTOR, "", verb_explain},
                {"doctor", " [SELECTOR]", "Tell what keeps virtual machines from using devices, and the cure",
                                OPERAND_MAYBE_SELECTOR, "", verb_doctor},
};

static size_t max_size(size_t a, size_t b) {
        return a > b ? a : b;
}

static void print_help(FILE *stream) {
        size_t width = 0;

        fputs("vfioctl [OPTION...] [COMMAND] [SELECTOR|JOB|LEASE|NAME|FILE...]\n"
              "\n"
              "Detach PCI devices for virtual machines, and reattach them.\n"
              "\n"
              "Commands:\n",
                        stream);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                width = max_size(width, strlen(verbs[i].name) + strlen(verbs[i].arguments));
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                fprintf(stream, "  %s%-*s %s\n", verbs[i].name, (int)(width - strlen(verbs[i].name)),
                                verbs[i].arguments, verbs[i].summary);
        help_print_options(stream);
        exit_code_print_all(stream);
}

/* Prints the message and a hint. Returns NULL, so that parse_verb() and its helpers can return it. */
static const Verb *usage_error(const char *format, ...) _printf_(1, 2);
static const Verb *usage_error(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        (void)report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS, "%s\n" OPTIONS_HINT, strempty(text));
        return NULL;
}

/* The word is no verb. Finds the one that was probably meant. */
static const Verb *unknown_verb(const char *word) {
        Nearest nearest = NEAREST_NONE;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                nearest_try(&nearest, word, verbs[i].name);
        return nearest.word ? usage_error("unknown command '%s': do you mean '%s'?", word, nearest.word)
                            : usage_error("unknown command '%s'", word);
}

/* Finds the verb at the beginning of the words, which end in NULL. Gets the number of words of the verb. Returns
 * NULL if there is no such verb. */
static const Verb *find_verb(char *const *words, int *ret_n_words) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                const char *second = startswith(verbs[i].name, words[0]);

                if (!second || (*second && (*second != ' ' || !streq_ptr(second + 1, words[1]))))
                        continue;
                *ret_n_words = *second ? 2 : 1;
                return &verbs[i];
        }
        return NULL;
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
                        return usage_error("'%s' needs a selector: an address, a name like ens1 or nvme0n1, or group:N",
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
                        return usage_error("'%s' needs a selector: an address, or a name like ens1", verb->name);
                invocation->selector = *operands;
                if (!operands[1])
                        break;
                n_taken = 2;
                invocation->n_vfs = options_parse_number(operands[1]);
                if (invocation->n_vfs == 0 && !streq(operands[1], "0"))
                        return usage_error("'%s' is not a number of virtual functions", operands[1]);
                invocation->sets_vfs = true;
                break;
        case OPERAND_JOB:
                if (!*operands)
                        return usage_error("'%s' needs a job number: see 'vfioctl jobs'", verb->name);
                invocation->job = options_parse_number(*operands);
                if (invocation->job == 0)
                        return usage_error("'%s' is not a job number: see 'vfioctl jobs'", *operands);
                break;
        case OPERAND_COMMAND:
                if (!*operands)
                        return usage_error("'%s' needs a selector: an address, a name like ens1 or nvme0n1, or group:N",
                                        verb->name);
                invocation->selector = *operands;
                invocation->command = operands + 1;
                return verb;
        case OPERAND_LEASE:
                if (!*operands)
                        return usage_error("'%s' needs the number of a lease, or a selector: see 'vfioctl leases'",
                                        verb->name);
                invocation->selector = *operands;
                break;
        case OPERAND_RULE:
                if (!*operands)
                        return usage_error("'%s' needs the name of a rule: see 'vfioctl rule list'", verb->name);
                invocation->rule = *operands;
                break;
        case OPERAND_FILES:
                invocation->files = operands;
                return verb;
        }
        return operands[n_taken] ? usage_error("too many arguments: '%s'", operands[n_taken]) : verb;
}

/* Checks what only lease takes. Without "--" before the command, options of the command would be those of vfioctl.
 * Returns the verb; or NULL after it has printed what is wrong. */
static const Verb *check_lease(const Verb *verb, char **argv, const Invocation *invocation) {
        const CallOptions *call = &invocation->options;
        bool has_command = *invocation->command;

        if (!has_command && call->pid == 0)
                return usage_error("'lease' needs a command after '--', or --pid");
        if (has_command && call->pid > 0)
                return usage_error("'lease' takes a command or --pid, not both");
        if (has_command && !streq(argv[optind - 1], "--"))
                return usage_error("'lease' needs '--' before the command");
        if (call->pid > 0 && call->descriptors)
                return usage_error(
                                "--pid and --descriptors cannot be used together: a process that already runs cannot "
                                "inherit descriptors");
        if (call->pid > 0 && (invocation->memory > 0 || invocation->force_memlock))
                return usage_error("--memory and --force-memlock need a command");
        return verb;
}

/* Returns the verb; or NULL after it has printed how to get a fingerprint. */
static const Verb *check_fingerprint(const Verb *verb, const Invocation *invocation) {
        _cleanup_free_ char *plan = NULL;
        const char *text = invocation->options.plan;

        if (strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16)
                return verb;
        plan = own_command_plan(invocation, verb->run == verb_reattach);
        return usage_error("'%s' is no fingerprint of a plan. This prints one: %s", text, strempty(plan));
}

/* Finds the verb and checks that its arguments and options fit. Returns NULL after it has printed what is wrong. */
static const Verb *parse_verb(int argc, char **argv, const char *used_options, Invocation *invocation) {
        const Verb *verb;
        size_t foreign;
        int n_words = 0;

        /* Without a verb, the first one is meant. */
        verb = optind >= argc ? &verbs[0] : find_verb(argv + optind, &n_words); /* argv ends in NULL */
        if (!verb && streq(argv[optind], "rule"))
                return usage_error("'rule' needs one of: list, add, remove, check");
        if (!verb)
                return unknown_verb(argv[optind]);
        if (!parse_operands(verb, argv + optind + n_words, invocation))
                return NULL;
        foreign = strspn(used_options, verb->options);
        if (used_options[foreign])
                return usage_error("'%s' does not take --%s", verb->name, options_name(used_options[foreign]));
        if (verb->operand == OPERAND_COMMAND && !check_lease(verb, argv, invocation))
                return NULL;
        if (verb->run == verb_detach && invocation->rule && !invocation->persistent)
                return usage_error("'detach' takes --name only with --persistent: it is the name of the rule");
        if (invocation->dry_run && invocation->persistent)
                return usage_error("--dry-run and --persistent cannot be used together: a dry run writes no rule");
        if (verb->operand == OPERAND_VFS && !invocation->sets_vfs && used_options[0])
                return usage_error("'%s' takes --%s only with a number", verb->name, options_name(used_options[0]));
        if (invocation->options.plan && !check_fingerprint(verb, invocation))
                return NULL;
        foreign = strcspn(used_options, DETACH_OPTIONS);
        if (invocation->reattach && used_options[foreign])
                return usage_error("'plan --reattach' does not take --%s", options_name(used_options[foreign]));
        foreign = strcspn(used_options, REATTACH_OPTIONS);
        if (verb->run == verb_plan && !invocation->reattach && used_options[foreign])
                return usage_error("'plan' takes --%s only with --reattach", options_name(used_options[foreign]));
        return verb;
}

static ExitCode run_verb(const Verb *verb, Invocation *invocation) {
        ExitCode code = verb->local ? EXIT_DONE : invocation_connect(invocation);

        if (code != EXIT_DONE)
                return code;
        if (verb->changes && !invocation->no_ask_password && !invocation->dry_run)
                invocation->agent = agent_start(invocation->bus);
        return verb->run(invocation);
}

static ExitCode run(int argc, char **argv, Invocation *invocation) {
        char used_options[OPTIONS_MAX] = "";
        const Verb *verb;
        int r;

        r = options_parse(argc, argv, invocation, used_options);
        if (r == -EINVAL)
                return EXIT_USAGE;
        if (r < 0)
                return report_error(r, NULL);
        if (r == OPTION_HELP) {
                print_help(invocation->output.stream);
                return EXIT_DONE;
        }
        if (r == OPTION_VERSION) {
                fprintf(invocation->output.stream, "vfioctl %s\n", VFIOD_VERSION);
                return EXIT_DONE;
        }
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
                terminal_say("vfioctl: out of memory");
}

int main(int argc, char **argv) {
        _cleanup_(invocation_clear) Invocation invocation = {0};
        ExitCode code;
        int r;

        (void)setlocale(LC_ALL, "");
        /* If the reader of the output closes it early, vfioctl must not be killed in the middle of its work. */
        invocation.ignored_sigpipe = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
        /* getopt begins its messages with this. */
        if (argc > 0)
                argv[0] = (char *)"vfioctl";

        r = output_open(&invocation.output);
        if (r < 0)
                return report_error(r, NULL);
        if (wants_json(argc, argv))
                report_keep();
        code = run(argc, argv, &invocation);
        print_kept_error(&invocation.output);

        r = output_finish(&invocation.output);
        if (r < 0) {
                terminal_say("vfioctl: cannot write the result: %s", strerror(-r));
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
