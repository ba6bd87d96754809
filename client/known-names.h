/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* The names that the filters of lists accept. */

/* Whether the text is a category, or a state or an availability, that this version of vfioctl knows. */
bool category_is_known(const char *text);
bool availability_is_known(const char *text);

/* The names of all categories, and of all states and availabilities, with ", " between them. */
const char *category_names(void);
const char *availability_names(void);
