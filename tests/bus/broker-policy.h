/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

/* The policy of a system bus in the form that dbus-broker reads. shipped: with the rules of dbus/org.vfiod1.conf,
 * otherwise everything is allowed to everybody. */
GVariant *broker_policy(bool shipped);
