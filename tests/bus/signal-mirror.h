/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* The state of a client that asks once for all objects and afterwards only listens to signals. */

typedef struct SignalMirror SignalMirror;

SignalMirror *signal_mirror_new(Fixture *fixture);
void signal_mirror_free(SignalMirror *mirror);

/* Waits until this state equals the daemon's current answers, which happens when the daemon is idle. Free the mirror
 * before the fixture is stopped. */
void signal_mirror_check(SignalMirror *mirror);
