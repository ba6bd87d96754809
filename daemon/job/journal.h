/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/record.h"
#include "model/inventory.h"

/* All records together: the daemon's memory of what it detached, and the file names that are free. */

typedef struct Journal {
        int state_fd; /* the folder, owned */
        Record **records;
        bool *locked; /* of each record: a worker is at it */
        size_t n_records;
        unsigned long next_number;
        unsigned long next_to_report; /* a bad record below this was logged */
} Journal;

/* Opens the state folder and reads what is in it. Returns 0 or a negative errno. */
int journal_new(const char *state_folder, Journal **ret);
Journal *journal_free(Journal *journal);
DEFINE_TRIVIAL_CLEANUP_FUNC(Journal *, journal_free)

/* Reads the folder again. A record that cannot be read is logged and left aside; one whose devices all stand in a later one is
 * deleted. Returns 0 or a negative errno. */
int journal_load(Journal *journal);

/* The entry of a device, NULL if it has none. */
const RecordMember *journal_find(const Journal *journal, PciAddress address);

/* The record that a device stands in, NULL for none. */
Record *journal_record_of(const Journal *journal, PciAddress address);

/* The record about virtual functions of this physical one, NULL for none. */
Record *journal_find_functions(const Journal *journal, PciAddress physical);

/* Drops what records before that number say of a device: it is gone for good, and what is at its address is another. Returns 0 or a negative errno. */
int journal_drop_older(Journal *journal, PciAddress address, unsigned long number);

/* Drops the entry of a device that another hand gave a driver of the host: with our override none could have bound, so nothing of ours is left
 * on it; and of a virtual function that is gone, which can only be made anew, as another one. Devices that a job is at work on stay. Returns 0 or a negative errno. */
int journal_forget_rebound(Journal *journal, Inventory *inventory);

/* Tells the inventory of each device whether vfiod detached it, and what it was. Returns 0 or -ENOMEM. */
int journal_apply(const Journal *journal, Inventory *inventory);
