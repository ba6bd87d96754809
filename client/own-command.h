/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* Commands of vfioctl that vfioctl advises. The words are a list that ends in NULL. */

typedef struct OwnCommand {
        const char *verb;        /* "plan", "detach", "reattach" or "reset" */
        bool reattach;           /* the options are those of reattach */
        char *const *guards;     /* to override */
        bool force;              /* of reattach */
        bool dry_run;            /* of reset */
        bool whole_group;        /* of detach: agree to all companions */
        const char *fingerprint; /* of a plan; NULL for none */
} OwnCommand;

/* Makes the words of the command, with the selector and the options of this call. A selector that was typed with control
 * characters is written in its escaped form, which means the same device. The caller frees the list. Returns 0 or
 * -ENOMEM. */
int own_command_make(const Invocation *invocation, const OwnCommand *command, char ***ret_words);

/* Makes the line to type into a shell: words are quoted where needed. The caller frees it. Returns NULL if there is not enough
 * memory. */
char *own_command_line(char *const *words);

/* Makes the line of "vfioctl plan" for the same change, "detach" or "reattach", or of "vfioctl reset --dry-run" for "reset":
 * with the same selector and options. The caller frees it. Returns NULL if there is not enough memory. */
char *own_command_plan(const Invocation *invocation, const char *verb);

/* "-- " if the name begins with a dash, as vfioctl needs it before such a name; otherwise "". */
const char *own_command_dashes(const char *name);
