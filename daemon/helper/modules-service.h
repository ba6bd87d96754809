/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The interface org.vfiod1.Modules1, which only workers call: it loads a module of the running kernel, and tells why there
 * is none. A worker may not load modules itself, because that right includes modules that it makes itself. */

/* Serves one connection in a child process, and takes the descriptor over. Returns when the connection has ended. userdata
 * is the Kernel, with its root directory. */
void modules_serve(int fd, void *userdata);
