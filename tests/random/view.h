/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

/* The daemon's objects as a client knows them: read once, and updated by signals. */

typedef struct View View;

View *view_new(void);
View *view_free(View *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(View, view_free)
/* Forgets all objects. Signals are ignored until the view is loaded again. */
void view_clear(View *view);

/* Loads the objects from the reply to GetManagedObjects. */
void view_load(View *view, sd_bus_message *reply);

/* Updates the view by a signal. It fails if an added object exists already, or if a changed or removed object does
 * not exist. */
void view_follow(View *view, sd_bus_message *signal);

/* The number of signals so far. */
unsigned view_count_signals(const View *view);

/* NULL if there is no such object or property. */
const char *view_get(View *view, const char *path, const char *property);
bool view_has(View *view, const char *path);

/* The paths with this prefix, in order; free the list with g_list_free(). */
GList *view_list(View *view, const char *prefix);

/* All objects, one line for each property, in order. */
char *view_to_text(View *view);
