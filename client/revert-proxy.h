/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

/* The call for reverts. It works like those in proxy.h. */

/* Ends the revert of the selected group; with "", all reverts of the user. Gets the numbers of the groups, which the caller frees, and
 * how many they are. */
int proxy_confirm(sd_bus *bus, const char *selector, int32_t **ret_groups, size_t *ret_n, sd_bus_error *error);
