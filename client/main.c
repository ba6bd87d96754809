/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "proxy.h"
#include "strv.h"
#include "verbs.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>

/* What a verb works on. */
typedef enum Operand {
        OPERAND_NONE,
        OPERAND_SELECTOR,
        OPERAND_FUNCTIONS, /* a selector, and perhaps a number */
        OPERAND_JOB,
        OPERAND_RULE,
        OPERAND_FILES,
} Operand;

typedef struct Verb {
        const char *name;      /* of one word or two */
        const char *arguments; /* for the help */
        const char *summary;
        Operand operand;
        const char *options; /* those of its own, as letters */
        ExitCode (*run)(Invocation *invocation);
} Verb;

enum {
        OPTION_JSON = 'j',
        OPTION_NO_LEGEND = 'n',
        OPTION_HELP = 'h',
        OPTION_VERSION = 'V',
        OPTION_QUIET = 'q',
        OPTION_GROUP = 'g',
        OPTION_COMPANION = 'c',
        OPTION_QEMU = 'Q',
        OPTION_OVERRIDE = 'o',
        OPTION_PLAN = 'p',
        OPTION_DRY_RUN = 'd',
        OPTION_REATTACH = 'r',
        OPTION_FORCE = 'f',
        OPTION_ADOPT = 'a',
        OPTION_NAME = 'N',
        OPTION_PERSISTENT = 'P',
        OPTION_VIRTUAL_FUNCTIONS = 'v',
        OPTION_DETACH = 'D',
        OPTION_DRIVERLESS = 'W',
};

/* Options of detach alone, and of reattach alone: plan takes those of the verb that it shows. */
#define DETACH_OPTIONS "gco"
#define REATTACH_OPTIONS "fa"

static const Verb verbs[] = {
                {"groups", "", "List all IOMMU groups with their members", OPERAND_NONE, "", verb_groups},
                {"devices", "", "List all PCI functions", OPERAND_NONE, "", verb_devices},
                {"show", " SELECTOR [--qemu]", "Show all information about a device and its group", OPERAND_SELECTOR,
                                "Q", verb_show},
                {"plan", " SELECTOR [--reattach]", "Show what detach would do, and which guards refuse",
                                OPERAND_SELECTOR, DETACH_OPTIONS REATTACH_OPTIONS "r", verb_plan},
                {"detach", " SELECTOR [--group]", "Detach a whole group and bind it to vfio-pci", OPERAND_SELECTOR,
                                DETACH_OPTIONS "pdP", verb_detach},
                {"reattach", " SELECTOR", "Reattach a whole group to the host drivers", OPERAND_SELECTOR,
                                REATTACH_OPTIONS "pd", verb_reattach},
                {"vfs", " SELECTOR [COUNT]", "List the virtual functions (VFs) of a device, or set their number",
                                OPERAND_FUNCTIONS, "oDW", verb_functions},
                {"jobs", "", "List the running jobs", OPERAND_NONE, "", verb_jobs},
                {"cancel", " JOB", "Cancel a job and undo its changes", OPERAND_JOB, "", verb_cancel},
                {"monitor", "", "Print each change when it happens", OPERAND_NONE, "", verb_monitor},
                {"rule list", "", "List the rules, and the status of the devices that they match", OPERAND_NONE, "",
                                verb_rule_list},
                {"rule add", " SELECTOR [--group]", "Write a rule that detaches this device at each start and hot-plug",
                                OPERAND_SELECTOR, DETACH_OPTIONS "Nv", verb_rule_add},
                {"rule remove", " NAME", "Remove a rule", OPERAND_RULE, "", verb_rule_remove},
                {"rule check", " [FILE...]", "Check rule files for errors", OPERAND_FILES, "", verb_rule_check},
                {"rescan", "", "Read all devices and rules again", OPERAND_NONE, "", verb_rescan},
                {"status", "", "Show the daemon's version, the IOMMU and counts", OPERAND_NONE, "", verb_status},
};

static const struct option options[] = {
                {"json", no_argument, NULL, OPTION_JSON},
                {"no-legend", no_argument, NULL, OPTION_NO_LEGEND},
                {"help", no_argument, NULL, OPTION_HELP},
                {"version", no_argument, NULL, OPTION_VERSION},
                {"quiet", no_argument, NULL, OPTION_QUIET},
                {"group", no_argument, NULL, OPTION_GROUP},
                {"companion", required_argument, NULL, OPTION_COMPANION},
                {"qemu", no_argument, NULL, OPTION_QEMU},
                {"override", required_argument, NULL, OPTION_OVERRIDE},
                {"plan", required_argument, NULL, OPTION_PLAN},
                {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                {"reattach", no_argument, NULL, OPTION_REATTACH},
                {"force", no_argument, NULL, OPTION_FORCE},
                {"adopt", no_argument, NULL, OPTION_ADOPT},
                {"name", required_argument, NULL, OPTION_NAME},
                {"persistent", no_argument, NULL, OPTION_PERSISTENT},
                {"virtual-functions", required_argument, NULL, OPTION_VIRTUAL_FUNCTIONS},
                {"detach", no_argument, NULL, OPTION_DETACH},
                {"driverless", no_argument, NULL, OPTION_DRIVERLESS},
                {NULL, 0, NULL, 0},
};

static void print_help(FILE *stream) {
        fputs("vfioctl [OPTION...] COMMAND [SELECTOR|JOB|NAME|FILE...]\n"
              "\n"
              "Detach PCI devices for virtual machines, and reattach them.\n"
              "\n"
              "Commands:\n",
                        stream);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                fprintf(stream, "  %s%-*s %s\n", verbs[i].name, (int)(26 - strlen(verbs[i].name)), verbs[i].arguments,
                                verbs[i].summary);
        fputs("\n"
              "A selector names a device or a group: 0000:3b:00.0, 3b:00.0, pci_0000_3b_00_0,\n"
              "enp59s0f0, nvme0n1, /dev/nvme0n1, group:25.\n"
              "\n"
              "Options:\n"
              "      --group               plan, detach, rule add: agree to detach all devices of the group\n"
              "      --companion SELECTOR  same commands: agree to detach this device; can be repeated\n"
              "      --override GUARD,...  same commands and vfs: override these guards: storage,\n"
              "                            network, display, process, virtual-functions, firmware\n"
              "      --plan FINGERPRINT    detach, reattach: only if nothing has changed since plan\n"
              "      --dry-run             detach, reattach: print the plan, and change nothing\n"
              "      --persistent          detach: also write a rule, for each start and hot-plug\n"
              "      --name NAME           rule add: name of the rule (default: the address)\n"
              "      --virtual-functions N rule add: create N VFs and detach them, not the PF\n"
              "      --detach              vfs: bind the new VFs to vfio-pci, never to a host driver\n"
              "      --driverless          vfs: give the new VFs no driver\n"
              "      --force               reattach: also while a process has a device open; the job\n"
              "                            then waits for that process\n"
              "      --adopt               reattach: also devices that vfiod did not detach\n"
              "      --reattach            plan: show what reattach would do\n"
              "      --qemu                show: print only the QEMU arguments for the group\n"
              "      --json                Print JSON\n"
              "      --no-legend           Print no table headings\n"
              "  -q, --quiet               Do not print results and plans, and do not ask questions\n"
              "  -h, --help                Print this\n"
              "      --version             Print the version\n"
              "\n"
              "Exit codes:\n",
                        stream);
        exit_code_print_all(stream);
}

static ExitCode usage_hint(void) {
        fputs("Try 'vfioctl --help'.\n", stderr);
        return EXIT_USAGE;
}

/* Returns NULL, for the function that looks for a verb. */
static const Verb *usage_error(const char *format, ...) _printf_(1, 2);
static const Verb *usage_error(const char *format, ...) {
        va_list arguments;

        fputs("vfioctl: ", stderr);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        (void)usage_hint();
        return NULL;
}

/* The verb that the words begin with, and how many words it has; NULL for none. */
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

static const char *option_name(int letter) {
        for (const struct option *option = options; option->name; option++)
                if (option->val == letter)
                        return option->name;
        return "?";
}

/* Whether the option is one that only some verbs take. */
static bool is_verb_option(int letter) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strchr(verbs[i].options, letter))
                        return true;
        return false;
}

/* Adds the items of a list with commas. Returns 0, -EINVAL for an empty item, after having said so, or -ENOMEM. */
static int add_overrides(Invocation *invocation, char *list) {
        int r;

        for (char *item; (item = strsep(&list, ","));) {
                if (isempty(item)) {
                        fputs("vfioctl: --override takes names of guards, with a comma between two\n", stderr);
                        return -EINVAL;
                }
                r = strv_push(&invocation->consent.overrides, item);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A number above 0 in decimal digits, or 0 where the text is none. */
static uint32_t parse_number(const char *text) {
        unsigned long long number;
        char *end;

        if (text[0] < '0' || text[0] > '9') /* neither blanks nor signs */
                return 0;
        errno = 0;
        number = strtoull(text, &end, 10);
        return errno > 0 || *end != '\0' || number > UINT32_MAX ? 0 : (uint32_t)number;
}

/* Reads the options. Appends the letters of those that belong to a verb to used, which has room for each once. Returns
 * the option that ends everything (OPTION_HELP, OPTION_VERSION), 0, -EINVAL for a wrong one, after getopt has said so,
 * or -ENOMEM. */
static int parse_options(int argc, char **argv, Invocation *invocation, char *used) {
        int option, ending = 0, r;

        while ((option = getopt_long(argc, argv, "hq", options, NULL)) >= 0) {
                switch (option) {
                case OPTION_JSON:
                        invocation->output.json = true;
                        break;
                case OPTION_NO_LEGEND:
                        invocation->output.legend = false;
                        break;
                case OPTION_QUIET:
                        invocation->output.quiet = true;
                        break;
                case OPTION_HELP:
                case OPTION_VERSION:
                        ending = ending ? ending : option;
                        break;
                case OPTION_GROUP:
                        invocation->consent.whole_group = true;
                        break;
                case OPTION_COMPANION:
                        if (strv_push(&invocation->consent.companions, optarg) < 0)
                                return -ENOMEM;
                        break;
                case OPTION_QEMU:
                        invocation->qemu = true;
                        break;
                case OPTION_OVERRIDE:
                        r = add_overrides(invocation, optarg);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_PLAN:
                        invocation->consent.plan = optarg;
                        break;
                case OPTION_DRY_RUN:
                        invocation->dry_run = true;
                        break;
                case OPTION_REATTACH:
                        invocation->reattach = true;
                        break;
                case OPTION_FORCE:
                        invocation->consent.force = true;
                        break;
                case OPTION_ADOPT:
                        invocation->consent.adopt = true;
                        break;
                case OPTION_NAME:
                        invocation->rule = optarg;
                        break;
                case OPTION_PERSISTENT:
                        invocation->persistent = true;
                        break;
                case OPTION_VIRTUAL_FUNCTIONS:
                        invocation->virtual_functions = parse_number(optarg);
                        if (invocation->virtual_functions == 0) {
                                fputs("vfioctl: --virtual-functions takes a number above 0\n", stderr);
                                return -EINVAL;
                        }
                        break;
                case OPTION_DETACH:
                        invocation->consent.detach = true;
                        break;
                case OPTION_DRIVERLESS:
                        invocation->consent.driverless = true;
                        break;
                default:
                        return -EINVAL;
                }
                if (is_verb_option(option) && !strchr(used, option))
                        *strchr(used, '\0') = (char)option;
        }
        return ending;
}

/* Takes what the verb works on: a NULL ends the operands. Returns the verb, or NULL after having said what is wrong. */
static const Verb *parse_operands(const Verb *verb, char **operands, Invocation *invocation) {
        size_t n_taken = 1;

        switch (verb->operand) {
        case OPERAND_NONE:
                n_taken = 0;
                break;
        case OPERAND_SELECTOR:
                if (!*operands)
                        return usage_error("'%s' needs a selector: an address, a name of the host, or group:N",
                                        verb->name);
                invocation->selector = *operands;
                break;
        case OPERAND_FUNCTIONS:
                if (!*operands)
                        return usage_error("'%s' needs a selector: an address, or a name of the host", verb->name);
                invocation->selector = *operands;
                if (!operands[1])
                        break;
                n_taken = 2;
                invocation->consent.functions = parse_number(operands[1]);
                if (invocation->consent.functions == 0 && !streq(operands[1], "0"))
                        return usage_error("'%s' is no number of virtual functions", operands[1]);
                invocation->sets_functions = true;
                break;
        case OPERAND_JOB:
                if (!*operands)
                        return usage_error("'%s' needs the number of a job: see 'vfioctl jobs'", verb->name);
                invocation->job = parse_number(*operands);
                if (invocation->job == 0)
                        return usage_error("'%s' is no number of a job: see 'vfioctl jobs'", *operands);
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

/* Finds what is to be done, and refuses what does not fit. Returns NULL after having said why. */
static const Verb *parse_verb(int argc, char **argv, const char *used_options, Invocation *invocation) {
        const Verb *verb;
        size_t foreign;
        int n_words;

        if (optind >= argc)
                return usage_error("a verb is missing");
        verb = find_verb(argv + optind, &n_words); /* argv ends in NULL */
        if (!verb && streq(argv[optind], "rule"))
                return usage_error("'rule' is followed by list, add, remove or check");
        if (!verb)
                return usage_error("unknown verb '%s'", argv[optind]);
        if (!parse_operands(verb, argv + optind + n_words, invocation))
                return NULL;
        foreign = strspn(used_options, verb->options);
        if (used_options[foreign])
                return usage_error("'%s' does not take --%s", verb->name, option_name(used_options[foreign]));
        if (invocation->dry_run && invocation->persistent)
                return usage_error("--dry-run writes nothing, and --persistent does: take one of them");
        if (verb->operand == OPERAND_FUNCTIONS && !invocation->sets_functions && used_options[0])
                return usage_error("'%s' takes --%s only with a number", verb->name, option_name(used_options[0]));
        foreign = strcspn(used_options, DETACH_OPTIONS);
        if (invocation->reattach && used_options[foreign])
                return usage_error("'plan --reattach' does not take --%s", option_name(used_options[foreign]));
        foreign = strcspn(used_options, REATTACH_OPTIONS);
        if (verb->run == verb_plan && !invocation->reattach && used_options[foreign])
                return usage_error("'plan' takes --%s only with --reattach", option_name(used_options[foreign]));
        return verb;
}

static ExitCode run_verb(const Verb *verb, Invocation *invocation) {
        int r;

        r = proxy_open(&invocation->bus);
        if (r < 0) {
                fprintf(stderr, "vfioctl: cannot connect to the system bus: %s\n", strerror(-r));
                return exit_code_from_error(r, NULL);
        }
        return verb->run(invocation);
}

static ExitCode run(int argc, char **argv, Invocation *invocation) {
        char used_options[ELEMENTSOF(options)] = "";
        const Verb *verb;
        int r;

        r = parse_options(argc, argv, invocation, used_options);
        if (r == -EINVAL)
                return usage_hint();
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
        sd_bus_flush_close_unref(invocation->bus);
        output_clear(&invocation->output);
        strv_free(invocation->consent.companions);
        strv_free(invocation->consent.overrides);
}

int main(int argc, char **argv) {
        _cleanup_(invocation_clear) Invocation invocation = {0};
        ExitCode code;
        int r;

        (void)setlocale(LC_ALL, "");
        /* A reader that leaves early is no reason to die in the middle of it. */
        (void)signal(SIGPIPE, SIG_IGN);
        /* getopt puts this before its messages. */
        if (argc > 0)
                argv[0] = (char *)"vfioctl";

        r = output_open(&invocation.output);
        if (r < 0)
                return report_error(r, NULL);
        code = run(argc, argv, &invocation);

        r = output_finish(&invocation.output);
        if (r < 0) {
                fprintf(stderr, "vfioctl: cannot write the result: %s\n", strerror(-r));
                if (code == EXIT_DONE)
                        code = EXIT_FAILED;
        }
        /* Whoever started us is to see that it was an interrupt: a shell ends its script then. */
        if (code == EXIT_INTERRUPTED) {
                (void)signal(SIGINT, SIG_DFL);
                (void)raise(SIGINT);
        }
        return code;
}
