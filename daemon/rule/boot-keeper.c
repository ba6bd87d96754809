/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/boot-keeper.h"
#include "base/log.h"

struct BootKeeper {
        sd_event *event;
        WorkerPort *port;
        char *file;
        BootList known;       /* in the file */
        BootList sent;        /* what the worker got last */
        bool running;         /* a worker writes the file */
        bool has_warned;      /* about too many devices */
        bool has_sent, stale; /* The list must be compared again when the worker is done. */
};

int boot_keeper_new(sd_event *event, WorkerPort *port, const char *file, BootKeeper **ret) {
        BootKeeper *boot = calloc(1, sizeof(BootKeeper));

        if (!boot)
                return -ENOMEM;
        *boot = (BootKeeper){.event = event, .port = port, .file = strdup(file)};
        int r = boot->file ? boot_list_read(boot->file, &boot->known) : -ENOMEM;
        if (r == -ENOMEM) {
                boot_keeper_free(boot);
                return r;
        }
        if (r < 0)
                log_warning("Cannot read %s: %s", file, strerror(-r));
        *ret = boot;
        return 0;
}

BootKeeper *boot_keeper_free(BootKeeper *boot) {
        if (!boot)
                return NULL;
        boot_list_done(&boot->known);
        boot_list_done(&boot->sent);
        free(boot->file);
        free(boot);
        return NULL;
}

bool boot_keeper_has(const BootKeeper *boot, const Device *device) {
        const BootDevice *known = boot ? boot_list_find(&boot->known, device->address) : NULL;

        return known && device->present && boot_device_has_ids(known, &device->ids);
}

bool boot_keeper_took(const BootKeeper *boot, const Device *device) {
        return boot_keeper_has(boot, device) && device_state(device) == DEVICE_FOREIGN;
}

/* The list as it must be. */

/* Makes the line of a device that a rule has detached. Returns false if it cannot have one: a VF is made later, and what
 * is behind a controller has no stable address. */
static bool make_line(const RuleKeeper *keeper, const RuleCase *rule_case, const Device *device, BootDevice *ret) {
        const Rule *rule = rule_plan_rule_of(keeper, rule_case);

        if (!rule || !boot_rule_is_suitable(rule) || device->virtual_function || device->behind_controller)
                return false;
        *ret = (BootDevice){.address = device->address, .ids = device->ids};
        (void)snprintf(ret->driver, sizeof(ret->driver), "%s", strempty(device->driver));
        ret->ids.revision = 0;
        (void)snprintf(ret->rule, sizeof(ret->rule), "%s", rule->name);
        (void)pci_device_read_path(keeper->parts.kernel, device->address, ret->path);
        return ret->path[0] != '\0' && boot_device_is_wanted(ret, keeper->book);
}

/* Tells whether a line of the file stays, because its device is not decided about, is being changed, or is not present. */
static bool line_stays(const RuleKeeper *keeper, const BootDevice *line) {
        const Device *device = inventory_find_device(keeper->parts.inventory, line->address);
        const RuleCase *rule_case = rule_case_find(&keeper->cases, line->address);

        if (!boot_device_is_wanted(line, keeper->book))
                return false;
        if (!device || !device->present)
                return true;
        /* A lease ends before the next boot. */
        return boot_device_has_ids(line, &device->ids) && rule_case && rule_case->rule &&
                        (rule_case->running || rule_case->status == RULE_STATUS_WAITING || device->leased ||
                                        (device_is_ours(device) && device->activity != DEVICE_QUIET));
}

static int make_list(const RuleKeeper *keeper, const BootKeeper *boot, BootList *ret) {
        _cleanup_boot_list_ BootList list = {};
        BootDevice line;
        int r = 0;

        for (size_t i = 0; i < boot->known.n_devices && r >= 0; i++)
                if (line_stays(keeper, &boot->known.devices[i]))
                        r = boot_list_put(&list, &boot->known.devices[i]);
        for (size_t i = 0; i < keeper->cases.n_cases && r >= 0; i++) {
                const RuleCase *rule_case = &keeper->cases.cases[i];
                const Device *device = inventory_find_device(keeper->parts.inventory, rule_case->address);

                if (rule_case->status == RULE_STATUS_APPLIED && !rule_case->running && device &&
                                device_state(device) == DEVICE_DETACHED && make_line(keeper, rule_case, device, &line))
                        r = boot_list_put(&list, &line);
        }
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(list, BootList, (BootList){});
        return 0;
}

/* The worker writes it. */

static void log_failure(const BootKeeper *boot, int error) {
        log_warning("Cannot write %s, so a host driver may bind at boot to devices that a rule detaches: %s",
                        boot->file, strerror(-error));
}

static void warn_of_others(BootKeeper *boot) {
        bool too_many = boot->known.n_devices > BOOT_FOR_OTHERS_MAX;

        if (too_many && !boot->has_warned)
                log_warning("%s has %zu devices. For all but the first %d, the event of another device with the same "
                            "driver may come first at boot. Then the host driver binds, and vfiod detaches the device "
                            "when it starts, if the host does not use it.",
                                boot->file, boot->known.n_devices, BOOT_FOR_OTHERS_MAX);
        boot->has_warned = too_many;
}

static void on_written(int error, void *userdata) {
        RuleKeeper *keeper = userdata;
        BootList written;

        /* The keeper is freed already. */
        if (error == -ECANCELED)
                return;
        BootKeeper *boot = keeper->boot;
        boot->running = false;
        if (error < 0)
                log_failure(boot, error);
        int r = boot_list_read(boot->file, &written);
        if (r >= 0) {
                boot_list_done(&boot->known);
                boot->known = written;
                warn_of_others(boot);
        }
        if (boot->stale)
                boot_keeper_update(keeper, false);
}

static int send_list(RuleKeeper *keeper, const BootList *list) {
        BootKeeper *boot = keeper->boot;
        WorkerDevice *devices = calloc(list->n_devices + 1, sizeof(WorkerDevice));

        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_devices; i++)
                devices[i] = (WorkerDevice){list->devices[i].address, list->devices[i].rule};
        int r = worker_request_boot_devices(boot->event, boot->port, devices, list->n_devices, on_written, keeper);
        free(devices);
        return r;
}

void boot_keeper_update(RuleKeeper *keeper, bool again) {
        _cleanup_boot_list_ BootList list = {};
        BootKeeper *boot = keeper->boot;

        if (!boot)
                return;
        if (again)
                boot->has_sent = false;
        boot->stale = boot->running;
        if (boot->running)
                return;
        int r = make_list(keeper, boot, &list);
        /* The worker may refuse a device or fail. It is not asked for the same list each time. */
        if (r >= 0 && (boot_list_equal(&list, &boot->known) || (boot->has_sent && boot_list_equal(&list, &boot->sent))))
                return;
        if (r < 0 || (r = send_list(keeper, &list)) < 0) {
                log_failure(boot, r);
                return;
        }
        boot_list_done(&boot->sent);
        boot->sent = TAKE_GENERIC(list, BootList, (BootList){});
        boot->has_sent = boot->running = true;
}
