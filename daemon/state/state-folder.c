/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/state-folder.h"
#include "base/log.h"
#include "state/state-file.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The bound of what is remembered and logged. */
#define REPORTED_MAX 256

static bool was_reported(const State *state, uint64_t inode) {
        for (size_t i = 0; i < state->n_reported; i++)
                if (state->reported[i] == inode)
                        return true;
        return false;
}

void state_report(State *state, int folder_fd, const char *name, int error) {
        struct stat status;

        if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || state->n_reported >= REPORTED_MAX ||
                        was_reported(state, status.st_ino))
                return;
        uint64_t *grown = reallocarray(state->reported, state->n_reported + 1, sizeof(uint64_t));
        if (!grown)
                return;
        state->reported = grown;
        grown[state->n_reported++] = status.st_ino;
        log_warning("The state file '%s' is ignored: %s.", name, state_file_describe_error(error));
}
