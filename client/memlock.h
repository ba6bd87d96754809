/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

/* The limit of locked memory (RLIMIT_MEMLOCK). A device may write into the memory of its virtual machine at any time, so
 * the kernel locks all of that memory, and counts it against the limit. If the limit is too low, QEMU fails with
 * "VFIO_MAP_DMA failed: Cannot allocate memory". The functions here read and change nothing, except where they say so. */

/* Parses a size as QEMU's -m does: a decimal number, which may have a fraction, and one of the letters K, M, G, T, or B
 * for bytes. Without a letter, the number is in MiB. Returns 0; or -EINVAL for another text, or a number that is too
 * large. */
int memlock_parse_size(const char *text, uint64_t *ret_bytes);

/* What a command says about its virtual machine. */
typedef struct MemlockGuest {
        uint64_t memory;    /* bytes; 0 if the command is not QEMU, or does not say it in a known form */
        bool virtual_iommu; /* the virtual machine has an IOMMU of its own */
        size_t n_devices;   /* vfio devices in the command line itself, without those of a lease */
} MemlockGuest;

/* Reads the command line of QEMU, which may follow other words, for example "taskset -c 3 qemu-system-x86_64". */
MemlockGuest memlock_read_command(char *const *command);

/* Returns how many bytes the kernel will lock, rounded up to MiB. The memory is locked once, also for several devices.
 * With an IOMMU in the virtual machine, each device has its own view of the memory: the memory counts once for each
 * device. Firmware and video memory need a little more; the memory of the devices themselves does not count. */
uint64_t memlock_need(uint64_t memory, bool virtual_iommu, size_t n_devices);

typedef enum MemlockVerdict {
        MEMLOCK_ENOUGH,
        MEMLOCK_RAISE,   /* enough if the soft limit is raised */
        MEMLOCK_TOO_LOW, /* only root can raise the hard limit */
} MemlockVerdict;

/* Compares the need with the limit. A privileged process (CAP_IPC_LOCK) has no limit. */
MemlockVerdict memlock_judge(uint64_t need, const struct rlimit *limit, bool privileged);

/* Whether programs that this process becomes have CAP_IPC_LOCK. Asks the kernel. */
bool memlock_is_privileged(void);

/* Writes an explanation: what is needed, what the limit is, and three ways to raise it. The user is the one
 * who runs the command, with this selector; both are escaped for the terminal. */
void memlock_explain(FILE *stream, uint64_t need, rlim_t limit, const char *user, const char *selector);
