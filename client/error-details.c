/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "error-details.h"

#include "decode.h"
#include "present.h"

#include "daemon/base/util.h"

static struct {
        bool keeps;
        char *name; /* of the error; NULL for none */
        json_t *details;
} kept;

void error_details_keep(void) {
        kept.keeps = true;
}

int error_details_append_option(sd_bus_message *call) {
        static const char *const methods[] = {"Plan", "Detach", "Reattach", "Reset", "SetVirtualFunctions", "Lease",
                        "AddRule", "RemoveRule", "ChangeRules", "SetEnabled", "Edit"};

        for (size_t i = 0; kept.keeps && i < ELEMENTSOF(methods); i++)
                if (streq_ptr(sd_bus_message_get_member(call), methods[i]))
                        return sd_bus_message_append(call, "{sv}", "error-details", "b", 1);
        return 0;
}

static void forget(void) {
        free(TAKE_PTR(kept.name));
        json_decref(TAKE_PTR(kept.details));
}

void error_details_read(sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Refusal refusal = {0};

        if (!kept.keeps || !error || sd_bus_message_has_signature(reply, "sa{sv}") <= 0)
                return;
        forget();
        if (sd_bus_message_rewind(reply, true) >= 0 && sd_bus_message_skip(reply, "s") >= 0 &&
                        decode_refusal(reply, &refusal) >= 0) {
                kept.name = strdup(error->name);
                kept.details = refusal_to_json(&refusal);
        }
        refusal_clear(&refusal);
}

json_t *error_details_take(const char *name) {
        json_t *details = streq_ptr(kept.name, name) ? TAKE_PTR(kept.details) : NULL;

        forget();
        return details;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        sd_bus_message **ret = userdata;

        (void)error;
        *ret = sd_bus_message_ref(reply);
        return 0;
}

/* sd_bus_call() gives only the name and the message of an error. */
int error_details_call(sd_bus *bus, sd_bus_message *call, uint64_t timeout_us, sd_bus_error *error,
                sd_bus_message **ret_reply) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;

        if (!kept.keeps)
                return sd_bus_call(bus, call, timeout_us, error, ret_reply);
        int r = sd_bus_call_async(bus, &slot, call, on_reply, &reply, timeout_us);
        while (r >= 0 && !reply) {
                r = sd_bus_process(bus, NULL);
                if (r == 0 && !reply)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        if (r < 0)
                return r;
        if (sd_bus_message_get_error(reply)) {
                error_details_read(reply);
                return sd_bus_error_copy(error, sd_bus_message_get_error(reply));
        }
        if (ret_reply)
                *ret_reply = TAKE_PTR(reply);
        return 0;
}
