/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host.h"

/* Checks that the message of a DEGRADED end names exactly the devices that differ from the snapshot of before, each with
 * the driver and the override that it has now, and that nothing but those two differs. */
void assert_remains(Host *host, const char *before, const char *message);
