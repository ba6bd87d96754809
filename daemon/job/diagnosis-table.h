/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/check.h"
#include "diagnosis/isolation.h"
#include "job/quota.h"
#include "job/worker.h"
#include "model/inventory.h"
#include "policy/selector.h"
#include <systemd/sd-event.h>

/* Diagnoses of the host and of devices. Each is made in a child process of the daemon: it reads files that can block, and devices that
 * may not answer. The child has the rights of the daemon, so it reads only what everybody may read, and a diagnosis tells a caller
 * nothing that the caller could not read. What only root sees comes from the worker's method Examine. */

typedef struct Diagnosis Diagnosis;

/* All diagnoses under way, and those whose child still waits for a device. */
typedef struct DiagnosisTable {
        sd_event *event; /* borrowed, as all of these */
        const Kernel *kernel;
        const Inventory *inventory;
        const WorkerPort *worker;
        uint64_t deadline_us; /* of a diagnosis */
        Diagnosis *diagnoses;
} DiagnosisTable;

/* How many children may run at a time, with those that wait for a device that does not answer; and how long a diagnosis takes at most. */
#define DIAGNOSES_MAX 8
#define DIAGNOSES_PER_USER 2
#define DIAGNOSES_FOR_ROOT 2
#define DIAGNOSIS_DEADLINE_US (10 * UINT64_C(1000000))

/* At most so many devices of a group are examined. */
#define DIAGNOSIS_DEVICES_MAX 64

/* Called once, with 0 and the checks, which are valid during the call; or with a negative errno: -ECANCELED if the table is freed, or
 * -ENOMEM. If something did not answer in time, the checks so far are followed by the check "diagnosis-incomplete". */
typedef void (*diagnosis_done_t)(int error, const CheckList *checks, void *userdata);

/* What is asked. Everything is borrowed, and only until diagnosis_start() returns. */
typedef struct DiagnosisQuestion {
        uid_t uid; /* of the user who asks; the diagnosis counts for the quota of this user */
        pid_t pid; /* of the user's process; 0 if it is not known */
        const Selection *
                        selection; /* a device, or the endpoints of a group, and what is wrong with the host; NULL: the whole host */
        bool explains;                 /* Instead of this: why the first of these devices shares its group. */
        const IsolationSpaces *spaces; /* what the user has read; NULL for none */
} DiagnosisQuestion;

/* Starts a diagnosis. done() is not called before the next turn of the loop. Returns 0; LIMITS_EXCEEDED; or a negative errno. */
int diagnosis_start(DiagnosisTable *table, const DiagnosisQuestion *question, diagnosis_done_t done, void *userdata,
                Problem *problem);

/* Abandons all diagnoses, and calls done() of each with -ECANCELED. */
void diagnosis_table_done(DiagnosisTable *table);
