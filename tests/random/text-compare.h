/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Fails if two texts differ, and prints the lines that only one of them has. */
void text_compare(const char *first, const char *other, const char *complaint);
