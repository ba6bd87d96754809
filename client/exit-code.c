/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "exit-code.h"

#include "terminal.h"

#define ERROR_STUCK "org.vfiod1.Error.Stuck"

static const char *const meanings[] = {
                [EXIT_DONE] = "done",
                [EXIT_FAILED] = "failed or cancelled",
                [EXIT_USAGE] = "wrong usage",
                [EXIT_NO_SUCH] = "no such device, group, job, lease or rule",
                [EXIT_NOT_AUTHORIZED] = "not authorized",
                [EXIT_REFUSED] = ("refused, nothing was changed (in use, leased, consent needed, stale plan, busy, not "
                                  "viable, foreign, bridge, no IOMMU, limit of locked memory)"),
                [EXIT_TIMED_OUT] = "timed out or stuck",
                [EXIT_NO_RULE] = "detach --persistent: detached, but the rule was not written",
                [EXIT_UNSOUND] = "doctor: there is an error",
};

/* Errors that are not listed here mean EXIT_FAILED. A name that ends in '*' stands for all names with this
 * beginning. */
static const struct {
        const char *name;
        ExitCode code;
} codes[] = {
                {SD_BUS_ERROR_INVALID_ARGS, EXIT_USAGE},

                {"org.vfiod1.Error.NoSuchDevice", EXIT_NO_SUCH},
                {"org.vfiod1.Error.NoSuchGroup", EXIT_NO_SUCH},
                {"org.vfiod1.Error.NoSuchRule", EXIT_NO_SUCH},
                /* The object was removed between two calls. */
                {SD_BUS_ERROR_UNKNOWN_OBJECT, EXIT_NO_SUCH},

                {SD_BUS_ERROR_ACCESS_DENIED, EXIT_NOT_AUTHORIZED},
                {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, EXIT_NOT_AUTHORIZED},

                {"org.vfiod1.Error.GroupNeedsConsent", EXIT_REFUSED},
                {"org.vfiod1.Error.Held", EXIT_REFUSED},
                {"org.vfiod1.Error.Leased", EXIT_REFUSED},
                {"org.vfiod1.Error.UnsafeInterrupts", EXIT_REFUSED},
                {"org.vfiod1.Error.NoReset", EXIT_REFUSED},
                {"org.vfiod1.Error.Foreign", EXIT_REFUSED},
                {"org.vfiod1.Error.AlreadyDetached", EXIT_REFUSED},
                {"org.vfiod1.Error.NotDetached", EXIT_REFUSED},
                {"org.vfiod1.Error.NotEndpoint", EXIT_REFUSED},
                {"org.vfiod1.Error.NoVirtualFunctions", EXIT_REFUSED},
                {"org.vfiod1.Error.NotViable", EXIT_REFUSED},
                {"org.vfiod1.Error.NoIommu", EXIT_REFUSED},
                {"org.vfiod1.Error.NoGroup", EXIT_REFUSED},
                {"org.vfiod1.Error.Busy", EXIT_REFUSED},
                {"org.vfiod1.Error.IdentityChanged", EXIT_REFUSED},
                {"org.vfiod1.Error.InUse*", EXIT_REFUSED},
                {"org.vfiod1.Error.VirtualFunctionsInUse", EXIT_REFUSED},
                {"org.vfiod1.Error.FirmwareMapping", EXIT_REFUSED},
                {"org.vfiod1.Error.NotAnswering", EXIT_REFUSED},
                {"org.vfiod1.Error.PlanStale", EXIT_REFUSED},
                {"org.vfiod1.Error.SurveyTimedOut", EXIT_REFUSED},
                {"org.vfiod1.Error.LimitsExceeded", EXIT_REFUSED},
                {"org.vfiod1.Error.RuleExists", EXIT_REFUSED},
                {"org.vfiod1.Error.RuleReadOnly", EXIT_REFUSED},

                {ERROR_STUCK, EXIT_TIMED_OUT},
                {SD_BUS_ERROR_TIMEOUT, EXIT_TIMED_OUT},
                {SD_BUS_ERROR_NO_REPLY, EXIT_TIMED_OUT},
};

/* The errors of the bus and of systemd when vfiod does not run and cannot be started. */
static const char *const no_daemon[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                "org.freedesktop.DBus.Error.Spawn.*",
                "org.freedesktop.DBus.Error.TimedOut",
                "org.freedesktop.systemd1.*",
};

static bool name_matches(const char *name, const char *pattern) {
        size_t length = strlen(pattern);

        if (length > 0 && pattern[length - 1] == '*')
                return strncmp(name, pattern, length - 1) == 0;
        return streq(name, pattern);
}

ExitCode exit_code_from_error(int r, const sd_bus_error *error) {
        if (error && error->name)
                for (size_t i = 0; i < ELEMENTSOF(codes); i++)
                        if (name_matches(error->name, codes[i].name))
                                return codes[i].code;
        return r == -ETIMEDOUT ? EXIT_TIMED_OUT : EXIT_FAILED;
}

ExitCode report_error(int r, const sd_bus_error *error) {
        const char *message = error && !isempty(error->message) ? error->message : strerror(-r);
        bool without_daemon = false;

        if (error && error->name)
                for (size_t i = 0; i < ELEMENTSOF(no_daemon); i++)
                        without_daemon |= name_matches(error->name, no_daemon[i]);

        if (r == -ENOTCONN || r == -ECONNRESET || r == -ECONNREFUSED)
                terminal_say("vfioctl: lost the connection to the system bus: %s", message);
        else if (without_daemon) {
                terminal_say("vfioctl: vfiod is not running and could not be started: %s", message);
                fputs("See 'systemctl status vfiod' and 'journalctl -u vfiod'.\n", stderr);
        } else if (startswith(message, "Rejected send message"))
                /* The bus's message about its policy does not help the user. */
                fprintf(stderr, "vfioctl: the system bus does not let this user call vfiod; try it with sudo\n");
        else
                terminal_say("vfioctl: %s", message);
        if (sd_bus_error_has_name(error, ERROR_STUCK))
                fputs("See 'vfioctl jobs'.\n", stderr);
        else if (sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                fputs("See \"AUTHORIZATION\" in vfioctl(1).\n", stderr);
        return exit_code_from_error(r, error);
}

void exit_code_print_all(FILE *stream) {
        for (size_t i = 0; i < ELEMENTSOF(meanings); i++)
                fprintf(stream, "  %zu  %s\n", i, meanings[i]);
}
