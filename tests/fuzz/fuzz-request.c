/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/request.h"
#include "message-input.h"

/* A call of any user: the object, the method, and the options with values of all types. */

/* More than a list may have. */
#define LONG_LIST (REQUEST_LIST_MAX + 6)

static const char *const paths[] = {BUS_PATH, BUS_PATH_GROUPS "/10", BUS_PATH_DEVICES "/_30000_3a03_3a01_2e0",
                BUS_PATH_JOBS "/1", BUS_PATH_DEVICES "/_3", "/"};

static const char *const words[] = {"companions", "override", "plan", "force", "adopt", "detach", "driverless", "name",
                "driver", "virtual-functions", "dry-run", "inspect", "storage", "firmware", "vfio-pci", "mlx5_vfio_pci",
                "0123456789abcdef", "0000000000000000", "0000:03:01.0", "*", "../x", ""};

/* Returns a word, or up to 255 characters, or a long text. The caller frees it. */
static char *take_text(MessageInput *input) {
        uint8_t kind = message_input_byte(input), choice = message_input_byte(input);

        if (kind < 0xc0)
                return g_strdup(words[choice % G_N_ELEMENTS(words)]);
        if (kind == 0xff)
                return g_strnfill(SELECTOR_MAX - 2 + choice % 4, 'x');
        char *text = g_malloc0((gsize)choice + 1);
        for (size_t i = 0; i < choice; i++)
                text[i] = (char)message_input_byte(input);
        if (!g_utf8_validate(text, -1, NULL)) /* sd-bus refuses it at one of the two ends */
                text[0] = '\0';
        return text;
}

static void append_text(sd_bus_message *message, MessageInput *input) {
        g_autofree char *text = take_text(input);

        g_assert_cmpint(sd_bus_message_append_basic(message, 's', text), >=, 0);
}

static void append_list(sd_bus_message *message, MessageInput *input) {
        uint8_t n = message_input_byte(input);

        g_assert_cmpint(sd_bus_message_open_container(message, 'a', "s"), >=, 0);
        for (unsigned i = n == UINT8_MAX ? LONG_LIST : n % 8; i > 0; i--)
                append_text(message, input);
        g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
}

static void append_value(sd_bus_message *message, MessageInput *input) {
        static const char *const types[] = {"b", "s", "u", "as", "v"};
        const char *type = types[message_input_byte(input) % G_N_ELEMENTS(types)];
        uint8_t number = message_input_byte(input);
        int r = 0;

        g_assert_cmpint(sd_bus_message_open_container(message, 'v', type), >=, 0);
        if (streq(type, "b"))
                r = sd_bus_message_append(message, "b", (int)(number & 1));
        else if (streq(type, "u"))
                r = sd_bus_message_append(message, "u", number < 0xf0 ? (uint32_t)number : UINT32_MAX - number + 0xf0);
        else if (streq(type, "v"))
                r = sd_bus_message_append(message, "v", "s", "x");
        else if (streq(type, "s"))
                append_text(message, input);
        else
                append_list(message, input);
        g_assert_cmpint(r, >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
}

static void append_options(sd_bus_message *message, MessageInput *input) {
        g_assert_cmpint(sd_bus_message_open_container(message, 'a', "{sv}"), >=, 0);
        for (unsigned n = message_input_byte(input) % 6; n > 0; n--) {
                g_assert_cmpint(sd_bus_message_open_container(message, 'e', "sv"), >=, 0);
                append_text(message, input);
                append_value(message, input);
                g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
        }
        g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
}

static void check_list(const RequestList *list) {
        size_t size = 0;

        g_assert_cmpuint(list->n_entries, <=, REQUEST_LIST_MAX);
        g_assert_true(list->entries || list->n_entries == 0);
        for (size_t i = 0; i < list->n_entries; i++) {
                g_assert_cmpuint(strlen(list->entries[i]), <, SELECTOR_MAX);
                size += strlen(list->entries[i]) + 1;
        }
        g_assert_true(!list->entries || !list->entries[list->n_entries]);
        g_assert_cmpuint(list->size, ==, size);
}

/* A field with a value needs what the table says for its option. */
static void check_action(const Request *request, const char *option, bool is_set) {
        const OptionAccess *access = action_find_option(request->method, option);

        if (is_set) {
                g_assert_nonnull(access);
                g_assert_true(request->actions & 1U << access->action);
        }
}

static void check_values(const Request *request) {
        check_list(&request->companions);
        g_assert_cmpuint(request->overrides, <, 1U << _GUARD_MAX);
        g_assert_true(!request->name || rule_name_is_valid(request->name));
        g_assert_true(!request->driver || pci_vfio_name_is_valid(request->driver));
        g_assert_cmpuint(request->virtual_functions, <=, RULE_VIRTUAL_FUNCTIONS_MAX);
}

static void check_actions(const Request *request) {
        g_assert_true(request->actions & 1U << request->method->action);
        check_action(request, "companions", request->companions.n_entries > 0);
        check_action(request, "override", request->overrides != 0);
        check_action(request, "plan", request->fingerprint != 0);
        check_action(request, "force", request->force);
        check_action(request, "adopt", request->adopt);
        check_action(request, "detach", request->detach);
        check_action(request, "driverless", request->driverless);
        check_action(request, "name", request->name != NULL);
        check_action(request, "driver", request->driver != NULL);
        check_action(request, "virtual-functions", request->virtual_functions != 0);
        check_action(request, "dry-run", request->dry_run);
        check_action(request, "inspect", request->inspect);
}

static void try_call(sd_bus_message *call, const char *arguments, const MethodAccess *planned) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(request_freep) Request *request = NULL;

        int r = request_new(call, &request);
        g_assert_true((r >= 0) == (request != NULL));
        if (r < 0)
                return;
        /* A method of an object has no selector. request_new() has read the first argument of the others. */
        const char *rest = arguments[0] == 's' ? arguments + 1 : arguments;
        if (!startswith(sd_bus_message_get_path(call), BUS_PATH "/") && rest[0] != '\0' &&
                        sd_bus_message_skip(call, rest) < 0)
                return;
        r = planned ? request_read_planned_options(request, call, planned, &error)
                    : request_read_options(request, call, &error);
        check_values(request);
        if (r >= 0)
                check_actions(request);
        g_assert_true(r < 0 || !sd_bus_error_is_set(&error));
        if (sd_bus_error_is_set(&error)) {
                fuzz_assert_message(error.message);
                g_assert_cmpuint(strlen(error.message), <, 400);
        }
}

static size_t count_methods(void) {
        size_t n = 0;

        while (action_table[n].interface)
                n++;
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const lists[] = {"", "s", "ss", "su"};
        MessageInput input = {data, size};

        const MethodAccess *method = &action_table[message_input_byte(&input) % count_methods()];
        const char *path = paths[message_input_byte(&input) % G_N_ELEMENTS(paths)];
        const char *arguments = lists[message_input_byte(&input) % G_N_ELEMENTS(lists)];
        bool is_plan = streq(method->member, "Plan");
        _cleanup_message_ sd_bus_message *call = message_input_new_call(path, method->interface, method->member);
        for (const char *type = arguments; *type; type++)
                if (*type == 's')
                        append_text(call, &input);
                else
                        g_assert_cmpint(sd_bus_message_append(call, "u", 7U), >=, 0);
        const char *planned = message_input_byte(&input) & 1 ? "Detach" : "Reattach";
        append_options(call, &input);
        message_input_seal(call);
        try_call(call, arguments, is_plan ? action_find(action_table, BUS_INTERFACE_MANAGER, planned) : NULL);
        return 0;
}
