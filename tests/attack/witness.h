/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "raw-bus.h"

/* Measures the daemon during an attack: how long root waits for an answer, how much processor time the daemon takes,
 * and how much memory the daemon and its helpers take. */

/* Wall-clock time, so it depends on the load of the machine. The bus daemon alone needs almost a second for the largest
 * messages. The daemon itself is measured by its processor time. */
#define WAIT_MAX_US (30 * G_USEC_PER_SEC)

/* The same over root's own socket, where no bus daemon is in between. */
#define DIRECT_WAIT_MAX_US (20 * G_USEC_PER_SEC)

/* Processor time for one probe; a generous limit. */
#define PROBE_CPU_US 200

/* Memory that a process may have in RAM at its peak (VmHWM). Without an attack, vfiod has 4 MiB on the topology
 * "story", and 9 MiB with a crowd of 64 devices; a helper has 2 to 3 MiB. The largest call of these tests has 24 MiB,
 * which sd-bus keeps once. The limits are about twice the sum. The address sanitizer needs several times as much, and
 * keeps up to 256 MiB of freed memory. */
#ifdef __SANITIZE_ADDRESS__
#define DAEMON_MEMORY_MAX_KIB (768 * 1024)
#define HELPER_MEMORY_MAX_KIB (512 * 1024)
#else
#define DAEMON_MEMORY_MAX_KIB (64 * 1024)
#define HELPER_MEMORY_MAX_KIB (8 * 1024)
#endif

typedef struct Witness {
        Fixture *fixture;
        uid_t uid; /* of the attacker */
        RawBus *root, *direct;
        gint64 cpu_before_us;
        guint n_probes;
        gint64 longest_us, longest_direct_us;
        gint64 sampled_us; /* when the helpers were last looked at */
        guint64 helper_kib;
} Witness;

void witness_begin(Witness *witness, Fixture *fixture, uid_t uid);

/* Makes a call of GetGroup as root, over the bus and over root's socket. Both must be answered in time. */
void witness_probe(Witness *witness);

/* Runs the attack in a thread and probes the daemon until it has ended. */
void witness_during(Witness *witness, void (*attack)(void *userdata), void *userdata);

/* Checks that the attack took less processor time of the daemon than this, and the memory. Ends the measurement. */
void witness_end(Witness *witness, gint64 cpu_max_us);

/* The peak of the memory of a process that runs. */
guint64 process_peak_kib(pid_t pid);

/* Adds the test twice: as nobody, and as FAR_UID. */
void attack_add(const char *path, void (*test)(uid_t uid));
