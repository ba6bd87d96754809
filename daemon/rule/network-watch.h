/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

#include <systemd/sd-event.h>

/* Whether the network of the host is online. Before that, an interface may not have its address yet: it looks unused, and
 * a rule could detach it. systemd starts vfiod-online.service after network-online.target; it creates a file, which
 * remains until the next boot. If no unit wants network-online.target, systemd starts it at once. */

typedef struct NetworkWatch NetworkWatch;

/* Watches for the file. After patience_us, the network counts as online, and this is logged. When that is, the event loop
 * is woken. The caller frees *ret with network_watch_free(). Returns 0 or a negative errno. */
int network_watch_new(sd_event *event, const char *file, uint64_t patience_us, NetworkWatch **ret);
NetworkWatch *network_watch_free(NetworkWatch *watch);

bool network_watch_is_online(const NetworkWatch *watch);
