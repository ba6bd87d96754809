/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

#include <jansson.h>

/* The real vfioctl. */

/* The arguments are one string, separated by blanks, as for a shell. */
ProgramResult vfioctl(const char *arguments, ...) G_GNUC_PRINTF(1, 2);
/* The program and its arguments; free with g_strfreev(). */
char **vfioctl_argv(const char *arguments);
/* "NAME=value" strings for it, ended by NULL: a language, a time zone, and an ordinary terminal type. */
extern const char *const vfioctl_environment[];

/* Checks the exit status, and that stderr matches the pattern (see g_pattern_match_simple()); "" means no output. */
void expect_result(const ProgramResult *result, int status, const char *pattern, const char *what, ...);

/* Runs it with these arguments and checks the result. */
#define EXPECT(status_, pattern, ...) \
        G_STMT_START { \
                g_auto(ProgramResult) result_ = vfioctl(__VA_ARGS__); \
                expect_result(&result_, status_, pattern, __VA_ARGS__); \
        } \
        G_STMT_END

/* Its output with --json; it must end with this status. */
json_t *vfioctl_json_with(int status, const char *arguments);
json_t *vfioctl_json(const char *arguments);

/* The value at a path of keys and indexes, "groups.9.members.1.driver", in one line; NULL if there is none. */
char *json_at(const json_t *document, const char *path);
void expect_json(const json_t *document, const char *path, const char *expected);

/* It must end with this status, and its output must equal golden/NAME.txt, except for the parts that differ between
 * hosts. If UPDATE_GOLDEN is in the environment, the file is written again. */
void expect_golden(int status, const char *arguments, const char *name);
/* The same for a given text. */
void expect_golden_text(const char *actual, const char *name);
