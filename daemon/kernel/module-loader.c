/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/module-loader.h"

#include <libkmod.h>

/* The kernel limits the name of a module to 55 characters (MODULE_NAME_LEN). */
#define MODULE_NAME_MAX 56

DEFINE_TRIVIAL_CLEANUP_FUNC(struct kmod_ctx *, kmod_unref)
DEFINE_TRIVIAL_CLEANUP_FUNC(struct kmod_module *, kmod_module_unref)

static void kmod_module_unref_listp(struct kmod_list **list) {
        if (*list)
                kmod_module_unref_list(*list);
}

/* libkmod calls this for an "install" command of modprobe.d. vfiod does not run such commands. The kernel never
 * returns this errno for a module. */
#define REFUSED_COMMAND (-ECANCELED)
static int refuse_command(struct kmod_module *module, const char *command, void *userdata) {
        (void)module, (void)command, (void)userdata;
        return REFUSED_COMMAND;
}

/* A name, and not the alias of a device, which could stand for any module. */
static bool is_valid_name(const char *module) {
        size_t length = strlen(module);

        return length > 0 && length < MODULE_NAME_MAX &&
                        strspn(module, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == length;
}

int module_load(const char *module) {
        if (!is_valid_name(module))
                return -EINVAL;
        _cleanup_(kmod_unrefp) struct kmod_ctx *context = kmod_new(NULL, NULL);
        if (!context)
                return -ENOMEM;

        _cleanup_(kmod_module_unref_listp) struct kmod_list *list = NULL;
        int r = kmod_module_new_from_lookup(context, module, &list);
        if (r < 0)
                return r;
        if (!list)
                return -ENOENT;

        struct kmod_list *item;
        kmod_list_foreach(item, list) {
                _cleanup_(kmod_module_unrefp) struct kmod_module *found = kmod_module_get_module(item);

                r = kmod_module_probe_insert_module(
                                found, KMOD_PROBE_APPLY_BLACKLIST, NULL, refuse_command, NULL, NULL);
                if (r == KMOD_PROBE_APPLY_BLACKLIST)
                        return -EPERM;
                if (r == REFUSED_COMMAND || r == -ENOEXEC)
                        return r == -ENOEXEC ? -ELIBBAD : -ENOEXEC;
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        return 0;
}

bool module_is_blacklisted(const char *module) {
        _cleanup_(kmod_module_unref_listp) struct kmod_list *list = NULL, *allowed = NULL;
        _cleanup_(kmod_unrefp) struct kmod_ctx *context = is_valid_name(module) ? kmod_new(NULL, NULL) : NULL;

        return context && kmod_module_new_from_lookup(context, module, &list) >= 0 && list &&
                        kmod_module_apply_filter(context, KMOD_FILTER_BLACKLIST, list, &allowed) >= 0 && !allowed;
}
