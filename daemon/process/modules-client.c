/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/modules-client.h"
#include "process/peer.h"

/* Loading a driver can take long. If the module does not load in this time, the kernel probably hangs. */
#define DEADLINE_US (120 * UINT64_C(1000000))

/* module is NULL for a method without arguments. */
static int ask_once(const char *path, const char *method, const char *module, sd_bus_message **ret_reply) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        int fd = peer_connect(path);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, NULL, &peer)) < 0 ||
                        (r = peer_make_call(peer, PEER_MODULES_INTERFACE, method, &call)) < 0 ||
                        (module && (r = sd_bus_message_append(call, "s", module)) < 0))
                return r;
        return peer_call(peer, call, DEADLINE_US, ret_reply);
}

static int ask(const char *path, const char *method, const char *module, sd_bus_message **ret_reply) {
        int r = ask_once(path, method, module, ret_reply);

        /* vfiod-modules was killed, for example by an update of the package. It starts again. */
        return peer_is_lost(r) ? ask_once(path, method, module, ret_reply) : r;
}

int modules_client_load(const Kernel *kernel, const char *module, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int32_t result;

        (void)kernel;
        if (ask(userdata, "Load", module, &reply) < 0 || sd_bus_message_read(reply, "i", &result) < 0 ||
                        !peer_is_errno(result))
                return -ECONNREFUSED;
        return result;
}

void modules_client_search(const Kernel *kernel, const char *module, ModuleSearch *ret, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *release, *other;
        uint32_t file;

        (void)kernel;
        *ret = (ModuleSearch){.file = MODULE_FILE_UNKNOWN};
        if (ask(userdata, "Search", module, &reply) < 0 ||
                        sd_bus_message_read(reply, "uss", &file, &release, &other) < 0 || file >= _MODULE_FILE_MAX ||
                        strlen(release) >= sizeof(ret->release) || strlen(other) >= sizeof(ret->other))
                return;
        ret->file = (ModuleFile)file;
        (void)snprintf(ret->release, sizeof(ret->release), "%s", release);
        (void)snprintf(ret->other, sizeof(ret->other), "%s", other);
}

static int read_variants(sd_bus_message *reply, VariantList *list) {
        const char *pattern, *module;
        int32_t result;
        int blacklisted, r;

        if ((r = sd_bus_message_read(reply, "i", &result)) < 0 || result < 0)
                return r < 0 ? r : peer_is_errno(result) ? result : -EBADMSG;
        r = sd_bus_message_enter_container(reply, 'a', "(ssb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssb)", &pattern, &module, &blacklisted)) > 0)
                r = variant_list_add(list, pattern, module, blacklisted);
        return r;
}

int modules_client_list_variants(const Kernel *kernel, VariantList *ret, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        (void)kernel;
        if (ask(userdata, "ListVariants", NULL, &reply) < 0)
                return -ECONNREFUSED;
        return read_variants(reply, ret);
}
