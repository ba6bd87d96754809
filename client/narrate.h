/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "mirror.h"

/* What a change of an object means, in words. */

/* Of whom it is: "0000:06:00.0", "group 12", "job 3", "vfiod". To be freed; NULL where memory is short. */
char *narrate_subject(const MirrorChange *change);

/* "e1000e -> vfio-pci, detached". To be freed; empty for what is of no interest to a reader, NULL where memory is short. */
char *narrate_change(const MirrorChange *change);
