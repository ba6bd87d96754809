/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fake-kernel-client.h"
#include "private-bus.h"
#include "view.h"

/* The daemon as its own process, on the fake kernel and on its own bus: start it, call it, follow its signals, stop
 * and kill it. All waits have a deadline; the test fails when it is over. */

typedef struct Vfiod {
        FakeKernel *kernel;
        PrivateBus *bus;
        char *folder, *state_folder, *log, *proc;
        Process *process; /* NULL if no daemon runs */
        pid_t pid;
        sd_bus *connection;
        unsigned n_syncs;
        View *view; /* updated by signals while the test waits */
} Vfiod;

/* Starts a daemon. Its deadline for a step is longer than any step that does not wait for a VM. */
Vfiod *vfiod_new(FakeKernel *kernel);
/* Stops the daemon and checks its exit status; with sanitizers this includes a check for leaks. */
Vfiod *vfiod_free(Vfiod *vfiod);

void vfiod_start(Vfiod *vfiod);
void vfiod_stop(Vfiod *vfiod);
/* Kills the daemon, but not its children. */
void vfiod_kill(Vfiod *vfiod);

/* While the daemon is paused, it handles no event. */
void vfiod_pause(Vfiod *vfiod);
void vfiod_resume(Vfiod *vfiod);

/* The answer to a method call. */
typedef struct Answer {
        bool is_given;
        char *error, *message; /* NULL for success; the short name "Held", or the full name of an error that is not
                                * vfiod's */
        char **values;         /* of a success, as text */
} Answer;

void answer_clear(Answer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

/* Calls a method of an object; types and arguments as in sd_bus_message_append(). The answer must live until it has
 * arrived. */
void vfiod_call(Vfiod *vfiod, Answer *answer, const char *path, const char *interface, const char *method,
                const char *types, ...);
/* The same in two steps. The second step takes the ownership of the message. */
sd_bus_message *vfiod_make_call(Vfiod *vfiod, const char *path, const char *interface, const char *method);
void vfiod_send_call(Vfiod *vfiod, Answer *answer, sd_bus_message *call);

typedef bool (*vfiod_condition_t)(Vfiod *vfiod, const void *userdata);
/* Handles messages until the condition is true. Also checks the condition when the descriptor is readable, unless it
 * is negative. */
void vfiod_listen_until(Vfiod *vfiod, vfiod_condition_t condition, const void *userdata, int fd);
void vfiod_await(Vfiod *vfiod, const Answer *answer);

/* Waits until the daemon has handled all events that the fake kernel has sent so far, and until its signals about
 * them have arrived. */
void vfiod_catch_up(Vfiod *vfiod);
/* Also waits until no job is running, except a job for this group (unless it is negative). */
void vfiod_await_idle(Vfiod *vfiod, int but_group);

/* The objects in a text that is equal if the objects are equal. */
char *vfiod_describe(Vfiod *vfiod);

/* Reads all objects again and compares them with what the signals said. */
void vfiod_check_view(Vfiod *vfiod);

/* Processes that the daemon started and that have not ended; and workers of a daemon that has ended, which are
 * children of this process now and may have ended too. pid_t; free the array with g_array_unref(). */
GArray *vfiod_find_workers(Vfiod *vfiod);
GArray *vfiod_find_orphans(void);

/* Kills the main processes of the helpers. Their children go on. */
void vfiod_kill_helpers(Vfiod *vfiod);
unsigned vfiod_count_fds(Vfiod *vfiod);
/* The number of children that have ended but were not waited for, and of those that read links. They disappear
 * without another call. */
unsigned vfiod_count_passing(Vfiod *vfiod);
