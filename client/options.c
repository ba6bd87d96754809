/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"
#include "language.h"

#include "memlock.h"
#include "nearest.h"
#include "past-time.h"
#include "strv.h"
#include "terminal.h"

#include <stdarg.h>

/* Letters of the options that every verb takes. */
static const char GENERAL[] = {OPTION_JSON, OPTION_NO_LEGEND, OPTION_QUIET, OPTION_HELP, OPTION_VERSION, OPTION_ADDRESS,
                OPTION_NO_ASK_PASSWORD, OPTION_YES, OPTION_NO_PAGER, OPTION_COLOR, OPTION_HOST, OPTION_MACHINE, '\0'};

static const struct option options[] = {
                {"json", no_argument, NULL, OPTION_JSON},
                {"no-legend", no_argument, NULL, OPTION_NO_LEGEND},
                {"help", no_argument, NULL, OPTION_HELP},
                {"version", no_argument, NULL, OPTION_VERSION},
                {"quiet", no_argument, NULL, OPTION_QUIET},
                {"group", no_argument, NULL, OPTION_GROUP},
                {"companion", required_argument, NULL, OPTION_COMPANION},
                {"qemu", no_argument, NULL, OPTION_QEMU},
                {"iommufd", no_argument, NULL, OPTION_IOMMUFD},
                {"libvirt", no_argument, NULL, OPTION_LIBVIRT},
                {"xml", no_argument, NULL, OPTION_XML},
                {"cloud-hypervisor", no_argument, NULL, OPTION_CLOUD_HYPERVISOR},
                {"crosvm", no_argument, NULL, OPTION_CROSVM},
                {"cdi", no_argument, NULL, OPTION_CDI},
                {"override", required_argument, NULL, OPTION_OVERRIDE},
                {"driver", required_argument, NULL, OPTION_DRIVER},
                {"plan", required_argument, NULL, OPTION_PLAN},
                {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                {"revert-after", required_argument, NULL, OPTION_REVERT_AFTER},
                {"reattach", no_argument, NULL, OPTION_REATTACH},
                {"force", no_argument, NULL, OPTION_FORCE},
                {"adopt", no_argument, NULL, OPTION_ADOPT},
                {"name", required_argument, NULL, OPTION_NAME},
                {"persistent", no_argument, NULL, OPTION_PERSISTENT},
                {"virtual-functions", required_argument, NULL, OPTION_VIRTUAL_FUNCTIONS},
                {"detach", no_argument, NULL, OPTION_DETACH},
                {"driverless", no_argument, NULL, OPTION_DRIVERLESS},
                {"address", required_argument, NULL, OPTION_ADDRESS},
                {"host", required_argument, NULL, OPTION_HOST},
                {"machine", required_argument, NULL, OPTION_MACHINE},
                {"no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD},
                {"descriptors", no_argument, NULL, OPTION_DESCRIPTORS},
                {"memory", required_argument, NULL, OPTION_MEMORY},
                {"force-memlock", no_argument, NULL, OPTION_FORCE_MEMLOCK},
                {"pid", required_argument, NULL, OPTION_PID},
                {"kill", no_argument, NULL, OPTION_KILL},
                {"since", required_argument, NULL, OPTION_SINCE},
                {"lines", required_argument, NULL, OPTION_LINES},
                {"output", required_argument, NULL, OPTION_OUTPUT},
                {"sort", required_argument, NULL, OPTION_SORT},
                {"state", required_argument, NULL, OPTION_STATE},
                {"class", required_argument, NULL, OPTION_CLASS},
                {"available", no_argument, NULL, OPTION_AVAILABLE},
                {"all", no_argument, NULL, OPTION_ALL},
                {"yes", no_argument, NULL, OPTION_YES},
                {"no-pager", no_argument, NULL, OPTION_NO_PAGER},
                {"color", required_argument, NULL, OPTION_COLOR},
                {"cap", required_argument, NULL, OPTION_CAP},
                {"tree", no_argument, NULL, OPTION_TREE},
                {"no-apply", no_argument, NULL, OPTION_NO_APPLY},
                {"wait", no_argument, NULL, OPTION_WAIT},
                {"check", no_argument, NULL, OPTION_CHECK},
                {NULL, 0, NULL, 0},
};

const struct option *options_at(size_t i) {
        return i + 1 < ELEMENTSOF(options) ? &options[i] : NULL;
}

bool options_are_general(int letter) {
        return strchr(GENERAL, letter);
}

const char *options_name(int letter) {
        for (const struct option *option = options; option->name; option++)
                if (option->val == letter)
                        return option->name;
        return "?";
}

/* Reports wrong usage. Returns -EINVAL. */
static int refuse(const char *format, ...) _printf_(1, 2);
static int refuse(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        (void)report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS, "%s\n%s", strempty(text), OPTIONS_HINT);
        return -EINVAL;
}

/* Adds the items of a comma-separated list. Returns 0; -EINVAL for an empty item, after it has printed a message; or
 * -ENOMEM. */
static int add_items(int letter, const char *what, const char *list, char ***items) {
        _cleanup_free_ char *copy = strdup(list);
        char *rest = copy;
        int r;

        if (!copy)
                return -ENOMEM;
        for (char *item; (item = strsep(&rest, ","));) {
                if (isempty(item))
                        return refuse("--%s takes %s, separated by commas", options_name(letter), what);
                r = strv_push(items, item);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Sets the format of show, which can be only one. Returns 0; or -EINVAL after it has printed a message. */
static int set_format(Invocation *invocation, const char *format) {
        if (invocation->fragment && !streq(invocation->fragment, format))
                return refuse(_("use only one of --qemu, --libvirt, --xml, --cloud-hypervisor, --crosvm and --cdi"));
        invocation->fragment = format;
        return 0;
}

uint32_t options_parse_number(const char *text) {
        unsigned long long number;
        char *end;

        if (text[0] < '0' || text[0] > '9') /* strtoull() would accept blanks and signs */
                return 0;
        errno = 0;
        number = strtoull(text, &end, 10);
        return errno > 0 || *end != '\0' || number > UINT32_MAX ? 0 : (uint32_t)number;
}

/* The limit of vfiod. */
#define REVERT_AFTER_MAX_US (UINT64_C(86400) * 1000000)

static const char *find_nearest(const char *name) {
        Nearest nearest = NEAREST_NONE;

        for (const struct option *option = options; option->name; option++)
                nearest_try(&nearest, name, option->name);
        return nearest.word;
}

/* Says what is wrong with the option that getopt_long() does not take. It is the word before optind; in a word of several
 * short options, getopt_long() has set optopt. */
static int refuse_option(const char *word) {
        const char *name = startswith(word, "--"), *nearest;
        _cleanup_free_ char *plain = name ? strndup(name, strcspn(name, "=")) : NULL;
        size_t n_matches = 0;

        if (!name && optopt >= '0' && optopt <= '9')
                return refuse(_("there is no option -%c, and numbers cannot be negative"), optopt);
        if (!name)
                return refuse(_("unknown option '-%c'\nIf this is a name that begins with '-', write '--' before it: "
                                "vfioctl show -- -name"),
                                optopt);
        if (!plain)
                return -ENOMEM;
        for (const struct option *option = options; option->name; option++) {
                if (streq(option->name, plain))
                        return refuse(_("option '--%s' takes no value"), plain);
                n_matches += startswith(option->name, plain) != NULL;
        }
        if (n_matches > 1)
                return refuse(_("option '--%s' is ambiguous"), plain);
        nearest = find_nearest(plain);
        return nearest ? refuse(_("unknown option '--%s': do you mean '--%s'?"), plain, nearest)
                       : refuse(_("unknown option '--%s'"), plain);
}

int options_parse(int argc, char **argv, Invocation *invocation, char used[OPTIONS_MAX]) {
        int option, ending = 0, r;

        opterr = 0;
        while ((option = getopt_long(argc, argv, OPTIONS_SHORT, options, NULL)) >= 0) {
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
                        invocation->options.whole_group = true;
                        break;
                case OPTION_COMPANION:
                        if (strv_push(&invocation->options.companions, optarg) < 0)
                                return -ENOMEM;
                        break;
                case OPTION_QEMU:
                case OPTION_LIBVIRT:
                case OPTION_XML:
                case OPTION_CLOUD_HYPERVISOR:
                case OPTION_CROSVM:
                case OPTION_CDI:
                        /* the name of the option is that of the format */
                        r = set_format(invocation, option == OPTION_XML ? "nodedev" : options_name(option));
                        if (r < 0)
                                return r;
                        break;
                case OPTION_IOMMUFD:
                        invocation->iommufd = true;
                        break;
                case OPTION_OVERRIDE:
                        r = add_items(option, _("names of guards"), optarg, &invocation->options.overrides);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_DRIVER:
                        /* "vfio" is the name in virsh. */
                        invocation->options.driver = streq(optarg, "vfio") ? NULL : optarg;
                        r = add_items(option, _("a driver, or for lists patterns"), optarg, &invocation->list.drivers);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_STATE:
                        r = add_items(option, _("states"), optarg, &invocation->list.states);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_CLASS:
                        r = add_items(option, _("classes"), optarg, &invocation->list.classes);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_AVAILABLE:
                        invocation->list.available = true;
                        break;
                case OPTION_ALL:
                        invocation->list.all = true;
                        break;
                case OPTION_OUTPUT:
                        invocation->list.columns = optarg;
                        break;
                case OPTION_SORT:
                        invocation->list.sort = optarg;
                        break;
                case OPTION_PLAN:
                        invocation->options.plan = optarg;
                        break;
                case OPTION_DRY_RUN:
                        invocation->dry_run = true;
                        break;
                case OPTION_REVERT_AFTER:
                        if (past_time_parse_span(optarg, &invocation->options.revert_after_us) < 0 ||
                                        invocation->options.revert_after_us > REVERT_AFTER_MAX_US)
                                return refuse(_("'%s' is no time for --revert-after: use 90s, 2m or 1h30m, at most "
                                                "24h"),
                                                optarg);
                        break;
                case OPTION_REATTACH:
                        invocation->reattach = true;
                        break;
                case OPTION_FORCE:
                        invocation->options.force = true;
                        break;
                case OPTION_ADOPT:
                        invocation->options.adopt = true;
                        break;
                case OPTION_NAME:
                        invocation->rule = optarg;
                        break;
                case OPTION_PERSISTENT:
                        invocation->persistent = true;
                        break;
                case OPTION_VIRTUAL_FUNCTIONS:
                        invocation->virtual_functions = options_parse_number(optarg);
                        if (invocation->virtual_functions == 0)
                                return refuse(_("--virtual-functions takes a number above 0"));
                        break;
                case OPTION_DETACH:
                        invocation->options.detach = true;
                        break;
                case OPTION_DRIVERLESS:
                        invocation->options.driverless = true;
                        break;
                case OPTION_ADDRESS:
                        invocation->place.address = optarg;
                        break;
                case OPTION_HOST:
                        invocation->place.host = optarg;
                        break;
                case OPTION_MACHINE:
                        invocation->place.machine = optarg;
                        break;
                case OPTION_SINCE:
                        if (past_time_parse(optarg, clock_us(CLOCK_REALTIME), &invocation->since_us) < 0)
                                return refuse(_("'%s' is no time for --since: use \"2026-11-27 20:00\", today, "
                                                "yesterday, -1h or @1795809600"),
                                                optarg);
                        break;
                case OPTION_LINES:
                        invocation->n_lines = options_parse_number(optarg);
                        if (invocation->n_lines == 0)
                                return refuse(_("--lines takes a number above 0"));
                        break;
                case OPTION_DESCRIPTORS:
                        invocation->options.descriptors = true;
                        break;
                case OPTION_KILL:
                        invocation->options.kill = true;
                        break;
                case OPTION_MEMORY:
                        if (memlock_parse_size(optarg, &invocation->memory) < 0 || invocation->memory == 0)
                                return refuse(_("--memory takes a size, for example 512M or 4G"));
                        break;
                case OPTION_FORCE_MEMLOCK:
                        invocation->force_memlock = true;
                        break;
                case OPTION_PID:
                        invocation->options.pid = options_parse_number(optarg);
                        if (invocation->options.pid == 0)
                                return refuse(_("--pid takes the id of a process"));
                        break;
                case OPTION_NO_PAGER:
                        invocation->output.pager = false;
                        break;
                case OPTION_COLOR:
                        if (output_set_color(&invocation->output, optarg) < 0)
                                return refuse(_("--color is auto, always or never, not '%s'"), optarg);
                        break;
                case OPTION_CAP:
                        if (!streq(optarg, "pci"))
                                return refuse(_("vfioctl knows only PCI devices: use --cap pci"));
                        break;
                case OPTION_TREE:
                        invocation->tree = true;
                        break;
                case OPTION_NO_APPLY:
                        invocation->options.no_apply = true;
                        break;
                case OPTION_CHECK:
                        invocation->check = true;
                        break;
                case OPTION_WAIT:
                        invocation->wait = true;
                        break;
                case OPTION_YES:
                        invocation->yes = true;
                        break;
                case OPTION_NO_ASK_PASSWORD:
                        invocation->no_ask_password = true;
                        break;
                case ':':
                        return refuse(_("option '%s' needs a value"), argv[optind - 1]);
                default:
                        return refuse_option(argv[optind - 1]);
                }
                if (!strchr(GENERAL, option) && !strchr(used, option))
                        *strchr(used, '\0') = (char)option;
        }
        if (invocation->iommufd && !invocation->fragment)
                invocation->fragment = "qemu";
        return ending;
}
