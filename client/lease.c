/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lease: a command that may use the devices of a group until it ends. */
#include "agent.h"
#include "claim.h"
#include "command.h"
#include "consent.h"
#include "fragment-proxy.h"
#include "language.h"
#include "lease-check.h"
#include "lease-proxy.h"
#include "memlock.h"
#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"
#include "work.h"

#include <inttypes.h>
#include <signal.h>

static ExitCode refuse_program(const char *program, int r) {
        return report_failure(EXIT_FAILED, "Failed", _("cannot run '%s': %s"), program, strerror(-r));
}

/* Checks the command before anything is changed, and gets the path of its program, which the caller frees. Returns
 * EXIT_DONE, or the exit code after it has printed what is wrong. */
static ExitCode check_command(char *const *command, char **ret_program) {
        int r;

        if (command_use(command) == COMMAND_WRONG_QEMU)
                return report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS,
                                _("%s must be an argument of its own, because it becomes several arguments"),
                                COMMAND_QEMU_WORD);
        r = command_find(command[0], ret_program);
        return r < 0 ? refuse_program(command[0], r) : EXIT_DONE;
}

/* Gets the number of endpoints that the lease will have. */
static int count_endpoints(Invocation *invocation, size_t *ret_n, sd_bus_error *error) {
        _cleanup_(device_list_clear) DeviceList members = {0};
        _cleanup_(group_clear) Group group = {0};
        size_t n = 0;
        int r;

        r = proxy_get_group(invocation->bus, invocation->selector, &group, error);
        if (r >= 0)
                r = proxy_get_members(invocation->bus, &group, &members, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < members.count; i++)
                n += members.items[i].endpoint;
        *ret_n = n;
        return 0;
}

/* Gets how much memory the kernel will lock for the command; 0 if that is not known. */
static int get_need(Invocation *invocation, uint64_t *ret_need, sd_bus_error *error) {
        MemlockGuest guest = memlock_read_command(invocation->command);
        uint64_t memory = invocation->memory > 0 ? invocation->memory : guest.memory;
        size_t n_devices = guest.n_devices;
        int r;

        if (guest.virtual_iommu && command_use(invocation->command) == COMMAND_WITH_QEMU) {
                size_t n_endpoints;

                r = count_endpoints(invocation, &n_endpoints, error);
                if (r < 0)
                        return r;
                n_devices += n_endpoints;
        }
        *ret_need = memory > 0 ? memlock_need(memory, guest.virtual_iommu, n_devices) : 0;
        return 0;
}

static ExitCode refuse_memlock(const Invocation *invocation, uint64_t need, const struct rlimit *limit) {
        _cleanup_free_ char *name = user_in_words(getuid()), *user = name ? terminal_text(name) : NULL;
        _cleanup_free_ char *selector = terminal_text(invocation->selector);

        _cleanup_free_ char *text = NULL;
        size_t size;

        FILE *stream = user && selector ? open_memstream(&text, &size) : NULL;
        if (!stream)
                return report_error(-ENOMEM, NULL);
        memlock_explain(stream, need, limit->rlim_max, user, selector);
        if (fclose(stream) != 0)
                return report_error(-ENOMEM, NULL);
        return report_failure(EXIT_REFUSED, "Failed", "%s", text);
}

/* Checks the limit of locked memory before anything is changed, and raises the soft limit if that is enough. Returns
 * EXIT_DONE, or the exit code after it has printed what is wrong. */
static ExitCode check_memlock(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct rlimit limit;
        uint64_t need;
        int r;

        r = get_need(invocation, &need, &error);
        if (r < 0)
                return report_error(r, &error);
        if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
                return report_error(-errno, NULL);
        switch (memlock_judge(need, &limit, memlock_is_privileged())) {
        case MEMLOCK_ENOUGH:
                return EXIT_DONE;
        case MEMLOCK_TOO_LOW:
                if (!invocation->force_memlock)
                        return refuse_memlock(invocation, need, &limit);
                break;
        case MEMLOCK_RAISE:
                break;
        }
        /* The need is an estimate, so the command gets all that it is allowed to have. */
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(RLIMIT_MEMLOCK, &limit) < 0 ? report_error(-errno, NULL) : EXIT_DONE;
}

ExitCode lease_check_command(Invocation *invocation, char **ret_program) {
        ExitCode code = check_command(invocation->command, ret_program);

        return code != EXIT_DONE ? code : check_memlock(invocation);
}

/* Gets the arguments that stand for "@qemu@". The caller frees the list. Returns 0 or a negative errno with the error. */
static int get_qemu_arguments(
                sd_bus *bus, const Grant *grant, const Claim *claim, char ***ret_arguments, sd_bus_error *error) {
        int r;

        if (claim->n_descriptors > 0) {
                r = command_descriptor_arguments(claim->paths, claim->descriptors, ret_arguments);
                return r == -ENOENT ? sd_bus_error_set(error, "org.vfiod1.Error.Failed",
                                                      _("vfiod did not send a descriptor of /dev/iommu."))
                                    : r;
        }
        return proxy_get_qemu_arguments(bus, grant->group, ret_arguments, error);
}

/* Makes "/dev/iommu=7 /dev/vfio/devices/vfio3=8", which the caller frees. */
static char *descriptors_in_words(const Claim *claim) {
        char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        for (size_t i = 0; i < claim->n_descriptors; i++)
                fprintf(stream, "%s%s=%d", i > 0 ? " " : "", claim->paths[i], claim->descriptors[i]);
        if (fclose(stream) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* Tells the command about its lease. */
static int set_environment(const Grant *grant, const Claim *claim) {
        _cleanup_free_ char *nodes = strv_join(grant->nodes, " "), *descriptors = descriptors_in_words(claim);
        char number[sizeof("4294967295")];

        (void)snprintf(number, sizeof(number), "%" PRIu32, grant->number);
        if (!nodes || !descriptors)
                return -ENOMEM;
        return setenv("VFIOD_LEASE", number, 1) < 0 || setenv("VFIOD_NODES", nodes, 1) < 0 ||
                                        setenv("VFIOD_DESCRIPTORS", descriptors, 1) < 0
                        ? -errno
                        : 0;
}

/* Becomes the command, which is in the file of this program. The connection of the claim stays open in it. Returns a negative errno. */
static int become(Invocation *invocation, const char *program, char **command) {
        agent_stop(invocation->agent);
        invocation->agent = 0;
        invocation->bus = sd_bus_flush_close_unref(invocation->bus);
        if (!invocation->ignored_sigpipe)
                (void)signal(SIGPIPE, SIG_DFL);
        (void)execv(program, command);
        return -errno;
}

static void print_warnings(const Output *output, const Grant *grant) {
        for (char **warning = grant->warnings; !output->quiet && warning && *warning; warning++)
                terminal_say(_("vfioctl: warning: %s"), *warning);
}

static ExitCode refuse_claim(int r, const Grant *grant, const char *refusal) {
        ExitCode code = exit_code_from_error(r, NULL);

        if (refusal)
                return report_failure(code, "Failed",
                                _("vfiod refuses the ticket of lease %" PRIu32
                                  ": %s\nThe lease ends by itself: see 'vfioctl leases'."),
                                grant->number, refusal);
        if (r == -EPROTO)
                return report_failure(code, "Failed",
                                _("cannot understand the answer of vfiod on %s; compare their versions.\nThe lease "
                                  "ends by itself: see 'vfioctl leases'."),
                                strempty(grant->socket));
        if (r == -ETIMEDOUT)
                return report_failure(code, SD_BUS_ERROR_TIMEOUT,
                                _("vfiod does not answer on %s\nThe lease ends by itself: see 'vfioctl leases'."),
                                strempty(grant->socket));
        return report_failure(code, "Failed",
                        _("cannot connect to %s: %s\nThe lease ends by itself: see 'vfioctl leases'."),
                        strempty(grant->socket), strerror(-r));
}

/* Runs the command with the lease. Returns only if that fails. The end of vfioctl then ends the lease. */
static ExitCode run_command(Invocation *invocation, const char *program, const Grant *grant) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(strv_freep) char **arguments = NULL, **command = NULL;
        _cleanup_(claim_clear) Claim claim = CLAIM_NONE;
        _cleanup_free_ char *refusal = NULL;
        int r;

        r = claim_ticket(strempty(grant->socket), strempty(grant->ticket), &claim, &refusal);
        if (r < 0)
                return refuse_claim(r, grant, refusal);
        if (command_use(invocation->command) == COMMAND_WITH_QEMU &&
                        (r = get_qemu_arguments(invocation->bus, grant, &claim, &arguments, &error)) < 0)
                return report_error(r, &error);
        if ((r = command_substitute(invocation->command, arguments, &command)) < 0 ||
                        (r = set_environment(grant, &claim)) < 0)
                return report_error(r, NULL);
        return refuse_program(command[0], become(invocation, program, command));
}

static int print_grant(const Invocation *invocation, Output *output, const Grant *grant) {
        _cleanup_free_ char *devices = NULL, *nodes = NULL;

        if (output->json)
                return output_json(output,
                                json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "lease", (json_int_t)grant->number, "pid",
                                                (json_int_t)invocation->options.pid, "group", (json_int_t)grant->group,
                                                "devices", json_strings(grant->devices), "nodes",
                                                json_strings(grant->nodes), "warnings", json_strings(grant->warnings)));
        if (output->quiet)
                return 0;
        devices = strv_join(grant->devices, " ");
        nodes = strv_join(grant->nodes, " ");
        if (!devices || !nodes)
                return -ENOMEM;
        fprintf(output->stream, _("Lease %" PRIu32 " of %s, until process %" PRIu32 " ends\nNode: %s\n"), grant->number,
                        devices, invocation->options.pid, nodes);
        return 0;
}

ExitCode verb_lease(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(grant_clear) Grant grant = {.group = -1};
        bool has_command = invocation->options.pid == 0;
        _cleanup_free_ char *program = NULL;
        ExitCode code;
        int r;

        if (has_command && (code = lease_check_command(invocation, &program)) != EXIT_DONE)
                return code;
        r = work_lease(invocation, &grant, &error);
        if (r < 0 && consent_is_possible(invocation, &error)) {
                if ((code = consent_get(invocation)) != EXIT_DONE)
                        return code;
                sd_bus_error_free(&error);
                r = work_lease(invocation, &grant, &error);
        }
        if (r != 0)
                return r > 0 ? EXIT_INTERRUPTED : report_error(r, &error);
        if (has_command || !invocation->output.json)
                print_warnings(&invocation->output, &grant);
        if (program)
                return run_command(invocation, program, &grant);
        r = print_grant(invocation, &invocation->output, &grant);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
