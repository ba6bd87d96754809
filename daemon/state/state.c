/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/state.h"
#include "base/log.h"
#include "kernel/sysfs.h"
#include "state/first-edition.h"

#include <fcntl.h>
#include <sys/stat.h>

/* As many devices as a host can have, and some; who puts more files there than this gets no answer for them. */
#define ENTRIES_MAX 100000

static void drop_files(State *state) {
        for (size_t i = 0; i < state->n_devices; i++)
                device_file_done(&state->devices[i]);
        for (size_t i = 0; i < state->n_transactions; i++)
                plan_free(state->transactions[i].plan);
        state->n_devices = state->n_transactions = 0;
}

State *state_free(State *state) {
        if (!state)
                return NULL;
        drop_files(state);
        free(state->devices);
        free(state->transactions);
        free(state->reported);
        (void)safe_close(state->folder_fd);
        (void)safe_close(state->devices_fd);
        (void)safe_close(state->transactions_fd);
        free(state);
        return NULL;
}

/* Makes room for one more entry. */
static int grow(void **array, size_t n, size_t size) {
        if (n > 0 && (n & (n - 1)) != 0)
                return 0;
        void *grown = reallocarray(*array, n > 0 ? n * 2 : 1, size);
        if (!grown)
                return -ENOMEM;
        *array = grown;
        return 0;
}

/* Reading. */

static int load_device(int folder_fd, const char *name, void *userdata) {
        State *state = userdata;
        PciAddress address;
        DeviceFile file;
        int r;

        if (pci_address_parse(name, &address) < 0 || state->n_devices >= ENTRIES_MAX)
                return 0;
        r = device_file_read(folder_fd, address, &file);
        if (r == -ENOENT)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                state_report(state, folder_fd, name, r);
                return 0;
        }
        if ((r = grow((void **)&state->devices, state->n_devices, sizeof(DeviceFile))) < 0) {
                device_file_done(&file);
                return r;
        }
        state->devices[state->n_devices++] = file;
        return 0;
}

static int load_transaction(int folder_fd, const char *name, void *userdata) {
        StateTransaction transaction = {};
        State *state = userdata;
        int r;

        if (transaction_file_parse_name(name, &transaction.number) < 0 || state->n_transactions >= ENTRIES_MAX)
                return 0;
        r = transaction_file_read(folder_fd, transaction.number, &transaction.plan, &transaction.owner);
        if (r == -ENOENT)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                state_report(state, folder_fd, name, r);
                return 0;
        }
        if ((r = grow((void **)&state->transactions, state->n_transactions, sizeof(StateTransaction))) < 0) {
                plan_free(transaction.plan);
                return r;
        }
        state->transactions[state->n_transactions++] = transaction;
        return 0;
}

static int compare_devices(const void *a, const void *b) {
        uint64_t x = pci_address_key(((const DeviceFile *)a)->address),
                 y = pci_address_key(((const DeviceFile *)b)->address);
        return x < y ? -1 : x > y;
}

static int compare_transactions(const void *a, const void *b) {
        const StateTransaction *x = a, *y = b;
        return x->number < y->number ? -1 : x->number > y->number;
}

int state_load(State *state) {
        int r = 0;

        drop_files(state);
        /* A transaction that ends in between leaves the files of its devices as they shall be. */
        if (state->transactions_fd >= 0)
                r = sysfs_for_each(state->transactions_fd, ".", load_transaction, state);
        if (r >= 0 && state->devices_fd >= 0)
                r = sysfs_for_each(state->devices_fd, ".", load_device, state);
        if (r < 0)
                return r;
        if (state->n_devices > 0)
                qsort(state->devices, state->n_devices, sizeof(DeviceFile), compare_devices);
        if (state->n_transactions > 0)
                qsort(state->transactions, state->n_transactions, sizeof(StateTransaction), compare_transactions);
        return 0;
}

/* Opening. */

/* A worker that was killed while it wrote leaves "NAME.new". */
static int remove_unfinished(int folder_fd, const char *name, void *userdata) {
        struct stat status;
        size_t length = strlen(name);

        (void)userdata;
        if (length <= 4 || !streq(name + length - 4, ".new") ||
                        fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
                return 0;
        log_notice("The state file '%s' was not written to its end, and is removed.", name);
        (void)unlinkat(folder_fd, name, 0);
        return 0;
}

static int open_folder(int parent_fd, const char *name) {
        if (parent_fd < 0)
                return -EBADF;
        if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

static void open_folders(State *state, const char *folder) {
        state->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int error = state->folder_fd < 0 ? -errno : 0;

        state->devices_fd = open_folder(state->folder_fd, "devices");
        state->transactions_fd = open_folder(state->folder_fd, "transactions");
        if (error == 0)
                error = state->devices_fd < 0                ? state->devices_fd
                                : state->transactions_fd < 0 ? state->transactions_fd
                                                             : 0;
        if (error == 0)
                return;
        log_error_errno(error, "The state folder %s cannot be used, so no device can be detached or reattached",
                        folder);
        state->folder_fd = safe_close(state->folder_fd);
        state->devices_fd = safe_close(state->devices_fd);
        state->transactions_fd = safe_close(state->transactions_fd);
}

static bool worker_is_alive(const State *state) {
        for (size_t i = 0; i < state->n_transactions; i++)
                if (state->transactions[i].owner > 0)
                        return true;
        return false;
}

int state_new(const char *folder, State **ret) {
        _cleanup_(state_freep) State *state = calloc(1, sizeof(State));
        int r;

        if (!state)
                return -ENOMEM;
        open_folders(state, folder);
        if ((r = first_edition_take_over(state)) < 0 || (r = state_load(state)) < 0)
                return r;
        if (state->devices_fd >= 0 && !worker_is_alive(state)) {
                (void)sysfs_for_each(state->devices_fd, ".", remove_unfinished, NULL);
                (void)sysfs_for_each(state->transactions_fd, ".", remove_unfinished, NULL);
        }
        *ret = TAKE_PTR(state);
        return 0;
}

/* Asking. */

const DeviceFile *state_find(const State *state, PciAddress address) {
        const DeviceFile key = {.address = address};

        return state->n_devices == 0
                        ? NULL
                        : bsearch(&key, state->devices, state->n_devices, sizeof(DeviceFile), compare_devices);
}

const StateTransaction *state_find_transaction(const State *state, unsigned long number) {
        for (size_t i = 0; i < state->n_transactions; i++)
                if (state->transactions[i].number == number)
                        return &state->transactions[i];
        return NULL;
}

const StateTransaction *state_find_transaction_of(const State *state, PciAddress address) {
        for (size_t i = 0; i < state->n_transactions; i++)
                if (plan_find_member(state->transactions[i].plan, address) >= 0)
                        return &state->transactions[i];
        return NULL;
}

static bool is_about(const StateTransaction *transaction, const Plan *plan) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (!plan->members[i].created && plan_find_member(transaction->plan, plan->members[i].address) >= 0)
                        return true;
        return false;
}

/* What the host had for sriov_drivers_autoprobe is still owed to the PF. */
static int drop_transaction(State *state, const StateTransaction *transaction) {
        const PlanMember *pf = &transaction->plan->members[0];
        int r = 0;

        if (transaction->plan->verb == PLAN_SET_VFS && pf->origin && pf->origin->autoprobe_known)
                r = device_file_write(state->devices_fd, pf->address, false, pf->origin);
        return r < 0 ? r : transaction_file_remove(state->transactions_fd, transaction->number);
}

int state_drop_transactions(State *state, const Plan *plan) {
        bool dropped = false;

        for (size_t i = 0; i < state->n_transactions; i++) {
                const StateTransaction *transaction = &state->transactions[i];

                if (transaction->owner > 0 || !is_about(transaction, plan))
                        continue;
                int r = drop_transaction(state, transaction);
                if (r < 0)
                        return r;
                dropped = true;
        }
        return dropped ? state_load(state) : 0;
}

int state_apply(const State *state, Inventory *inventory) {
        size_t n;
        int r = 0;

        /* Backwards: an absent device leaves the list together with its origin. */
        (void)inventory_devices(inventory, &n);
        for (size_t i = n; i > 0 && r >= 0; i--) {
                PciAddress address = inventory_devices(inventory, &n)[i - 1]->address;
                const DeviceFile *file = state_find(state, address);

                if (!file || !file->away)
                        r = inventory_set_origin(inventory, address, NULL);
        }
        for (size_t i = 0; i < state->n_devices && r >= 0; i++)
                if (state->devices[i].away)
                        r = inventory_set_origin(inventory, state->devices[i].address, state->devices[i].origin);
        return r;
}

/* Whether the VF or the device behind a controller is expected back with its parent. */
static bool is_expected_back(const State *state, const DeviceOrigin *origin) {
        const DeviceFile *parent = origin->has_parent ? state_find(state, origin->parent) : NULL;

        return parent && parent->away;
}

/* Whether the device, which is gone from its slot, may come back: with its parent, or when it is plugged in again. Behind a controller that is gone, and
 * that vfiod knows nothing of any more, nothing can be plugged in. */
static bool may_return(const State *state, const DeviceOrigin *origin, const Inventory *inventory) {
        const Device *parent = origin->has_parent ? inventory_find_device(inventory, origin->parent) : NULL;

        return is_expected_back(state, origin) ||
                        (!origin->virtual_function && (!origin->has_parent || (parent && parent->present)));
}

/* Whether the device is back with the host, and not by us. One that was plugged in again has its driver from the kernel, and may be detached anew. One
 * that came back with its parent stays while the parent may be detached anew. */
static bool is_back(const State *state, const Device *device, const DeviceOrigin *origin) {
        bool waits = origin->has_parent && !origin->virtual_function ? is_expected_back(state, origin)
                                                                     : device->appeared && !origin->has_parent;

        return !origin->degraded && !waits && device->driver && device_driver_is_confirmed(device) &&
                        device_is_ours(device) && !pci_driver_is_vfio(device->driver);
}

static bool is_settled(const State *state, const DeviceFile *file, const Inventory *inventory) {
        const Device *device = inventory_find_device(inventory, file->address);
        const DeviceOrigin *origin = file->origin;

        if ((device && device->activity != DEVICE_QUIET) || state_find_transaction_of(state, file->address))
                return false;
        /* The setting of a PF that is gone went with it. */
        if (!file->away)
                return !device || !device->present || !pci_ids_equal(&device->ids, &origin->ids);
        if (!device || !device->present)
                return !may_return(state, origin, inventory);
        return is_back(state, device, origin);
}

/* Forgets each device to which nothing is owed. Returns how many there were, or a negative errno. */
static int forget_pass(State *state, const Inventory *inventory) {
        int n = 0;

        for (size_t i = state->n_devices; i > 0; i--) {
                DeviceFile *file = &state->devices[i - 1];

                if (!is_settled(state, file, inventory))
                        continue;
                int r = device_file_remove(state->devices_fd, file->address);
                if (r < 0)
                        return r;
                device_file_done(file);
                state->n_devices--;
                memmove(file, file + 1, (state->n_devices - (i - 1)) * sizeof(DeviceFile));
                n++;
        }
        return n;
}

int state_forget_settled(State *state, Inventory *inventory) {
        bool forgot = false;
        int n;

        /* Once a PF is forgotten, its VFs are not expected back any more. */
        while ((n = forget_pass(state, inventory)) > 0)
                forgot = true;
        if (n < 0)
                return n;
        return forgot ? state_apply(state, inventory) : 0;
}
