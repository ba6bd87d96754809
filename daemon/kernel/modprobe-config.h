/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The settings of modprobe: the files *.conf in /etc/modprobe.d and the other folders of modprobe.d(5). */

typedef enum ModprobeCommand {
        MODPROBE_BLACKLIST,
        MODPROBE_INSTALL, /* a command replaces the loading of the module */
        MODPROBE_OPTIONS,
} ModprobeCommand;

typedef struct ModprobeLine {
        char *file; /* "/etc/modprobe.d/vfio.conf" */
        unsigned line;
        ModprobeCommand command;
        char *module;
        char *rest; /* the options, or the command: "ids=10de:2484,10de:228b"; "" for none */
} ModprobeLine;

typedef struct ModprobeConfig {
        ModprobeLine *lines;
        size_t n_lines;
} ModprobeConfig;

/* Adds the lines of a file. Other commands, comments, and lines without a module are skipped. Returns 0 or -ENOMEM. */
int modprobe_config_parse(ModprobeConfig *config, const char *file, const char *text);

/* Reads all files: a file hides those of the same name in folders of lower precedence. What cannot be read counts as missing.
 * May block, so only child processes call it. Returns 0 or -ENOMEM. */
int modprobe_config_read(const Kernel *kernel, ModprobeConfig *ret);

/* Frees the lines. */
void modprobe_config_done(ModprobeConfig *config);
#define _cleanup_modprobe_config_ _cleanup_(modprobe_config_done)
