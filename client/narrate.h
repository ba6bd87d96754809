/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "mirror.h"

/* Makes the text lines of "vfioctl monitor" from changes of objects. */

/* Returns what the line is about: "0000:06:00.0", "group 12", "job 3" or "vfiod". The caller frees it. NULL if
 * there is not enough memory. */
char *narrate_subject(const MirrorChange *change);

/* Returns what has changed: "e1000e -> vfio-pci, detached". The caller frees it. Empty if a user does not need to
 * know of the change; NULL if there is not enough memory. */
char *narrate_change(const MirrorChange *change);
