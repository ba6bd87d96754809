/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* Tells whether the SSH session of this process comes through the network interface: the address in $SSH_CONNECTION is one of the
 * interface, or of a bridge, bond or VLAN above it. vfiod cannot know that: sudo, for example, may remove the variable. */
bool ssh_interface_is(const char *name);
