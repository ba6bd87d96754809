/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/modules.h"
#include "kernel/variant.h"

/* A load_module_t that asks vfiod-modules. userdata is the path of its socket. Returns as load_module_t does; and
 * -ECONNREFUSED if vfiod-modules does not answer. */
int modules_client_load(const Kernel *kernel, const char *module, void *userdata);

/* A search_module_t that asks vfiod-modules, which sees the modules on disk. userdata is the path of its socket. */
void modules_client_search(const Kernel *kernel, const char *module, ModuleSearch *ret, void *userdata);

/* A list_variants_t that asks vfiod-modules. userdata is the path of its socket. */
int modules_client_list_variants(const Kernel *kernel, VariantList *ret, void *userdata);
