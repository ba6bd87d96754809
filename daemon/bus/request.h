/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"
#include "policy/selector.h"

/* Reads the a{sv} options of a method. Anybody may send a message of megabytes, so every bound is checked while the
 * message is read: nothing is collected first and counted afterwards. All functions return 0, or a negative errno with
 * the error filled in. */

/* Most entries of a list; each is shorter than SELECTOR_MAX. */
#define OPTION_LIST_MAX 1024

/* One option that a method has. read() is called with the message in front of the value (a variant). */
typedef struct Option {
        const char *key;
        int (*read)(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error);
} Option;

/* Reads the whole dictionary. An option that the method does not have, and one that is given twice, is refused with
 * InvalidArgs; so there are never more options than the method has. method is for messages. */
int options_read(sd_bus_message *message, const char *method, const Option *options, size_t n_options, void *userdata,
                sd_bus_error *error);

/* A list of strings that a caller sent. */
typedef struct OptionList {
        char **entries; /* ended by NULL; NULL for an empty list */
        size_t n_entries;
        size_t size; /* bytes of all entries, for accounting */
} OptionList;

void option_list_done(OptionList *list);

/* Reads a value "as" into an empty list. InvalidArgs for more than OPTION_LIST_MAX entries, and for an entry that is
 * too long. The caller calls option_list_done(), also on failure. */
int option_read_list(sd_bus_message *message, const char *key, OptionList *list, sd_bus_error *error);

/* Reads a value "b". */
int option_read_flag(sd_bus_message *message, const char *key, bool *ret, sd_bus_error *error);

/* Reads the value of "override", names of guards, and adds them to a mask of 1 << Guard. */
int option_read_overrides(sd_bus_message *message, unsigned *overrides, sd_bus_error *error);
