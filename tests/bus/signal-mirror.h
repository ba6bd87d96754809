/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* What a client knows who asks once for all objects, and then only listens. */

typedef struct SignalMirror SignalMirror;

SignalMirror *signal_mirror_new(Fixture *fixture);
void signal_mirror_free(SignalMirror *mirror);

/* Waits until he knows what the daemon says when it is asked again, which is when it is quiet. To be freed before the fixture is stopped. */
void signal_mirror_check(SignalMirror *mirror);
