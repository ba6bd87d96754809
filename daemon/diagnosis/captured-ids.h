/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-facts.h"
#include "model/inventory.h"

/* Ids of devices that vfio-pci takes when it is loaded: its parameter "ids", on the kernel command line or in modprobe.d. */

#define CAPTURED_IDS_MAX 16

typedef struct CapturedIds {
        const ModprobeLine *line; /* borrowed; NULL if the ids are on the kernel command line */
        char ids[256];            /* "10de:2484,10de:228b" */
} CapturedIds;

/* Finds the ids. Returns their number, CAPTURED_IDS_MAX at most. */
size_t captured_ids_find(const HostFacts *facts, CapturedIds ret[static CAPTURED_IDS_MAX]);

/* Tells whether a list of ids has those of a device. An entry is "vendor:device[:subvendor[:subdevice[:class[:mask]]]]", in hexadecimal
 * numbers; ffffffff stands for every id. */
bool captured_ids_match(const char *ids, const PciIds *device);

/* Finds the source whose ids match the device. Returns NULL if there is none. */
const CapturedIds *captured_ids_find_device(const CapturedIds *sources, size_t n, const Device *device);

/* Describes the source: "The kernel command line" or "Line 3 of /etc/modprobe.d/vfio.conf". Returns buffer. */
#define CAPTURED_SOURCE_MAX 512
const char *captured_ids_source(const CapturedIds *source, char buffer[static CAPTURED_SOURCE_MAX]);
