/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-book.h"

/* A rules file for udev ("early rules"), generated from the rules of vfiod. When a device is plugged in, an early rule
 * sets its driver_override to vfio-pci before udev loads the module of the host driver. So this driver never binds.
 * (Measured: the kernel sends the event, and udev loads modules after it has evaluated its rules.) A host driver that
 * is already loaded binds before the event is sent. Then the early rules make NetworkManager ignore the interface until
 * vfiod has detached the device. They find the interface by a property of the device in the database of udev. An event
 * that vfiod causes removes this property when it gives the device to the host.
 *
 * Early rules act only on events of the kernel, never on those of "udevadm trigger", so they do not affect devices that
 * the host already uses. For the devices that are present at boot, see boot-list.h.
 *
 * vfio-pci is loaded before the file is written. Otherwise, when it is loaded later, it would bind by itself to all
 * devices with its driver_override, and vfiod would take them for devices that another program detached. */

/* Tells whether udev can apply the rule: it cannot compare a port path, and a rule for VFs leaves the PF with the
 * host. */
bool early_rules_have(const Rule *rule);

/* Tells whether the book has early rules. */
bool early_rules_exist(const RuleBook *book);

/* Tells whether an early rule acts on the device. */
bool early_rules_cover(const RuleBook *book, const Device *device);
