/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include "kernel/pci-address.h"

/* udev keeps a file for each device that its rules have run for: it is written when they have, before what they ask for is done. */

/* Whether udev's rules have run for the device since then (CLOCK_MONOTONIC); also where there is no udev, so that nothing is to be awaited. The file of
 * a card that was in the slot before stays until udev learns of its end: so the time. */
bool udev_database_has(const char *folder, PciAddress address, uint64_t since_us);
