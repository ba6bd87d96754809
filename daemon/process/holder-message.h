/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process/peer.h"
#include "usage/holders.h"
#include "usage/mounts.h"

/* What vfiod-census is asked, and what it answers. The method Search takes the nodes of a table, by their numbers; it is
 * for workers. The method ListHolders takes groups and devices, whose nodes vfiod-census finds by itself; it is for the
 * daemon, which does not see /dev. Both search once, and have the same answer: the lists of the table, whose owners have
 * the same order at both ends. */

#define HOLDER_MESSAGE_SEARCH "a(utb)ua(us)uub"
#define HOLDER_MESSAGE_LIST "aia(st)uu"
#define HOLDER_MESSAGE_ANSWER "ibta(ui)a(uyuuayayay)a(uyu)bta(ayay)"

/* Append and read the arguments of Search. The table of the second has only its kernel. Return 0; -EBADMSG; or another
 * negative errno. */
int holder_message_append_search(sd_bus_message *message, const HolderTable *table, bool wants_mounts);
int holder_message_read_search(sd_bus_message *message, HolderTable *table, bool *ret_wants_mounts);

/* A device whose holders are asked for. vfiod-census does not find the cdev of a device whose unbind waits. */
typedef struct AskedDevice {
        PciAddress address;
        dev_t cdev; /* see job_table_find_cdev(); 0 for none */
} AskedDevice;

/* What ListHolders is about: the owners of the table are first the groups, then the devices. The arrays are borrowed. */
typedef struct HolderQuestion {
        const int *groups;
        size_t n_groups;
        const AskedDevice *devices;
        size_t n_devices;
        size_t names_max; /* how many names all lists of the answer may have, beyond the first name of each */
        uid_t reader;     /* for whom the answer is, see holders.h */
} HolderQuestion;

/* Append and read the arguments of ListHolders. Return as above. */
int holder_message_append_list(sd_bus_message *message, const HolderQuestion *question);
int holder_message_read_list(sd_bus_message *message, HolderTable *table);

/* Append and read the answer. error says why the search failed. mounts may be NULL. The table of the second has its
 * owners and limits already. Return as above. */
int holder_message_append_answer(
                sd_bus_message *message, int error, const HolderTable *table, const MountTable *mounts);
int holder_message_read_answer(sd_bus_message *message, HolderTable *table, MountTable *mounts);
