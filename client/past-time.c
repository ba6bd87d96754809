/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "past-time.h"

#include "daemon/base/util.h"

#include <ctype.h>

#define SECOND_US UINT64_C(1000000)
#define DAY_S (24 * 60 * 60)

/* So many units of any length fit into a time. */
#define NUMBER_MAX 100000

static const struct {
        const char *name;
        uint64_t seconds;
} units[] = {
                {"", 1},
                {"s", 1},
                {"sec", 1},
                {"second", 1},
                {"seconds", 1},
                {"m", 60},
                {"min", 60},
                {"minute", 60},
                {"minutes", 60},
                {"h", 3600},
                {"hr", 3600},
                {"hour", 3600},
                {"hours", 3600},
                {"d", DAY_S},
                {"day", DAY_S},
                {"days", DAY_S},
                {"w", 7 * DAY_S},
                {"week", 7 * DAY_S},
                {"weeks", 7 * DAY_S},
};

/* Reads a decimal number up to max. Returns what follows it, or NULL. */
static const char *read_number(const char *text, uint64_t max, uint64_t *ret) {
        char *end;

        if (!isdigit((unsigned char)*text)) /* strtoull() would accept blanks and signs */
                return NULL;
        errno = 0;
        *ret = strtoull(text, &end, 10);
        return errno > 0 || *ret > max ? NULL : end;
}

/* Reads the name of a unit, which ends before a blank, a digit, or the end. */
static const char *read_unit(const char *text, uint64_t *ret_seconds) {
        size_t length = 0;

        while (isalpha((unsigned char)text[length]))
                length++;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == length && strncmp(units[i].name, text, length) == 0) {
                        *ret_seconds = units[i].seconds;
                        return text + length;
                }
        return NULL;
}

static const char *skip_blanks(const char *text) {
        return text + strspn(text, " ");
}

/* Reads "1h 30min" up to the end, or up to " ago". Returns how many seconds that is; 0 if it is no such text. */
static uint64_t read_span(const char *text, bool needs_ago) {
        uint64_t sum = 0, number, seconds;

        do {
                text = read_number(text, NUMBER_MAX, &number);
                text = text ? read_unit(skip_blanks(text), &seconds) : NULL;
                if (!text)
                        return 0;
                sum += number * seconds;
                text = skip_blanks(text);
        } while (isdigit((unsigned char)*text));
        return streq(text, needs_ago ? "ago" : "") ? sum : 0;
}

static int before(uint64_t now_us, uint64_t seconds, uint64_t *ret_us) {
        if (seconds == 0)
                return -EINVAL;
        *ret_us = seconds < now_us / SECOND_US ? now_us - seconds * SECOND_US : 0;
        return 0;
}

static int from_local(struct tm *local, uint64_t *ret_us) {
        int month = local->tm_mon, day = local->tm_mday;

        local->tm_isdst = -1;
        time_t seconds = mktime(local);
        if (seconds < 0 || local->tm_mon != month || local->tm_mday != day)
                return -EINVAL;
        *ret_us = (uint64_t)seconds * SECOND_US;
        return 0;
}

/* The midnight at which today began, or so many days before. */
static int from_midnight(uint64_t now_us, int days_ago, uint64_t *ret_us) {
        time_t now = (time_t)(now_us / SECOND_US);
        struct tm local;

        if (!localtime_r(&now, &local))
                return -EINVAL;
        local.tm_hour = local.tm_min = local.tm_sec = 0;
        local.tm_mday -= days_ago;
        local.tm_isdst = -1;
        *ret_us = (uint64_t)mktime(&local) * SECOND_US;
        return 0;
}

/* Reads a date, a time, or both. */
static int from_calendar(const char *text, uint64_t now_us, uint64_t *ret_us) {
        static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S",
                        "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M"};
        time_t now = (time_t)(now_us / SECOND_US);

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                struct tm local;

                if (!localtime_r(&now, &local))
                        return -EINVAL;
                local.tm_hour = local.tm_min = local.tm_sec = 0;
                const char *end = strptime(text, formats[i], &local);
                if (end && *end == '\0')
                        return from_local(&local, ret_us);
        }
        return -EINVAL;
}

int past_time_parse(const char *text, uint64_t now_us, uint64_t *ret_us) {
        uint64_t seconds;

        if (streq(text, "now")) {
                *ret_us = now_us;
                return 0;
        }
        if (streq(text, "today") || streq(text, "yesterday"))
                return from_midnight(now_us, streq(text, "yesterday"), ret_us);
        if (text[0] == '@') {
                const char *end = read_number(text + 1, UINT64_MAX / SECOND_US, &seconds);
                if (!end || *end != '\0')
                        return -EINVAL;
                *ret_us = seconds * SECOND_US;
                return 0;
        }
        if (text[0] == '-')
                return before(now_us, read_span(text + 1, false), ret_us);
        seconds = read_span(text, true);
        return seconds > 0 ? before(now_us, seconds, ret_us) : from_calendar(text, now_us, ret_us);
}

int past_time_parse_span(const char *text, uint64_t *ret_us) {
        uint64_t seconds = read_span(text, false);

        if (seconds == 0)
                return -EINVAL;
        *ret_us = seconds * SECOND_US;
        return 0;
}
