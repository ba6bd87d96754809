/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"
#include "output.h"

/* Devices and groups in words, as table cells and as JSON. Strings are the caller's to free; NULL where memory is
 * short. */

/* The driver in words: "none" where there is none. */
const char *driver_in_words(const char *driver);

/* "Intel Corporation 82540EM Gigabit Ethernet Controller", or the ids where the names are not known. */
char *device_description(const Device *device);

/* The arguments that give these devices to QEMU: "-device", "vfio-pci,host=0000:03:01.0" for each endpoint that is on a
 * vfio driver. Returns 0 or -ENOMEM; the list is NULL where there is none. */
int qemu_arguments(const DeviceList *devices, char ***ret_arguments);

/* Whether a job was cancelled but waits for the kernel: it undoes its work when the kernel returns. */
bool job_is_stuck_cancelled(const Job *job);

/* Where a job is: "step 4 of 9, unbind 0000:02:01.0", with its state before it where it is another than usual. */
char *job_progress(const Job *job);

/* "process 324 (qemu-system-x86) of machine-x.service: /dev/vfio/7". */
char *holder_description(const Holder *holder);

/* The keys are in vfioctl(1). "none" is null there. These return NULL where memory is short. */
json_t *json_text(const char *text);
json_t *json_strings(char *const *list);

/* Appends the value, which it takes over, and returns the array; NULL, with both freed, where it cannot. */
json_t *json_append(json_t *array, json_t *value);

/* What a list tells of a device, or all that is known of it. */
json_t *device_row_to_json(const Device *device);
json_t *device_to_json(const Device *device);

/* What a list tells of a group, with the members, an array that it takes over; or all that is known of it. */
json_t *group_row_to_json(const Group *group, json_t *members);
json_t *group_to_json(const Group *group, const DeviceList *members);

json_t *job_to_json(const Job *job);
json_t *holders_to_json(const HolderList *holders);

/* Fills one cell. Returns 0 or -errno. Empty text leaves it blank. */
int cell_set(struct libscols_line *line, size_t column, const char *text);

/* Fills one cell with the number of an IOMMU group, or with "-" for -1. Returns 0 or -errno. */
int cell_set_group(struct libscols_line *line, size_t column, int32_t group);

/* Fills one cell with a state, in its colour. */
int cell_set_state(const Output *output, struct libscols_line *line, size_t column, const char *state);
