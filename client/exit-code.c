/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "exit-code.h"
#include "language.h"

#include "error-details.h"
#include "terminal.h"

#include "daemon/base/text.h"

#include <stdarg.h>

#define ERROR_PREFIX "org.vfiod1.Error."
#define ERROR_STUCK ERROR_PREFIX "Stuck"

static const char *const meanings[] = {
                [EXIT_DONE] = N_("done"),
                [EXIT_FAILED] = N_("failed or cancelled"),
                [EXIT_USAGE] = N_("wrong usage"),
                [EXIT_NO_SUCH] = N_("no such device, group, job, lease or rule; nothing to confirm"),
                [EXIT_NOT_AUTHORIZED] = N_("not authorized"),
                [EXIT_REFUSED] = N_(
                                "refused, nothing was changed (in use, leased, consent needed, stale plan, busy, not "
                                "viable, foreign, bridge, no IOMMU, limit of locked memory)"),
                [EXIT_TIMED_OUT] = N_("timed out or stuck"),
                [EXIT_NO_RULE] = N_("detach --persistent: detached, but the rule was not written"),
                [EXIT_UNSOUND] = N_("doctor: there is an error"),
                [EXIT_DIFFERS] = N_("apply --check: something would be changed"),
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
                {"org.vfiod1.Error.NoRevert", EXIT_NO_SUCH},
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
                {"org.vfiod1.Error.RuleChanged", EXIT_REFUSED},

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

/* With --json, the first error of the process is kept here until the end. */
static struct {
        bool keeps;
        char *name, *message, *advice;
        json_t *details; /* an object; NULL for none */
} kept;

void report_keep(void) {
        kept.keeps = true;
        error_details_keep();
}

static void forget(void) {
        free(TAKE_PTR(kept.name));
        free(TAKE_PTR(kept.message));
        free(TAKE_PTR(kept.advice));
        json_decref(TAKE_PTR(kept.details));
}

json_t *report_take(void) {
        json_t *document;

        if (!kept.message)
                return NULL;
        json_t *details = kept.details ? TAKE_PTR(kept.details) : json_object();
        if (kept.advice)
                (void)json_object_set_new(details, "advice", json_string(kept.advice));
        document = json_pack("{s:{s:s, s:s, s:o}}", "error", "name", strempty(kept.name), "message", kept.message,
                        "details", details);
        forget();
        return document;
}

static void print(const char *message, const char *advice) {
        terminal_say("vfioctl: %s", message);
        if (!isempty(advice))
                terminal_say_lines(advice);
}

void report_print_kept(void) {
        if (kept.message)
                print(kept.message, kept.advice);
        forget();
}

/* Escapes each line as a message. Returns a text that the caller frees, or NULL without memory. */
static char *escape_lines(const char *text) {
        char *escaped = NULL;
        size_t size;

        FILE *stream = open_memstream(&escaped, &size);
        if (!stream)
                return NULL;
        while (*text) {
                size_t length = strcspn(text, "\n");
                _cleanup_free_ char *line = strndup(text, length),
                                    *shown = text_escape_new(strempty(line), TEXT_MESSAGE_ESCAPE);

                fprintf(stream, "%s%s", strempty(shown), text[length] ? "\n" : "");
                text += length + (text[length] == '\n');
        }
        return fclose(stream) == 0 ? escaped : NULL;
}

/* Prints the error, or keeps it. If there is not enough memory to keep it, prints it. */
static void report(const char *name, const char *message, const char *advice) {
        if (!kept.keeps) {
                print(message, advice);
                return;
        }
        if (kept.message)
                return;
        kept.name = text_escape_new(name, TEXT_MESSAGE_ESCAPE);
        kept.message = text_escape_new(message, TEXT_MESSAGE_ESCAPE);
        kept.advice = isempty(advice) ? NULL : escape_lines(advice);
        kept.details = error_details_take(name);
        if (!kept.message)
                print(message, advice);
}

ExitCode report_failure(ExitCode code, const char *name, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *full_name = NULL;
        va_list arguments;
        char *advice;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        if (asprintf(&full_name, "%s%s", strchr(name, '.') ? "" : ERROR_PREFIX, name) < 0)
                full_name = NULL;
        if (!text || !full_name) {
                report(ERROR_PREFIX "Failed", _("out of memory"), NULL);
                return code;
        }
        advice = strchr(text, '\n');
        if (advice)
                *advice++ = '\0';
        report(full_name, text, advice);
        return code;
}

/* Finds advice that only the name of the error calls for. */
static const char *find_advice(const sd_bus_error *error, bool without_daemon) {
        if (without_daemon)
                return _("See 'systemctl status vfiod' and 'journalctl -u vfiod'.");
        if (sd_bus_error_has_name(error, ERROR_STUCK))
                return _("See 'vfioctl jobs'.");
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return _("See \"AUTHORIZATION\" in vfioctl(1).");
        return NULL;
}

static bool is_without_daemon(const sd_bus_error *error) {
        bool without = false;

        if (error && error->name)
                for (size_t i = 0; i < ELEMENTSOF(no_daemon); i++)
                        without |= name_matches(error->name, no_daemon[i]);
        return without;
}

/* Makes the message of the error, which the caller frees. Returns NULL if there is not enough memory. */
static char *make_message(int r, const sd_bus_error *error, bool without_daemon) {
        _cleanup_free_ char *sentence = error && !isempty(error->message) ? language_sentence(error->message) : NULL;
        const char *text = sentence ?: error && !isempty(error->message) ? error->message : strerror(-r), *prefix = "";
        char *message;

        if (r == -ENOTCONN || r == -ECONNRESET || r == -ECONNREFUSED)
                prefix = _("lost the connection to the system bus: ");
        else if (without_daemon)
                prefix = _("vfiod is not running and could not be started: ");
        else if (error && startswith(strempty(error->message), "Rejected send message"))
                /* The bus's message about its policy does not help the user. */
                text = _("the system bus does not let this user call vfiod; try it with sudo");
        return asprintf(&message, "%s%s", prefix, text) < 0 ? NULL : message;
}

ExitCode report_error_with(int r, const sd_bus_error *error, const char *advice) {
        _cleanup_(sd_bus_error_free) sd_bus_error nameless = SD_BUS_ERROR_NULL;
        bool without_daemon = is_without_daemon(error);
        _cleanup_free_ char *message = make_message(r, error, without_daemon);
        const char *name = error ? error->name : NULL;

        if (!name) {
                (void)sd_bus_error_set_errno(&nameless, r);
                name = nameless.name;
        }
        report(strempty(name), message ?: _("out of memory"), advice ?: find_advice(error, without_daemon));
        return exit_code_from_error(r, error);
}

ExitCode report_error(int r, const sd_bus_error *error) {
        return report_error_with(r, error, NULL);
}

const char *exit_code_meaning(size_t code) {
        return code < ELEMENTSOF(meanings) ? gettext(meanings[code]) : NULL;
}
