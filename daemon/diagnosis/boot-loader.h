/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/check.h"
#include "kernel/boot-facts.h"

/* How the kernel command line of this host is changed: that depends on its boot loader and its distribution. These decide from
 * texts, and read nothing. */

typedef enum BootLoader {
        BOOT_LOADER_UNKNOWN,
        BOOT_LOADER_GRUB,
        BOOT_LOADER_GRUBBY,         /* GRUB, and grubby changes its entries: Fedora, RHEL and its relatives since 8 */
        BOOT_LOADER_SYSTEMD_BOOT,   /* and somebody wrote its entries by hand */
        BOOT_LOADER_KERNEL_INSTALL, /* systemd-boot, and kernel-install writes its entries from /etc/kernel/cmdline */
        BOOT_LOADER_SDBOOTUTIL,     /* the same with the tool of openSUSE */
        BOOT_LOADER_SDBOOT_MANAGE,  /* the same with the tool of Manjaro and its relatives */
        BOOT_LOADER_UKI,            /* unified kernel images */
        BOOT_LOADER_PROXMOX,        /* proxmox-boot-tool with systemd-boot */
        BOOT_LOADER_KERNELSTUB,     /* Pop!_OS */
        BOOT_LOADER_OSTREE,
        BOOT_LOADER_RASPBERRY_PI,
        BOOT_LOADER_LIMINE,
        BOOT_LOADER_REFIND,
        BOOT_LOADER_EXTLINUX,
        BOOT_LOADER_NIXOS,
        _BOOT_LOADER_MAX,
} BootLoader;

/* Returns the name of the boot loader on the bus, for example "grub", a static string. */
const char *boot_loader_to_string(BootLoader loader);

/* Finds out how this host is started. */
BootLoader boot_loader_find(const BootFacts *facts);

/* Returns the command that makes the initramfs of this host again, a static string; "" if the host has no program for that, or its
 * initramfs does not come from this host (ostree). */
const char *boot_initramfs_command(const BootFacts *facts);

/* Sets the cure of the last check: add or remove a parameter of the kernel. That is a command where one command can do it; otherwise a
 * sentence. Adds the details "boot-loader"; and "file", "old-line" and "new-line", if one line of a file changes. If the
 * configuration has the parameter already (or no longer has it), the cure only applies the configuration. A parameter with unusual
 * characters is never part of a command. */
void boot_loader_cure_add(CheckList *list, const BootFacts *facts, const char *parameter);
void boot_loader_cure_remove(CheckList *list, const BootFacts *facts, const char *parameter);

/* Sets the cure of the last check: remove one entry from the list that is the value of a parameter, and keep the others. That is always a
 * sentence. Adds the detail "boot-loader". */
void boot_loader_cure_remove_entry(CheckList *list, const BootFacts *facts, const char *parameter, const char *entry);
