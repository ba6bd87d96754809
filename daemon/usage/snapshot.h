/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-names.h"
#include "usage/block-users.h"
#include "usage/census.h"
#include "usage/function-list.h"
#include "usage/holders.h"
#include "usage/mounts.h"
#include "usage/network-table.h"

/* What the host uses at one moment, read once for all devices of a survey. Each part is read when it is first
 * needed: a survey without disks costs no reading of mounts. vfiod-census is asked for the mounts together with the first search for
 * holders. Reading takes time, so only workers use this. */

typedef enum UsageKind {
        USAGE_STORAGE, /* a disk of the device is mounted, is swap space, or is a part of something */
        USAGE_NETWORK, /* a network interface of the device has addresses or routes, or is a part of something */
        USAGE_DISPLAY, /* the device shows the screen of the host */
        USAGE_CONSOLE, /* a serial port of it is a console of the kernel, or it has the last keyboard of the host */
        USAGE_MEMORY,  /* its CXL memory is in the address space of the host */
        USAGE_PROCESS, /* a process has a device node of the device open */
        USAGE_CHILD,   /* a device below it, which is no PCI function, would vanish with it */
        _USAGE_KIND_MAX,
} UsageKind;

/* Callback for each use of the device, with the evidence. A return value other than 0 stops the search. A negative
 * value is -ENOMEM. A device can have thousands of uses: the callback decides how many it keeps. */
typedef int (*usage_visit_t)(PciAddress device, UsageKind kind, const char *evidence, void *userdata);

#define HOST_INPUT_NAME_MAX 256

/* Whether the kernel has the bus of CXL. */
typedef enum CxlPresence {
        CXL_NOT_READ,
        CXL_PRESENT,
        CXL_MISSING,
} CxlPresence;

/* A console of the kernel, or an input device of the host. */
typedef struct HostInput {
        char name[HOST_INPUT_NAME_MAX]; /* "ttyS0", "input5" */
        bool has_owner;                 /* false: it is no device of PCI */
        PciAddress owner;
        bool is_virtual; /* of an input device: a program made it */
        int is_keyboard; /* of an input device: 1, 0 or a negative errno; HOST_INPUT_UNKNOWN before somebody asks */
} HostInput;

#define HOST_INPUT_UNKNOWN 2

/* Consoles or input devices. */
typedef struct HostInputs {
        HostInput *inputs;
        size_t n_inputs;
        bool is_read;
        int error; /* 0, or why they could not be read */
} HostInputs;

typedef struct UsageSnapshot {
        const Kernel *kernel;
        usage_visit_t visit;
        void *userdata;
        PciAddress device;     /* whose uses are reported now */
        const Holder *process; /* that the use which is reported now is about; NULL for none */

        /* The caller may change these after usage_snapshot_new(). */
        uid_t reader; /* for whom the evidence is: only root may know the mounts, for processes see holders.h */
        const UsageLimits *limits;
        bool only_visible; /* Open no disk exclusively, because that disturbs others. Hidden uses are then not found. */

        SnapshotDevice *devices; /* those that were asked for. The caller may fill in what it knows of them. */
        size_t n_devices;

        FunctionList functions; /* the devices, and the functions that are below them */
        HostIndex host;         /* their names */
        ProcessTable processes;
        MountTable mounts;
        BlockUsers block_users;
        NetworkTable network;
        HolderTable holders;
        HostInputs consoles, inputs;
        CxlPresence cxl;
        bool host_is_outdated; /* usage_of_interfaces() did not find the interfaces that the names say */
        bool has_functions, has_host, has_processes, has_mounts, has_block_users, has_network, has_holders;
        int functions_error, host_error; /* 0, or why they could not be read */
        int processes_error;             /* 0, or why /proc could not be read */
        int mounts_error;                /* the same for the mounts, if another process reads them */
        size_t n_blocks_examined;        /* disks, partitions and what is built on them */
} UsageSnapshot;

/* Makes a snapshot for these devices. userdata is borrowed. The caller frees *ret with usage_snapshot_free(). Returns 0 or -ENOMEM. */
int usage_snapshot_new(const Kernel *kernel, const PciAddress *addresses, size_t n_addresses, usage_visit_t visit,
                void *userdata, UsageSnapshot **ret);
UsageSnapshot *usage_snapshot_free(UsageSnapshot *snapshot);
DEFINE_TRIVIAL_CLEANUP_FUNC(UsageSnapshot *, usage_snapshot_free)

/* The parts. Each returns 0 or a negative errno. */
int usage_snapshot_functions(UsageSnapshot *snapshot, const FunctionList **ret);
int usage_snapshot_host(UsageSnapshot *snapshot, const HostIndex **ret);
int usage_snapshot_mounts(UsageSnapshot *snapshot, const MountTable **ret);
int usage_snapshot_block_users(UsageSnapshot *snapshot, const BlockUsers **ret);
int usage_snapshot_network(UsageSnapshot *snapshot, const NetworkTable **ret);
int usage_snapshot_holders(UsageSnapshot *snapshot, const HolderTable **ret);

/* Formats the evidence, escapes it as a message (base/text.h) and calls the callback. Returns its value or -ENOMEM. */
int usage_report(UsageSnapshot *snapshot, UsageKind kind, const char *format, ...) _printf_(3, 4);

/* Returns -ETIME after the end that the limits set. The parts that are read until then are used, and nothing more is
 * read. */
int usage_snapshot_check_time(const UsageSnapshot *snapshot);

/* Reports a negative errno: what cannot be determined counts as in use. name is escaped. Returns other values and
 * -ENOMEM unchanged. */
int usage_report_error(UsageSnapshot *snapshot, UsageKind kind, const char *name, int error);
