/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "private-mounts.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

static int make_private(const char *path) {
        return mount(NULL, path, NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

/* Only a mount can be made private. /proc is one: a copy of the root goes there, and becomes the root. */
static int move_to_copy_of_root(void) {
        char folder[PATH_MAX];

        int r = make_private("/proc");
        if (r < 0)
                return r;
        if (!getcwd(folder, sizeof(folder)) || mount("/", "/proc", NULL, MS_BIND | MS_REC, NULL) < 0 ||
                        chroot("/proc") < 0 || chdir(folder) < 0)
                return -errno;
        return make_private("/");
}

int private_mounts(void) {
        if (unshare(CLONE_NEWNS) < 0)
                return -errno;
        int r = make_private("/");
        return r == -EINVAL ? move_to_copy_of_root() : r;
}
