/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

/* Lets polkit ask the user for a password in this terminal, as systemctl does: pkttyagent, a program of polkit, asks. If the
 * session has an agent already, for example that of a desktop, that one asks. */

/* Allows vfiod to ask over this connection, and starts pkttyagent, if the user is not root, stdin is a terminal, and the
 * connection is to a bus. Waits until pkttyagent is ready. If it cannot be started, calls work without it. Returns its process
 * id, or 0 for none. */
pid_t agent_start(sd_bus *bus);

/* Ends pkttyagent, and waits for its end. 0 is allowed. */
void agent_stop(pid_t pid);
