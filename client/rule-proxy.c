/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-proxy.h"
#include "language.h"

#include "decode-rows.h"
#include "decode.h"
#include "error-details.h"
#include "json-value.h"
#include "proxy-internal.h"
#include "rule-text.h"

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
                        (r = error_details_call(bus, call, 0, error, &reply)) < 0)
                return r;
        if ((r = decoded(decode_string(reply, 's', &name), error)) < 0 ||
                        (r = decoded(decode_string(reply, 's', &file), error)) < 0)
                return r;
        *ret_name = TAKE_PTR(name);
        *ret_file = TAKE_PTR(file);
        return 0;
}

static int append_rule_options(sd_bus_message *call, uint64_t version, bool no_apply) {
        int r;

        if ((r = sd_bus_message_open_container(call, 'a', "{sv}")) < 0 ||
                        (no_apply && (r = sd_bus_message_append(call, "{sv}", "no-apply", "b", 1)) < 0) ||
                        (version > 0 && (r = sd_bus_message_append(call, "{sv}", "version-id", "t", version)) < 0) ||
                        (r = error_details_append_option(call)) < 0)
                return r;
        return sd_bus_message_close_container(call);
}

int proxy_remove_rule(sd_bus *bus, const char *name, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", "RemoveRule");
        if (r >= 0)
                r = sd_bus_message_append(call, "s", name);
        if (r == -EINVAL)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, _("The name is not valid UTF-8."));
        if (r < 0 || (r = append_rule_options(call, 0, false)) < 0)
                return r;
        return error_details_call(bus, call, 0, error, NULL);
}

void rule_details_clear(RuleDetails *details) {
        free(details->text);
        free(details->reason);
        json_decref(details->settings);
        *details = (RuleDetails){0};
}

/* Makes the path of the object. Returns 0, or a negative errno with the error. */
static int make_path(const char *name, char **ret, sd_bus_error *error) {
        int r = rule_text_name_is_valid(name) ? sd_bus_path_encode(ROOT "/rules", name, ret) : -EINVAL;

        return r == -EINVAL ? sd_bus_error_setf(error, SERVICE ".Error.NoSuchRule",
                                              _("There is no rule of that name. 'vfioctl rule list' lists all."))
                            : r;
}

/* There is no object. */
static int translate(int r, sd_bus_error *error) {
        if (!sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT))
                return r;
        sd_bus_error_free(error);
        return sd_bus_error_setf(error, SERVICE ".Error.NoSuchRule",
                        _("There is no rule of that name. 'vfioctl rule list' lists all."));
}

int proxy_get_rule(sd_bus *bus, const char *name, RuleDetails *ret_details, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(rule_details_clear) RuleDetails details = {0};
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = make_path(name, &path, error)) < 0)
                return r;
        /* The version first: it is never newer than the text. An older vfiod has none. */
        if (sd_bus_get_property_trivial(bus, SERVICE, path, SERVICE ".Rule", "VersionId", NULL, 't', &details.version) <
                        0)
                details.version = 0;
        if ((r = sd_bus_get_property_string(bus, SERVICE, path, SERVICE ".Rule", "Text", error, &details.text)) < 0 ||
                        (r = sd_bus_get_property_string(
                                         bus, SERVICE, path, SERVICE ".Rule", "Reason", error, &details.reason)) < 0 ||
                        (r = sd_bus_get_property(
                                         bus, SERVICE, path, SERVICE ".Rule", "Settings", error, &reply, "a{sv}")) < 0)
                return translate(r, error);
        if ((r = decoded(json_value_read(reply, &details.settings), error)) < 0)
                return r;
        *ret_details = TAKE_STRUCT(details);
        return 0;
}

/* Begins a call of a method of the object. */
static int new_call(sd_bus *bus, const char *name, const char *method, sd_bus_message **ret, sd_bus_error *error) {
        _cleanup_free_ char *path = NULL;

        int r = make_path(name, &path, error);
        return r < 0 ? r : sd_bus_message_new_method_call(bus, ret, SERVICE, path, SERVICE ".Rule", method);
}

static int send_call(sd_bus *bus, sd_bus_message *call, uint64_t version, bool no_apply, sd_bus_error *error) {
        int r = append_rule_options(call, version, no_apply);

        return r < 0 ? r : translate(error_details_call(bus, call, 0, error, NULL), error);
}

int proxy_enable_rule(sd_bus *bus, const char *name, bool enabled, bool no_apply, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if ((r = new_call(bus, name, "SetEnabled", &call, error)) < 0 ||
                        (r = sd_bus_message_append(call, "b", (int)enabled)) < 0)
                return r;
        return send_call(bus, call, 0, no_apply, error);
}

int proxy_edit_rule(
                sd_bus *bus, const char *name, const char *text, uint64_t version, bool no_apply, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if ((r = new_call(bus, name, "Edit", &call, error)) < 0 || (r = sd_bus_message_append(call, "s", text)) < 0)
                return r;
        return send_call(bus, call, version, no_apply, error);
}

int proxy_rescan(sd_bus *bus, sd_bus_error *error) {
        return sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "Rescan", error, NULL, "a{sv}", 0);
}
