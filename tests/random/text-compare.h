/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The test fails where two texts differ, and tells the lines that only one of them has. */
void text_compare(const char *one, const char *other, const char *complaint);
