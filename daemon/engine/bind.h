/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* The single writes that change how a member is bound. Each write may block in the kernel for ever, so only workers
 * call these functions. Each returns 0, or FAILED or DRIVER_DID_NOT_BIND with a message that names the device. Only
 * those for driver_override and for the probe check what they did: for the others, the steps do. */

/* Sets driver_override, "" to clear it, unless it has this value already. Reads it back. */
int bind_set_override(const Work *work, size_t i, const char *override, Problem *problem);

/* The same for a caller who knows that it has another value: does not read it before. */
int bind_write_override(const Work *work, size_t i, const char *override, Problem *problem);

/* Whether a device with this driver ("" for none) is bound as wanted. If the driver is not known, each driver of the host is right. */
bool bind_is_bound(const char *driver, const Binding *wanted);

/* Unbinds the member from its driver. Does nothing if the member is bound as wanted: then another program was quicker,
 * and the device may be in use now, so that the kernel would wait for the end of that use. */
int bind_unbind(const Work *work, size_t i, const Binding *wanted, Problem *problem);

/* Makes the kernel look for a driver, and reads the driver link, because the kernel reports success also if no driver
 * bound. Fails unless the member is on the driver. If the driver is NULL, every driver, and none, is right. ret_driver
 * gets its name. */
int bind_probe(const Work *work, size_t i, const char *driver, char ret_driver[static DRIVER_NAME_MAX],
                Problem *problem);

/* Writes the settings that are known and differ from the current ones. */
int bind_set_link(const Work *work, size_t i, const VirtualFunctionLink *link, Problem *problem);
int bind_set_power(const Work *work, size_t i, const PowerSettings *power, Problem *problem);

/* Fails if the VF has other settings than these. Settings that are not known are right. */
int bind_check_link(const Work *work, size_t i, const VirtualFunctionLink *link, Problem *problem);

/* Whether the settings that are known are as wanted. */
bool bind_has_power(const PowerSettings *now, const PowerSettings *wanted);

/* Binds the member as wanted, whatever its state: driver_override, link, driver, power settings. */
int bind_as(const Work *work, size_t i, const Binding *wanted, Problem *problem);

/* Makes udev process the member and its interfaces again: when its rules ran, the device had our early driver_override. */
void bind_announce(const Work *work, size_t i);
