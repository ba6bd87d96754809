/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

#include <glib.h>

/* What libFuzzer calls, and what the targets share. A target checks its results with g_assert_...(): a failure is a crash. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string, up to its first NUL byte. It fills its memory exactly, so that any read behind it is found. The caller
 * frees it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A file whose contents are replaced for each input. */
int fuzz_file_open(const char *path);
void fuzz_file_write(int fd, const void *data, size_t size);

/* Checks that a message can be shown: UTF-8 without control characters, and not empty. */
void fuzz_assert_message(const char *message);
