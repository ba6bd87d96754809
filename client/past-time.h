/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* Reads a point in time as journalctl --since takes it, in local time:
 *   2026-11-27 20:00:30, 2026-11-27 20:00, 2026-11-27    the same with a "T" instead of the blank
 *   20:00:30, 20:00                                      today
 *   now, today, yesterday                                the days begin at midnight
 *   -1h, -1h30min, -2days, 3 weeks ago                   before now; without a unit, seconds
 *   @1795809600                                          seconds since 1970
 * Times are microseconds since 1970. Returns 0; or -EINVAL if the text is nothing of this, or names a day or a time that does
 * not exist. */
int past_time_parse(const char *text, uint64_t now_us, uint64_t *ret_us);

/* Reads a span of time, as systemd.time(7) has it: 90, 90s, 2m, 1h30m, "1h 30min". Returns 0; or -EINVAL if the text is nothing of
 * this, or no time at all. */
int past_time_parse_span(const char *text, uint64_t *ret_us);
