/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list and devices: what can be given to virtual machines, and all PCI functions. */
#include "columns.h"
#include "filter.h"
#include "language.h"
#include "terminal.h"
#include "verbs.h"

static const char list_columns[] = "ADDRESS,AVAILABILITY,NAMES,WITH,HOLDER,DEVICE";
static const char device_columns[] = "ADDRESS,GROUP,STATE,DRIVER,NAMES,ID,DEVICE";

typedef struct Request {
        ColumnChoice choice;
        bool sorts;
        size_t sort_column;
        bool backwards;
} Request;

static ExitCode read_request(const ListOptions *options, const char *defaults, Request *ret_request) {
        Request request = {.sorts = options->sort};
        ExitCode code;

        if ((code = filter_check(options)) != EXIT_DONE ||
                        (code = columns_parse(options->columns, defaults, &request.choice)) != EXIT_DONE)
                return code;
        if (options->sort)
                code = columns_parse_sort(options->sort, &request.sort_column, &request.backwards);
        *ret_request = request;
        return code;
}

/* Says why the table is empty. */
static void explain_none(const Invocation *invocation, size_t n_devices) {
        if (invocation->output.quiet || invocation->output.json)
                return;
        if (n_devices == 0)
                fputs(_("vfioctl: this host has no PCI devices\n"), stderr);
        else
                terminal_say(_("vfioctl: none of the %zu PCI devices is like this: see 'vfioctl list --all'"),
                                n_devices);
}

/* Only what is shown, or decides what is shown, is asked for. The survey of what the host uses, and the search for processes, take longer
 * than all the rest, so the JSON of devices has them only if their columns are named. */
static unsigned find_wishes(const Invocation *invocation, const Request *request, bool only_offered) {
        const ListOptions *options = &invocation->list;
        bool has_holder = columns_have(&request->choice, "HOLDER");
        bool sorts_holder = request->sorts && columns_is(request->sort_column, "HOLDER");
        unsigned wishes = only_offered || has_holder ? 0 : OVERVIEW_QUICK;

        if ((options->columns && has_holder) || sorts_holder)
                wishes |= OVERVIEW_HOLDERS;
        if ((invocation->output.json && only_offered) || has_holder || columns_have(&request->choice, "AVAILABILITY") ||
                        sorts_holder || options->available || options->states ||
                        (request->sorts && columns_is(request->sort_column, "AVAILABILITY")))
                wishes |= OVERVIEW_USES;
        return wishes;
}

static ExitCode list(Invocation *invocation, const char *defaults, bool only_offered) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(overview_clear) Overview overview = {0};
        Output *output = &invocation->output;
        Request request;
        ExitCode code;
        int r;

        if (streq_ptr(invocation->list.columns, "help"))
                return columns_print_help(output) < 0 ? EXIT_FAILED : EXIT_DONE;
        code = read_request(&invocation->list, defaults, &request);
        if (code == EXIT_DONE)
                code = invocation_connect(invocation);
        if (code != EXIT_DONE)
                return code;

        r = overview_get(invocation->bus, find_wishes(invocation, &request, only_offered), &overview, &error);
        if (r < 0)
                return report_error(r, &error);
        overview_tell_missing(&overview, output->quiet);
        code = filter_rows(invocation, only_offered, &overview);
        if (code != EXIT_DONE)
                return code;
        if (request.sorts)
                r = columns_sort(&overview, request.sort_column, request.backwards);
        if (r >= 0)
                r = output->json ? overview_print_json(output, &overview)
                                 : columns_print(output, &request.choice, &overview);
        if (r < 0)
                return report_error(r, NULL);
        if (overview.n_rows == 0)
                explain_none(invocation, overview.devices.count);
        return EXIT_DONE;
}

ExitCode verb_list(Invocation *invocation) {
        return list(invocation, list_columns, true);
}

ExitCode verb_devices(Invocation *invocation) {
        return list(invocation, device_columns, false);
}
