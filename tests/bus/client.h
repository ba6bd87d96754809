/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

#include <jansson.h>

/* The real vfioctl. */

/* Arguments in one string, with blanks between them, as for a shell. */
ProgramResult vfioctl(const char *arguments, ...) G_GNUC_PRINTF(1, 2);
/* The program and its arguments; to be freed with g_strfreev(). */
char **vfioctl_argv(const char *arguments);
/* "NAME=value" for it, ended by NULL: a language, a time zone, and a terminal that can do what most can. */
extern const char *const vfioctl_environment[];

/* It ended with this status; on stderr is what the pattern says (see g_pattern_match_simple()), "" for nothing. */
void expect_result(const ProgramResult *result, int status, const char *pattern, const char *what, ...);

/* Runs it with these arguments, and expects that. */
#define EXPECT(status_, pattern, ...) \
        G_STMT_START { \
                g_auto(ProgramResult) result_ = vfioctl(__VA_ARGS__); \
                expect_result(&result_, status_, pattern, __VA_ARGS__); \
        } \
        G_STMT_END

/* What it prints with --json, when it ends with this status. */
json_t *vfioctl_json_with(int status, const char *arguments);
json_t *vfioctl_json(const char *arguments);

/* The value at a path of keys and indexes, "groups.9.members.1.driver", in one line; NULL for none. */
char *json_at(const json_t *document, const char *path);
void expect_json(const json_t *document, const char *path, const char *expected);

/* It ends with this status, and its text is that of golden/NAME.txt, but for what differs from host to host. With
 * UPDATE_GOLDEN in the environment, the file is written anew. */
void expect_golden(int status, const char *arguments, const char *name);
/* The same for a text as it is. */
void expect_golden_text(const char *actual, const char *name);
