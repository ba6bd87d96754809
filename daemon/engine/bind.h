/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* The single writes that change how a member is bound. Each may wait in the kernel for ever, so they are for workers only. Each
 * returns 0, or FAILED or DRIVER_DID_NOT_BIND with a message that names the device. They do not check what they did: that is
 * what the steps verify. */

/* Sets driver_override, "" to clear it, unless it is so already. */
int bind_set_override(const Work *work, size_t i, const char *override, Problem *problem);

/* Whether a device with this driver ("" for none) is bound as wanted. If the driver is not known, each driver of the host is right. */
bool bind_is_bound(const char *driver, const Binding *wanted);

/* Unbinds the member from its driver. A member that is bound as wanted already stays: another program was quicker. It may be in use by now, so
 * that the kernel would wait for the end of that use. */
int bind_unbind(const Work *work, size_t i, const Binding *wanted, Problem *problem);

/* Has the kernel look for a driver. The kernel reports success also when no driver bound, so the driver link is read: this
 * fails unless the member is on that driver. With NULL each driver, and none, is right; ret_driver gets its name. */
int bind_probe(const Work *work, size_t i, const char *driver, char ret_driver[static DRIVER_NAME_MAX],
                Problem *problem);

/* Binds the member as wanted, from whatever it is now: driver_override, link, driver, power settings. */
int bind_as(Work *work, size_t i, const Binding *wanted, Problem *problem);

/* Makes udev process the member's interfaces again: its rules saw a device with our early driver_override. */
void bind_announce_interfaces(const Work *work, size_t i);
