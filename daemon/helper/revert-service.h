/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "helper/worker-host.h"
#include <systemd/sd-bus.h>

/* The part of the worker's interface that keeps the files of reverts (state/revert-file.h). */

/* RecordRevert(u number, u uid, t at, as addresses) -> (i result). Writes the file of the revert, or replaces it. result: 0; -EBADMSG;
 * -EROFS without a state folder; or another negative errno. Returns as a method handler. */
int revert_service_record(const WorkerHost *host, sd_bus_message *call);

/* ForgetRevert(u number) -> (i result). Removes the file. result: 0, also if there is none; or a negative errno. Returns as a method
 * handler. */
int revert_service_forget(const WorkerHost *host, sd_bus_message *call);

#define REVERT_RECORD_ARGUMENTS "uuttas"
