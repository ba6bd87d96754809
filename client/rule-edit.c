/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule enable, disable and edit. */
#include "command.h"
#include "consent.h"
#include "language.h"
#include "present.h"
#include "rule-check.h"
#include "rule-proxy.h"
#include "rule-text.h"
#include "rule-wait.h"
#include "rule.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

#include <fcntl.h>
#include <sys/wait.h>

/* Tells the result of a change, and waits for it with --wait. */
static ExitCode finish(Invocation *invocation, const char *key, const char *format) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(rule_list_clear) RuleList rules = {0};
        Output *output = &invocation->output;
        int r = 0;

        if (invocation->wait && (r = rule_wait(invocation, invocation->rule, &rules, &error)) < 0)
                return report_error(r, &error);
        if (output->json)
                r = output_json(output,
                                json_pack("{s:s, s:o*}", key, invocation->rule, "rule",
                                                rules.count > 0 ? rule_to_json(rules.items) : NULL));
        else if (!output->quiet) {
                fprintf(output->stream, format, invocation->rule);
                fputc('\n', output->stream);
        }
        if (r < 0)
                return report_error(r, NULL);
        return rules.count > 0 ? rule_print_result(output, rules.items) : EXIT_DONE;
}

static ExitCode set_enabled(Invocation *invocation, bool enabled) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        bool no_apply = invocation->options.no_apply;
        int r;

        r = proxy_enable_rule(invocation->bus, invocation->rule, enabled, no_apply, &error);
        if (r < 0)
                return report_error(r, &error);
        if (!enabled)
                return finish(invocation, "disabled",
                                _("Rule %s is disabled. Devices that it detached stay detached until they are "
                                  "reattached."));
        return finish(invocation, "enabled",
                        no_apply ? _("Rule %s is enabled. It acts when a device is plugged in again, or when vfiod "
                                     "starts.")
                                 : _("Rule %s is enabled. It acts now."));
}

ExitCode verb_rule_enable(Invocation *invocation) {
        return set_enabled(invocation, true);
}

ExitCode verb_rule_disable(Invocation *invocation) {
        return set_enabled(invocation, false);
}

/* The editor. */

/* Splits the command of the editor at blanks, and appends the file. */
static int make_command(const char *editor, const char *file, char ***ret) {
        _cleanup_free_ char *copy = strdup(editor);
        _cleanup_(strv_freep) char **words = NULL;
        char *rest = copy;

        if (!copy)
                return -ENOMEM;
        for (char *word; (word = strsep(&rest, " \t"));)
                if (!isempty(word) && strv_push(&words, word) < 0)
                        return -ENOMEM;
        if (strv_push(&words, file) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(words);
        return 0;
}

/* Runs one program, and waits for it. Returns its exit status; 127 if it does not exist; or a negative errno. */
static int run_program(char *const *words) {
        _cleanup_free_ char *program = NULL;
        int status;

        int r = command_find(words[0], &program);
        if (r < 0)
                return r == -ENOENT ? 127 : r;

        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                (void)execv(program, words);
                _exit(127);
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The editors that systemctl edit uses. Returns 0, or a negative errno after it has printed a message. */
static int run_editor(const char *file) {
        static const char *const variables[] = {"SYSTEMD_EDITOR", "EDITOR", "VISUAL"};
        static const char *const programs[] = {"editor", "nano", "vim", "vi"};
        const char *chosen = NULL;
        int r = 127;

        for (size_t i = 0; i < ELEMENTSOF(variables) && isempty(chosen); i++)
                chosen = getenv(variables[i]);
        for (size_t i = 0; r == 127 && i < (isempty(chosen) ? ELEMENTSOF(programs) : 1); i++) {
                _cleanup_(strv_freep) char **words = NULL;

                r = make_command(isempty(chosen) ? programs[i] : chosen, file, &words);
                if (r >= 0)
                        r = run_program(words);
        }
        if (r <= 0)
                return r;
        (void)report_failure(EXIT_FAILED, "Failed",
                        r == 127 ? _("there is no editor: set EDITOR") : _("the editor failed. Nothing was changed."));
        return -ECANCELED;
}

static int write_copy(const char *text, char *path) {
        _cleanup_close_ int fd = mkostemps(path, strlen(".conf"), O_CLOEXEC);
        if (fd < 0)
                return -errno;
        for (size_t length = strlen(text); length > 0;) {
                ssize_t n = write(fd, text, length);
                if (n < 0)
                        return -errno;
                text += n;
                length -= (size_t)n;
        }
        return 0;
}

static bool may_ask(const Invocation *invocation) {
        return isatty(STDIN_FILENO) && !invocation->output.quiet && !invocation->output.json;
}

/* Edits the copy until it is right, or the user gives up. The caller frees *ret. Returns 0; -ECANCELED after it has printed why;
 * or another negative errno. */
static int edit_copy(const Invocation *invocation, const char *path, char **ret) {
        for (;;) {
                _cleanup_free_ char *text = NULL, *fault = NULL, *shown = NULL;
                uint32_t line = 0;
                int r;

                if ((r = run_editor(path)) < 0 || (r = rule_text_read(path, &text)) < 0)
                        return r;
                r = rule_text_check(text, &line, &fault);
                if (r >= 0)
                        *ret = TAKE_PTR(text);
                if (r != -EINVAL)
                        return r;
                if (!(shown = rule_fault_text(invocation->rule, line, fault)))
                        return -ENOMEM;
                if (!may_ask(invocation)) {
                        (void)report_failure(EXIT_FAILED, "Failed", _("%s\nThe rule was not changed."), shown);
                        return -ECANCELED;
                }
                terminal_say("%s", shown);
                if (!consent_ask(_("Edit again?"))) {
                        (void)report_failure(EXIT_FAILED, "Failed", _("The rule was not changed."));
                        return -ECANCELED;
                }
        }
}

/* Sends the text. If somebody else has changed the rule meanwhile, the user decides which text remains. Returns as proxy_edit_rule()
 * does. */
static int send_text(const Invocation *invocation, const char *text, uint64_t version, sd_bus_error *error) {
        bool no_apply = invocation->options.no_apply;

        int r = proxy_edit_rule(invocation->bus, invocation->rule, text, version, no_apply, error);
        if (!sd_bus_error_has_name(error, "org.vfiod1.Error.RuleChanged") || !may_ask(invocation))
                return r;
        terminal_say(_("vfioctl: somebody else has changed rule %s while you edited it."), invocation->rule);
        if (!consent_ask(_("Replace that text by yours?")))
                return r;
        sd_bus_error_free(error);
        return proxy_edit_rule(invocation->bus, invocation->rule, text, 0, no_apply, error);
}

/* Edits and sends the copy until vfiod takes it, or the user gives up. *ret_unsaved: the copy has a text that is nowhere else. */
static ExitCode edit(Invocation *invocation, const RuleDetails *old, const char *path, bool *ret_unsaved) {
        for (;;) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_free_ char *text = NULL;
                int r;

                *ret_unsaved = true;
                r = edit_copy(invocation, path, &text);
                if (r < 0)
                        return r == -ECANCELED ? EXIT_FAILED : report_error(r, NULL);
                *ret_unsaved = false;
                if (streq(text, old->text))
                        return finish(invocation, "unchanged", _("Rule %s was not changed."));
                if (invocation->dry_run)
                        return finish(invocation, "unchanged",
                                        _("Rule %s would be changed. With --dry-run, nothing was changed."));
                r = send_text(invocation, text, old->version, &error);
                if (r >= 0)
                        return finish(invocation, "changed", _("Rule %s was changed."));
                *ret_unsaved = true;
                ExitCode code = report_error(r, &error);
                if (!may_ask(invocation) || sd_bus_error_has_name(&error, "org.vfiod1.Error.RuleChanged") ||
                                !consent_ask(_("Edit again?")))
                        return code;
        }
}

/* Tells where the text of the user is, unless it is the old one. Returns whether the copy is kept. */
static bool keep_copy(const Invocation *invocation, const char *old, const char *path) {
        _cleanup_free_ char *text = NULL;

        if (rule_text_read(path, &text) >= 0 && streq(text, old))
                return false;
        if (!invocation->output.json)
                terminal_say(_("Your text is in %s"), path);
        return true;
}

ExitCode verb_rule_edit(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(rule_details_clear) RuleDetails details = {0};
        _cleanup_free_ char *path = NULL;
        const char *folder = getenv("TMPDIR");
        bool unsaved = false;
        int r;

        r = proxy_get_rule(invocation->bus, invocation->rule, &details, &error);
        if (r < 0)
                return report_error(r, &error);
        if (isempty(details.text))
                return report_failure(EXIT_REFUSED, "Failed",
                                _("vfiod does not show the text of rule %s: it is masked, longer than 8 KiB, or not "
                                  "readable for everybody.\nEdit the file itself, and call 'vfioctl rescan'."),
                                invocation->rule);
        if (asprintf(&path, "%s/vfioctl-%s-XXXXXX.conf", isempty(folder) ? "/tmp" : folder, invocation->rule) < 0) {
                path = NULL;
                return report_error(-ENOMEM, NULL);
        }
        r = write_copy(details.text, path);
        ExitCode code = r < 0 ? report_error(r, NULL) : edit(invocation, &details, path, &unsaved);
        if (!unsaved || !keep_copy(invocation, details.text, path))
                (void)unlink(path);
        return code;
}
