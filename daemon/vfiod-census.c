/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "helper/census-service.h"
#include "helper/helper-main.h"

#define NAME "vfiod-census"

static int run(void) {
        _cleanup_(kernel_freep) Kernel *kernel = NULL;

        int r = kernel_new("/sys", "/dev", "/proc", NULL, NULL, &kernel);
        if (r < 0)
                return log_error_errno(r, "Cannot open /sys/bus/pci, /dev and /proc");
        return helper_listen(NAME,
                        (ListenerParts){
                                        .child_name = "vfiod-search",
                                        .kernel = kernel,
                                        .keep = {-EBADF, -EBADF, -EBADF, -EBADF},
                                        .serve = census_serve,
                                        .userdata = kernel,
                        });
}

int main(int argc, char **argv) {
        return helper_main(argc, argv, NAME, run);
}
