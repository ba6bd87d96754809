/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

/* Calls with the option "dry-run": vfiod checks what it would check before it changes something. Every function returns 0 if
 * nothing refuses; or a negative errno with the error that the same call would have without the option. */

/* SetVirtualFunctions. *ret_n becomes the number of virtual functions that would remain as they are; 0 if all would be made
 * anew. */
int proxy_try_vfs(sd_bus *bus, const char *selector, uint32_t n_vfs, const CallOptions *options, size_t *ret_n,
                sd_bus_error *error);

/* Lease. *ret_detaches becomes whether the group would be detached first. */
int proxy_try_lease(
                sd_bus *bus, const char *selector, const CallOptions *options, bool *ret_detaches, sd_bus_error *error);
