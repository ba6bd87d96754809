/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/check.h"

#include <glib.h>

/* Checks of a diagnosis, for tests. */

/* Returns the check with this code; NULL if there is none. */
const Check *find_check(const CheckList *list, const char *code);

/* There is one check with this code and severity; its finding contains says, and its cure is this pattern (see
 * g_pattern_match_simple()), "" for none. */
void expect_check(const CheckList *list, const char *code, const char *severity, const char *says, const char *cure);

/* There is no check with this code. */
void expect_no_check(const CheckList *list, const char *code);

/* Returns the value of a detail; NULL if there is none. */
const char *check_get_detail(const Check *check, const char *key);
