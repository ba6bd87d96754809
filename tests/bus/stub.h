/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "private-bus.h"

/* Another daemon in vfiod's place, on a bus of its own: it answers what it is told to. For what the real one does
 * seldom or never. */

typedef struct Stub Stub;

Stub *stub_start(void);
/* Returns NULL. */
Stub *stub_stop(Stub *stub);

/* How calls of a method are answered: by "([1, 2], 'x')" in GVariant's text form, or by an error, "!NAME MESSAGE".
 * The method is "Member", or "Member FIRST-ARGUMENT" for those with that argument only. What was not told is not
 * answered. */
void stub_answer(Stub *stub, const char *method, const char *answer);

/* Waits for the next call of a method that has no answer. Returns its object's path. */
char *stub_expect_call(Stub *stub, const char *member);
/* Answers the last one of those. */
void stub_finish(Stub *stub, const char *member, const char *answer);
/* How often the method was called. */
unsigned stub_count_calls(Stub *stub, const char *member);

void stub_emit(Stub *stub, const char *path, const char *interface, const char *member, const char *arguments);
