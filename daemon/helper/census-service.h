/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The interface org.vfiod1.Census2, which the daemon and its workers call: it tells which processes have which nodes
 * open, and what is mounted. It changes nothing. */

/* Serves one connection in a child process, and takes the descriptor over. Returns when the connection has ended.
 * userdata is the Kernel. */
void census_serve(int fd, void *userdata);
