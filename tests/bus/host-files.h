/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Files of the simulated host, for example "etc/default/grub": below STATE-FOLDER.host, which vfiod-sim opens when it starts. */

/* Writes files: path, contents, ...; the list ends with NULL. */
void host_files_put(const char *state_folder, const char *const *files);

/* Removes the folder with all its files. */
void host_files_remove(const char *state_folder);
