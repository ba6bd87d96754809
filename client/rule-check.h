/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* Makes "FILE:LINE: fault", which the caller frees. The line is left out if it is 0. Returns NULL if there is not enough memory. */
char *rule_fault_text(const char *file, uint32_t line, const char *fault);
