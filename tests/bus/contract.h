/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

/* dbus/org.vfiod1.xml as the tests see it. */

/* The whole text; to be freed. */
char *contract_read(void);

/* The interfaces of all its nodes, GDBusInterfaceInfo, in the order of the file. */
GPtrArray *contract_interfaces(void);

/* The errors that its head lists, in that order; to be freed with g_strfreev(). */
char **contract_errors(void);

/* An interface in one text, a member a line, sorted: what must be equal. Doc comments are not in it. */
char *interface_to_text(const GDBusInterfaceInfo *interface);
