/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* What the host tells about its boot loader, and how its kernel command line is configured. This file only reads:
 * diagnosis/boot-loader.h decides. The texts are unchanged, so they can have any bytes but NUL. */

/* Files and programs whose existence tells which boot loader there is. */
typedef enum BootHint {
        BOOT_FILE_EFI, /* the machine was started by UEFI */
        BOOT_FILE_OSTREE,
        BOOT_FILE_RPM_OSTREE,
        BOOT_FILE_GRUBBY,
        BOOT_FILE_UPDATE_GRUB,
        BOOT_FILE_GRUB_MKCONFIG,
        BOOT_FILE_GRUB2_MKCONFIG,
        BOOT_FILE_KERNELSTUB,
        BOOT_FILE_KERNELSTUB_SETTINGS,
        BOOT_FILE_KERNEL_INSTALL,
        BOOT_FILE_SDBOOTUTIL,
        BOOT_FILE_MKINITCPIO,
        BOOT_FILE_UPDATE_INITRAMFS,
        BOOT_FILE_DRACUT,
        BOOT_FILE_PROXMOX_BOOT_UUIDS,
        BOOT_FILE_LIMINE_SETTINGS,
        BOOT_FILE_REFIND_SETTINGS,
        BOOT_FILE_EXTLINUX_SETTINGS,
        BOOT_FILE_SDBOOT_MANAGE_SETTINGS,
        _BOOT_FILE_MAX,
} BootHint;

/* A file of GRUB's settings. */
typedef struct BootText {
        char *path; /* "/etc/default/grub" */
        char *text;
} BootText;

/* /etc/default/grub, and so many files of /etc/default/grub.d. */
#define BOOT_GRUB_FILES_MAX 32

typedef struct BootFacts {
        unsigned files;                     /* mask of 1 << BootHint */
        char *os_release;                   /* contents; NULL if there is no such file, as in all fields below */
        char *loader;                       /* how the boot loader calls itself: "systemd-boot 257.8", "GRUB 2.12" */
        char *loader_entry;                 /* the name of the entry of the boot loader: "arch.conf" */
        char *stub;                         /* the kernel is in a unified kernel image, and this is the program in it */
        char *machine;                      /* "Raspberry Pi 5 Model B Rev 1.0" */
        char *kernel_cmdline;               /* contents of /etc/kernel/cmdline */
        char *rpi_cmdline;                  /* contents of cmdline.txt of a Raspberry Pi */
        const char *rpi_path;               /* its path; a static string */
        BootText grub[BOOT_GRUB_FILES_MAX]; /* in the order in which GRUB reads them */
        size_t n_grub;
} BootFacts;

/* Reads everything. What cannot be read counts as missing: vfiod reads only what everybody may read. May block, so only child
 * processes call it. Returns 0 or -ENOMEM. */
int boot_facts_read(const Kernel *kernel, BootFacts *ret);

/* Frees the texts. */
void boot_facts_done(BootFacts *facts);
#define _cleanup_boot_facts_ _cleanup_(boot_facts_done)

static inline bool boot_facts_have(const BootFacts *facts, BootHint file) {
        return facts->files & 1U << file;
}
