/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "helper/worker-host.h"

/* The interface PEER_WORKER_INTERFACE, which only the daemon calls. It runs one job, or writes a file that only root may
 * write. It knows no texts of clients: devices are addresses, and files have names that it checks. */

/* Serves one connection of the daemon in a child process, and takes the descriptor over. Returns when the connection
 * has ended. userdata is the WorkerHost. */
void worker_serve(int fd, void *userdata);
