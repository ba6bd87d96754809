/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"
#include "output.h"

/* Reverts, in words: groups that go back to the host unless somebody confirms. */

#define REVERT_TEXT_MAX 128

/* Writes "at 12:34:56"; or "at its deadline" if vfiod runs on another host, whose clock is not known here. Returns the buffer. */
const char *revert_time(uint64_t at_us, char buffer[static REVERT_TEXT_MAX]);

/* Writes "2min 30s". Returns the buffer. */
const char *revert_span(uint64_t span_us, char buffer[static REVERT_TEXT_MAX]);

/* Returns "at 12:34:56 unless you run 'vfioctl confirm SELECTOR'"; after the deadline, what the revert waits for. The caller frees it. Returns
 * NULL if there is not enough memory. */
char *revert_in_words(const Group *group, const char *selector);
