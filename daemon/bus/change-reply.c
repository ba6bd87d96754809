/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/change-reply.h"

int change_reply_append(sd_bus_message *reply, PciAddress address, const char *before, const char *after) {
        return sd_bus_message_append(
                        reply, "(sssa{sv})", PCI_ADDRESS_TEXT(address), TEXT_NAME(before), TEXT_NAME(after), 0);
}

int change_reply(sd_bus_message *call, const Report *report) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = bus_open_list(call, "(sssa{sv})", &reply);
        for (size_t i = 0; i < report->n_changes && r >= 0; i++)
                r = change_reply_append(
                                reply, report->changes[i].address, report->changes[i].before, report->changes[i].after);
        return r < 0 ? r : bus_send_list(reply);
}

bool change_reply_failure(sd_bus_message *call, const FailureContext *context, const WorkerResult *result) {
        if (result->error == 0 && result->problem.outcome == OUTCOME_DONE)
                return false;
        (void)error_details_reply_job(call, context, result);
        return true;
}

int change_reply_job(sd_bus_message *call, const Job *job) {
        _cleanup_free_ char *path = NULL;

        int r = job ? service_job_path(job_describe(job).number, &path) : 0;
        return r < 0 ? r : sd_bus_reply_method_return(call, "o", path ?: "/");
}
