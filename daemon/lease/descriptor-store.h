/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Keeps descriptors while vfiod does not run. On a real host this is the descriptor store of systemd (FileDescriptorStoreMax= in
 * systemd.service(5)). */

/* A descriptor of an earlier daemon. */
typedef struct StoredDescriptor {
        char name[32]; /* as it was kept */
        int fd;
} StoredDescriptor;

typedef struct DescriptorStore {
        StoredDescriptor *stored; /* from the earlier daemon; owned by whoever made the store, with the descriptors */
        size_t n_stored;
        /* Keeps a copy of the descriptor under this name. Returns 0 or a negative errno. */
        int (*keep)(void *userdata, const char *name, int fd);
        /* Drops the copy. */
        void (*drop)(void *userdata, const char *name);
        void *userdata;
} DescriptorStore;
