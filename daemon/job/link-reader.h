/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"
#include <systemd/sd-event.h>

/* Reads the PCIe links of the devices into the inventory: of all devices after the start and after a rescan, and of
 * a device that changed. The kernel reports no change of a link, so the inventory has the link as it was at the last
 * reading.
 *
 * A child process reads the links, because a device can keep its reader waiting for seconds or for ever. If a device
 * does not answer in time, its link stays unknown, its child waits for this device alone, and the next child reads
 * the others. */

typedef struct LinkReader LinkReader;

/* The event loop, the kernel and the inventory are borrowed and outlive it. Reads nothing yet. Returns 0 or a
 * negative errno. */
int link_reader_new(sd_event *event, const Kernel *kernel, Inventory *inventory, LinkReader **ret);

/* Abandons its children. Each ends when its device answers, and the kernel sends it SIGKILL when the daemon ends. */
LinkReader *link_reader_free(LinkReader *reader);
DEFINE_TRIVIAL_CLEANUP_FUNC(LinkReader *, link_reader_free)

/* Asks for the links of all devices, soon. Returns 0 or a negative errno. */
int link_reader_read_all(LinkReader *reader);

/* Asks for the links of the devices that were added or changed. Returns 0 or a negative errno. */
int link_reader_follow(LinkReader *reader, const ChangeList *changes);

/* Begins to read the links of all devices at once. Returns 0 or a negative errno. */
int link_reader_begin(LinkReader *reader);

/* Waits at most so long until these links are in the inventory. The links of devices that take longer come later. */
void link_reader_await(LinkReader *reader, uint64_t timeout_us);

/* Counts the children that wait for a device that does not answer. */
size_t link_reader_late(const LinkReader *reader);
