/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/transaction.h"
#include "fake-kernel-client.h"
#include "state/state.h"

/* A host on the fake kernel, with the parts of the daemon and a state folder: a manager without the bus. */

/* Addresses of card.conf. */
#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define PORTS_GROUP 10
#define OTHER_NIC "0000:05:00.0"
#define OTHER_NIC_GROUP 12
#define DRIVERLESS "0000:00:07.0"
#define DISK "0000:06:00.0"

typedef struct Host {
        FakeKernel *fake;
        char *folder, *state_folder, *proc_folder;
        Kernel *kernel;
        Inventory *inventory;
        State *state;
        guint64 survey_us; /* the deadline of surveys; 0 for the usual one */
} Host;

/* Only processes that the test shows are visible here: other tests have nodes with the same number open. */
Host *host_new(void);
/* The same with the devices of another file next to card.conf. */
Host *host_new_with(const char *topology);
Host *host_free(Host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)
void host_show_process(Host *host, pid_t pid);
/* A process that has the node of PORTS_GROUP open, as a VM has, until it is killed. */
pid_t host_fork_holder(Host *host);
/* The same with another node: its path below the fake kernel's root. */
pid_t host_fork_holder_of(Host *host, const char *node);
void host_end_holder(pid_t pid);
/* The path of a device's vfio cdev below the fake kernel's root; the caller frees it. The fake kernel must have
 * cdevs. */
char *host_cdev_of(Host *host, const char *address);

/* Reads the state files and the devices again. */
void host_read(Host *host);
/* Forgets everything and starts as a new daemon does. */
void host_forget(Host *host);

/* Reads the host and plans for a whole group; the plan must succeed. */
Plan *host_plan(Host *host, PlanVerb verb, const char *selector);
/* Executes the plan in this process and frees it. */
int host_run(Host *host, Plan *plan, Problem *problem);
int host_move(Host *host, PlanVerb verb, const char *selector, Problem *problem);
/* The same; it must succeed. */
void host_must_move(Host *host, PlanVerb verb, const char *selector);

/* The same in a thread: it may wait in the kernel. */
typedef struct Run Run;
Run *run_start(Host *host, Plan *plan);
int run_finish(Run *run, Problem *problem);

PciAddress address_of(const char *text);
void assert_driver(Host *host, const char *address, const char *expected);
void assert_override(Host *host, const char *address, const char *expected);
void assert_snapshot(Host *host, const char *expected);
/* The state in the model as of the last read. */
void assert_state(Host *host, const char *address, DeviceState expected);
/* Checks that the state folder has no detached device and no running transaction. */
void assert_nothing_recorded(Host *host);
unsigned count_detached_devices(Host *host);
unsigned count_transactions(Host *host);
unsigned count_writes(Host *host);
