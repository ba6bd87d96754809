/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fake-kernel-client.h"

/* The state of the machine, read directly from the fake kernel and not from the files that the daemon reads. */

typedef struct TruthDevice {
        char address[16], ids[16];      /* ids: "8086:100e" */
        char driver[32], override[64];  /* "" for none */
        char power[16];                 /* "on 1": power/control and d3cold_allowed */
        int group;                      /* -1 for none */
        bool is_leaving;                /* an unbind waits for a VM: the driver link is already removed */
        char *interfaces, *disks, *all; /* separated by commas; all: everything about the device in one line */
} TruthDevice;

typedef struct TruthGroup {
        int number;
        char *members; /* separated by commas */
        bool has_node, is_held, is_claimed;
} TruthGroup;

typedef struct Truth {
        GPtrArray *devices, *groups;
} Truth;

Truth *truth_read(FakeKernel *kernel);
Truth *truth_free(Truth *truth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Truth, truth_free)

/* NULL for none. */
const TruthDevice *truth_find(const Truth *truth, const char *address);
const TruthGroup *truth_find_group(const Truth *truth, int number);

bool truth_is_on_vfio(const TruthDevice *device);
