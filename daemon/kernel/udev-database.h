/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include "kernel/pci-address.h"

/* The database of udev, /run/udev/data. udev writes a file for each device after the rules for the device have been evaluated, and before it carries
 * out the RUN actions of the rules. */

/* Tells whether udev has evaluated its rules for the device since since_us (CLOCK_MONOTONIC, microseconds). The time is necessary because the file of a card that was
 * in the slot before remains until udev has processed its removal. folder is the directory of the database. Also returns true if the folder is NULL or does
 * not exist: without udev, there is nothing to wait for. */
bool udev_database_has(const char *folder, PciAddress address, uint64_t since_us);
