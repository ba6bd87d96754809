/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fake-kernel-client.h"
#include "private-bus.h"

/* A complete environment on its own bus: fake kernel, vfiod-sim, and a connection that receives its signals. */

#define BUS_NAME "org.vfiod1"
#define BUS_PATH "/org/vfiod1"
#define MANAGER BUS_NAME ".Manager"
#define GROUP BUS_NAME ".Group"
#define DEVICE BUS_NAME ".Device"
#define JOB BUS_NAME ".Job"
#define LEASE BUS_NAME ".Lease"
#define RULE_INTERFACE BUS_NAME ".Rule"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define ACCESS_DENIED "org.freedesktop.DBus.Error.AccessDenied"
#define INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"
#define UNKNOWN_OBJECT "org.freedesktop.DBus.Error.UnknownObject"

/* Addresses of topologies/story.conf. */
#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define PORT1_PATH BUS_PATH "/devices/_30000_3a03_3a01_2e0"
#define PORT2_PATH BUS_PATH "/devices/_30000_3a03_3a02_2e0"
#define BRIDGE "0000:02:00.0"
#define NIC "0000:05:00.0"
#define NIC_PATH BUS_PATH "/devices/_30000_3a05_3a00_2e0"
#define GROUP10 BUS_PATH "/groups/10"
#define GROUP12 BUS_PATH "/groups/12"
#define JOB1 BUS_PATH "/jobs/1"
#define LEASE1 BUS_PATH "/leases/1"
#define OVERRIDE "sys/bus/pci/devices/%s/driver_override"

#define NO_OPTIONS "@a{sv} {}"
#define ALL "{'companions': <['*']>}"

typedef struct FixtureOptions {
        const char *topology; /* NULL: story */
        bool permissive_bus;
        unsigned step_deadline_ms;     /* 0: the default */
        unsigned bus_deadline_ms;      /* 0: the default */
        unsigned polkit_deadline_ms;   /* 0: the default */
        unsigned idle_ms;              /* after how long without work the daemon ends; 0: it stays */
        unsigned held_deadline_ms;     /* 0: the default; otherwise step_deadline_ms must be set too */
        bool network;                  /* rules for network cards wait for the file STATE-FOLDER.online */
        const char *log_socket;        /* where the daemon logs to, see log-socket.h; NULL for its stderr */
        const char *const *host_files; /* of host-files.h; NULL for none */
        bool reads_log;                /* the test waits for lines of the log with fixture_wait_log() */
} FixtureOptions;

typedef struct Fixture {
        FakeKernel *kernel;
        PrivateBus *bus;
        char *state_folder;
        FixtureOptions options;
        Process *daemon;
        GQueue early_log; /* the lines that the daemon printed before "ready" */
        GDBusConnection *connection;
        GPtrArray *signals; /* signals of the daemon, as text: see fixture_expect_signal() */
} Fixture;

Fixture *fixture_start(const FixtureOptions *options);
/* Stops the daemon, which must exit with status 0, and everything else. Returns NULL. */
Fixture *fixture_stop(Fixture *fixture);
/* Starts a new daemon with the same kernel and state folder. */
void fixture_restart_daemon(Fixture *fixture);
/* The two halves of fixture_restart_daemon(). */
void fixture_stop_daemon(Fixture *fixture);
void fixture_start_daemon(Fixture *fixture);
/* A restart after a crash: SIGKILL for the daemon only, not for its workers. */
void fixture_crash_daemon(Fixture *fixture);

/* Writes to a file of the fake kernel, as an administrator does. The write must succeed. */
void fixture_write(Fixture *fixture, const char *value, const char *path);
/* Binds NIC to vfio-pci in this way, and waits until the daemon reports it as foreign. */
void fixture_detach_nic_by_hand(Fixture *fixture);

/* The arguments are in GVariant's text form, "('ens1', @a{sv} {})"; NULL for none. */
GVariant *fixture_call(Fixture *fixture, const char *path, const char *interface, const char *method,
                const char *arguments, GError **error);
/* Checks that the reply has this text form. */
void fixture_expect(Fixture *fixture, const char *path, const char *interface, const char *method,
                const char *arguments, const char *expected);
/* The call must fail with this error, "Held" or "org.freedesktop...", and a message that matches the pattern (see
 * g_pattern_match_simple()). */
void fixture_refused(Fixture *fixture, const char *path, const char *interface, const char *method,
                const char *arguments, const char *error_name, const char *pattern);

/* The same for the Manager's methods that take a selector and options. */
void manager_expect(
                Fixture *fixture, const char *method, const char *selector, const char *options, const char *expected);
void manager_refused(Fixture *fixture, const char *method, const char *selector, const char *options,
                const char *error_name, const char *pattern);

/* A call that has no reply yet. */
typedef struct Pending Pending;
Pending *fixture_call_start(
                Fixture *fixture, const char *path, const char *interface, const char *method, const char *arguments);
/* The same over another connection, and with other flags. */
Pending *connection_call_start(GDBusConnection *connection, GDBusCallFlags flags, const char *path,
                const char *interface, const char *method, const char *arguments);
bool pending_is_done(Pending *pending);
GVariant *pending_finish(Pending *pending, GError **error);
void pending_expect(Pending *pending, const char *expected);
void pending_refused(Pending *pending, const char *error_name, const char *pattern);

/* The body of the error with which a call of the Manager fails, also its arguments after the message, which GDBus hides. */
char *refusal_of(GDBusConnection *connection, const char *method, const char *arguments);

/* Checks the name and the message of an error, as above. */
void error_expect(const GError *error, const char *error_name, const char *pattern);

/* Starts a Detach of the network card whose k-th write waits until "resume". */
Pending *fixture_detach_stalled(Fixture *fixture, unsigned k);

/* Kills the only process of this name below the daemon. Returns false if there is none. */
bool fixture_kill(Fixture *fixture, const char *name);

/* Kills the daemon's only worker, which waits in the kernel, and lets its write return. */
void fixture_kill_worker(Fixture *fixture);

/* Tells whether a job runs. ListJobs also lists the jobs that have ended, without a path. */
bool fixture_has_job(Fixture *fixture);
void fixture_expect_no_job(Fixture *fixture);

/* Checks who started a job: a call of this process or of another one, which has this name, as root. */
void fixture_expect_own_job(Fixture *fixture, const char *path, const char *command);
void fixture_expect_caller(Fixture *fixture, const char *path, pid_t pid, const char *command);

/* Cancels a job that is not stuck. */
void fixture_cancel(Fixture *fixture, const char *job);

/* A property in its text form. */
char *fixture_get(Fixture *fixture, const char *path, const char *interface, const char *property);
void fixture_property(
                Fixture *fixture, const char *path, const char *interface, const char *property, const char *expected);

/* Waits for a signal that matches the pattern, and removes it and all earlier signals. The text of a signal is "PATH
 * MEMBER ARGUMENTS". Returns it. */
char *fixture_expect_signal(Fixture *fixture, const char *pattern);
/* Waits until signals report this value of a property. The object may not exist yet. */
void fixture_wait_property(
                Fixture *fixture, const char *path, const char *interface, const char *property, const char *expected);

/* Waits until the daemon logs a line that matches the pattern, and removes it and all earlier lines. */
void fixture_wait_log(Fixture *fixture, const char *pattern);

/* Checks the driver that is bound in the kernel; NULL for none. */
void fixture_driver(Fixture *fixture, const char *address, const char *expected);
