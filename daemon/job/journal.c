/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/journal.h"
#include "base/log.h"
#include "kernel/sysfs.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>

static void drop_records(Journal *journal) {
        for (size_t i = 0; i < journal->n_records; i++)
                record_free(journal->records[i]);
        free(journal->records);
        free(journal->locked);
        journal->records = NULL;
        journal->locked = NULL;
        journal->n_records = 0;
}

Journal *journal_free(Journal *journal) {
        if (!journal)
                return NULL;
        drop_records(journal);
        (void)safe_close(journal->state_fd);
        free(journal);
        return NULL;
}

/* A worker that was killed while it wrote leaves "N.new" behind. One that is at work holds that, or "N.record". */
static int remove_torn(int directory_fd, const char *name, void *userdata) {
        const Journal *journal = userdata;
        char record_name[40], *end;

        unsigned long number = strtoul(name, &end, 10);
        if (!isdigit((unsigned char)name[0]) || !streq(end, ".new"))
                return 0;
        (void)snprintf(record_name, sizeof(record_name), "%lu.record", number);
        if (record_file_is_locked(directory_fd, name) || record_file_is_locked(directory_fd, record_name))
                return 0;
        /* A worker that makes virtual functions writes records of theirs, and holds its own. */
        for (size_t i = 0; i < journal->n_records; i++)
                if (journal->locked[i] && journal->records[i]->functions && number > journal->records[i]->number &&
                                number <= journal->records[i]->number + journal->records[i]->functions->count)
                        return 0;
        log_notice("%s was not written to its end, and is removed.", name);
        (void)unlinkat(directory_fd, name, 0);
        return 0;
}

int journal_new(const char *state_folder, Journal **ret) {
        _cleanup_(journal_freep) Journal *journal = malloc(sizeof(Journal));
        if (!journal)
                return -ENOMEM;
        *journal = (Journal){
                        .state_fd = open(state_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                        .next_number = 1,
        };
        if (journal->state_fd < 0)
                return -errno;
        int r = journal_load(journal);
        if (r >= 0)
                r = sysfs_for_each(journal->state_fd, ".", remove_torn, journal);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(journal);
        return 0;
}

static int insert_record(Journal *journal, Record *record, bool locked) {
        Record **records = reallocarray(journal->records, journal->n_records + 1, sizeof(Record *));
        if (!records)
                return -ENOMEM;
        journal->records = records;
        bool *locks = reallocarray(journal->locked, journal->n_records + 1, sizeof(bool));
        if (!locks)
                return -ENOMEM;
        journal->locked = locks;

        size_t i = journal->n_records++;
        for (; i > 0 && records[i - 1]->number > record->number; i--) {
                records[i] = records[i - 1];
                locks[i] = locks[i - 1];
        }
        records[i] = record;
        locks[i] = locked;
        return 0;
}

/* Which records the folder has: enough to tell whether there are others now. */
typedef struct Listing {
        size_t n;
        unsigned long sum, sum_of_squares;
} Listing;

static void listing_add(Listing *listing, unsigned long number) {
        listing->n++;
        listing->sum += number;
        listing->sum_of_squares += number * number;
}

static bool listing_equal(const Listing *a, const Listing *b) {
        return a->n == b->n && a->sum == b->sum && a->sum_of_squares == b->sum_of_squares;
}

typedef struct Load {
        Journal *journal;
        Listing listing;
} Load;

static bool parse_name(const char *name, unsigned long *ret) {
        char *end;

        errno = 0;
        unsigned long number = strtoul(name, &end, 10);
        if (!isdigit((unsigned char)name[0]) || errno > 0 || number > LONG_MAX || !streq(end, ".record"))
                return false;
        *ret = number;
        return true;
}

static int list_entry(int directory_fd, const char *name, void *userdata) {
        unsigned long number;

        (void)directory_fd;
        if (parse_name(name, &number))
                listing_add(userdata, number);
        return 0;
}

static int load_entry(int directory_fd, const char *name, void *userdata) {
        _cleanup_(record_freep) Record *record = NULL;
        Load *load = userdata;
        Journal *journal = load->journal;
        unsigned long number;
        bool locked;

        if (!parse_name(name, &number))
                return 0;
        listing_add(&load->listing, number);
        if (number >= journal->next_number)
                journal->next_number = number + 1;

        int r = record_read(directory_fd, number, &record, &locked);
        if (r == -ENOMEM)
                return r;
        /* Its worker has replaced or deleted it: the folder is listed again. */
        if (r == -ENOENT)
                return 0;
        if (r < 0 && number < journal->next_to_report)
                return 0;
        if (r < 0) {
                log_warning("Record %s is ignored: %s", name,
                                r == -ESTALE                    ? "it is from another boot"
                                                : r == -EBADMSG ? "it is torn, or not of this version"
                                                                : strerror(-r));
                return 0;
        }
        /* A worker may still write those of the new functions. */
        if (record->functions && number + record->functions->count >= journal->next_number)
                journal->next_number = number + record->functions->count + 1;
        r = insert_record(journal, record, locked);
        if (r >= 0)
                record = NULL;
        return r;
}

static void remove_record(Journal *journal, size_t i) {
        record_free(journal->records[i]);
        journal->n_records--;
        memmove(journal->records + i, journal->records + i + 1, (journal->n_records - i) * sizeof(Record *));
        memmove(journal->locked + i, journal->locked + i + 1, (journal->n_records - i) * sizeof(bool));
}

/* What is said of new virtual functions does not count until all of them are made: it may still be undone, and then those that there were
 * need what older records say. */
static void leave_out_unfinished(Journal *journal) {
        unsigned long last = 0;

        for (size_t i = 0; i < journal->n_records;) {
                const Record *record = journal->records[i];

                if (record->functions && record->functions->phase == FUNCTIONS_MAKING)
                        last = record->number + record->functions->count;
                else if (record->number <= last) {
                        remove_record(journal, i);
                        continue;
                }
                i++;
        }
}

/* Whether a record after the one before i is about virtual functions of the same device. */
static bool functions_stand_later(const Journal *journal, size_t i) {
        PciAddress physical = journal->records[i - 1]->functions->physical;

        for (; i < journal->n_records; i++)
                if (journal->records[i]->functions &&
                                pci_address_equal(journal->records[i]->functions->physical, physical))
                        return true;
        return false;
}

/* What a later record says of a device counts. */
static void drop_superseded(Journal *journal) {
        for (size_t i = journal->n_records; i > 0; i--) {
                Record *record = journal->records[i - 1];

                for (size_t m = record->n_members; m > 0; m--)
                        for (size_t later = i; later < journal->n_records; later++)
                                if (record_find(journal->records[later], record->members[m - 1].address)) {
                                        record_remove_member(record, &record->members[m - 1]);
                                        break;
                                }
                if (record->n_members > 0 || (record->functions && !functions_stand_later(journal, i)))
                        continue;

                (void)record_delete(journal->state_fd, record->number);
                remove_record(journal, i - 1);
        }
}

int journal_load(Journal *journal) {
        Listing loaded, now;
        int r;

        /* Workers of an earlier daemon, or of other jobs, may put a new record in the place of an old one meanwhile, and then neither might be
         * seen. */
        do {
                Load load = {.journal = journal};

                drop_records(journal);
                now = (Listing){};
                if ((r = sysfs_for_each(journal->state_fd, ".", load_entry, &load)) < 0 ||
                                (r = sysfs_for_each(journal->state_fd, ".", list_entry, &now)) < 0)
                        return r;
                loaded = load.listing;
        } while (!listing_equal(&now, &loaded));
        journal->next_to_report = journal->next_number;
        leave_out_unfinished(journal);
        drop_superseded(journal);
        return 0;
}

Record *journal_find_functions(const Journal *journal, PciAddress physical) {
        for (size_t i = 0; i < journal->n_records; i++)
                if (journal->records[i]->functions &&
                                pci_address_equal(journal->records[i]->functions->physical, physical))
                        return journal->records[i];
        return NULL;
}

Record *journal_record_of(const Journal *journal, PciAddress address) {
        for (size_t i = 0; i < journal->n_records; i++)
                if (record_find(journal->records[i], address))
                        return journal->records[i];
        return NULL;
}

const RecordMember *journal_find(const Journal *journal, PciAddress address) {
        const Record *record = journal_record_of(journal, address);
        return record ? record_find(record, address) : NULL;
}

int journal_apply(const Journal *journal, Inventory *inventory) {
        size_t n;
        int r = 0;

        /* Backwards: a device that is absent goes with its origin. */
        (void)inventory_devices(inventory, &n);
        for (size_t i = n; i > 0 && r >= 0; i--) {
                PciAddress address = inventory_devices(inventory, &n)[i - 1]->address;
                if (!journal_find(journal, address))
                        r = inventory_set_origin(inventory, address, NULL);
        }
        for (size_t i = 0; i < journal->n_records && r >= 0; i++)
                for (size_t m = 0; m < journal->records[i]->n_members && r >= 0; m++)
                        r = inventory_set_origin(inventory, journal->records[i]->members[m].address,
                                        journal->records[i]->members[m].origin);
        return r;
}

static bool is_busy(const Record *record, const Inventory *inventory) {
        for (size_t i = 0; i < record->n_members; i++) {
                const Device *device = inventory_find_device(inventory, record->members[i].address);
                if (device && device->activity != DEVICE_QUIET)
                        return true;
        }
        return false;
}

/* Whether it may come back with a job that is cut off, or under way. */
static bool functions_are_worked_on(const Journal *journal, PciAddress address) {
        for (size_t i = 0; i < journal->n_records; i++)
                if (journal->records[i]->functions && journal->records[i]->functions->phase == FUNCTIONS_MAKING &&
                                function_record_is_about(journal->records[i]->functions, address))
                        return true;
        return false;
}

static bool is_over(const Journal *journal, const RecordMember *member, const Inventory *inventory) {
        const Device *device = inventory_find_device(inventory, member->address);

        if (device && !device->present && member->origin->virtual_function)
                return !functions_are_worked_on(journal, member->address);
        if (member->phase != RECORD_DETACHED || !device || !device->present)
                return false;
        /* One that was plugged in again has its driver from the kernel, and may be taken anew. */
        return !device->appeared && device->driver && device_driver_is_confirmed(device) && device_is_ours(device) &&
                        !pci_driver_is_vfio(device->driver);
}

/* The record is another one now: without members it goes. */
static int rewrite(Journal *journal, size_t i) {
        Record *record = journal->records[i];
        int r;

        if (record->n_members > 0) {
                r = record_write(journal->state_fd, record);
                record->lock_fd = safe_close(record->lock_fd);
        } else {
                r = record_delete(journal->state_fd, record->number);
                remove_record(journal, i);
        }
        return r;
}

int journal_drop_older(Journal *journal, PciAddress address, unsigned long number) {
        int r = 0;

        for (size_t i = journal->n_records; i > 0 && r >= 0; i--) {
                Record *record = journal->records[i - 1];
                RecordMember *member = record->number < number ? record_find(record, address) : NULL;

                if (!member)
                        continue;
                record_remove_member(record, member);
                r = rewrite(journal, i - 1);
        }
        return r;
}

/* Returns 1 if it dropped something, 0, or a negative errno. */
static int forget_in_record(Journal *journal, size_t i, const Inventory *inventory) {
        Record *record = journal->records[i];
        bool dropped = false;

        for (size_t m = record->n_members; m > 0; m--)
                if (is_over(journal, &record->members[m - 1], inventory)) {
                        record_remove_member(record, &record->members[m - 1]);
                        dropped = true;
                }
        if (!dropped)
                return 0;
        int r = rewrite(journal, i);
        return r < 0 ? r : 1;
}

int journal_forget_rebound(Journal *journal, Inventory *inventory) {
        bool dropped = false;

        for (size_t i = journal->n_records; i > 0; i--) {
                if (journal->locked[i - 1] || is_busy(journal->records[i - 1], inventory))
                        continue;
                int r = forget_in_record(journal, i - 1, inventory);
                if (r < 0)
                        return r;
                dropped = dropped || r > 0;
        }
        return dropped ? journal_apply(journal, inventory) : 0;
}
