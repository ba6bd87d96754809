/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fake-kernel-client.h"
#include "private-bus.h"
#include "view.h"

/* The daemon as a process of its own, over the fake kernel and on a bus of its own: called, followed, ended and killed. All waits have a
 * deadline, at which the test fails. */

typedef struct Vfiod {
        FakeKernel *kernel;
        PrivateBus *bus;
        char *folder, *state_folder, *log, *proc;
        Process *process; /* NULL while there is none */
        pid_t pid;
        sd_bus *connection;
        unsigned n_syncs;
        View *view; /* is followed whenever the bus is listened to */
} Vfiod;

/* Starts it. The deadline for a step is longer than any that does not wait takes. */
Vfiod *vfiod_new(FakeKernel *kernel);
/* Ends it, which it must do well: with sanitizers that means also that it leaves nothing behind. */
Vfiod *vfiod_free(Vfiod *vfiod);

void vfiod_start(Vfiod *vfiod);
void vfiod_stop(Vfiod *vfiod);
/* As it is killed, its children are not. */
void vfiod_kill(Vfiod *vfiod);

/* Nothing of what happens in between reaches it before it goes on. */
void vfiod_pause(Vfiod *vfiod);
void vfiod_go_on(Vfiod *vfiod);

/* What a method answered. */
typedef struct Answer {
        bool is_given;
        char *error, *message; /* NULL for success; "Held", or the whole name of an error that is not ours */
        char **values;         /* of a success, as text */
} Answer;

void answer_clear(Answer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

/* Calls a method of an object; types and arguments as those of sd_bus_message_append(). The answer must live until it is given. */
void vfiod_call(Vfiod *vfiod, Answer *answer, const char *path, const char *interface, const char *method,
                const char *types, ...);
/* The same in two steps; the second takes the message over. */
sd_bus_message *vfiod_make_call(Vfiod *vfiod, const char *path, const char *interface, const char *method);
void vfiod_send_call(Vfiod *vfiod, Answer *answer, sd_bus_message *call);

typedef bool (*vfiod_condition_t)(Vfiod *vfiod, const void *userdata);
/* Listens until it is so. Wakes up also when there is something to read from the descriptor, unless that is negative. */
void vfiod_listen_until(Vfiod *vfiod, vfiod_condition_t condition, const void *userdata, int fd);
void vfiod_await(Vfiod *vfiod, const Answer *answer);

/* Returns when the daemon has taken all events that the fake kernel has sent so far, and its signals of them are here. */
void vfiod_catch_up(Vfiod *vfiod);
/* The same, and no job is under way any more; but for what is at work on this group, unless it is negative. */
void vfiod_settle(Vfiod *vfiod, int but_group);

/* What is followed, in a text that is the same whenever what it tells of is. */
char *vfiod_describe(Vfiod *vfiod);

/* Reads all objects anew and compares them with what was followed. */
void vfiod_check_view(Vfiod *vfiod);

/* Processes that it started and that have not ended; and those that a daemon left when it ended, which are this process's now, also when they have
 * ended too. pid_t; to be freed with g_array_unref(). */
GArray *vfiod_find_workers(Vfiod *vfiod);
GArray *vfiod_find_orphans(void);
unsigned vfiod_count_fds(Vfiod *vfiod);
/* The children that have ended and were not awaited yet, and those that read links. Each goes away without a further call. */
unsigned vfiod_count_passing(Vfiod *vfiod);
