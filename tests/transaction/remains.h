/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host.h"

/* Checks that the message of a DEGRADED end names exactly the devices that differ from the snapshot, each with its
 * current driver and override, and that nothing else differs. */
void assert_remains(Host *host, const char *before, const char *message);
