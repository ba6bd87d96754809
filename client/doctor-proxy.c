/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor-proxy.h"

#include "decode-rows.h"
#include "json-value.h"
#include "proxy-internal.h"

/* The daemon answers within ten seconds, but other diagnoses may delay it. */
#define DIAGNOSE_TIMEOUT_USEC (60 * UINT64_C(1000000))

void check_list_clear(CheckList *list) {
        for (size_t i = 0; i < list->count; i++) {
                free(list->items[i].code);
                free(list->items[i].severity);
                free(list->items[i].finding);
                free(list->items[i].cure);
                json_decref(list->items[i].details);
        }
        free(list->items);
        *list = (CheckList){0};
}

static int read_check(sd_bus_message *m, Check *check) {
        int r;

        if ((r = decode_string(m, 's', &check->code)) < 0 || (r = decode_string(m, 's', &check->severity)) < 0 ||
                        (r = decode_string(m, 's', &check->finding)) < 0 ||
                        (r = decode_string(m, 's', &check->cure)) < 0)
                return r;
        return json_value_read(m, &check->details);
}

static int read_checks(sd_bus_message *m, CheckList *list) {
        int r = sd_bus_message_enter_container(m, 'a', "(ssssa{sv})");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "ssssa{sv}")) > 0) {
                if (!ARRAY_GROW(list->items, list->count))
                        return -ENOMEM;
                list->items[list->count] = (Check){0};
                r = read_check(m, &list->items[list->count++]);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

int proxy_diagnose(sd_bus *bus, const char *selector, CheckList *ret_checks, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(check_list_clear) CheckList list = {0};
        CallOptions options = {0};
        int r;

        if (selector)
                r = new_selector_call(bus, "Diagnose", selector, &call, error);
        else if ((r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", "Diagnose")) >= 0)
                r = sd_bus_message_append_basic(call, 's', "");
        if (r < 0 || (r = append_options(call, &options, error)) < 0 ||
                        (r = sd_bus_call(bus, call, DIAGNOSE_TIMEOUT_USEC, error, &reply)) < 0)
                return r;
        if ((r = decoded(read_checks(reply, &list), error)) < 0)
                return r;
        *ret_checks = TAKE_STRUCT(list);
        return 0;
}

const char *check_get_detail(const Check *check, const char *key) {
        return strempty(json_string_value(json_object_get(check->details, key)));
}
