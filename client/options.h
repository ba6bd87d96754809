/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "language.h"
#include "verbs.h"

#include <getopt.h>

/* The options of the command line. Each has a letter, by which the verbs name the options that they take. */
enum {
        OPTION_JSON = 'j',
        OPTION_NO_LEGEND = 'L',
        OPTION_HELP = 'h',
        OPTION_VERSION = 'V',
        OPTION_QUIET = 'q',
        OPTION_GROUP = 'g',
        OPTION_COMPANION = 'c',
        OPTION_QEMU = 'Q',
        OPTION_IOMMUFD = 'I',
        OPTION_LIBVIRT = '1',
        OPTION_XML = '2',
        OPTION_CLOUD_HYPERVISOR = '3',
        OPTION_CROSVM = '4',
        OPTION_CDI = '5',
        OPTION_COLOR = '6',
        OPTION_OVERRIDE = 'O',
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
        OPTION_ADDRESS = 'A',
        OPTION_DRIVER = 'b',
        OPTION_NO_ASK_PASSWORD = 'k',
        OPTION_DESCRIPTORS = 'x',
        OPTION_MEMORY = 'm',
        OPTION_FORCE_MEMLOCK = 'Z',
        OPTION_PID = 'i',
        OPTION_KILL = 'K',
        OPTION_SINCE = 's',
        OPTION_LINES = 'n',
        OPTION_OUTPUT = 'o',
        OPTION_SORT = 'S',
        OPTION_STATE = 'T',
        OPTION_CLASS = 'C',
        OPTION_AVAILABLE = 'B',
        OPTION_ALL = 'E',
        OPTION_YES = 'y',
        OPTION_NO_PAGER = 'G',
        OPTION_CAP = 'l',
        OPTION_TREE = 't',
        OPTION_HOST = 'H',
        OPTION_MACHINE = 'M',
        OPTION_NO_APPLY = 'Y',
        OPTION_WAIT = 'w',
        OPTION_CHECK = 'X',
        OPTION_REVERT_AFTER = 'R',
};

/* The advice after each error of usage. */
#define OPTIONS_HINT _("Try 'vfioctl --help'.")

/* The letters that can be typed, as getopt_long() takes them. */
#define OPTIONS_SHORT ":hqn:o:H:M:"

/* Room for each letter once. */
#define OPTIONS_MAX 64

/* Reads the options into the invocation. Appends the letters of those that only some verbs take to used, each once.
 * Moves the other arguments behind them, and sets optind to the first of these. Returns 0; OPTION_HELP or
 * OPTION_VERSION if one of these was given; -EINVAL for a wrong option, after a message was printed; or -ENOMEM. */
int options_parse(int argc, char **argv, Invocation *invocation, char used[OPTIONS_MAX]);

/* Returns the name of the option with this letter, without the dashes. */
const char *options_name(int letter);

/* Returns the option at this position of the table; NULL behind the end. */
const struct option *options_at(size_t i);

/* Whether every verb takes the option. */
bool options_are_general(int letter);

/* Parses a decimal number above 0. Returns 0 if the text is no such number. */
uint32_t options_parse_number(const char *text);
