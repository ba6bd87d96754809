/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "raw-bus.h"

/* Sees how the daemon fares under an attack: how long root waits for an answer meanwhile, and how much processor time
 * the daemon itself takes. */

/* Of the clock on the wall, which a busy machine and the bus daemon have a share in: the bus daemon alone takes most of a
 * second for the largest messages. What the daemon itself does is measured by its processor time. */
#define WAIT_MAX_US (10 * G_USEC_PER_SEC)

/* Processor time for one look, generously. */
#define LOOK_CPU_US 100

typedef struct Witness {
        RawBus *root;
        Fixture *fixture;
        gint64 cpu_before_us;
        guint n_looks;
        gint64 longest_us;
} Witness;

void witness_begin(Witness *witness, Fixture *fixture);

/* One GetGroup by root, which must be answered within WAIT_MAX_US. */
void witness_look(Witness *witness);

/* Runs the attack in a thread and looks until it has come back. */
void witness_during(Witness *witness, void (*attack)(void *userdata), void *userdata);

/* The attack has not taken more processor time of the daemon than this. Ends the watch. */
void witness_end(Witness *witness, gint64 cpu_max_us);
