/* SPDX-License-Identifier: GPL-2.0-or-later */

/* crowd COUNT: so many processes that only sleep. Prints "ready" when they are there, and ends with them at the end of the input. */

#include "measure.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
        unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

        for (unsigned long i = 0; i < count; i++)
                if (must_errno(fork(), "fork") == 0) {
                        must_errno(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
                        for (;;)
                                (void)pause();
                }
        printf("ready\n");
        (void)fflush(stdout);
        return getchar() == EOF ? 0 : 1;
}
