/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/action.h"

/* Checks an interface before it is registered on the bus: the table has each of its methods, with an action for the method
 * and for each option; request.h can read each option; and no property can be written. Logs what is missing. Returns 0;
 * or -ENOKEY, and then the interface must not be registered. */
int registration_check(const MethodAccess *table, const char *interface, const sd_bus_vtable *vtable);
