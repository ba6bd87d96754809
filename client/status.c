/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status: the version of vfiod, the IOMMU, and the numbers of devices, groups and leases. */
#include "config.h"
#include "lease-proxy.h"
#include "present.h"
#include "proxy.h"
#include "verbs.h"

/* Returns the number of leases; -1 if vfiod does not tell it, for example because it is an older version. */
static json_int_t count_leases(sd_bus *bus) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(lease_list_clear) LeaseList leases = {0};

        return proxy_list_leases(bus, &leases, &error) < 0 ? -1 : (json_int_t)leases.count;
}

static int print_status(Output *output, const Status *status, json_int_t n_leases) {
        if (output->json)
                return output_json(output,
                                json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "version",
                                                json_text(status->version), "client_version", VFIOD_VERSION, "iommu",
                                                json_text(status->iommu), "iommu_reason",
                                                json_text(status->iommu_reason), "iommu_warning",
                                                json_text(status->iommu_warning), "device_count",
                                                (json_int_t)status->device_count, "group_count",
                                                (json_int_t)status->group_count, "detached_count",
                                                (json_int_t)status->detached_count, "lease_count",
                                                n_leases < 0 ? json_null() : json_integer(n_leases)));

        if (streq(strempty(status->version), VFIOD_VERSION))
                output_field(output, "vfiod", "%s", VFIOD_VERSION);
        else
                output_field(output, "vfiod", "%s (vfioctl %s)", strempty(status->version), VFIOD_VERSION);
        output_field(output, "IOMMU", "%s", strempty(status->iommu));
        if (!isempty(status->iommu_reason))
                output_field(output, "Reason", "%s", status->iommu_reason);
        if (!isempty(status->iommu_warning))
                output_field(output, "Warning", "%s", status->iommu_warning);
        output_field(output, "Devices", "%u", status->device_count);
        output_field(output, "Groups", "%u", status->group_count);
        output_field(output, "Detached", "%u", status->detached_count);
        if (n_leases > 0)
                output_field(output, "Leases", "%" JSON_INTEGER_FORMAT, n_leases);
        return 0;
}

ExitCode verb_status(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(status_clear) Status status = {0};
        int r;

        r = proxy_get_status(invocation->bus, &status, &error);
        if (r >= 0)
                r = print_status(&invocation->output, &status, count_leases(invocation->bus));
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}
