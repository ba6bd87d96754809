/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

/* What a client of the daemon believes: all objects with their properties, read once and followed by signals from then on. */

typedef struct View View;

View *view_new(void);
View *view_free(View *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(View, view_free)
/* Forgets all; signals are not followed until it is loaded again. */
void view_clear(View *view);

/* Takes over what the reply to GetManagedObjects says. */
void view_load(View *view, sd_bus_message *reply);

/* Follows a signal. Nothing may come that is there, or change or go that is not. */
void view_follow(View *view, sd_bus_message *signal);

/* Signals that were followed so far. */
unsigned view_count_signals(const View *view);

/* NULL where there is no such object or property. */
const char *view_get(View *view, const char *path, const char *property);
bool view_has(View *view, const char *path);

/* The paths that begin so, in order; to be freed with g_list_free(). */
GList *view_list(View *view, const char *prefix);

/* All of it, a line a property, in order. */
char *view_to_text(View *view);
