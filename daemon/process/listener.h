/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include <systemd/sd-event.h>

/* The main loop of a helper process. For each connection it forks a child process, which serves the connection and
 * exits when that ends. So a child that is stuck in the kernel delays nobody else, and the helper itself can end at any
 * time: its children go on. */

typedef struct ListenerParts {
        const char *child_name; /* of the child processes */
        const Kernel *kernel;
        int listen_fd;       /* a socket that listens already; borrowed */
        uid_t client;        /* the user who may connect, besides root and the user of this process */
        size_t children_max; /* more connections wait until a child ends */
        uint64_t idle_us;    /* The helper ends when it had no child for so long. */
        int keep[4];         /* descriptors that the children need; negative for none */
        /* Serves the connection, in the child. Takes the descriptor over. */
        void (*serve)(int fd, void *userdata);
        void *userdata;
} ListenerParts;

/* Runs until the helper is idle, or gets SIGTERM or SIGINT. Returns 0 or a negative errno. */
int listener_run(const ListenerParts *parts);
