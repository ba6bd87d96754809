/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dry-run-proxy.h"

#include "decode.h"
#include "error-details.h"
#include "proxy-internal.h"

static int append_dry_run(sd_bus_message *call, const CallOptions *options, sd_bus_error *error) {
        CallOptions copy = *options;

        copy.dry_run = true;
        return append_options(call, &copy, error);
}

int proxy_try_vfs(sd_bus *bus, const char *selector, uint32_t n_vfs, const CallOptions *options, size_t *ret_n,
                sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(entry_list_clear) EntryList remaining = {0};
        int r;

        if ((r = new_selector_call(bus, "SetVirtualFunctions", selector, &call, error)) < 0 ||
                        (r = sd_bus_message_append_basic(call, 'u', &n_vfs)) < 0 ||
                        (r = append_dry_run(call, options, error)) < 0 ||
                        (r = error_details_call(bus, call, WORK_TIMEOUT_USEC, error, &reply)) < 0 ||
                        (r = proxy_read_changes(reply, &remaining, error)) < 0)
                return r;
        *ret_n = remaining.count;
        return 0;
}

int proxy_try_lease(sd_bus *bus, const char *selector, const CallOptions *options, bool *ret_detaches,
                sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(grant_clear) Grant grant = {.group = -1};
        int r;

        if ((r = new_selector_call(bus, "Lease", selector, &call, error)) < 0 ||
                        (r = append_dry_run(call, options, error)) < 0 ||
                        (r = error_details_call(bus, call, WORK_TIMEOUT_USEC, error, &reply)) < 0 ||
                        (r = decoded(decode_grant(reply, &grant), error)) < 0)
                return r;
        *ret_detaches = grant.detaches;
        return 0;
}
