/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Gives the process mounts of its own: what it mounts later is not seen outside. Works in a chroot, too, whose root is no mount point.
 * Returns 0 or a negative errno. To be used in a child before exec: allocates nothing. */
int private_mounts(void);
