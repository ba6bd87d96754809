/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/operation.h"
#include "bus/options.h"
#include "policy/vf-plan.h"

static int set_fate(VfOptions *options, VfFate fate, bool wanted, sd_bus_error *error) {
        if (!wanted)
                return 0;
        if (options->fate != VFS_OF_HOST && options->fate != fate)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Virtual functions are either detached or driverless: use only one of the options "
                                "'detach' and 'driverless'.");
        options->fate = fate;
        return 0;
}

typedef struct Request {
        char *selector;
        uint32_t count;
        VfOptions options;
} Request;

static void request_free(void *userdata) {
        Request *request = userdata;

        free(request->selector);
        free(request);
}

static int read_overrides(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        (void)key;
        return option_read_overrides(message, &((Request *)userdata)->options.overrides, error);
}

static int read_fate(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        Request *request = userdata;
        bool wanted;

        int r = option_read_flag(message, key, &wanted, error);
        if (r < 0)
                return r;
        return set_fate(&request->options, streq(key, "detach") ? VFS_DETACHED : VFS_DRIVERLESS, wanted, error);
}

static const Option vf_options[] = {
                {"override", read_overrides},
                {"detach", read_fate},
                {"driverless", read_fate},
};

/* Replies with the existing VFs, if nothing is to be changed. */
static int reply_vfs(sd_bus_message *call, const Inventory *inventory, const Device *pf) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        size_t n;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})")) < 0)
                return r;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                const char *driver = TEXT_NAME(devices[i]->driver);

                if (device_is_vf_of(devices[i], pf) &&
                                (r = sd_bus_message_append(reply, "(sssa{sv})", PCI_ADDRESS_TEXT(devices[i]->address),
                                                 driver, driver, 0)) < 0)
                        return r;
        }
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int set_vfs(Service *service, sd_bus_message *call, const Caller *caller, void *userdata, sd_bus_error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        Request *request = userdata;
        char text[CALLER_TEXT_MAX];
        Device *pf = NULL;
        IommuReport iommu;

        int r = selector_resolve_device(service->inventory, request->selector, &pf, &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        assert(pf);
        iommu_examine(service->kernel, &iommu);
        request->options.iommu = &iommu;
        r = vf_plan_new(service->inventory, pf, request->count, &request->options, &plan, &problem);
        if (r == OUTCOME_ALREADY_DETACHED)
                return reply_vfs(call, service->inventory, pf);
        if (r == 0)
                r = job_start(service->jobs, TAKE_PTR(plan), authorize_caller_text(service, caller, text),
                                operation_on_done, call, &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        /* operation_on_done() unrefs it; the event loop calls it later, never from this handler. */
        sd_bus_message_ref(call);
        return 1;
}

int operation_set_vfs(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error) {
        Request *request = calloc(1, sizeof(Request));
        int r;

        if (!request)
                return -ENOMEM;
        NextStep next = {.run = set_vfs, .request = request, .free_request = request_free};
        request->selector = selector_copy(selector);
        if (!request->selector)
                r = -ENOMEM;
        else if ((r = sd_bus_message_read(message, "u", &request->count)) >= 0 &&
                        (r = options_read(message, "SetVirtualFunctions", vf_options, ELEMENTSOF(vf_options), request,
                                         error)) >= 0)
                return authorize_change(service, message, &next, error);
        request_free(request);
        return r;
}
