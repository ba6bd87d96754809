/* SPDX-License-Identifier: GPL-2.0-or-later */
/* confirm; and what other verbs print of reverts. */
#include "revert.h"
#include "language.h"

#include "connect.h"
#include "own-command.h"
#include "present.h"
#include "revert-proxy.h"
#include "terminal.h"
#include "verbs.h"

#include "daemon/base/util.h"

#include <inttypes.h>

const char *revert_time(uint64_t at_us, char buffer[static REVERT_TEXT_MAX]) {
        char time[REVERT_TEXT_MAX / 2];

        if (connection_is_remote()) {
                (void)snprintf(buffer, REVERT_TEXT_MAX, _("at its deadline"));
                return buffer;
        }
        /* The two clocks differ by a constant, unless somebody sets the time of day. */
        uint64_t now = clock_us(CLOCK_BOOTTIME), today = clock_us(CLOCK_REALTIME);
        time_in_words(at_us > now ? today + (at_us - now) : today - (now - at_us), time, sizeof(time));
        (void)snprintf(buffer, REVERT_TEXT_MAX, _("at %s"), time);
        return buffer;
}

const char *revert_span(uint64_t span_us, char buffer[static REVERT_TEXT_MAX]) {
        uint64_t seconds = span_us / 1000000, hours = seconds / 3600, minutes = seconds / 60 % 60;
        int n = 0;

        if (hours > 0)
                n += snprintf(buffer + n, REVERT_TEXT_MAX - (size_t)n, "%" PRIu64 "h ", hours);
        if (minutes > 0)
                n += snprintf(buffer + n, REVERT_TEXT_MAX - (size_t)n, _("%" PRIu64 "min "), minutes);
        if (seconds % 60 > 0)
                n += snprintf(buffer + n, REVERT_TEXT_MAX - (size_t)n, "%" PRIu64 "s ", seconds % 60);
        if (n > 0)
                buffer[n - 1] = '\0';
        return buffer;
}

char *revert_in_words(const Group *group, const char *selector) {
        char time[REVERT_TEXT_MAX];
        char *text;
        int n;

        if (!isempty(group->revert_waits_for))
                n = asprintf(&text, _("as soon as possible; it waits for %s"), group->revert_waits_for);
        else
                n = asprintf(&text, _("%s unless you run 'vfioctl confirm %s%s'"),
                                revert_time(group->revert_at_us, time), own_command_dashes(selector), selector);
        return n < 0 ? NULL : text;
}

static json_t *groups_to_json(const int32_t *groups, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < n; i++)
                array = json_append(array, json_integer(groups[i]));
        return array;
}

static int print_confirmed(Output *output, const int32_t *groups, size_t n) {
        if (output->json)
                return output_json(output, json_pack("{s:o}", "confirmed", groups_to_json(groups, n)));
        for (size_t i = 0; i < n && !output->quiet; i++)
                fprintf(output->stream, _("Group %" PRIi32 " stays detached.\n"), groups[i]);
        return 0;
}

ExitCode verb_confirm(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ int32_t *groups = NULL;
        size_t n = 0;

        int r = proxy_confirm(invocation->bus, strempty(invocation->selector), &groups, &n, &error);
        if (r >= 0)
                r = print_confirmed(&invocation->output, groups, n);
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}
