/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/boot-list.h"

/* The worker's side of the boot file (boot-list.h). The daemon names devices and rules. The worker itself finds out whether
 * a device may be in the file, so the daemon cannot put a device there that vfiod has not detached. */

typedef struct BootFile {
        const char *path; /* borrowed */
        int folder_fd;    /* the directory of the file */
        int lock_fd;      /* holds its lock */
        BootList old;     /* what is in the file */
        RuleBook *book;
} BootFile;

/* Locks the directory of the file, and reads the file and the rules. The caller calls boot_file_done(), also on failure.
 * Returns 0 or a negative errno. */
int boot_file_open(const char *path, const char *const *rule_folders, BootFile *ret);
void boot_file_done(BootFile *file);

/* Adds the line of a device to the list, if this rule exists and applies to it, and if the device is on a vfio driver and has
 * a state file of vfiod (devices_fd is the folder of these), or is in the file already. Otherwise adds nothing. Returns 0
 * or -ENOMEM. */
int boot_file_add(const BootFile *file, const Kernel *kernel, int devices_fd, PciAddress address, const char *rule,
                BootList *list);

/* Replaces the file; removes it if the list is empty. Returns 0 or a negative errno. */
int boot_file_write(const BootFile *file, const BootList *list);
