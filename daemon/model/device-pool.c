/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/device-pool.h"

/* A sanitizer finds the use of a freed device until its place is used again, although its block is not freed. gcc and clang tell in
 * different ways whether there is one. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start))
#endif

/* One bit of "used" for each. */
#define PLACES 32
#define ALL_USED UINT32_MAX

_Static_assert(sizeof(Device) <= 120,
                "a host may have 10,000 devices: see the memory of a function in docs/PERFORMANCE.md");

struct DeviceBlock {
        DeviceBlock *previous, *next; /* in the list of the pool, if a place is free */
        uint32_t used;                /* which places have a device */
        Device devices[PLACES];
};

static void link_block(DevicePool *pool, DeviceBlock *block) {
        block->previous = NULL;
        block->next = pool->blocks;
        if (block->next)
                block->next->previous = block;
        pool->blocks = block;
}

static void unlink_block(DevicePool *pool, DeviceBlock *block) {
        if (block->next)
                block->next->previous = block->previous;
        if (block->previous)
                block->previous->next = block->next;
        else
                pool->blocks = block->next;
}

static DeviceBlock *block_of(Device *device) {
        Device *first = device - device->place;
        return (DeviceBlock *)(void *)((char *)first - offsetof(DeviceBlock, devices));
}

Device *device_pool_new(DevicePool *pool) {
        DeviceBlock *block = pool->blocks;

        if (!block) {
                block = malloc(sizeof(DeviceBlock));
                if (!block)
                        return NULL;
                block->used = 0;
                ASAN_POISON_MEMORY_REGION(block->devices, sizeof(block->devices));
                link_block(pool, block);
        }
        unsigned place = (unsigned)__builtin_ctz(~block->used);
        Device *device = &block->devices[place];
        block->used |= UINT32_C(1) << place;
        if (block->used == ALL_USED)
                unlink_block(pool, block);
        ASAN_UNPOISON_MEMORY_REGION(device, sizeof(Device));
        *device = (Device){.place = place & (PLACES - 1)};
        return device;
}

void device_pool_free(DevicePool *pool, Device *device) {
        DeviceBlock *block = block_of(device);

        host_name_list_free(device->names);
        host_name_list_free(device->former_names);
        device_origin_free(device->origin);
        if (block->used == ALL_USED)
                link_block(pool, block);
        block->used &= ~(UINT32_C(1) << device->place);
        ASAN_POISON_MEMORY_REGION(device, sizeof(Device));
        if (block->used == 0) {
                unlink_block(pool, block);
                free(block);
        }
}
