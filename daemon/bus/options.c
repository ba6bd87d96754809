/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/options.h"

#include "policy/guard.h"

void option_list_free(char **list) {
        for (char **entry = list; entry && *entry; entry++)
                free(*entry);
        free(list);
}

int option_read_list(sd_bus_message *message, const char *key, char ***ret, sd_bus_error *error) {
        size_t n = 0;

        int r = sd_bus_message_enter_container(message, 'v', "as");
        if (r < 0)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a list of strings (as).", key);
        if ((r = sd_bus_message_read_strv(message, ret)) < 0 || (r = sd_bus_message_exit_container(message)) < 0)
                return r;
        while (*ret && (*ret)[n])
                n++;
        if (n > OPTION_LIST_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' may have %d entries, not %zu.",
                                key, OPTION_LIST_MAX, n);
        return 0;
}

int option_read_overrides(sd_bus_message *message, unsigned *overrides, sd_bus_error *error) {
        char **names = NULL;

        int r = option_read_list(message, "override", &names, error);
        for (size_t i = 0; r >= 0 && names && names[i]; i++) {
                Guard guard = guard_from_string(names[i]);
                if (guard < 0)
                        r = sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "There is no guard '%s' to override: they are storage, network, display, "
                                        "process, virtual-functions and firmware.",
                                        names[i]);
                else
                        *overrides |= 1U << guard;
        }
        option_list_free(names);
        return r;
}

int options_refuse_all(sd_bus_message *message, const char *method, sd_bus_error *error) {
        const char *key;
        int r;

        if ((r = sd_bus_message_enter_container(message, 'a', "{sv}")) < 0 ||
                        (r = sd_bus_message_enter_container(message, 'e', "sv")) < 0)
                return r;
        if (r == 0)
                return sd_bus_message_exit_container(message);
        if ((r = sd_bus_message_read_basic(message, 's', &key)) < 0)
                return r;
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s has no option '%s'.", method, key);
}
