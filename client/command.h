/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* The command that a lease is for: a list of words that ends in NULL. */

/* The word that stands for the arguments with which QEMU gets the devices. */
#define COMMAND_QEMU_WORD "@qemu@"

typedef enum CommandUse {
        COMMAND_WITHOUT_QEMU, /* no "@qemu@" */
        COMMAND_WITH_QEMU,    /* a word is "@qemu@" */
        COMMAND_WRONG_QEMU,   /* "@qemu@" is only a part of a word, where it cannot be replaced by several words */
} CommandUse;

/* Tells how the command uses "@qemu@". */
CommandUse command_use(char *const *command);

/* Copies the command, with these arguments in the place of each "@qemu@". The caller frees the list. Returns 0 or
 * -ENOMEM. */
int command_substitute(char *const *command, char *const *arguments, char ***ret_command);

/* Makes QEMU's arguments for descriptors that the command inherits: the paths tell what each of them is. The caller
 * frees the list. Returns 0; -ENOENT if /dev/iommu is not among them; or -ENOMEM. */
int command_descriptor_arguments(char *const *paths, const int *descriptors, char ***ret_arguments);

/* Finds the program of a command, in the folders of PATH if its name has no slash. So nothing is changed for a command that
 * cannot run. Gets its path, which the caller frees. Returns 0, -ENOENT, -EACCES or -ENOMEM. */
int command_find(const char *name, char **ret_path);
