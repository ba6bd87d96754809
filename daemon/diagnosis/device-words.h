/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/device.h"

/* A list of devices in words: "0000:03:00.1 (snd_hda_intel), 0000:03:00.2 and 3 more". */
typedef struct DeviceWords {
        char text[512];
        size_t length;
        unsigned n; /* devices that were added */
} DeviceWords;

/* Adds a device with its driver. Only the first eight are named. */
void device_words_add(DeviceWords *words, const Device *device);

/* Adds how many devices are not named, and returns the text. */
const char *device_words_end(DeviceWords *words);
