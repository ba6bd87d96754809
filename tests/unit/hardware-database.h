/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* A hardware database for tests, in place of this machine's database: a folder that is mounted at /etc/udev, where libudev
 * looks first. The process must have mounts of its own (see private-mounts.h). */

typedef struct HardwareDatabase HardwareDatabase;

/* The text is as in hwdb(7). NULL makes an empty folder, and hides this machine's database, too. */
HardwareDatabase *hardware_database_new(const char *text);
HardwareDatabase *hardware_database_free(HardwareDatabase *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HardwareDatabase, hardware_database_free)

/* Replaces the database, as "systemd-hwdb update" does. */
void hardware_database_replace(HardwareDatabase *database, const char *text);
/* Removes the file of the database. */
void hardware_database_remove(HardwareDatabase *database);
