/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

/* dbus/org.vfiod1.xml, as the tests use it. */

/* The whole text; the caller frees it. */
char *contract_read(void);

/* The interfaces of all its nodes, GDBusInterfaceInfo, in the order of the file. */
GPtrArray *contract_interfaces(void);
/* The interface of this name among them. */
const GDBusInterfaceInfo *contract_find_interface(GPtrArray *interfaces, const char *name);

/* The errors that are listed at its beginning, in that order; free with g_strfreev(). */
char **contract_errors(void);

/* What a method and an option of it need, by the annotations: the id of an action of polkit, "none", or for a method
 * "owner". */
const char *contract_action(const GDBusMethodInfo *method);
const char *contract_option_action(const GDBusMethodInfo *method, const char *option);
/* The options of a method; free with g_strfreev(). */
char **contract_options(const GDBusMethodInfo *method);

/* The members of an interface as text, one line each, sorted, to compare two interfaces. Without doc comments, and without
 * the annotations that sd-bus cannot introspect. */
char *interface_to_text(const GDBusInterfaceInfo *interface);
