/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

/* dbus/org.vfiod1.xml, as the tests use it. */

/* The whole text; the caller frees it. */
char *contract_read(void);

/* The interfaces of all its nodes, GDBusInterfaceInfo, in the order of the file. */
GPtrArray *contract_interfaces(void);

/* The errors that are listed at its beginning, in that order; free with g_strfreev(). */
char **contract_errors(void);

/* The members of an interface as text, one line each, sorted, to compare two interfaces. Without doc comments. */
char *interface_to_text(const GDBusInterfaceInfo *interface);
