/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"
#include "json-fields.h"
#include "output.h"

/* Makes texts, table cells and JSON from devices, groups, jobs and leases. Returned strings are the caller's to free,
 * unless they are const; NULL means that there is not enough memory. */

/* Returns the driver's name, or "none". */
const char *driver_in_words(const char *driver);

/* Returns "82540EM Gigabit Ethernet Controller"; or the ids and the class, if the name is not known. */
char *device_model(const Device *device);

/* Returns "Intel Corporation 82540EM Gigabit Ethernet Controller"; or the ids, if the names are not known. */
char *device_description(const Device *device);

/* Writes the local time; and the date too, if it is not today. The time is in microseconds of CLOCK_REALTIME. */
void time_in_words(uint64_t time_us, char *buffer, size_t size);

/* Returns the name of the user; or the number, if it has no name. */
char *user_in_words(uid_t uid);

/* Whether a job was cancelled but waits for the kernel: it undoes its work when the kernel returns. */
bool job_is_stuck_cancelled(const Job *job);

/* Returns the progress of a job: "step 4 of 9, unbind 0000:02:01.0". If its state is not "running", the text
 * begins with the state. */
char *job_progress(const Job *job);

/* Returns "process 324 (qemu-system-x86) of machine-x.service: /dev/vfio/7". */
char *holder_description(const Holder *holder);

/* JSON as in vfioctl(1). Functions that return a value return NULL if there is not enough memory. */

/* Writes the keys of a device in a list into an object that was begun; and returns all keys of a device. */
void device_row_write(JsonWriter *writer, const Device *device);
json_t *device_to_json(const Device *device);

/* Write the keys of a group in a list that come before its members, and those that come after them. */
void group_row_write(JsonWriter *writer, const Group *group);
void group_revert_write(JsonWriter *writer, const Group *group);

/* Returns all keys of a group. */
json_t *group_to_json(const Group *group, const DeviceList *members);

/* When the group goes back to the host, as a number; null if no revert is pending. */
json_t *revert_at_to_json(const Group *group);

json_t *lease_to_json(const Lease *lease);
json_t *finding_to_json(const Finding *finding);

/* What is not known has no key. */
json_t *refusal_to_json(const Refusal *refusal);
json_t *holder_to_json(const Holder *holder);
json_t *holders_to_json(const HolderList *holders);

/* Fills one cell; an empty text leaves it blank. Returns 0 or -errno. */
int cell_set(struct libscols_line *line, size_t column, const char *text);

/* Fills one cell with a number. Returns 0 or -errno. */
int cell_set_number(struct libscols_line *line, size_t column, uint32_t number);

/* Fills one cell with the number of an IOMMU group, or with "-" for -1. Returns 0 or -errno. */
int cell_set_group(struct libscols_line *line, size_t column, int32_t group);

/* Fills one cell with a state, in the colour of that state. Returns 0 or -errno. */
int cell_set_state(const Output *output, struct libscols_line *line, size_t column, const char *state);
