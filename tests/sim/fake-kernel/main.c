/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "command.h"
#include "control.h"

/* fake-kernel MOUNTPOINT CONTROL_SOCKET [TOPOLOGY_FILE]: prints "ready" when both can be used. */

static int usage(const char *message) {
        fprintf(stderr,
                        "fake-kernel: %s\n"
                        "usage: fake-kernel [--interruptible] [--die-with-parent] MOUNTPOINT CONTROL_SOCKET "
                        "[TOPOLOGY_FILE]\n",
                        message);
        return 2;
}

static void loop(Filesystem *f, Control *c, int signal_fd) {
        g_autoptr(GArray) fds = g_array_new(FALSE, TRUE, sizeof(struct pollfd));

        for (;;) {
                struct pollfd own[] = {
                                {.fd = filesystem_get_fd(f), .events = POLLIN},
                                {.fd = signal_fd, .events = POLLIN},
                };

                g_array_set_size(fds, 0);
                g_array_append_vals(fds, own, G_N_ELEMENTS(own));
                control_poll(c, fds);
                if (poll((struct pollfd *)(void *)fds->data, fds->len, -1) < 0 && errno != EINTR)
                        return;

                if (g_array_index(fds, struct pollfd, 1).revents)
                        return;
                if (!filesystem_process(f))
                        return;
                filesystem_retry(f);
                if (!control_process(c, fds))
                        return;
        }
}

static int run(Machine *m, const char *mountpoint, const char *socket, bool interruptible) {
        Filesystem *f = NULL;
        Control *c = NULL;
        sigset_t signals;
        int signal_fd, r = EXIT_FAILURE;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);

        f = filesystem_new(m, mountpoint, interruptible);
        if (!f) {
                fprintf(stderr, "fake-kernel: cannot mount %s\n", mountpoint);
                goto finish;
        }
        c = control_new(m, f, socket);
        if (!c) {
                fprintf(stderr, "fake-kernel: cannot listen at %s: %m\n", socket);
                goto finish;
        }
        puts("ready");
        fflush(stdout);
        loop(f, c, signal_fd);
        r = EXIT_SUCCESS;

finish:
        control_free(c);
        filesystem_free(f);
        close(signal_fd);
        return r;
}

int main(int argc, char **argv) {
        bool interruptible = false;
        g_autofree char *error = NULL;
        Machine *m;
        int r;

        for (; argc > 1 && g_str_has_prefix(argv[1], "--"); argc--, argv++)
                if (strcmp(argv[1], "--interruptible") == 0)
                        interruptible = true;
                else if (strcmp(argv[1], "--die-with-parent") == 0)
                        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
                else
                        return usage("unknown option");
        if (argc < 3 || argc > 4)
                return usage("two or three arguments are needed");

        m = machine_new();
        if (argc == 4 && !command_run_file(m, argv[3], &error)) {
                fprintf(stderr, "fake-kernel: %s\n", error);
                machine_free(m);
                return EXIT_FAILURE;
        }
        r = run(m, argv[1], argv[2], interruptible);
        machine_free(m);
        return r;
}
