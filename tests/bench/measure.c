/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int must(int r, const char *what) {
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", what, strerror(-r));
                exit(1);
        }
        return r;
}

int must_errno(int r, const char *what) {
        return must(r < 0 ? -errno : r, what);
}

static double read_clock(clockid_t clock) {
        struct timespec time;

        must_errno(clock_gettime(clock, &time), "clock_gettime");
        return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

double now_us(void) {
        return read_clock(CLOCK_MONOTONIC);
}

double cpu_us(pid_t pid) {
        clockid_t clock;

        must(-clock_getcpuclockid(pid, &clock), "clock_getcpuclockid");
        return read_clock(clock);
}

void print_values(const char *name, size_t n, ...) {
        const char *key;
        va_list list;

        printf("{\"name\": \"%s\"", name);
        va_start(list, n);
        while ((key = va_arg(list, const char *))) {
                const double *values = va_arg(list, const double *);
                printf(", \"%s\": [", key);
                for (size_t i = 0; i < n; i++)
                        printf("%s%.3f", i > 0 ? ", " : "", values[i]);
                printf("]");
        }
        va_end(list);
        printf("}\n");
}
