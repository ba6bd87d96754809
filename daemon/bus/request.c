/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/options.h"

#include "base/text.h"
#include "policy/guard.h"

/* Each option has a bit in the mask of those that were read. */
#define OPTIONS_MAX 32

static size_t find_option(const Option *options, size_t n_options, const char *key) {
        for (size_t i = 0; i < n_options; i++)
                if (streq(key, options[i].key))
                        return i;
        return n_options;
}

/* Reads one option; the message is in front of the key. */
static int read_option(sd_bus_message *message, const char *method, const Option *options, size_t n_options,
                unsigned *seen, void *userdata, sd_bus_error *error) {
        const char *key;

        int r = sd_bus_message_read_basic(message, 's', &key);
        if (r < 0)
                return r;
        size_t i = find_option(options, n_options, key);
        if (i == n_options)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "%s has no option '%s'.", method, TEXT_EXCERPT(key));
        if (*seen & 1U << i)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is given twice.", options[i].key);
        *seen |= 1U << i;
        return options[i].read(message, options[i].key, userdata, error);
}

int options_read(sd_bus_message *message, const char *method, const Option *options, size_t n_options, void *userdata,
                sd_bus_error *error) {
        unsigned seen = 0;

        assert(n_options <= OPTIONS_MAX);
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_option(message, method, options, n_options, &seen, userdata, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

void option_list_done(OptionList *list) {
        for (size_t i = 0; i < list->n_entries; i++)
                free(list->entries[i]);
        free(list->entries);
        *list = (OptionList){};
}

static int add_entry(OptionList *list, const char *key, const char *text, sd_bus_error *error) {
        size_t length = strlen(text);

        if (list->n_entries == OPTION_LIST_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' may have at most %d entries.",
                                key, OPTION_LIST_MAX);
        if (length >= SELECTOR_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "An entry of option '%s' may have at most %d characters, not %zu.", key,
                                SELECTOR_MAX - 1, length);
        if (!list->entries) {
                list->entries = calloc(OPTION_LIST_MAX + 1, sizeof(char *));
                if (!list->entries)
                        return -ENOMEM;
        }
        list->entries[list->n_entries] = strdup(text);
        if (!list->entries[list->n_entries])
                return -ENOMEM;
        list->n_entries++;
        list->size += length + 1;
        return 0;
}

int option_read_list(sd_bus_message *message, const char *key, OptionList *list, sd_bus_error *error) {
        const char *text;

        int r = sd_bus_message_enter_container(message, 'v', "as");
        if (r < 0)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a list of strings (as).", key);
        /* Not sd_bus_message_read_strv(): it has no bound, and its time is quadratic in systemd 252. */
        r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &text)) > 0)
                r = add_entry(list, key, text, error);
        if (r < 0 || (r = sd_bus_message_exit_container(message)) < 0)
                return r;
        return sd_bus_message_exit_container(message);
}

int option_read_flag(sd_bus_message *message, const char *key, bool *ret, sd_bus_error *error) {
        int value;

        int r = sd_bus_message_read(message, "v", "b", &value);
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is true or false (b).", key);
        *ret = value;
        return 0;
}

int option_read_overrides(sd_bus_message *message, unsigned *overrides, sd_bus_error *error) {
        _cleanup_(option_list_done) OptionList names = {};

        int r = option_read_list(message, "override", &names, error);
        for (size_t i = 0; r >= 0 && i < names.n_entries; i++) {
                Guard guard = guard_from_string(names.entries[i]);
                if (guard < 0)
                        r = sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "There is no guard '%s' to override: they are storage, network, display, "
                                        "process, virtual-functions and firmware.",
                                        TEXT_EXCERPT(names.entries[i]));
                else
                        *overrides |= 1U << guard;
        }
        return r;
}
