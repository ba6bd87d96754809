/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment.h"
#include "language.h"

#include "fragment-proxy.h"
#include "present.h"
#include "strv.h"
#include "terminal.h"

#define FORMAT_NODEDEV "nodedev"

/* Asks again with the configuration spaces, if this user may read them: libvirt tells more with them. Returns as
 * proxy_get_fragment() does. */
static int add_spaces(Invocation *invocation, Fragment *fragment, sd_bus_error *error) {
        _cleanup_(config_spaces_clear) ConfigSpaces spaces = {0};
        _cleanup_(fragment_clear) Fragment fuller = {0};
        int r = 0;

        if (connection_is_remote())
                return 0;
        for (char **address = fragment->devices; address && *address && r >= 0; address++)
                r = config_spaces_read(&spaces, *address);
        if (r < 0 || spaces.count == 0)
                return r;
        r = proxy_get_fragment(
                        invocation->bus, invocation->selector, invocation->fragment, false, &spaces, &fuller, error);
        if (r < 0)
                return r;
        fragment_clear(fragment);
        *fragment = TAKE_STRUCT(fuller);
        return 0;
}

static json_t *fragment_to_json(const char *format, const Fragment *fragment) {
        json_t *object = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "format", format, "text", fragment->text,
                        "arguments", json_strings(fragment->arguments), "devices", json_strings(fragment->devices),
                        "nodes", json_strings(fragment->nodes), "backend", json_text(fragment->backend));

        /* the name that it has in the result of detach, too */
        if (object && streq(format, "qemu"))
                object = json_merge(object, json_pack("{s:o}", "qemu_arguments", json_strings(fragment->arguments)));
        return object;
}

/* Tells a person at a terminal what QEMU must be able to do. */
static void remark(const Invocation *invocation, const Fragment *fragment) {
        if (!isatty(STDOUT_FILENO) || invocation->output.quiet || !streq(invocation->fragment, "qemu"))
                return;
        if (streq(strempty(fragment->backend), "iommufd"))
                terminal_say(_("QEMU uses an iommufd and the node of each device (QEMU 8.2 or newer)."));
        else if (fragment->nodes && fragment->nodes[0])
                terminal_say(_("QEMU uses %s."), fragment->nodes[0]);
}

ExitCode fragment_show(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(fragment_clear) Fragment fragment = {0};
        Output *output = &invocation->output;
        int r;

        r = proxy_get_fragment(invocation->bus, invocation->selector, invocation->fragment, invocation->iommufd, NULL,
                        &fragment, &error);
        if (r >= 0 && streq(invocation->fragment, FORMAT_NODEDEV))
                r = add_spaces(invocation, &fragment, &error);
        if (r < 0)
                return report_error(r, &error);
        remark(invocation, &fragment);
        if (output->json)
                r = output_json(output, fragment_to_json(invocation->fragment, &fragment));
        else
                fputs(fragment.text, output->stream);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

ExitCode verb_nodedev_dumpxml(Invocation *invocation) {
        invocation->fragment = FORMAT_NODEDEV;
        return fragment_show(invocation);
}
