/* SPDX-License-Identifier: GPL-2.0-or-later */

/* call-times [-n CALLS] [-c CLIENTS] [-w CALLS] [-b BLOCK -p PID] TARGET [-- TARGET]...
 * with TARGET: [-u NUMBER | -s STRING]... DESTINATION PATH INTERFACE METHOD
 *
 * How long D-Bus calls take. Each of CLIENTS processes has a connection. It makes CALLS calls of each target, in turn, after the
 * calls of -w, which do not count. It receives the replies and does not parse them. Prints a line for each target: the times of all
 * calls. With -b, BLOCK calls of a target follow each other, a value is the mean of a block, and with -p "cpu" is the mean processor
 * time of PID in it. Ends with status 1 if a call failed. */

#include "measure.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define TARGETS_MAX 8
#define ARGUMENTS_MAX 4
#define DEADLINE_US 120000000
/* After a call that was refused. The time of a call includes this, and ends when it is answered. */
#define RETRY_US 1000
/* Until a service has done what it does after a reply. */
#define REST_US 3000

typedef struct Target {
        const char *destination, *path, *interface, *method, *arguments[ARGUMENTS_MAX];
        char types[ARGUMENTS_MAX];
        size_t n_arguments;
} Target;

typedef struct Options {
        size_t calls, clients, warm, block, n_targets;
        pid_t pid;
        Target targets[TARGETS_MAX];
} Options;

/* Memory that all clients share. */
typedef struct Shared {
        int n_warm;
        int is_open;
        double values[];
} Shared;

static void read_options(Options *options, int argc, char **argv) {
        Target *target = options->targets;
        int option;

        while (optind < argc && options->n_targets < TARGETS_MAX) {
                while ((option = getopt(argc, argv, "+n:c:w:b:p:u:s:")) >= 0)
                        switch (option) {
                        case 'n':
                                options->calls = strtoul(optarg, NULL, 10);
                                break;
                        case 'c':
                                options->clients = strtoul(optarg, NULL, 10);
                                break;
                        case 'w':
                                options->warm = strtoul(optarg, NULL, 10);
                                break;
                        case 'b':
                                options->block = strtoul(optarg, NULL, 10);
                                break;
                        case 'p':
                                options->pid = (pid_t)strtol(optarg, NULL, 10);
                                break;
                        case 'u':
                        case 's':
                                if (target->n_arguments == ARGUMENTS_MAX)
                                        exit(2);
                                target->types[target->n_arguments] = (char)option;
                                target->arguments[target->n_arguments++] = optarg;
                                break;
                        default:
                                exit(2);
                        }
                if (optind + 4 > argc)
                        exit(2);
                target->destination = argv[optind];
                target->path = argv[optind + 1];
                target->interface = argv[optind + 2];
                target->method = argv[optind + 3];
                optind += 4;
                options->n_targets++;
                target++;
                if (optind < argc && strcmp(argv[optind], "--") == 0)
                        optind++;
        }
        if (optind < argc || options->n_targets == 0 || options->block == 0 || options->calls < options->block)
                exit(2);
}

/* Returns whether the call was answered, and not refused because the user has too many unread replies. */
static bool try_call(sd_bus *bus, const Target *target) {
        sd_bus_message *message = NULL, *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;

        must(sd_bus_message_new_method_call(
                             bus, &message, target->destination, target->path, target->interface, target->method),
                        target->method);
        for (size_t i = 0; i < target->n_arguments; i++)
                if (target->types[i] == 'u')
                        must(sd_bus_message_append(message, "u", (unsigned)strtoul(target->arguments[i], NULL, 10)),
                                        "append");
                else
                        must(sd_bus_message_append(message, "s", target->arguments[i]), "append");
        int r = sd_bus_call(bus, message, DEADLINE_US, &error, &reply);
        sd_bus_message_unref(message);
        sd_bus_message_unref(reply);
        if (sd_bus_error_has_name(&error, "org.vfiod1.Error.LimitsExceeded")) {
                sd_bus_error_free(&error);
                return false;
        }
        must(r, error.message ? error.message : target->method);
        return true;
}

static double call(sd_bus *bus, const Target *target) {
        double start = now_us();

        while (!try_call(bus, target))
                (void)usleep(RETRY_US);
        return now_us() - start;
}

/* Makes a block of calls. */
static void call_block(const Options *options, sd_bus *bus, const Target *target, double *ret_wall, double *ret_cpu) {
        double sum = 0, cpu = options->pid > 0 ? cpu_us(options->pid) : 0;

        for (size_t i = 0; i < options->block; i++)
                sum += call(bus, target);
        if (options->pid > 0) {
                (void)usleep(REST_US);
                cpu = cpu_us(options->pid) - cpu;
        }
        *ret_wall = sum / (double)options->block;
        *ret_cpu = cpu / (double)options->block;
}

static size_t count_values(const Options *options) {
        return options->clients * (options->calls / options->block);
}

static void run_client(const Options *options, Shared *shared, size_t client) {
        size_t n = options->calls / options->block, all = options->n_targets * count_values(options);
        sd_bus *bus;

        must(sd_bus_open_system(&bus), "sd_bus_open_system");
        for (size_t i = 0; i < options->warm; i++)
                for (size_t t = 0; t < options->n_targets; t++)
                        (void)call(bus, &options->targets[t]);
        (void)__atomic_add_fetch(&shared->n_warm, 1, __ATOMIC_SEQ_CST);
        while (!__atomic_load_n(&shared->is_open, __ATOMIC_SEQ_CST))
                (void)usleep(500);
        for (size_t i = 0; i < n; i++)
                for (size_t t = 0; t < options->n_targets; t++) {
                        double *value = shared->values + (t * options->clients + client) * n + i;
                        call_block(options, bus, &options->targets[t], value, value + all);
                }
        sd_bus_flush_close_unref(bus);
}

int main(int argc, char **argv) {
        Options options = {.calls = 100, .clients = 1, .warm = 2, .block = 1};
        int failed = 0, status;

        read_options(&options, argc, argv);
        size_t n = count_values(&options), all = options.n_targets * n;
        Shared *shared = mmap(NULL, sizeof(Shared) + 2 * all * sizeof(double), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
                return 1;
        for (size_t i = 0; i < options.clients; i++)
                if (must_errno(fork(), "fork") == 0) {
                        must_errno(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
                        run_client(&options, shared, i);
                        _exit(0);
                }
        /* A client that ends before it is warm has failed. */
        while (__atomic_load_n(&shared->n_warm, __ATOMIC_SEQ_CST) < (int)options.clients) {
                if (waitpid(-1, &status, WNOHANG) != 0)
                        return 1;
                (void)usleep(500);
        }
        __atomic_store_n(&shared->is_open, 1, __ATOMIC_SEQ_CST);
        for (size_t i = 0; i < options.clients; i++)
                if (wait(&status) < 0 || status != 0)
                        failed = 1;
        for (size_t t = 0; t < options.n_targets && !failed; t++)
                print_values(options.targets[t].method, n, "wall", shared->values + t * n, "cpu",
                                shared->values + all + t * n, NULL);
        return failed;
}
