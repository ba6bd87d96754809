/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of virsh, for those who know it. */
#include "proxy.h"
#include "verbs.h"

/* "pci_0000_3b_00_0" */
static void print_name(FILE *stream, const char *address) {
        fputs("pci_", stream);
        for (const char *c = address; *c; c++)
                fputc(*c == ':' || *c == '.' ? '_' : *c, stream);
        fputc('\n', stream);
}

ExitCode verb_nodedev_list(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList devices = {0};
        ExitCode code;
        int r;

        if (invocation->tree)
                return verb_groups(invocation);
        if (invocation->output.json)
                return verb_devices(invocation);
        code = invocation_connect(invocation);
        if (code != EXIT_DONE)
                return code;
        r = proxy_list_devices(invocation->bus, &devices, &error);
        if (r < 0)
                return report_error(r, &error);
        for (size_t i = 0; i < devices.count; i++)
                print_name(invocation->output.stream, strempty(devices.items[i].address));
        return EXIT_DONE;
}

ExitCode verb_nodedev_dumpxml(Invocation *invocation) {
        return report_failure(EXIT_USAGE, SD_BUS_ERROR_NOT_SUPPORTED,
                        "vfioctl cannot write the XML of libvirt. The same facts as JSON: vfioctl show --json %s",
                        invocation->selector);
}

ExitCode verb_nodedev_reset(Invocation *invocation) {
        return report_failure(EXIT_USAGE, SD_BUS_ERROR_NOT_SUPPORTED,
                        "vfioctl resets no devices. The kernel resets %s when a virtual machine opens it, and when it "
                        "closes it",
                        invocation->selector);
}
