/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "raw-bus.h"

/* Measures the daemon during an attack: how long root waits for an answer, and how much processor time the daemon
 * takes. */

/* Wall-clock time, so it depends on the load of the machine and on the bus daemon, which alone needs almost a second
 * for the largest messages. The daemon itself is measured by its processor time. */
#define WAIT_MAX_US (10 * G_USEC_PER_SEC)

/* Processor time for one probe; a generous limit. */
#define PROBE_CPU_US 100

typedef struct Witness {
        RawBus *root;
        Fixture *fixture;
        gint64 cpu_before_us;
        guint n_probes;
        gint64 longest_us;
} Witness;

void witness_begin(Witness *witness, Fixture *fixture);

/* Makes a call of GetGroup as root, which must be answered within WAIT_MAX_US. */
void witness_probe(Witness *witness);

/* Runs the attack in a thread and probes the daemon until it has ended. */
void witness_during(Witness *witness, void (*attack)(void *userdata), void *userdata);

/* Checks that the attack took less processor time of the daemon than this. Ends the measurement. */
void witness_end(Witness *witness, gint64 cpu_max_us);
