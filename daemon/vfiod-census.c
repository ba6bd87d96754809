/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "helper/census-service.h"
#include "helper/helper-main.h"
#include "process/listener.h"

#define NAME "vfiod-census"

/* The daemon asks at most 16 at a time, and each worker one. */
#define CHILDREN_MAX 256

static int run(void) {
        _cleanup_(kernel_freep) Kernel *kernel = NULL;

        int listen_fd = helper_take_socket(NAME);
        if (listen_fd < 0)
                return listen_fd;
        int r = kernel_new("/sys", "/dev", "/proc", NULL, NULL, &kernel);
        if (r < 0)
                return log_error_errno(r, "Cannot open /sys/bus/pci, /dev and /proc");
        r = listener_run(&(ListenerParts){
                        .child_name = "vfiod-search",
                        .kernel = kernel,
                        .listen_fd = listen_fd,
                        .client = helper_find_client(),
                        .children_max = CHILDREN_MAX,
                        .idle_us = HELPER_IDLE_US,
                        .keep = {-EBADF, -EBADF},
                        .serve = census_serve,
                        .userdata = kernel,
        });
        return r < 0 ? log_error_errno(r, "The event loop failed") : r;
}

int main(int argc, char **argv) {
        log_open();
        int r = helper_parse_arguments(argc, argv, NAME);
        if (r > 0)
                return r - 1;
        return run() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
