/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "consent.h"
#include "language.h"

#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"

#define ERROR_GROUP_NEEDS_CONSENT "org.vfiod1.Error.GroupNeedsConsent"

bool consent_is_possible(const Invocation *invocation, const sd_bus_error *error) {
        bool interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !invocation->output.quiet;

        return (interactive || invocation->yes) && sd_bus_error_has_name(error, ERROR_GROUP_NEEDS_CONSENT);
}

/* Whether the answer is this word, or its first character. The English words are always taken, which cannot be taken for others: no other
 * language calls yes "n". */
static bool is_word(const char *answer, const char *word) {
        size_t n = 1;

        while (((unsigned char)word[n] & 0xc0) == 0x80)
                n++;
        return strcasecmp(answer, word) == 0 || (strlen(answer) == n && strncasecmp(answer, word, n) == 0);
}

bool consent_ask(const char *question) {
        _cleanup_free_ char *answer = NULL;
        size_t size = 0;

        /* TRANSLATORS: the first letters of your words for yes and no */
        fprintf(stderr, "%s %s ", question, _("[y/N]"));
        while (getline(&answer, &size, stdin) >= 0) {
                answer[strcspn(answer, "\r\n")] = '\0';
                if (is_word(answer, "yes") || is_word(answer, _("yes")))
                        return true;
                if (isempty(answer) || is_word(answer, "no") || is_word(answer, _("no")))
                        return false;
                fprintf(stderr, _("Answer y for yes, or n for no: %s "), _("[y/N]"));
        }
        fputc('\n', stderr);
        return false;
}

/* "0000:03:01.0 (ens1)". Returns NULL if there is not enough memory. */
static char *address_with_names(const Device *device) {
        _cleanup_free_ char *names = strv_join(device->names, ", ");
        char *text;

        if (!names)
                return NULL;
        return asprintf(&text, "%s%s%s%s", strempty(device->address), isempty(names) ? "" : " (", names,
                               isempty(names) ? "" : ")") < 0
                        ? NULL
                        : text;
}

/* Gets the selected device, and all members of its group. Returns 0, or a negative errno with the error. */
static int get_members(const Invocation *invocation, Device *ret_device, DeviceList *ret_members, sd_bus_error *error) {
        _cleanup_(group_clear) Group group = {0};
        int r;

        if ((r = proxy_get_device(invocation->bus, invocation->selector, ret_device, error)) < 0 ||
                        (r = proxy_get_group(invocation->bus, invocation->selector, &group, error)) < 0)
                return r;
        return proxy_get_members(invocation->bus, &group, ret_members, error);
}

static bool is_companion(const Device *device, const Device *selected) {
        return device->endpoint && device->address && !streq_ptr(device->address, selected->address);
}

/* Prints what would happen. */
static int tell(const Device *selected, const DeviceList *members) {
        _cleanup_free_ char *name = address_with_names(selected);

        if (!name)
                return -ENOMEM;
        terminal_say(_("A virtual machine can use IOMMU group %i only as a whole. Beside %s, the host would lose:"),
                        selected->group, name);
        for (size_t i = 0; i < members->count; i++) {
                const Device *device = &members->items[i];
                _cleanup_free_ char *other = address_with_names(device), *description = device_description(device);

                if (!other || !description)
                        return -ENOMEM;
                if (is_companion(device, selected))
                        terminal_say(_("  %s, driver %s: %s"), other, driver_in_words(device->driver), description);
        }
        return 0;
}

ExitCode consent_get(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList members = {0};
        _cleanup_(strv_freep) char **companions = NULL;
        _cleanup_(device_clear) Device selected = {0};
        _cleanup_free_ char *question = NULL;
        int r;

        r = get_members(invocation, &selected, &members, &error);
        for (size_t i = 0; i < members.count && r >= 0; i++)
                if (is_companion(&members.items[i], &selected))
                        r = strv_push(&companions, members.items[i].address);
        if (r >= 0 && !invocation->output.quiet)
                r = tell(&selected, &members);
        if (r < 0)
                return report_error(r, &error);
        size_t n = strv_length(companions) + 1;
        if (asprintf(&question, ngettext("Detach all %zu device?", "Detach all %zu devices?", n), n) < 0) {
                question = NULL;
                return report_error(-ENOMEM, NULL);
        }
        if (!invocation->yes && !consent_ask(question))
                return report_failure(EXIT_REFUSED, ERROR_GROUP_NEEDS_CONSENT, _("nothing was detached"));
        strv_free(invocation->options.companions);
        invocation->options.companions = TAKE_PTR(companions);
        return EXIT_DONE;
}
