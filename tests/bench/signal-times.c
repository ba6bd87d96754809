/* SPDX-License-Identifier: GPL-2.0-or-later */

/* signal-times ROUNDS DEVICE PID SENDER [PID SENDER]...
 *
 * How long it takes from an event of the kernel to a signal on the bus. DEVICE is the folder of a PCI device below /sys with a driver.
 * Each round removes the device's link to its driver, or makes it again, and then for each SENDER sends an event into the network
 * namespace of PID and waits for a signal of SENDER. The senders take turns in being the first. Prints a line for each: the
 * times, and the processor time of PID for each event. */

#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SENDERS_MAX 4
#define WARM_ROUNDS 4
#define DEADLINE_US 5000000
/* Until a service has done what it does after a signal. */
#define REST_US 3000

typedef struct Sender {
        const char *name;
        pid_t pid;
        int events_fd;
        double *times, *cpu;
} Sender;

static int n_heard;

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)message, (void)userdata, (void)error;
        n_heard++;
        return 0;
}

/* A socket in the network namespace of the process. This process moves there. */
static int open_events(pid_t pid) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
        int namespace = must_errno(open(path, O_RDONLY | O_CLOEXEC), path);
        must_errno(setns(namespace, CLONE_NEWNET), "setns");
        (void)close(namespace);
        return must_errno(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT), "socket");
}

static void send_event(int fd, const char *action, const char *path) {
        struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        struct nlmsghdr header = {.nlmsg_type = NLMSG_MIN_TYPE, .nlmsg_flags = NLM_F_REQUEST};
        char text[4096], message[NLMSG_HDRLEN + sizeof(text)];

        /* %c with 0 ends each part. */
        int n = snprintf(text, sizeof(text), "%s@%s%cACTION=%s%cDEVPATH=%s%cSUBSYSTEM=pci%cPCI_SLOT_NAME=%s%c", action,
                        path, 0, action, 0, path, 0, 0, strrchr(path, '/') + 1, 0);
        if (n < 0 || (size_t)n >= sizeof(text))
                abort();
        header.nlmsg_len = NLMSG_HDRLEN + (unsigned)n;
        memcpy(message, &header, sizeof(header));
        memcpy(message + NLMSG_HDRLEN, text, (size_t)n);
        must_errno((int)sendto(fd, message, header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)), "sendto");
}

static void await_signal(sd_bus *bus, const char *sender, double start) {
        while (n_heard == 0) {
                if (must(sd_bus_process(bus, NULL), "sd_bus_process") == 0)
                        must(sd_bus_wait(bus, DEADLINE_US), "sd_bus_wait");
                if (now_us() - start > DEADLINE_US)
                        must(-ETIMEDOUT, sender);
        }
}

static void forget_signals(sd_bus *bus) {
        while (must(sd_bus_process(bus, NULL), "sd_bus_process") > 0)
                ;
        n_heard = 0;
}

static void run_round(sd_bus *bus, const Sender *sender, const char *action, const char *path, double *ret_time,
                double *ret_cpu) {
        forget_signals(bus);
        double cpu = cpu_us(sender->pid), start = now_us();
        send_event(sender->events_fd, action, path);
        await_signal(bus, sender->name, start);
        *ret_time = now_us() - start;
        (void)usleep(REST_US);
        *ret_cpu = cpu_us(sender->pid) - cpu;
}

static void add_sender(sd_bus *bus, Sender *sender, const char *pid, const char *name, size_t rounds) {
        char match[256];

        sender->name = name;
        sender->pid = (pid_t)strtol(pid, NULL, 10);
        sender->events_fd = open_events(sender->pid);
        sender->times = calloc(rounds, sizeof(double));
        sender->cpu = calloc(rounds, sizeof(double));
        if (!sender->times || !sender->cpu)
                abort();
        (void)snprintf(match, sizeof(match), "type='signal',sender='%s'", name);
        must(sd_bus_add_match(bus, NULL, match, on_signal, NULL), "sd_bus_add_match");
}

int main(int argc, char **argv) {
        char link[PATH_MAX], target[PATH_MAX];
        Sender senders[SENDERS_MAX] = {};
        size_t n_senders = 0;
        double warm;
        sd_bus *bus;

        if (argc < 5 || argc % 2 == 0 || argc > 3 + 2 * SENDERS_MAX)
                return 2;
        size_t rounds = strtoul(argv[1], NULL, 10);
        const char *path = argv[2] + strlen("/sys");
        (void)snprintf(link, sizeof(link), "%s/driver", argv[2]);
        target[must_errno((int)readlink(link, target, sizeof(target) - 1), link)] = '\0';
        must(sd_bus_open_system(&bus), "sd_bus_open_system");
        for (int i = 3; i < argc; i += 2)
                add_sender(bus, &senders[n_senders++], argv[i], argv[i + 1], rounds);
        /* An even number of rounds: the link is there at the end. */
        for (size_t round = 0; round < WARM_ROUNDS + (rounds & ~(size_t)1); round++) {
                bool is_unbind = round % 2 == 0;
                if (is_unbind)
                        must_errno(unlink(link), link);
                else
                        must_errno(symlink(target, link), link);
                for (size_t i = 0; i < n_senders; i++) {
                        Sender *sender = &senders[(i + round / 2) % n_senders];
                        bool counts = round >= WARM_ROUNDS;
                        run_round(bus, sender, is_unbind ? "unbind" : "bind", path,
                                        counts ? &sender->times[round - WARM_ROUNDS] : &warm,
                                        counts ? &sender->cpu[round - WARM_ROUNDS] : &warm);
                }
        }
        for (size_t i = 0; i < n_senders; i++)
                print_values(senders[i].name, rounds & ~(size_t)1, "wall", senders[i].times, "cpu", senders[i].cpu,
                                NULL);
        sd_bus_flush_close_unref(bus);
        return 0;
}
