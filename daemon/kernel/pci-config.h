/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Buffer size for "D3cold" and other states, with the NUL byte. */
#define POWER_STATE_MAX 16

/* Tells whether the device answers: the header of its configuration space is not all ones. device_fd is its open
 * sysfs directory. Wakes up a suspended device if may_wake, and may block, so only workers call it. power_state becomes the state
 * that the kernel last knew, "" if it does not tell. Returns 1 or 0; or a negative errno, for example -ENOENT if the
 * kernel shows no configuration space, or -EAGAIN for a suspended device that may not be woken up. */
int pci_device_answers(int device_fd, bool may_wake, char power_state[static POWER_STATE_MAX]);
