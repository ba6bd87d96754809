/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

/* One question to the kernel's network side, and its answer. */

/* Room for a request. */
#define RTNETLINK_REQUEST_MAX 1024

/* Begins a request in buffer, which has RTNETLINK_REQUEST_MAX bytes and is cleared: type is RTM_..., flags are NLM_F_... beside NLM_F_REQUEST, and
 * header_size is that of what follows the message's header, which ret_header gets. */
struct nlmsghdr *rtnetlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t header_size, void **ret_header);

/* Sends it and calls the function (NULL for none) with each message of the answer until it returns MNL_CB_STOP or less. Returns 0 or a negative
 * errno. */
int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t function, void *userdata);
