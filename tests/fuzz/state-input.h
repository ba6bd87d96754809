/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fuzz.h"

/* Writes a state file with the input as its JSON, behind a right header; without a kind, the input is the whole file. */
void state_input_write(int folder_fd, const char *name, const char *kind, const void *data, size_t size);
