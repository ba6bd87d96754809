/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/fragment-interface.h"
#include "bus/request.h"
#include "fragment/fragment.h"

/* Opens a detail that is a list of strings. */
static int open_texts(sd_bus_message *reply, const char *key) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 's', key)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "as")) < 0)
                return r;
        return sd_bus_message_open_container(reply, 'a', "s");
}

/* Closes it. */
static int close_texts(sd_bus_message *reply) {
        int r = 0;

        /* the list, the variant and the entry */
        for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_texts(sd_bus_message *reply, const char *key, char *const *texts, size_t n) {
        int r = open_texts(reply, key);

        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 's', texts[i]);
        return r < 0 ? r : close_texts(reply);
}

static int append_devices(sd_bus_message *reply, const Fragment *fragment) {
        int r = open_texts(reply, "devices");

        for (size_t i = 0; i < fragment->n_devices && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 's', PCI_ADDRESS_TEXT(fragment->devices[i]->address));
        return r < 0 ? r : close_texts(reply);
}

static int append_details(sd_bus_message *reply, const FragmentFormat *format, const Fragment *fragment) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 || (r = append_devices(reply, fragment)) < 0 ||
                        (fragment->n_arguments > 0 &&
                                        (r = append_texts(reply, "arguments", fragment->arguments,
                                                         fragment->n_arguments)) < 0) ||
                        (fragment->n_nodes > 0 &&
                                        (r = append_texts(reply, "nodes", fragment->nodes, fragment->n_nodes)) < 0) ||
                        (format->takes_iommufd &&
                                        (r = sd_bus_message_append(reply, "{sv}", "backend", "s",
                                                         fragment->iommufd ? "iommufd" : "group")) < 0))
                return r;
        return sd_bus_message_close_container(reply);
}

static int reply_fragment(sd_bus_message *call, const FragmentFormat *format, const Fragment *fragment) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 's', fragment->text)) < 0 ||
                        (r = append_details(reply, format, fragment)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

/* Reads the name of the format. The call has its selector read already. */
static int read_format(sd_bus_message *call, const FragmentFormat **ret, sd_bus_error *error) {
        const char *name;

        int r = sd_bus_message_read_basic(call, 's', &name);
        if (r < 0)
                return r;
        *ret = fragment_format_find(name);
        if (!*ret)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no format '%s': they are " FRAGMENT_FORMAT_NAMES ".", TEXT_EXCERPT(name));
        return 0;
}

static int check_options(const FragmentFormat *format, const Request *request, sd_bus_error *error) {
        if (request->iommufd && !format->takes_iommufd)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "The format '%s' has no form for an iommufd.", format->name);
        return 0;
}

/* This only reads the model, so everybody may call it, and it answers at once. */
int fragment_method(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        _cleanup_problem_ Problem problem = {};
        _cleanup_fragment_ Fragment fragment = {};
        const FragmentFormat *format;
        Service *service = userdata;
        Selection selection = {};
        int r;

        if ((r = request_new(message, &request)) < 0 || (r = read_format(message, &format, error)) < 0 ||
                        (r = request_read_options(request, message, error)) < 0 ||
                        (r = check_options(format, request, error)) < 0)
                return r;
        r = selector_resolve(service->inventory, request->selector, &selection, &problem);
        if (r == 0 && format->needs_group && !selection.group)
                r = service_refuse_without_group(service, selection.device, &problem);
        if (r == 0)
                r = fragment_make(format,
                                &(FragmentQuestion){service->kernel, service->inventory, service->names, &selection,
                                                request->spaces.known, request->iommufd},
                                &fragment, &problem);
        return r != 0 ? bus_set_error(error, r, &problem) : reply_fragment(message, format, &fragment);
}
