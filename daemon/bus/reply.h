/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "base/text.h"
#include "job/job-history.h"
#include <systemd/sd-bus.h>

/* Building of replies. Unless noted, functions return 0 or more, or a negative errno of sd-bus. */

#define BUS_ERROR_PREFIX "org.vfiod1.Error."

/* Declares a property getter for an sd-bus vtable. It appends the value of the property to reply. userdata is the
 * object that the find callback of the vtable returned. */
#define BUS_GETTER(name) \
        static int name(sd_bus *bus __attribute__((unused)), const char *path __attribute__((unused)), \
                        const char *interface __attribute__((unused)), const char *property __attribute__((unused)), \
                        sd_bus_message *reply, void *userdata __attribute__((unused)), \
                        sd_bus_error *error __attribute__((unused)))

/* Append a string that others chose. D-Bus accepts only valid UTF-8, and one invalid name would fail the whole
 * reply. So these functions escape the string as base/text.h says. NULL counts as "". */

/* Appends a name of the host, of any length. */
int bus_append_name(sd_bus_message *message, const char *name);

/* Appends a text that may quote escaped names. */
int bus_append_text(sd_bus_message *message, const char *text);

/* Append the entry {key: value} to an a{sv}. (Measured: sd_bus_message_append() with "{sv}" takes twice as many instructions,
 * which matters in long lists.) */

/* text is valid UTF-8. */
int bus_append_text_entry(sd_bus_message *message, const char *key, const char *text);
int bus_append_flag_entry(sd_bus_message *message, const char *key, bool flag);

/* Creates the reply to a call whose result is one array, and opens the array. contents is the signature of an
 * element. The caller unrefs *ret. */
int bus_open_list(sd_bus_message *call, const char *contents, sd_bus_message **ret);

/* Closes the array and sends the reply. */
int bus_send_list(sd_bus_message *reply);

/* Sets the error with which a job has ended. tells_all: the reader may see the processes and mounts of all users. Returns
 * false, and sets nothing, if it ended without one. */
bool ended_job_set_error(const EndedJob *job, bool tells_all, sd_bus_error *error);

/* Sets the error of a method: org.vfiod1.Error.NAME for an outcome, whose message is in problem; or
 * System.Error.ENAME for a result that is a negative errno. Returns a negative errno, which the method handler
 * returns. */
int bus_set_error(sd_bus_error *error, int result, const Problem *problem);
