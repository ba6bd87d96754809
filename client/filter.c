/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "filter.h"
#include "language.h"

#include "known-names.h"
#include "proxy.h"
#include "strv.h"

#include <fnmatch.h>

/* Whether the device can be given to a virtual machine at all, and does more than to hold the host together: it is no
 * bridge, and no part of the chipset. */
static bool device_is_offered(const Device *device) {
        return device->endpoint && !streq_ptr(device->category, "bridge") && !streq_ptr(device->category, "system");
}

static bool is_pattern(const char *selector) {
        return strpbrk(selector, "*?[");
}

/* "0x0200", "0200" or "02": the beginning of a class. Returns the number of digits; 0 if the text is no class. */
static size_t class_digits(const char *text, uint32_t *ret_class) {
        const char *digits = startswith(text, "0x") ?: text;
        size_t n = strlen(digits);

        if ((n != 2 && n != 4 && n != 6) || strspn(digits, "0123456789abcdefABCDEF") != n)
                return 0;
        *ret_class = (uint32_t)strtoul(digits, NULL, 16);
        return n;
}

static bool is_class(const Device *device, const char *text) {
        uint32_t class;
        size_t n = class_digits(text, &class);

        return n > 0 ? device->class >> (24 - 4 * n) == class : streq_ptr(device->category, text);
}

ExitCode filter_check(const ListOptions *options) {
        uint32_t class;

        for (char **state = options->states; state && *state; state++)
                if (!availability_is_known(*state))
                        return report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS, _("'%s' is no state: use %s"),
                                        *state, availability_names());
        for (char **name = options->classes; name && *name; name++)
                if (!category_is_known(*name) && class_digits(*name, &class) == 0)
                        return report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS,
                                        _("'%s' is no class: use a number as 0x0200, or %s"), *name, category_names());
        return EXIT_DONE;
}

/* Addresses of domain 0000 also match without their domain. */
static bool matches(const Device *device, const char *pattern) {
        const char *address = strempty(device->address), *shorter = startswith(address, "0000:");

        if (fnmatch(pattern, address, FNM_CASEFOLD) == 0 || (shorter && fnmatch(pattern, shorter, FNM_CASEFOLD) == 0))
                return true;
        for (char **name = device->names; name && *name; name++)
                if (fnmatch(pattern, *name, 0) == 0)
                        return true;
        return false;
}

static bool is_listed(const char *text, char *const *list) {
        for (; list && *list; list++)
                if (streq_ptr(text, *list))
                        return true;
        return false;
}

/* "none" stands for a device without a driver. */
static bool has_driver(const Device *device, char *const *patterns) {
        for (; patterns && *patterns; patterns++)
                if (isempty(device->driver) ? streq(*patterns, "none") : fnmatch(*patterns, device->driver, 0) == 0)
                        return true;
        return false;
}

static bool has_class(const Device *device, char *const *classes) {
        for (; classes && *classes; classes++)
                if (is_class(device, *classes))
                        return true;
        return false;
}

typedef struct Filter {
        const ListOptions *options;
        bool only_offered;
        const bool *selected; /* by position; NULL if there are no selectors */
} Filter;

static bool keep(const Row *row, void *userdata) {
        const Filter *filter = userdata;
        const ListOptions *options = filter->options;

        if (filter->selected ? !filter->selected[row->position]
                             : filter->only_offered && !options->all && !device_is_offered(row->device))
                return false;
        if (options->available && !streq_ptr(row->availability, "available"))
                return false;
        if (options->states && !is_listed(row->availability, options->states) &&
                        !is_listed(row->device->state, options->states))
                return false;
        return (!options->classes || has_class(row->device, options->classes)) &&
                        (!options->drivers || has_driver(row->device, options->drivers));
}

/* Marks what a pattern matches. Returns the number of these devices. */
static size_t mark_pattern(const Overview *overview, const char *pattern, bool *selected) {
        size_t n = 0;

        for (size_t i = 0; i < overview->n_rows; i++)
                if (matches(overview->rows[i].device, pattern)) {
                        selected[overview->rows[i].position] = true;
                        n++;
                }
        return n;
}

/* Marks the device, or all members of the group. Returns 0 or a negative errno with the error. */
static int mark_selector(
                sd_bus *bus, const Overview *overview, const char *selector, bool *selected, sd_bus_error *error) {
        bool is_group = startswith(selector, "group:") || startswith(selector, "/dev/vfio/");
        _cleanup_(device_clear) Device device = {0};
        _cleanup_(group_clear) Group group = {0};
        int r;

        r = is_group ? proxy_get_group(bus, selector, &group, error) : proxy_get_device(bus, selector, &device, error);
        for (size_t i = 0; i < overview->n_rows && r >= 0; i++) {
                const Row *row = &overview->rows[i];

                if (is_group ? row->device->group == group.number : streq_ptr(row->device->address, device.address))
                        selected[row->position] = true;
        }
        return r;
}

static ExitCode mark(Invocation *invocation, const Overview *overview, bool *selected) {
        for (char **selector = invocation->selectors; *selector; selector++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                int r;

                if (is_pattern(*selector)) {
                        if (mark_pattern(overview, *selector, selected) > 0)
                                continue;
                        return report_failure(EXIT_NO_SUCH, "NoSuchDevice",
                                        _("no address and no name of a device is like '%s'"), *selector);
                }
                r = mark_selector(invocation->bus, overview, *selector, selected, &error);
                if (r < 0)
                        return report_error(r, &error);
        }
        return EXIT_DONE;
}

ExitCode filter_rows(Invocation *invocation, bool only_offered, Overview *overview) {
        bool selects = invocation->selectors && *invocation->selectors;
        _cleanup_free_ bool *selected = selects ? calloc(overview->n_rows + 1, sizeof(bool)) : NULL;
        Filter filter = {
                        .options = &invocation->list,
                        .only_offered = only_offered,
                        .selected = selected,
        };

        if (selects && !selected)
                return report_error(-ENOMEM, NULL);
        if (selects) {
                ExitCode code = mark(invocation, overview, selected);

                if (code != EXIT_DONE)
                        return code;
        }
        overview_filter(overview, keep, &filter);
        return EXIT_DONE;
}
