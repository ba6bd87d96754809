/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-proxy.h"

#include "decode-rows.h"
#include "decode.h"
#include "proxy-internal.h"

int proxy_list_rules(sd_bus *bus, RuleList *ret_rules, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "ListRules", error, &reply, NULL);
        if (r < 0)
                return r;
        return decoded(decode_rules(reply, ret_rules), error);
}

int proxy_add_rule(sd_bus *bus, const char *selector, const CallOptions *options, char **ret_name, char **ret_file,
                sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_free_ char *name = NULL, *file = NULL;
        int r;

        if ((r = new_selector_call(bus, "AddRule", selector, &call, error)) < 0 ||
                        (r = append_options(call, options, error)) < 0 ||
                        (r = sd_bus_call(bus, call, 0, error, &reply)) < 0)
                return r;
        if ((r = decoded(decode_string(reply, 's', &name), error)) < 0 ||
                        (r = decoded(decode_string(reply, 's', &file), error)) < 0)
                return r;
        *ret_name = TAKE_PTR(name);
        *ret_file = TAKE_PTR(file);
        return 0;
}

int proxy_remove_rule(sd_bus *bus, const char *name, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", "RemoveRule");
        if (r >= 0)
                r = sd_bus_message_append(call, "sa{sv}", name, 0);
        if (r == -EINVAL)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The name is not valid UTF-8.");
        return r < 0 ? r : sd_bus_call(bus, call, 0, error, NULL);
}

int proxy_check_rule(sd_bus *bus, const char *text, uint32_t *ret_line, char **ret_fault, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_free_ char *fault = NULL;
        uint32_t line;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", "CheckRule");
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "s", text);
        if (r == -EINVAL)
                return -EILSEQ;
        if (r < 0 || (r = sd_bus_call(bus, call, 0, error, &reply)) < 0)
                return r;
        if ((r = decoded(sd_bus_message_read_basic(reply, 'u', &line), error)) < 0 ||
                        (r = decoded(decode_string(reply, 's', &fault), error)) < 0)
                return r;
        *ret_line = line;
        *ret_fault = TAKE_PTR(fault);
        return 0;
}

int proxy_rescan(sd_bus *bus, sd_bus_error *error) {
        return sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "Rescan", error, NULL, "a{sv}", 0);
}
