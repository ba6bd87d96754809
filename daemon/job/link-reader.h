/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"
#include <systemd/sd-event.h>

/* Reads the PCIe links of the devices into the inventory: of all after a start or a rescan, and of one that changed. The kernel tells
 * no change of a link, so what the inventory has is how the link was then.
 *
 * A child process reads them, because a device may keep its reader waiting for seconds or for ever. A device that does not answer in time keeps its link unknown, and its
 * child waits for it alone: the next child reads the others. */

typedef struct LinkReader LinkReader;

/* The event loop, the kernel and the inventory are borrowed and outlive it. Reads nothing yet. Returns 0 or a negative errno. */
int link_reader_new(sd_event *event, const Kernel *kernel, Inventory *inventory, LinkReader **ret);

/* Stops listening to its children. Each ends when its device answers, and the kernel sends it SIGKILL when the daemon ends. */
LinkReader *link_reader_free(LinkReader *reader);
DEFINE_TRIVIAL_CLEANUP_FUNC(LinkReader *, link_reader_free)

/* Asks for the links of all devices, soon. Returns 0 or a negative errno. */
int link_reader_read_all(LinkReader *reader);

/* Asks for the links of those devices that came or changed. Returns 0 or a negative errno. */
int link_reader_follow(LinkReader *reader, const ChangeList *changes);

/* Reads the links of all devices now, and waits for that at most so long. What has not answered by then follows later. Returns 0 or a negative errno. */
int link_reader_read_now(LinkReader *reader, uint64_t timeout_us);

/* How many children wait for a device that does not answer. */
size_t link_reader_late(const LinkReader *reader);
