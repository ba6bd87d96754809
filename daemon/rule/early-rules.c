/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/early-rules.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/driver.h"
#include "job/child.h"
#include "kernel/modules.h"
#include "policy/plan.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

struct EarlyRules {
        sd_event *event;
        const Kernel *kernel;
        char *file;
        char *wanted, *written;  /* content that the file shall have, and has; NULL for no file */
        sd_event_source *loader; /* a pipe; at its end of file, the process that loads vfio-pci has exited */
        int loader_fd;
};

static int replace(int folder_fd, const char *name, const char *text) {
        char temporary[NAME_MAX + 1];

        /* udev reads only files that end in ".rules", so it ignores this one. */
        if (snprintf(temporary, sizeof(temporary), ".%s.new", name) >= (int)sizeof(temporary))
                return -ENAMETOOLONG;
        (void)unlinkat(folder_fd, temporary, 0);
        _cleanup_close_ int fd =
                        openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;
        int r = fchmod(fd, 0644) < 0 ? -errno : file_write_all(fd, text, strlen(text));
        if (r >= 0 && renameat(folder_fd, temporary, folder_fd, name) < 0)
                r = -errno;
        if (r < 0)
                (void)unlinkat(folder_fd, temporary, 0);
        return r;
}

static int write_file(const char *file, const char *text) {
        char folder[PATH_MAX];
        const char *slash = strrchr(file, '/');

        if (!slash || (size_t)(slash - file) >= sizeof(folder))
                return -EINVAL;
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - file), file);
        if (!text)
                return unlink(file) < 0 && errno != ENOENT ? -errno : 0;
        /* Everybody may read the directory, independent of the umask. */
        if (mkdir(folder, 0755) >= 0 ? chmod(folder, 0755) < 0 : errno != EEXIST)
                return -errno;
        _cleanup_close_ int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return -errno;
        return replace(folder_fd, slash + 1, text);
}

static int write_wanted(EarlyRules *early) {
        if (streq_ptr(early->wanted, early->written))
                return 0;
        int r = write_file(early->file, early->wanted);
        return r < 0 ? r : free_and_strdup(&early->written, early->wanted);
}

static void stop_loader(EarlyRules *early) {
        early->loader = sd_event_source_disable_unref(early->loader);
        early->loader_fd = safe_close(early->loader_fd);
}

static int on_loaded(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        EarlyRules *early = userdata;
        int r = -ENODEV;

        (void)source, (void)fd, (void)events;
        stop_loader(early);
        if (modules_driver_exists(early->kernel, PLAN_VFIO_DRIVER))
                r = write_wanted(early);
        if (r < 0)
                log_warning("Cannot write the rules for udev, so a host driver may bind to a device for a moment "
                            "before its "
                            "rule is applied: %s",
                                r == -ENODEV ? "there is no driver " PLAN_VFIO_DRIVER : strerror(-r));
        return 0;
}

/* Runs in the child process, because loading a module can block for a long time. */
static void __attribute__((noreturn)) load(const Kernel *kernel) {
        _cleanup_problem_ Problem problem = {};

        if (driver_ensure(kernel, PLAN_VFIO_DRIVER, NULL, &problem) != 0 && problem.message)
                log_warning("%s", problem.message);
        _exit(EXIT_SUCCESS);
}

static int start_loader(EarlyRules *early) {
        int ends[2], r;

        if (early->loader)
                return 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_close_ int child_end = ends[1];
        early->loader_fd = ends[0];
        r = sd_event_add_io(early->event, &early->loader, early->loader_fd, EPOLLIN, on_loaded, early);
        if (r >= 0)
                r = child_fork(early->event, "vfiod-loader", early->kernel, &child_end, 1);
        if (r < 0) {
                stop_loader(early);
                return r;
        }
        if (r == 0)
                load(early->kernel);
        return 0;
}

int early_rules_new(sd_event *event, const Kernel *kernel, const char *file, EarlyRules **ret) {
        _cleanup_(early_rules_freep) EarlyRules *early = malloc(sizeof(EarlyRules));
        if (!early)
                return -ENOMEM;
        *early = (EarlyRules){.event = event, .kernel = kernel, .file = strdup(file), .loader_fd = -EBADF};
        if (!early->file)
                return -ENOMEM;
        *ret = TAKE_PTR(early);
        return 0;
}

EarlyRules *early_rules_free(EarlyRules *early) {
        if (!early)
                return NULL;
        if (early->written)
                (void)write_file(early->file, NULL);
        stop_loader(early);
        free(early->wanted);
        free(early->written);
        free(early->file);
        free(early);
        return NULL;
}

int early_rules_set(EarlyRules *early, char *text) {
        free(early->wanted);
        early->wanted = text;
        if (!text || modules_driver_exists(early->kernel, PLAN_VFIO_DRIVER))
                return write_wanted(early);
        return start_loader(early);
}
