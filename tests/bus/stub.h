/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "private-bus.h"

/* A stub on its own bus that replaces vfiod and gives the answers that the test wants, for situations that are rare
 * with the real daemon. */

typedef struct Stub Stub;

Stub *stub_start(void);
/* Returns NULL. */
Stub *stub_stop(Stub *stub);

/* Sets the answer to calls of a method: "([1, 2], 'x')" in GVariant's text form, or an error, "!NAME MESSAGE". The
 * method is "Member", or "Member FIRST-ARGUMENT" for calls with this argument only. Other calls get no answer. */
void stub_answer(Stub *stub, const char *method, const char *answer);

/* Waits for the next call of a method without an answer. Returns the path of its object. */
char *stub_expect_call(Stub *stub, const char *member);
/* Answers the last such call. */
void stub_finish(Stub *stub, const char *member, const char *answer);
/* The number of calls of the method. */
unsigned stub_count_calls(Stub *stub, const char *member);

/* The arguments of the last call of the method, in GVariant's text form. */
char *stub_get_arguments(Stub *stub, const char *member);

void stub_emit(Stub *stub, const char *path, const char *interface, const char *member, const char *arguments);
