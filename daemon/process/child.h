/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include <sys/types.h>
#include <systemd/sd-event.h>

/* A child process for work that may block: of the daemon, which reads links in it, or of a helper (listener.h). Its
 * parent neither kills it nor waits for it. The process keeps only the folders of the kernel, the standard streams and
 * some named descriptors open, and above all not the bus: the name on the bus would stay taken. */

#define CHILD_KEEP_MAX 5

/* Forks. Returns 0 in the child, which must end with _exit(); the pid in the parent, which must reap the child; or a
 * negative errno. */
pid_t child_fork(const char *name, const Kernel *kernel, const int *keep, size_t n_keep);

/* Lets the event loop reap a child. */
void child_reap(sd_event *event, pid_t pid);

/* A child process that sends packets to the daemon. */
typedef struct Child Child;

#define CHILD_PACKET_MAX (68 * 1024)

typedef struct ChildTask {
        const char *name; /* of the process */
        const Kernel *kernel;
        int keep[CHILD_KEEP_MAX - 1]; /* n_keep descriptors that stay open */
        size_t n_keep;
        /* Runs in the child, which exits afterwards. */
        void (*run)(int socket_fd, void *userdata);
        /* Runs in the daemon for each packet, which is aligned and has a NUL byte behind it; and with the size 0
         * when the process has ended. Returns whether more packets may come. It may free the child if it returns
         * false. */
        bool (*on_packet)(const void *packet, size_t size, void *userdata);
        void *userdata; /* of both */
} ChildTask;

/* Starts the process. The kernel sends it SIGKILL when the daemon ends, unless it resets PR_SET_PDEATHSIG. Returns 0
 * or a negative errno. */
int child_new(sd_event *event, const ChildTask *task, Child **ret);

/* Closes the daemon's end of the socket. The process runs on. */
Child *child_free(Child *child);

/* Waits at most so long for packets, and processes them for two milliseconds. Returns whether there was any, or the
 * end of the process; then the child may have been freed. */
bool child_receive(Child *child, uint64_t timeout_us);

/* For the child process: sends a packet, with a text behind it unless it is NULL, which is cut if it is too long.
 * Returns 0 or a negative errno: -EPIPE if the daemon does not listen any more. */
int child_send_packet(int socket_fd, const void *packet, size_t size, const char *text);
