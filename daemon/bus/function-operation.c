/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/operation.h"
#include "bus/options.h"
#include "policy/function-plan.h"

static int set_fate(FunctionOptions *options, FunctionFate fate, bool wanted, sd_bus_error *error) {
        if (!wanted)
                return 0;
        if (options->fate != FUNCTIONS_OF_HOST && options->fate != fate)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Virtual functions are either detached or driverless: use only one of the options "
                                "'detach' and 'driverless'.");
        options->fate = fate;
        return 0;
}

static int read_option(sd_bus_message *message, const char *key, FunctionOptions *options, sd_bus_error *error) {
        bool detach = streq(key, "detach"), wanted;

        if (streq(key, "override"))
                return option_read_overrides(message, &options->overrides, error);
        if (!detach && !streq(key, "driverless"))
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "SetVirtualFunctions has no option '%s'.", key);
        int r = operation_read_flag(message, key, &wanted, error);
        return r < 0 ? r : set_fate(options, detach ? FUNCTIONS_DETACHED : FUNCTIONS_DRIVERLESS, wanted, error);
}

static int read_options(sd_bus_message *message, FunctionOptions *options, sd_bus_error *error) {
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *key;

                if ((r = sd_bus_message_read_basic(message, 's', &key)) >= 0 &&
                                (r = read_option(message, key, options, error)) >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* Replies with the existing VFs, if nothing is to be changed. */
static int reply_functions(sd_bus_message *call, const Inventory *inventory, const Device *physical) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        size_t n;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sss)")) < 0)
                return r;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                const char *driver = strempty(devices[i]->driver);

                if (device_is_function_of(devices[i], physical) &&
                                (r = sd_bus_message_append(reply, "(sss)", PCI_ADDRESS_TEXT(devices[i]->address),
                                                 driver, driver)) < 0)
                        return r;
        }
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

int operation_set_functions(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        char caller[CALLER_TEXT_MAX];
        Device *physical = NULL;
        IommuReport iommu;
        uint32_t count;
        int r;

        FunctionOptions options = {.iommu = &iommu};
        if ((r = sd_bus_message_read(message, "u", &count)) < 0 || (r = read_options(message, &options, error)) < 0 ||
                        (r = authorize_change(message, error)) < 0)
                return r;
        if ((r = selector_resolve_device(service->inventory, selector, &physical, &problem)) != 0)
                return errors_set(error, r, &problem);
        assert(physical);
        iommu_examine(service->kernel, &iommu);
        r = function_plan_new(service->inventory, physical, count, &options, &plan, &problem);
        if (r == OUTCOME_ALREADY_DETACHED)
                return reply_functions(message, service->inventory, physical);
        if (r == 0)
                r = job_start(service->jobs, TAKE_PTR(plan), authorize_caller_name(message, caller), operation_on_done,
                                message, &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        sd_bus_message_ref(
                        message); /* operation_on_done() unrefs it; the event loop calls it later, never from this handler */
        return 1;
}
