/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease-proxy.h"
#include "language.h"

#include "decode.h"
#include "proxy-internal.h"

#include <inttypes.h>

int proxy_read_grant(sd_bus_message *reply, Grant *ret_grant, sd_bus_error *error) {
        int r = read_refusal(reply, error);

        return r < 0 ? r : decoded(decode_grant(reply, ret_grant), error);
}

static int compare_leases(const void *a, const void *b) {
        const Lease *lease_a = a, *lease_b = b;

        return COMPARE(lease_a->number, lease_b->number);
}

int proxy_list_leases(sd_bus *bus, LeaseList *ret_leases, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "ListLeases", error, &reply, NULL);
        if (r < 0)
                return r;
        r = decoded(decode_leases(reply, ret_leases), error);
        if (r >= 0 && ret_leases->count > 0)
                qsort(ret_leases->items, ret_leases->count, sizeof(Lease), compare_leases);
        return r;
}

int proxy_get_lease_of_group(sd_bus *bus, int32_t group, Lease *ret_lease, sd_bus_error *error) {
        _cleanup_(lease_list_clear) LeaseList leases = {0};
        int r;

        r = proxy_list_leases(bus, &leases, error);
        for (size_t i = 0; r >= 0 && i < leases.count; i++)
                if (leases.items[i].group == group) {
                        *ret_lease = TAKE_STRUCT(leases.items[i]);
                        break;
                }
        return r;
}

int proxy_release(sd_bus *bus, uint32_t number, bool force, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        char path[sizeof(ROOT "/leases/4294967295")];
        int r;

        (void)snprintf(path, sizeof(path), ROOT "/leases/%" PRIu32, number);
        if ((r = sd_bus_message_new_method_call(bus, &call, SERVICE, path, SERVICE ".Lease", "Release")) < 0 ||
                        (r = append_options(call, &(CallOptions){.force = force}, error)) < 0)
                return r;
        r = sd_bus_call(bus, call, WORK_TIMEOUT_USEC, error, NULL);
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT)) {
                sd_bus_error_free(error);
                return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                _("There is no lease %" PRIu32 ", or it has ended: see 'vfioctl leases'."), number);
        }
        return r;
}
