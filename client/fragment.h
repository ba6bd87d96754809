/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* show --qemu, --libvirt, --xml, ...: prints what gives the selected devices to another program. */
ExitCode fragment_show(Invocation *invocation);
