/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "doctor-proxy.h"

#include "decode-rows.h"
#include "json-value.h"
#include "present.h"
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
                        (r = decode_sentence(m, &check->finding)) < 0 || (r = decode_sentence(m, &check->cure)) < 0)
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

static int call_diagnose(sd_bus *bus, sd_bus_message *call, CheckList *ret_checks, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(check_list_clear) CheckList list = {0};
        int r;

        if ((r = sd_bus_call(bus, call, DIAGNOSE_TIMEOUT_USEC, error, &reply)) < 0 ||
                        (r = decoded(read_checks(reply, &list), error)) < 0)
                return r;
        *ret_checks = TAKE_STRUCT(list);
        return 0;
}

int proxy_diagnose(sd_bus *bus, const char *selector, CheckList *ret_checks, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        CallOptions options = {0};
        int r;

        if (selector)
                r = new_selector_call(bus, "Diagnose", selector, &call, error);
        else if ((r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", "Diagnose")) >= 0)
                r = sd_bus_message_append_basic(call, 's', "");
        if (r < 0 || (r = append_options(call, &options, error)) < 0)
                return r;
        return call_diagnose(bus, call, ret_checks, error);
}

int append_config_spaces(sd_bus_message *call, const ConfigSpaces *spaces) {
        int r;

        if ((r = sd_bus_message_open_container(call, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append_basic(call, 's', "config-space")) < 0 ||
                        (r = sd_bus_message_open_container(call, 'v', "a{say}")) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "{say}")) < 0)
                return r;
        for (size_t i = 0; i < spaces->count; i++)
                if ((r = sd_bus_message_open_container(call, 'e', "say")) < 0 ||
                                (r = sd_bus_message_append_basic(call, 's', spaces->items[i].address)) < 0 ||
                                (r = sd_bus_message_append_array(
                                                 call, 'y', spaces->items[i].bytes, spaces->items[i].size)) < 0 ||
                                (r = sd_bus_message_close_container(call)) < 0)
                        return r;
        for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
                r = sd_bus_message_close_container(call);
        return r;
}

int proxy_explain(sd_bus *bus, const char *selector, const ConfigSpaces *spaces, CheckList *ret_checks,
                sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if ((r = new_selector_call(bus, "Diagnose", selector, &call, error)) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "{sv}")) < 0 ||
                        (r = sd_bus_message_append(call, "{sv}", "explain", "b", 1)) < 0 ||
                        (spaces && (r = append_config_spaces(call, spaces)) < 0) ||
                        (r = sd_bus_message_close_container(call)) < 0)
                return r;
        return call_diagnose(bus, call, ret_checks, error);
}

json_t *check_to_json(const Check *check) {
        return json_pack("{s:o, s:o, s:o, s:o, s:O}", "code", json_text(check->code), "severity",
                        json_text(check->severity), "finding", json_text(check->finding), "cure",
                        json_text(check->cure), "details", check->details);
}

const char *check_get_detail(const Check *check, const char *key) {
        return strempty(json_string_value(json_object_get(check->details, key)));
}
