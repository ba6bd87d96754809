/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "revert-proxy.h"

#include "proxy-internal.h"

int proxy_confirm(sd_bus *bus, const char *selector, int32_t **ret_groups, size_t *ret_n, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        const void *groups;
        size_t size;
        int r;

        if ((r = new_selector_call(bus, "Confirm", selector, &call, error)) < 0 ||
                        (r = append_options(call, &(CallOptions){}, error)) < 0 ||
                        (r = sd_bus_call(bus, call, WORK_TIMEOUT_USEC, error, &reply)) < 0)
                return r;
        r = decoded(sd_bus_message_read_array(reply, 'i', &groups, &size), error);
        if (r < 0)
                return r;
        int32_t *copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, groups, size);
        *ret_groups = copy;
        *ret_n = size / sizeof(int32_t);
        return 0;
}
