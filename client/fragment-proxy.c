/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment-proxy.h"

#include "decode-rows.h"
#include "doctor-proxy.h"
#include "proxy-internal.h"

#include "daemon/base/text.h"

#include <inttypes.h>

static const Field details[] = {
                FIELD(Fragment, "arguments", "as", arguments),
                FIELD(Fragment, "devices", "as", devices),
                FIELD(Fragment, "nodes", "as", nodes),
                FIELD(Fragment, "backend", "s", backend),
};

void fragment_clear(Fragment *fragment) {
        fields_clear(details, ELEMENTSOF(details), fragment);
        free(fragment->text);
        *fragment = (Fragment){0};
}

static int append_options_of(sd_bus_message *call, bool iommufd, const ConfigSpaces *spaces) {
        int r;

        if ((r = sd_bus_message_open_container(call, 'a', "{sv}")) < 0 ||
                        (iommufd && (r = sd_bus_message_append(call, "{sv}", "iommufd", "b", 1)) < 0) ||
                        (spaces && (r = append_config_spaces(call, spaces)) < 0))
                return r;
        return sd_bus_message_close_container(call);
}

/* Escapes each line of the text. The caller frees the result. Returns NULL if there is not enough memory. */
static char *escape_lines(const char *text) {
        _cleanup_free_ char *escaped = NULL, *copy = strdup(text);
        char *rest = copy;
        size_t size;

        FILE *stream = copy ? open_memstream(&escaped, &size) : NULL;
        if (!stream)
                return NULL;
        bool failed = false;
        for (char *line; (line = strsep(&rest, "\n"));) {
                _cleanup_free_ char *shown = text_escape_new(line, TEXT_MESSAGE_ESCAPE);

                failed |= !shown;
                fprintf(stream, "%s%s", strempty(shown), rest ? "\n" : "");
        }
        return fclose(stream) != 0 || failed ? NULL : TAKE_PTR(escaped);
}

static int read_fragment(sd_bus_message *m, Fragment *fragment) {
        const char *text;
        int r;

        if ((r = sd_bus_message_read_basic(m, 's', &text)) < 0)
                return r;
        if (!(fragment->text = escape_lines(text)))
                return -ENOMEM;
        return decode_dictionary(m, details, ELEMENTSOF(details), fragment);
}

int proxy_get_fragment(sd_bus *bus, const char *selector, const char *format, bool iommufd, const ConfigSpaces *spaces,
                Fragment *ret_fragment, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(fragment_clear) Fragment fragment = {0};
        int r;

        if ((r = new_selector_call(bus, "GetFragment", selector, &call, error)) < 0 ||
                        (r = sd_bus_message_append_basic(call, 's', format)) < 0 ||
                        (r = append_options_of(call, iommufd, spaces)) < 0 ||
                        (r = sd_bus_call(bus, call, 0, error, &reply)) < 0 ||
                        (r = decoded(read_fragment(reply, &fragment), error)) < 0)
                return r;
        *ret_fragment = TAKE_STRUCT(fragment);
        return 0;
}

int proxy_get_qemu_arguments(sd_bus *bus, int32_t group, char ***ret_arguments, sd_bus_error *error) {
        _cleanup_(fragment_clear) Fragment fragment = {0};
        char selector[sizeof("group:-2147483648")];
        int r;

        (void)snprintf(selector, sizeof(selector), "group:%" PRIi32, group);
        r = proxy_get_fragment(bus, selector, "qemu", false, NULL, &fragment, error);
        if (r < 0)
                return r;
        *ret_arguments = TAKE_PTR(fragment.arguments);
        return 0;
}
