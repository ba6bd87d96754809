/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Options that several methods take: the value of a{sv}, from a message that stands behind the key. They return 0, or a
 * negative errno with the error filled in. */

/* No group has as many members. */
#define OPTION_LIST_MAX 1024

/* "as", ended by NULL; NULL where it is empty. To be freed with option_list_free(). */
int option_read_list(sd_bus_message *message, const char *key, char ***ret, sd_bus_error *error);
void option_list_free(char **list);

/* Reads the a{sv} of a method that has no options yet: any option is refused, by name. */
int options_refuse_all(sd_bus_message *message, const char *method, sd_bus_error *error);

/* The names of guards of "override", as a mask of 1 << Guard: they are added to what is there. */
int option_read_overrides(sd_bus_message *message, unsigned *overrides, sd_bus_error *error);
