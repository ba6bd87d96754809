/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/publish.h"
#include "base/log.h"
#include "bus/notify.h"
#include "bus/registration.h"
#include "bus/rule-rows.h"

/* No method of vfiod takes a file descriptor. But each call can carry 16 of them, and they stay open while the call
 * is held. A user could use up all descriptors of the daemon, which would end the connection. So the connection does
 * not negotiate the passing of descriptors; then the bus daemon refuses such calls. This must be set before the
 * connection starts. But only sd_bus_open_system() knows the address of the bus, so a first connection is used to
 * get the address. */
int service_connect(sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *system = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        const char *address;
        int r;

        if ((r = sd_bus_open_system(&system)) < 0 || (r = sd_bus_get_address(system, &address)) < 0 ||
                        (r = sd_bus_new(&bus)) < 0 || (r = sd_bus_set_address(bus, address)) < 0 ||
                        (r = sd_bus_set_bus_client(bus, true)) < 0 || (r = sd_bus_negotiate_fds(bus, false)) < 0 ||
                        (r = sd_bus_start(bus)) < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* sd-bus calls this for each message before it searches the object. That search takes time that is quadratic in the
 * length of the path: about a second for a path of 60 kB, which the bus accepts. */
static int refuse_long_path(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *path = sd_bus_message_get_path(message);

        (void)userdata;
        if (!path || strlen(path) <= BUS_PATH_LENGTH_MAX || !sd_bus_message_is_method_call(message, NULL, NULL))
                return 0;
        return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_OBJECT,
                        "There is no such object: no object path of %s has more than %d characters.", BUS_NAME,
                        BUS_PATH_LENGTH_MAX);
}

/* Finds the Group, Device, Job, Lease or Rule of a path. Each object has exactly one path, so other spellings of a number or an
 * address find nothing. */
static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                sd_bus_error *error) {
        _cleanup_free_ char *text = NULL, *canonical = NULL;
        const Service *service = userdata;
        PciAddress address;
        const char *number;
        void *found = NULL;
        int r;

        (void)bus, (void)interface, (void)error;
        if ((number = startswith(path, BUS_PATH_GROUPS "/"))) {
                int group = (int)strtol(number, NULL, 10);
                found = inventory_find_group(service->inventory, group);
                r = service_group_path(group, &canonical);
        } else if ((number = startswith(path, BUS_PATH_JOBS "/"))) {
                unsigned long job = strtoul(number, NULL, 10);
                found = job_find(service->jobs, job);
                r = service_job_path(job, &canonical);
        } else if ((number = startswith(path, BUS_PATH_LEASES "/"))) {
                unsigned long lease = strtoul(number, NULL, 10);
                found = lease <= FILE_NUMBER_MAX ? lease_find(service->leases, (unsigned)lease) : NULL;
                r = service_lease_path((unsigned)lease, &canonical);
        } else if ((r = sd_bus_path_decode(path, BUS_PATH_RULES, &text)) > 0) {
                found = (void *)rule_rows_find(service, text);
                r = service_rule_path(text, &canonical);
        } else if (r >= 0 && (r = sd_bus_path_decode(path, BUS_PATH_DEVICES, &text)) > 0 &&
                        pci_address_parse(text, &address) >= 0) {
                found = inventory_find_device(service->inventory, address);
                r = service_device_path(address, &canonical);
        }
        if (r < 0)
                return r;
        *ret_found = found;
        return found && streq(path, canonical);
}

static void free_paths(char ***paths) {
        for (size_t i = 0; *paths && (*paths)[i]; i++)
                free((*paths)[i]);
        free(*paths);
}

static int list_groups(sd_bus *bus, const char *prefix, void *userdata, char ***ret_paths, sd_bus_error *error) {
        _cleanup_(free_paths) char **paths = NULL;
        const Service *service = userdata;
        size_t n;

        (void)bus, (void)prefix, (void)error;
        Group *const *groups = inventory_groups(service->inventory, &n);
        int r = (paths = calloc(n + 1, sizeof(char *))) ? 0 : -ENOMEM;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = service_group_path(groups[i]->number, &paths[i]);
        if (r < 0)
                return r;
        *ret_paths = TAKE_PTR(paths);
        return 1;
}

static int list_devices(sd_bus *bus, const char *prefix, void *userdata, char ***ret_paths, sd_bus_error *error) {
        _cleanup_(free_paths) char **paths = NULL;
        const Service *service = userdata;
        size_t n;

        (void)bus, (void)prefix, (void)error;
        Device *const *devices = inventory_devices(service->inventory, &n);
        int r = (paths = calloc(n + 1, sizeof(char *))) ? 0 : -ENOMEM;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = service_device_path(devices[i]->address, &paths[i]);
        if (r < 0)
                return r;
        *ret_paths = TAKE_PTR(paths);
        return 1;
}

static int list_jobs(sd_bus *bus, const char *prefix, void *userdata, char ***ret_paths, sd_bus_error *error) {
        _cleanup_(free_paths) char **paths = NULL;
        const Service *service = userdata;
        size_t n = 0, i = 0;

        (void)bus, (void)prefix, (void)error;
        for (const Job *job = job_next(service->jobs, NULL); job; job = job_next(service->jobs, job))
                n++;
        int r = (paths = calloc(n + 1, sizeof(char *))) ? 0 : -ENOMEM;
        for (const Job *job = job_next(service->jobs, NULL); job && r >= 0; job = job_next(service->jobs, job))
                r = service_job_path(job_describe(job).number, &paths[i++]);
        if (r < 0)
                return r;
        *ret_paths = TAKE_PTR(paths);
        return 1;
}

static int list_leases(sd_bus *bus, const char *prefix, void *userdata, char ***ret_paths, sd_bus_error *error) {
        _cleanup_(free_paths) char **paths = NULL;
        const Service *service = userdata;
        size_t n = 0, i = 0;

        (void)bus, (void)prefix, (void)error;
        for (const Lease *lease = lease_next(service->leases, NULL); lease; lease = lease_next(service->leases, lease))
                n++;
        int r = (paths = calloc(n + 1, sizeof(char *))) ? 0 : -ENOMEM;
        for (const Lease *lease = lease_next(service->leases, NULL); lease && r >= 0;
                        lease = lease_next(service->leases, lease))
                r = service_lease_path(lease_describe(lease).number, &paths[i++]);
        if (r < 0)
                return r;
        *ret_paths = TAKE_PTR(paths);
        return 1;
}

static int list_rules(sd_bus *bus, const char *prefix, void *userdata, char ***ret_paths, sd_bus_error *error) {
        _cleanup_(free_paths) char **paths = NULL;
        const Service *service = userdata;
        size_t n = 0;

        (void)bus, (void)prefix, (void)error;
        const RuleBook *book = rule_keeper_book(service->rules);
        int r = (paths = calloc(book->n_files + 1, sizeof(char *))) ? 0 : -ENOMEM;
        for (size_t i = 0; i < book->n_files && r >= 0; i++)
                if (rule_rows_find(service, book->files[i].name))
                        r = service_rule_path(book->files[i].name, &paths[n++]);
        if (r < 0)
                return r;
        *ret_paths = TAKE_PTR(paths);
        return 1;
}

static int add_objects(Service *service, sd_bus *bus, const char *path, const char *interface,
                const sd_bus_vtable *vtable, sd_bus_node_enumerator_t list) {
        int r;

        if ((r = registration_check(action_table, interface, vtable)) < 0 ||
                        (r = sd_bus_add_fallback_vtable(bus, NULL, path, interface, vtable, find_object, service)) < 0)
                return r;
        return sd_bus_add_node_enumerator(bus, NULL, path, list, service);
}

static int on_prepare_for_sleep(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Service *service = userdata;
        int begins;

        (void)error;
        int r = sd_bus_message_read(message, "b", &begins);
        if (r < 0 || begins)
                return 0;
        log_info("The host resumed from sleep: vfiod reads all devices again.");
        r = service->rescan(service->rescan_userdata, NULL);
        if (r < 0)
                log_error_errno(r, "Cannot read the devices again after the host resumed from sleep");
        return 0;
}

static int on_subscribed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *refused = sd_bus_message_get_error(message);

        (void)userdata, (void)error;
        if (refused)
                log_warning("Cannot subscribe to the signal of logind for resume from sleep: %s", refused->message);
        return 0;
}

/* Hardware and firmware can change while the host sleeps, without an event. So this requests a rescan after each
 * resume. Does not wait for the reply of the bus. */
static int watch_sleep(Service *service) {
        return sd_bus_match_signal_async(service->bus, NULL, "org.freedesktop.login1", "/org/freedesktop/login1",
                        "org.freedesktop.login1.Manager", "PrepareForSleep", on_prepare_for_sleep, on_subscribed,
                        service);
}

int service_add_objects(Service *service, sd_bus *bus) {
        int r;

        if ((r = sd_bus_add_filter(bus, NULL, refuse_long_path, NULL)) < 0 ||
                        (r = sd_bus_add_object_manager(bus, NULL, BUS_PATH)) < 0 ||
                        (r = registration_check(action_table, BUS_INTERFACE_MANAGER, manager_vtable)) < 0 ||
                        (r = sd_bus_add_object_vtable(
                                         bus, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, manager_vtable, service)) < 0 ||
                        (r = add_objects(service, bus, BUS_PATH_GROUPS, BUS_INTERFACE_GROUP, group_vtable,
                                         list_groups)) < 0 ||
                        (r = add_objects(service, bus, BUS_PATH_DEVICES, BUS_INTERFACE_DEVICE, device_vtable,
                                         list_devices)) < 0 ||
                        (r = add_objects(service, bus, BUS_PATH_JOBS, BUS_INTERFACE_JOB, job_vtable, list_jobs)) < 0 ||
                        (r = add_objects(service, bus, BUS_PATH_LEASES, BUS_INTERFACE_LEASE, lease_vtable,
                                         list_leases)) < 0 ||
                        (r = add_objects(service, bus, BUS_PATH_RULES, BUS_INTERFACE_RULE, rule_vtable, list_rules)) <
                                        0)
                return r;
        return 0;
}

int service_publish(Service *service) {
        int r;

        if ((r = service_add_objects(service, service->bus)) < 0 || (r = watch_sleep(service)) < 0)
                return r;
        job_table_watch(service->jobs, notify_job, service);
        lease_table_watch(service->leases, notify_lease, service);
        revert_table_watch(service->reverts, notify_revert, service);
        service->told = service_count(service);
        return 0;
}
