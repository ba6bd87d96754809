/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include "memlock.h"
#include "past-time.h"
#include "strv.h"
#include "terminal.h"

#include <getopt.h>

/* Letters of the options that every verb takes. */
static const char GENERAL[] = {OPTION_JSON, OPTION_NO_LEGEND, OPTION_QUIET, OPTION_HELP, OPTION_VERSION, OPTION_ADDRESS,
                OPTION_NO_ASK_PASSWORD, '\0'};

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
                {"override", required_argument, NULL, OPTION_OVERRIDE},
                {"driver", required_argument, NULL, OPTION_DRIVER},
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
                {"address", required_argument, NULL, OPTION_ADDRESS},
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
                {NULL, 0, NULL, 0},
};

const char *options_name(int letter) {
        for (const struct option *option = options; option->name; option++)
                if (option->val == letter)
                        return option->name;
        return "?";
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
                if (isempty(item)) {
                        fprintf(stderr, "vfioctl: --%s takes %s, separated by commas\n", options_name(letter), what);
                        return -EINVAL;
                }
                r = strv_push(items, item);
                if (r < 0)
                        return r;
        }
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

int options_parse(int argc, char **argv, Invocation *invocation, char used[OPTIONS_MAX]) {
        int option, ending = 0, r;

        while ((option = getopt_long(argc, argv, "hqn:o:", options, NULL)) >= 0) {
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
                        invocation->qemu = true;
                        break;
                case OPTION_IOMMUFD:
                        invocation->qemu = invocation->iommufd = true;
                        break;
                case OPTION_OVERRIDE:
                        r = add_items(option, "names of guards", optarg, &invocation->options.overrides);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_DRIVER:
                        invocation->options.driver = optarg;
                        r = add_items(option, "a driver, or for lists patterns", optarg, &invocation->list.drivers);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_STATE:
                        r = add_items(option, "states", optarg, &invocation->list.states);
                        if (r < 0)
                                return r;
                        break;
                case OPTION_CLASS:
                        r = add_items(option, "classes", optarg, &invocation->list.classes);
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
                        if (invocation->virtual_functions == 0) {
                                fputs("vfioctl: --virtual-functions takes a number above 0\n", stderr);
                                return -EINVAL;
                        }
                        break;
                case OPTION_DETACH:
                        invocation->options.detach = true;
                        break;
                case OPTION_DRIVERLESS:
                        invocation->options.driverless = true;
                        break;
                case OPTION_ADDRESS:
                        invocation->address = optarg;
                        break;
                case OPTION_SINCE:
                        if (past_time_parse(optarg, clock_us(CLOCK_REALTIME), &invocation->since_us) < 0) {
                                terminal_say("vfioctl: '%s' is no time for --since: use \"2026-11-27 20:00\", today, "
                                             "yesterday, -1h or @1795809600",
                                                optarg);
                                return -EINVAL;
                        }
                        break;
                case OPTION_LINES:
                        invocation->n_lines = options_parse_number(optarg);
                        if (invocation->n_lines == 0) {
                                fputs("vfioctl: --lines takes a number above 0\n", stderr);
                                return -EINVAL;
                        }
                        break;
                case OPTION_DESCRIPTORS:
                        invocation->options.descriptors = true;
                        break;
                case OPTION_KILL:
                        invocation->options.kill = true;
                        break;
                case OPTION_MEMORY:
                        if (memlock_parse_size(optarg, &invocation->memory) < 0 || invocation->memory == 0) {
                                fputs("vfioctl: --memory takes a size, for example 512M or 4G\n", stderr);
                                return -EINVAL;
                        }
                        break;
                case OPTION_FORCE_MEMLOCK:
                        invocation->force_memlock = true;
                        break;
                case OPTION_PID:
                        invocation->options.pid = options_parse_number(optarg);
                        if (invocation->options.pid == 0) {
                                fputs("vfioctl: --pid takes the id of a process\n", stderr);
                                return -EINVAL;
                        }
                        break;
                case OPTION_NO_ASK_PASSWORD:
                        invocation->no_ask_password = true;
                        break;
                default:
                        return -EINVAL;
                }
                if (!strchr(GENERAL, option) && !strchr(used, option))
                        *strchr(used, '\0') = (char)option;
        }
        return ending;
}
