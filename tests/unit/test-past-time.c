/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/past-time.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <time.h>

/* Texts for times, as "vfioctl log --since" takes them. In this time zone, summer time ends on 2026-10-25. */

#define ZONE "CET-1CEST,M3.5.0,M10.5.0/3"

/* Friday, 2026-11-27 20:15:30.5 */
#define NOW_US (UINT64_C(1795806930) * 1000000 + 500000)

/* 2026-10-25 12:00, and the midnight before: 13 hours, because of the end of summer time */
#define AFTER_SUMMER_US (UINT64_C(1792926000) * 1000000)

static void expect(const char *text, uint64_t now_us, uint64_t seconds) {
        uint64_t time_us = 0;

        if (past_time_parse(text, now_us, &time_us) != 0)
                g_error("'%s' is refused", text);
        if (time_us / 1000000 != seconds)
                g_error("'%s' is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, text, time_us / 1000000, seconds);
}

static void test_calendar(void) {
        uint64_t midnight = 1795806930 - (20 * 3600 + 15 * 60 + 30);

        expect("2026-11-27 20:15:30", NOW_US, 1795806930);
        expect("2026-11-27T20:15:30", NOW_US, 1795806930);
        expect("2026-11-27 20:00", NOW_US, midnight + 20 * 3600);
        expect("2026-11-27T20:00", NOW_US, midnight + 20 * 3600);
        expect("2026-11-27", NOW_US, midnight);
        expect("2026-11-01", NOW_US, midnight - 26 * 86400);
        expect("20:00", NOW_US, midnight + 20 * 3600);
        expect("00:00:01", NOW_US, midnight + 1);
        expect("now", NOW_US, 1795806930);
        expect("today", NOW_US, midnight);
        expect("yesterday", NOW_US, midnight - 86400);
        expect("today", AFTER_SUMMER_US, 1792926000 - 13 * 3600);
        expect("yesterday", AFTER_SUMMER_US, 1792926000 - 37 * 3600);
        /* summer time */
        expect("2026-07-01 12:00", NOW_US, 1782900000);
}

static void test_spans(void) {
        static const struct {
                const char *text;
                uint64_t seconds;
        } cases[] = {
                        {"-1h", 3600},
                        {"-30min", 1800},
                        {"-30m", 1800},
                        {"-90", 90},
                        {"-90s", 90},
                        {"-1h30min", 5400},
                        {"-1h 30min", 5400},
                        {"-2days", 172800},
                        {"-2 days", 172800},
                        {"-1w", 604800},
                        {"1h ago", 3600},
                        {"3 weeks ago", 1814400},
                        {"1 day 2 hours ago", 93600},
                        {"-100000w", 1795806930},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                expect(cases[i].text, NOW_US, 1795806930 - cases[i].seconds);
        expect("@0", NOW_US, 0);
        expect("@1795800000", NOW_US, 1795800000);
}

static void test_refused(void) {
        static const char *const texts[] = {"", " ", "-", "-h", "-1x", "-1h ago", "-1h-", "--1h", "- 1h", "1h", "-0s",
                        "ago", " ago", "1 ago ago", "-100001", "-99999999999999999999", "@", "@-1", "@1x", "@ 1",
                        "@99999999999999999999", "tomorrow", "today ", "2026", "2026-13-01", "2026-02-30", "2026-11-31",
                        "2026-11-27 24:01", "2026-11-27 20", "2026-11-27 20:00:00 UTC", "20:60", "1960-01-01",
                        "10.11.2026", "-1\xc2\xb5s"};
        uint64_t time_us;

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                if (past_time_parse(texts[i], NOW_US, &time_us) == 0)
                        g_error("'%s' is taken as %" G_GUINT64_FORMAT, texts[i], time_us);
}

/* A span alone, as --revert-after takes it. */
static void test_span(void) {
        static const struct {
                const char *text;
                uint64_t seconds; /* 0: refused */
        } cases[] = {{"90", 90}, {"90s", 90}, {"2m", 120}, {"1h30m", 5400}, {"1h 30min", 5400}, {"1d", 86400}, {"", 0},
                        {"0", 0}, {"-5", 0}, {"+5", 0}, {"2x", 0}, {"1.5h", 0}, {"2m ago", 0}, {"m", 0},
                        {"99999999999999999999s", 0}};

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint64_t span_us = 0;
                int r = past_time_parse_span(cases[i].text, &span_us);

                if (r != (cases[i].seconds > 0 ? 0 : -EINVAL) || span_us != cases[i].seconds * 1000000)
                        g_error("'%s' is %d, %" G_GUINT64_FORMAT, cases[i].text, r, span_us);
        }
}

int main(int argc, char **argv) {
        g_assert_cmpint(setenv("TZ", ZONE, 1), ==, 0);
        tzset();
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/past-time/calendar", test_calendar);
        g_test_add_func("/past-time/spans", test_spans);
        g_test_add_func("/past-time/refused", test_refused);
        g_test_add_func("/past-time/span", test_span);
        return g_test_run();
}
