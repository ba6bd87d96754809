/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-facts.h"
#include <systemd/sd-bus.h>

/* The answer of the worker's method Examine: what vfiod does not see itself. */

#define EXAMINE_RESULTS "ussa(suuu)"

/* Appends the facts of the worker. Returns a negative errno of sd-bus on errors. */
int examine_message_append(sd_bus_message *reply, const ModuleSearch *module, const NodeFact *nodes, size_t n_nodes);

/* Reads them into the facts, and checks each field. Sets has_worker_facts at the end. Returns 0; -EBADMSG; or another negative errno. */
int examine_message_read(sd_bus_message *reply, HostFacts *facts);
