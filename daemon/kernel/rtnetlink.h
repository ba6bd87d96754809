/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

/* One request to rtnetlink, and its reply. */

/* Buffer size for a request, in bytes. */
#define RTNETLINK_REQUEST_MAX 1024

/* Starts a request in buffer, which has RTNETLINK_REQUEST_MAX bytes, and clears the buffer. type is RTM_...; flags
 * are NLM_F_..., and NLM_F_REQUEST is added. Adds a second header of header_size bytes, for example struct
 * ifinfomsg, and stores its address in *ret_header. Returns the request, which is in buffer. */
struct nlmsghdr *rtnetlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t header_size, void **ret_header);

/* Sends the request and calls the callback (NULL for none) for each message of the reply, until the callback returns
 * MNL_CB_STOP or MNL_CB_ERROR. Waits for the reply. Returns 0; -ENOMEM; or the negative errno of the kernel or of a
 * callback that returned MNL_CB_ERROR. */
int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t callback, void *userdata);
