/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The interface org.vfiod1.Reaper1, which only workers call: it ends a process. A worker may not end processes itself, because
 * as root it could end each process of root. It passes a pidfd, so the right process ends, whatever gets its number. */

/* Serves one connection in a child process, and takes the descriptor over. Returns when the connection has ended. */
void reaper_serve(int fd, void *userdata);
