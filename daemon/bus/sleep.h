/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Hardware and firmware can change while the host sleeps, without an event. So this subscribes to the signal PrepareForSleep of logind and requests a rescan when the
 * host has resumed. Does not wait for the reply of the bus. Returns 0 or a negative errno of sd-bus. */
int sleep_watch(Service *service);
