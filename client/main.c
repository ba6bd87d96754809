/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "proxy.h"
#include "strv.h"
#include "verbs.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>

typedef struct Verb {
        const char *name;
        const char *arguments; /* for the help */
        const char *summary;
        bool takes_selector;
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
};

static const Verb verbs[] = {
                {"groups", "", "List all IOMMU groups with their members", false, "", verb_groups},
                {"devices", "", "List all PCI functions", false, "", verb_devices},
                {"show", " SELECTOR [--qemu]", "Show all that is known of a device and its group", true, "Q",
                                verb_show},
                {"detach", " SELECTOR [--group]", "Give a whole group to vfio-pci", true, "gc", verb_detach},
                {"reattach", " SELECTOR", "Give a whole group back to the host", true, "", verb_reattach},
                {"status", "", "Show the daemon's version, the IOMMU and counts", false, "", verb_status},
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
                {NULL, 0, NULL, 0},
};

static void print_help(FILE *stream) {
        fputs("vfioctl [OPTION...] VERB [SELECTOR]\n"
              "\n"
              "Hand PCI devices to virtual machines, and take them back.\n"
              "\n"
              "Verbs:\n",
                        stream);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                fprintf(stream, "  %s%-*s %s\n", verbs[i].name, (int)(26 - strlen(verbs[i].name)), verbs[i].arguments,
                                verbs[i].summary);
        fputs("\n"
              "A selector names a device or a group: 0000:3b:00.0, 3b:00.0, pci_0000_3b_00_0,\n"
              "enp59s0f0, nvme0n1, /dev/nvme0n1, group:25.\n"
              "\n"
              "Options:\n"
              "      --group               detach: agree to take all that share the group\n"
              "      --companion SELECTOR  detach: agree to take this one too; may be repeated\n"
              "      --qemu                show: print only the QEMU arguments for the group\n"
              "      --json                Print JSON\n"
              "      --no-legend           Print no table headings\n"
              "  -q, --quiet               Print no results of changes and ask nothing\n"
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

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(name, verbs[i].name))
                        return &verbs[i];
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

/* Reads the options. Appends the letters of those that belong to a verb to used, which has room for each once. Returns
 * the option that ends everything (OPTION_HELP, OPTION_VERSION), 0, -EINVAL for a wrong one, after getopt has said so,
 * or -ENOMEM. */
static int parse_options(int argc, char **argv, Invocation *invocation, char *used) {
        int option, ending = 0;

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
                        invocation->whole_group = true;
                        break;
                case OPTION_COMPANION:
                        if (strv_push(&invocation->companions, optarg) < 0)
                                return -ENOMEM;
                        break;
                case OPTION_QEMU:
                        invocation->qemu = true;
                        break;
                default:
                        return -EINVAL;
                }
                if (is_verb_option(option) && !strchr(used, option))
                        *strchr(used, '\0') = (char)option;
        }
        return ending;
}

/* Finds what is to be done, and refuses what does not fit. Returns NULL after having said why. */
static const Verb *parse_verb(int argc, char **argv, const char *used_options, Invocation *invocation) {
        const Verb *verb;
        size_t foreign;

        if (optind >= argc)
                return usage_error("a verb is missing");
        verb = find_verb(argv[optind]);
        if (!verb)
                return usage_error("unknown verb '%s'", argv[optind]);
        if (verb->takes_selector && optind + 1 >= argc)
                return usage_error("'%s' needs a selector: an address, a name of the host, or group:N", verb->name);
        if (optind + 1 + verb->takes_selector < argc)
                return usage_error("too many arguments: '%s'", argv[optind + 1 + verb->takes_selector]);
        foreign = strspn(used_options, verb->options);
        if (used_options[foreign])
                return usage_error("'%s' does not take --%s", verb->name, option_name(used_options[foreign]));
        if (verb->takes_selector)
                invocation->selector = argv[optind + 1];
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
        strv_free(invocation->companions);
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
        return code;
}
