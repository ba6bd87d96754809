/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/device.h"

/* The memory of devices, in blocks of 32: malloc() alone would take 8 bytes more for each device. A block is freed with its last device. */

typedef struct DeviceBlock DeviceBlock;

/* The fields of an empty pool are 0. It has no memory without devices, so there is no function that ends it. */
typedef struct DevicePool {
        DeviceBlock *blocks; /* that have a free place */
} DevicePool;

/* Returns a device with fields that are all 0, which the caller frees with device_pool_free(); NULL without memory. */
Device *device_pool_new(DevicePool *pool);

/* Frees a device of the pool, with its names and its origin. */
void device_pool_free(DevicePool *pool, Device *device);
