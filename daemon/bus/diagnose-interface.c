/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/diagnose-interface.h"
#include "bus/authorize.h"
#include "bus/service.h"

static int append_detail(sd_bus_message *reply, const char *key, const char *value) {
        return sd_bus_message_append(reply, "{sv}", key, "s", value);
}

static int append_check(sd_bus_message *reply, const Check *check) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'r', "ssssa{sv}")) < 0 ||
                        (r = sd_bus_message_append(
                                         reply, "ss", check->code, check_severity_to_string(check->severity))) < 0 ||
                        (r = bus_append_text(reply, check->finding)) < 0 ||
                        (r = bus_append_text(reply, check->cure)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = append_detail(reply, "area", check_area_to_string(check->area))) < 0)
                return r;
        for (size_t i = 0; i < check->n_details; i++)
                if ((r = append_detail(reply, check->details[i].key, check->details[i].value)) < 0)
                        return r;
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_checks(sd_bus_message *call, const CheckList *checks) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = bus_open_list(call, "(ssssa{sv})", &reply);
        for (size_t i = 0; i < checks->n_checks && r >= 0; i++)
                r = append_check(reply, &checks->checks[i]);
        return r < 0 ? r : bus_send_list(reply);
}

static void on_diagnosis_done(int error, const CheckList *checks, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = userdata;

        if (error == 0)
                error = reply_checks(call, checks);
        if (error < 0)
                (void)sd_bus_reply_method_errorf(
                                call, BUS_ERROR_PREFIX "Failed", "Cannot examine the host: %s", strerror(-error));
}

static int start_diagnosis(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        bool of_host = isempty(request->selector);
        Selection selection = {};

        int r = of_host ? 0 : selector_resolve(service->inventory, request->selector, &selection, &problem);
        if (r == 0)
                r = diagnosis_start(service->diagnoses,
                                &(DiagnosisQuestion){caller->uid, caller->pid, of_host ? NULL : &selection,
                                                request->explain, request->spaces.known},
                                on_diagnosis_done, call, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        /* on_diagnosis_done() unrefs the call. The event loop calls it later, never from here. */
        sd_bus_message_ref(call);
        return 1;
}

static const CallHandler diagnosis_handler = {.run = start_diagnosis};

int diagnose_method(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &diagnosis_handler, TAKE_PTR(request), error);
}
