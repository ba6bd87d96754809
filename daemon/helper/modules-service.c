/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/modules-service.h"
#include "base/log.h"
#include "kernel/module-loader.h"
#include "kernel/modules.h"
#include "kernel/variant.h"
#include "process/peer.h"

static int method_load(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *module;

        (void)userdata, (void)error;
        int r = sd_bus_message_read(message, "s", &module);
        return r < 0 ? r : sd_bus_reply_method_return(message, "i", module_load(module));
}

static int method_search(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        ModuleSearch search;
        const char *module;

        (void)error;
        int r = sd_bus_message_read(message, "s", &module);
        if (r < 0)
                return r;
        modules_search(userdata, module, &search);
        return sd_bus_reply_method_return(message, "uss", (uint32_t)search.file, search.release, search.other);
}

static int append_variant(sd_bus_message *reply, const VariantList *list, size_t i) {
        const Variant *variant = &list->variants[i], *earlier = i > 0 ? &list->variants[i - 1] : NULL;

        /* The lines of a module follow each other. */
        bool blacklisted = earlier && streq(earlier->module, variant->module) ? earlier->blacklisted
                                                                              : module_is_blacklisted(variant->module);
        list->variants[i].blacklisted = blacklisted;
        return sd_bus_message_append(reply, "(ssb)", variant->pattern, variant->module, (int)blacklisted);
}

static int method_list_variants(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_variants_ VariantList list = {};

        (void)error;
        int result = variant_list_read(userdata, &list);
        int r = sd_bus_message_new_method_return(message, &reply);
        if (r < 0 || (r = sd_bus_message_append(reply, "i", result)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(ssb)")) < 0)
                return r;
        for (size_t i = 0; i < list.n_variants && r >= 0; i++)
                r = append_variant(reply, &list, i);
        if (r < 0 || (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

/* The listener has checked who connects, so every call is allowed. */
static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Load", "s", "i", method_load, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Search", "s", "uss", method_search, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("ListVariants", "", "ia(ssb)", method_list_variants, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

void modules_serve(int fd, void *userdata) {
        int r = peer_serve(fd, PEER_MODULES_INTERFACE, vtable, userdata);
        if (r < 0)
                log_error_errno(r, "Cannot talk to a worker");
}
