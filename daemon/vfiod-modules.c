/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "helper/helper-main.h"
#include "helper/modules-service.h"

#define NAME "vfiod-modules"

static int run(void) {
        _cleanup_(kernel_freep) Kernel *kernel = NULL;

        int r = kernel_new("/sys", "/dev", "/proc", NULL, NULL, &kernel);
        if (r < 0 || (r = kernel_open_root(kernel, "/")) < 0)
                return log_error_errno(r, "Cannot open /sys/bus/pci, /dev, /proc and /");
        return helper_listen(NAME,
                        (ListenerParts){
                                        .child_name = "vfiod-load",
                                        .kernel = kernel,
                                        .keep = {kernel->root_fd, -EBADF, -EBADF, -EBADF},
                                        .serve = modules_serve,
                                        .userdata = kernel,
                        });
}

int main(int argc, char **argv) {
        return helper_main(argc, argv, NAME, run);
}
