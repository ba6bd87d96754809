/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "config-space.h"
#include "proxy.h"

#include <jansson.h>

/* A check of a diagnosis. All texts are escaped as messages (daemon/base/text.h). */
typedef struct Check {
        char *code;
        char *severity; /* "ok", "info", "warning" or "error" */
        char *finding;
        char *cure;      /* empty for none */
        json_t *details; /* an object */
} Check;

typedef struct CheckList {
        Check *items;
        size_t count;
} CheckList;

/* Frees the checks and clears the list, for _cleanup_. */
void check_list_clear(CheckList *list);

/* Gets the checks of the selected device or group; of the host, if the selector is NULL. Works like the calls in proxy.h. */
int proxy_diagnose(sd_bus *bus, const char *selector, CheckList *ret_checks, sd_bus_error *error);

/* Gets why the selected device shares its group. The spaces may be NULL. */
int proxy_explain(sd_bus *bus, const char *selector, const ConfigSpaces *spaces, CheckList *ret_checks,
                sd_bus_error *error);

/* JSON as in vfioctl(1); NULL if there is not enough memory. */
json_t *check_to_json(const Check *check);

/* Returns a text of the details; "" if there is none. */
const char *check_get_detail(const Check *check, const char *key);

/* Appends the option "config-space" to a call whose dictionary of options is open. Returns 0 or a negative errno. */
int append_config_spaces(sd_bus_message *call, const ConfigSpaces *spaces);
