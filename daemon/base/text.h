/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Makes text that anybody may have chosen (names of processes, of mount points) fit for messages, logs and terminals, in place:
 * what is a control character, or no UTF-8, becomes "?". Returns text. */
char *text_make_printable(char *text);
