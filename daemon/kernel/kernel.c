/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/kernel.h"
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

int kernel_new(const char *sys, const char *dev, const char *proc, load_module_t load_module, void *userdata,
                Kernel **ret) {
        _cleanup_(kernel_freep) Kernel *kernel = malloc(sizeof(Kernel));
        if (!kernel)
                return -ENOMEM;

        *kernel = (Kernel){
                        .sys_fd = open(sys, O_PATH | O_DIRECTORY | O_CLOEXEC),
                        .devices_fd = -EBADF,
                        .dev_fd = open(dev, O_PATH | O_DIRECTORY | O_CLOEXEC),
                        .root_fd = -EBADF,
                        .proc_fd = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC),
                        .load_module = load_module,
                        .load_module_userdata = userdata,
        };
        if (kernel->sys_fd < 0 || kernel->dev_fd < 0 || kernel->proc_fd < 0)
                return -errno;

        kernel->devices_fd = openat(kernel->sys_fd, "bus/pci/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (kernel->devices_fd < 0)
                return -errno;

        *ret = TAKE_PTR(kernel);
        return 0;
}

int kernel_open_root(Kernel *kernel, const char *root) {
        int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        (void)safe_close(kernel->root_fd);
        kernel->root_fd = fd;
        return 0;
}

int kernel_read_file(const Kernel *kernel, const char *path, size_t max, char **ret) {
        struct stat status;
        size_t length;

        if (kernel->root_fd < 0)
                return -ENOENT;
        _cleanup_close_ int fd = openat(kernel->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        return S_ISREG(status.st_mode) ? file_read_all(fd, max, ret, &length) : -EINVAL;
}

Kernel *kernel_free(Kernel *kernel) {
        if (!kernel)
                return NULL;
        kernel->sys_fd = safe_close(kernel->sys_fd);
        kernel->devices_fd = safe_close(kernel->devices_fd);
        kernel->dev_fd = safe_close(kernel->dev_fd);
        kernel->proc_fd = safe_close(kernel->proc_fd);
        kernel->root_fd = safe_close(kernel->root_fd);
        free(kernel);
        return NULL;
}
