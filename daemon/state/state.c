/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/state.h"
#include "base/log.h"
#include "kernel/sysfs.h"
#include "state/state-file.h"

#include <fcntl.h>
#include <sys/stat.h>

/* So many files of each kind are read at most. No host has so many devices. */
#define FILES_MAX 100000

static void drop_files(State *state) {
        for (size_t i = 0; i < state->n_devices; i++)
                device_file_done(&state->devices[i]);
        for (size_t i = 0; i < state->n_transactions; i++)
                plan_free(state->transactions[i].plan);
        free(TAKE_PTR(state->devices));
        free(TAKE_PTR(state->transactions));
        state->n_devices = state->n_transactions = 0;
}

/* Replaces the files of one state by those of the other, which has none afterwards. */
static void move_files(State *to, State *from) {
        drop_files(to);
        to->devices = TAKE_PTR(from->devices);
        to->transactions = TAKE_PTR(from->transactions);
        to->n_devices = from->n_devices;
        to->n_transactions = from->n_transactions;
        from->n_devices = from->n_transactions = 0;
}

static void close_folders(State *state) {
        state->folder_fd = safe_close(state->folder_fd);
        state->devices_fd = safe_close(state->devices_fd);
        state->transactions_fd = safe_close(state->transactions_fd);
        state->leases_fd = safe_close(state->leases_fd);
        state->reverts_fd = safe_close(state->reverts_fd);
}

State *state_free(State *state) {
        if (!state)
                return NULL;
        drop_files(state);
        close_folders(state);
        free(state);
        return NULL;
}

void state_report(State *state, int folder_fd, const char *name, int error) {
        struct stat status;

        if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
                        state->n_reported >= ELEMENTSOF(state->reported))
                return;
        for (size_t i = 0; i < state->n_reported; i++)
                if (state->reported[i] == status.st_ino)
                        return;
        state->reported[state->n_reported++] = status.st_ino;
        log_warning("vfiod ignores the state file '%s': %s.", name, state_file_describe_error(error));
        if (state->n_reported == ELEMENTSOF(state->reported))
                log_warning("vfiod ignores more state files without naming them.");
}

/* Reading. */

/* Makes room for one more entry. Returns 1; 0 if there are too many; or -ENOMEM. */
static int grow(State *state, void **array, size_t n, size_t size) {
        if (n >= state->files_max) {
                if (!state->has_too_many)
                        log_warning("The state folder has more than %zu files of a kind. vfiod ignores the others.",
                                        state->files_max);
                state->has_too_many = true;
                return 0;
        }
        if ((n & (n - 1)) != 0)
                return 1;
        void *grown = reallocarray(*array, n > 0 ? n * 2 : 1, size);
        if (!grown)
                return -ENOMEM;
        *array = grown;
        return 1;
}

/* The result of a file that could not be read: it prevents nothing else. Returns 0 or -ENOMEM. */
static int skip_file(State *state, int folder_fd, const char *name, int error) {
        if (error != -ENOENT && error != -ENOMEM)
                state_report(state, folder_fd, name, error);
        return error == -ENOMEM ? error : 0;
}

static int load_device(int folder_fd, const char *name, void *userdata) {
        State *state = userdata;
        PciAddress address;

        if (pci_address_parse(name, &address) < 0)
                return 0;
        int r = grow(state, (void **)&state->devices, state->n_devices, sizeof(DeviceFile));
        if (r <= 0)
                return r;
        r = device_file_read(folder_fd, address, &state->devices[state->n_devices]);
        if (r < 0)
                return skip_file(state, folder_fd, name, r);
        state->n_devices++;
        return 0;
}

static int load_transaction(int folder_fd, const char *name, void *userdata) {
        State *state = userdata;
        unsigned long number;

        if (transaction_file_parse_name(name, &number) < 0)
                return 0;
        int r = grow(state, (void **)&state->transactions, state->n_transactions, sizeof(StateTransaction));
        if (r <= 0)
                return r;
        StateTransaction *transaction = &state->transactions[state->n_transactions];
        transaction->number = number;
        r = transaction_file_read(folder_fd, number, &transaction->plan, &transaction->owner);
        if (r < 0)
                return skip_file(state, folder_fd, name, r);
        state->n_transactions++;
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

/* Reads all files into empty lists. */
static int read_files(State *state) {
        int r;

        if (state->devices_fd < 0)
                return 0;
        /* Transactions first: one that ends meanwhile has changed the files of its devices before. */
        if ((r = sysfs_for_each(state->transactions_fd, ".", load_transaction, state)) < 0 ||
                        (r = sysfs_for_each(state->devices_fd, ".", load_device, state)) < 0)
                return r;
        if (state->n_devices > 0)
                qsort(state->devices, state->n_devices, sizeof(DeviceFile), compare_devices);
        if (state->n_transactions > 0)
                qsort(state->transactions, state->n_transactions, sizeof(StateTransaction), compare_transactions);
        return 0;
}

int state_load(State *state) {
        State old = {};

        move_files(&old, state);
        int r = read_files(state);
        /* With a part of the files, the other devices would look as if they were not detached. */
        if (r < 0)
                move_files(state, &old);
        drop_files(&old);
        return r;
}

/* Opening the folder. */

/* If a worker is killed while it writes, "NAME.new" remains. */
static int remove_unfinished(int folder_fd, const char *name, void *userdata) {
        struct stat status;
        size_t length = strlen(name);

        (void)userdata;
        if (length <= 4 || !streq(name + length - 4, ".new") ||
                        fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
                return 0;
        log_notice("The state file '%s' is incomplete. vfiod removes it.", name);
        (void)unlinkat(folder_fd, name, 0);
        return 0;
}

static int open_folder(int parent_fd, const char *name, bool writer) {
        /* systemd-tmpfiles makes the folders, so that only the daemon's group can read them. */
        bool is_new = writer && mkdirat(parent_fd, name, 0755) >= 0;

        if (writer && !is_new && errno != EEXIST)
                return -errno;
        _cleanup_close_ int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        /* The daemon reads the folders. The umask may have removed permissions. */
        if (fd < 0 || (is_new && fchmod(fd, 0755) < 0))
                return -errno;
        return TAKE_FD(fd);
}

static int open_folders(State *state, const char *folder, bool writer) {
        state->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (state->folder_fd < 0)
                return -errno;
        state->devices_fd = open_folder(state->folder_fd, "devices", writer);
        if (state->devices_fd < 0)
                return state->devices_fd;
        state->transactions_fd = open_folder(state->folder_fd, "transactions", writer);
        if (state->transactions_fd < 0)
                return state->transactions_fd;
        state->leases_fd = open_folder(state->folder_fd, "leases", writer);
        if (state->leases_fd < 0)
                return state->leases_fd;
        state->reverts_fd = open_folder(state->folder_fd, "reverts", writer);
        return state->reverts_fd;
}

/* Whether a writer would remove or convert the file. */
static int on_unprepared(int folder_fd, const char *name, void *userdata) {
        const char *suffix = strrchr(name, '.');

        (void)folder_fd, (void)userdata;
        return suffix && (streq(suffix, ".new") || streq(suffix, ".record"));
}

bool state_needs_writer(const char *folder) {
        return sysfs_for_each(AT_FDCWD, folder, on_unprepared, NULL) != 0 ||
                        sysfs_for_each(AT_FDCWD, SYSFS_PATH("%s/devices", folder), on_unprepared, NULL) != 0 ||
                        sysfs_for_each(AT_FDCWD, SYSFS_PATH("%s/transactions", folder), on_unprepared, NULL) != 0 ||
                        sysfs_for_each(AT_FDCWD, SYSFS_PATH("%s/leases", folder), on_unprepared, NULL) != 0 ||
                        sysfs_for_each(AT_FDCWD, SYSFS_PATH("%s/reverts", folder), on_unprepared, NULL) != 0;
}

static bool worker_is_alive(const State *state) {
        for (size_t i = 0; i < state->n_transactions; i++)
                if (state->transactions[i].owner > 0)
                        return true;
        return false;
}

int state_new(const char *folder, bool writer, State **ret) {
        _cleanup_(state_freep) State *state = malloc(sizeof(State));
        if (!state)
                return -ENOMEM;
        *state = (State){
                        .folder_fd = -EBADF,
                        .devices_fd = -EBADF,
                        .transactions_fd = -EBADF,
                        .leases_fd = -EBADF,
                        .reverts_fd = -EBADF,
                        .files_max = FILES_MAX,
        };
        int r = open_folders(state, folder, writer);
        if (r < 0) {
                log_error_errno(r, "The state folder %s cannot be used, so no device can be detached or reattached",
                                folder);
                close_folders(state);
        }
        if ((r = state_load(state)) < 0)
                return r;
        if (writer && state->devices_fd >= 0 && !worker_is_alive(state)) {
                (void)sysfs_for_each(state->devices_fd, ".", remove_unfinished, NULL);
                (void)sysfs_for_each(state->transactions_fd, ".", remove_unfinished, NULL);
                (void)sysfs_for_each(state->leases_fd, ".", remove_unfinished, NULL);
                (void)sysfs_for_each(state->reverts_fd, ".", remove_unfinished, NULL);
        }
        *ret = TAKE_PTR(state);
        return 0;
}

/* Queries. */

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

/* Tells whether the device, which is gone from its slot, may return: with its parent, or when it is plugged in again.
 * If vfiod knows nothing of its controller any more, nothing can be plugged in behind that. */
static bool may_return(const State *state, const DeviceOrigin *origin, const Inventory *inventory) {
        const Device *parent = origin->has_parent ? inventory_find_device(inventory, origin->parent) : NULL;

        return is_expected_back(state, origin) ||
                        (!origin->virtual_function && (!origin->has_parent || (parent && parent->present)));
}

/* Tells whether another program gave the device to the host. If a device was plugged in again, the kernel chose its
 * driver. A rule may detach it again. If the device came back with its parent, the parent may be detached again. */
static bool is_back(const State *state, const Device *device, const DeviceOrigin *origin) {
        bool waits = origin->has_parent && !origin->virtual_function ? is_expected_back(state, origin)
                                                                     : device->appeared && !origin->has_parent;

        return !origin->degraded && !waits && device->driver && device_driver_is_confirmed(device) &&
                        device_is_ours(device) && !pci_driver_is_vfio(device->driver);
}

/* Tells whether the device cannot return, because its controller is back in another PCI domain, and the address is that
 * of a device behind another controller. */
static bool is_displaced(const State *state, const Device *device, const DeviceOrigin *origin) {
        return origin->has_parent && !origin->virtual_function && !is_expected_back(state, origin) &&
                        !device_depends_on(device, origin->parent);
}

static bool is_unneeded(const State *state, const DeviceFile *file, const Inventory *inventory) {
        const Device *device = inventory_find_device(inventory, file->address);
        const DeviceOrigin *origin = file->origin;

        if ((device && device->activity != DEVICE_QUIET) || state_find_transaction_of(state, file->address))
                return false;
        /* A PF that is gone, or another card in its slot, does not have the setting any more. */
        if (!file->away)
                return !device || !device->present || !pci_ids_equal(&device->ids, &origin->ids);
        if (!device || !device->present)
                return !may_return(state, origin, inventory);
        return is_back(state, device, origin) || is_displaced(state, device, origin);
}

static int remove_files(const State *state, const PciAddress *addresses, size_t n) {
        int r = 0;

        if (state->remove)
                return n > 0 ? state->remove(state->remove_userdata, addresses, n) : 0;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = device_file_remove(state->devices_fd, addresses[i]);
        return r;
}

/* Removes the files of devices for which nothing is left to do. Returns their number, or a negative errno. */
static int forget_pass(State *state, const Inventory *inventory) {
        _cleanup_free_ PciAddress *addresses = NULL;
        size_t n = 0, n_kept = 0;

        for (size_t i = 0; i < state->n_devices; i++)
                if (is_unneeded(state, &state->devices[i], inventory)) {
                        if (!ARRAY_GROW(addresses, n))
                                return -ENOMEM;
                        addresses[n++] = state->devices[i].address;
                }
        int r = remove_files(state, addresses, n);
        if (r < 0)
                return r;
        for (size_t i = 0, next = 0; i < state->n_devices; i++) {
                DeviceFile *file = &state->devices[i];

                if (next < n && pci_address_equal(file->address, addresses[next])) {
                        device_file_done(file);
                        next++;
                } else
                        state->devices[n_kept++] = *file;
        }
        state->n_devices = n_kept;
        return (int)n;
}

int state_forget_unneeded(State *state, Inventory *inventory) {
        bool forgot = false;
        int n;

        /* When the file of a PF is removed, its VFs are not expected back any more. */
        while ((n = forget_pass(state, inventory)) > 0)
                forgot = true;
        if (n < 0)
                return n;
        return forgot ? state_apply(state, inventory) : 0;
}
