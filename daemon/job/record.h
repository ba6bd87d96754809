/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/function-record.h"
#include "model/device.h"

/* What vfiod did with the devices of a group, on disk in /run/vfiod: written before the first write to the kernel, and gone when
 * all is given back. With it a fresh daemon knows where each device came from.
 *
 * A file "N.record", N rising: one line "vfiod-record 1 CRC32 BOOT-ID", then JSON. It is written beside and renamed, so it
 * is there whole or not at all. The worker that writes it holds a lock on it (flock) until it ends: a record with a lock belongs to
 * work that is going on, also after the daemon has died. */

typedef enum RecordPhase {
        RECORD_DETACHING,   /* to be given back, unless the work is going on */
        RECORD_DETACHED,    /* with vfiod */
        RECORD_REATTACHING, /* to be given back */
        _RECORD_PHASE_MAX,
        _RECORD_PHASE_INVALID = -EINVAL,
} RecordPhase;

typedef struct RecordMember {
        PciAddress address;
        RecordPhase phase;
        DeviceOrigin *origin;
} RecordMember;

typedef struct Record {
        unsigned long number;
        int group; /* when it was written */
        RecordMember *members;
        size_t n_members;
        FunctionRecord *functions; /* of a record about virtual functions that are made, which has no members; else NULL */
        bool forced;               /* the work may wait for a process that holds a device */
        int lock_fd;               /* of the worker that writes it; -EBADF for one that was only read */
} Record;

int record_new(unsigned long number, int group, size_t n_members, Record **ret);
Record *record_free(Record *record);
DEFINE_TRIVIAL_CLEANUP_FUNC(Record *, record_free)

/* Adds a copy. There must be room from record_new(). Returns 0 or -ENOMEM. */
int record_add(Record *record, PciAddress address, RecordPhase phase, const DeviceOrigin *origin);

/* NULL where the device is not in it. */
RecordMember *record_find(const Record *record, PciAddress address);
void record_remove_member(Record *record, RecordMember *member);

/* Puts it on disk, whole and synced, in place of what has its number, and keeps it locked. Returns 0 or a negative errno: then
 * what was there before still is. */
int record_write(int state_fd, Record *record);

/* Deletes the file. Returns 0, also if there was none, or a negative errno. The second one leaves it to the next that is deleted to say so to the disk. */
int record_delete(int state_fd, unsigned long number);
int record_forget(int state_fd, unsigned long number);

/* Whether somebody is at work on a file of the folder: its writer holds a lock. False for one that is not there. */
bool record_file_is_locked(int state_fd, const char *name);

/* Reads one. Returns 0; -ENOENT; -EBADMSG for one that is torn or no record; -ESTALE for one of another boot; another negative
 * errno. ret_locked: whether somebody is at work on it. */
int record_read(int state_fd, unsigned long number, Record **ret, bool *ret_locked);
