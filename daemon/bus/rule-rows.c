/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/rule-rows.h"

const RuleFile *rule_rows_find(const Service *service, const char *name) {
        _cleanup_free_ char *path = NULL;

        if (!rule_name_is_valid(name) || service_rule_path(name, &path) < 0 || strlen(path) > BUS_PATH_LENGTH_MAX)
                return NULL;
        return rule_book_find(rule_keeper_book(service->rules), name);
}

static int append_case(sd_bus_message *reply, const RuleCase *rule_case) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'r', "sssa{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "ss", PCI_ADDRESS_TEXT(rule_case->address),
                                         rule_status_to_string(rule_case->status))) < 0 ||
                        (r = bus_append_text(reply, strempty(rule_case->message))) < 0 ||
                        (r = sd_bus_message_append(reply, "a{sv}", 1, "Changing", "b", rule_case->running)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int rule_rows_append(sd_bus_message *reply, const RuleCaseList *list, const char *rule) {
        int r = 0;

        for (size_t i = 0; i < list->n_cases && r >= 0; i++)
                if (streq_ptr(list->cases[i].rule, rule))
                        r = append_case(reply, &list->cases[i]);
        return r;
}

int rule_rows_list_devices(const Service *service, const char *name, const Device ***ret, size_t *ret_n) {
        const RuleCaseList *list = rule_keeper_cases(service->rules);
        size_t n = 0;

        const Device **devices = calloc(list->n_cases + 1, sizeof(Device *));
        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_cases; i++) {
                const Device *device = streq_ptr(list->cases[i].rule, name)
                                ? inventory_find_device(service->inventory, list->cases[i].address)
                                : NULL;

                if (device)
                        devices[n++] = device;
        }
        *ret = devices;
        *ret_n = n;
        return 0;
}
