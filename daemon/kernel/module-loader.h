/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Loads a module of the running kernel, with its dependencies and by its name, with libkmod. Needs CAP_SYS_MODULE, so
 * only vfiod-modules calls it. May block for a long time. Returns as load_module_t does (kernel.h); and -EINVAL for a
 * text that is no name of a module. */
int module_load(const char *module);

/* Tells whether modprobe.d blacklists a module of the running kernel: then module_load() refuses it. */
bool module_is_blacklisted(const char *module);
