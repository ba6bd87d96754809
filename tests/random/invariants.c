/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "invariants.h"
#include "expectation.h"
#include "keeper.h"
#include "model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes. */

/* The address that a write is for: the device of the attribute, or the value that is written to a driver or to the
 * bus. */
static char *addressee(const char *write) {
        static const char devices[] = "sys/bus/pci/devices/";
        const char *value = strchr(write, '=');

        g_assert_nonnull(value);
        if (g_str_has_prefix(write, devices)) {
                const char *address = write + strlen(devices);

                return g_strndup(address, strcspn(address, "/"));
        }
        return g_strdup(value + 1);
}

/* The files that vfiod may write. */
static bool is_expected_file(const char *write) {
        static const char *const patterns[] = {
                        "sys/bus/pci/devices/*/driver_override=*",
                        "sys/bus/pci/devices/*/power/control=*",
                        "sys/bus/pci/devices/*/d3cold_allowed=*",
                        "sys/bus/pci/devices/*/sriov_numvfs=*",
                        "sys/bus/pci/devices/*/sriov_drivers_autoprobe=*",
                        "sys/bus/pci/drivers/*/unbind=*",
                        "sys/bus/pci/drivers_probe=*",
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++)
                if (g_pattern_match_simple(patterns[i], write))
                        return true;
        return false;
}

/* "PID IDS path=value" */
static void check_write(World *world, const char *line) {
        g_auto(GStrv) words = g_strsplit(line, " ", 3);
        pid_t pid = (pid_t)atoi(words[0]);

        if (pid == getpid())
                return;
        if (pid == world->vfiod->pid)
                g_error("the daemon itself wrote %s", words[2]);
        /* The write went through an open folder of a card that was removed, so it changed nothing. */
        if (g_str_has_prefix(words[2], "gone/"))
                return;
        g_autofree char *address = addressee(words[2]);
        if (!is_expected_file(words[2]) || !world_permits(world, address, words[1]))
                g_error("vfiod wrote %s to the card %s, which it must not change", words[2], words[1]);
}

static void check_writes(World *world) {
        g_auto(GStrv) writes = fake_kernel_writers(world->kernel);

        for (char **line = writes; *line; line++)
                check_write(world, *line);
        fake_kernel_do(world->kernel, "reset-writes");
}

/* Devices that must not change. */

/* Whether a module that was missing is loaded again. */
static bool find_loaded_modules(World *world) {
        GHashTableIter i;
        bool found = false;
        void *name;

        g_hash_table_iter_init(&i, world->missing);
        while (g_hash_table_iter_next(&i, &name, NULL))
                if (fake_kernel_exists(world->kernel, "sys/bus/pci/drivers/%s", (char *)name)) {
                        g_hash_table_iter_remove(&i);
                        found = true;
                }
        return found;
}

/* A driver that was loaded may have bound every card that had no driver. */
static void exempt_driverless(World *world, const Truth *before) {
        for (unsigned i = 0; i < before->devices->len; i++) {
                const TruthDevice *device = before->devices->pdata[i];

                if (!*device->driver)
                        world_mark_changed(world, device->address);
        }
}

static void check_untouched(World *world, const Truth *before) {
        bool loaded = find_loaded_modules(world);

        /* The stalled call may have loaded it before this operation began. */
        if (loaded && world->busy_group != NO_GROUP)
                world_mark_all_changed(world);
        else if (loaded)
                exempt_driverless(world, before);
        for (unsigned i = 0; i < n_slots; i++) {
                const char *address = slots[i].address;
                const TruthDevice *was = truth_find(before, address), *is = world_device(world, address);

                if (!g_hash_table_contains(world->changed, address) &&
                                !g_hash_table_contains(world->permitted, address))
                        g_assert_cmpstr(is ? is->all : "none", ==, was ? was->all : "none");
        }
}

#define REAP_SECONDS 60

/* A worker removes the state file of a device that vfiod has forgotten, and may need a moment. ledger_check() then
 * finds a file that is still there. */
static void await_forgotten(World *world) {
        gint64 end = g_get_monotonic_time() + REAP_SECONDS * G_USEC_PER_SEC;

        for (unsigned i = 0; i < n_slots; i++) {
                g_autofree char *file = g_build_filename(world->vfiod->state_folder, "devices", slots[i].address, NULL);

                while (!ledger_find(world->ledger, slots[i].address) && world->vfiod->process &&
                                g_file_test(file, G_FILE_TEST_EXISTS) && g_get_monotonic_time() < end)
                        vfiod_catch_up(world->vfiod);
        }
}

/* Another program bound the card to a host driver. So vfiod must forget it. */
static void forget_rebound(World *world) {
        g_autoptr(GList) claims = ledger_list(world->ledger);

        for (GList *i = claims; i; i = i->next) {
                const Claim *claim = i->data;
                const TruthDevice *device = world_device(world, claim->address);

                if (device && world_claim(world, device) && *device->driver && !truth_is_on_vfio(device) &&
                                claim->phase != CLAIM_DEGRADED &&
                                g_hash_table_contains(world->changed, claim->address)) {
                        if (claim->phase == CLAIM_DETACHED)
                                ledger_drop(world->ledger, claim->address);
                        else
                                ledger_find(world->ledger, claim->address)->phase = CLAIM_DOUBTFUL;
                }
        }
}

/* A VF that disappeared can only be created again as a new VF, so vfiod must forget it. The exception: it
 * disappeared with its PF, and the PF is still detached. */
static void forget_gone_vfs(World *world) {
        const Claim *pf = ledger_find(world->ledger, SLOT_PF);

        for (unsigned i = 0; i < n_slots; i++) {
                Claim *claim = slots[i].card ? NULL : ledger_find(world->ledger, slots[i].address);

                if (!claim || world_device(world, slots[i].address) || slots[i].group == world->busy_group)
                        continue;
                if (claim->has_parent && pf && pf->phase <= CLAIM_EITHER)
                        continue;
                if (claim->phase <= CLAIM_DEGRADED && !(claim->has_parent && pf))
                        ledger_drop(world->ledger, slots[i].address);
                else if (claim->phase <= CLAIM_EITHER)
                        claim->phase = CLAIM_DOUBTFUL;
        }
}

static void doubt_uncertain(World *world) {
        for (unsigned i = 0; i < n_slots; i++) {
                Claim claim = {.phase = CLAIM_UNKNOWN};

                (void)g_strlcpy(claim.address, slots[i].address, sizeof(claim.address));
                if (world_is_uncertain(world, slots[i].group))
                        ledger_put(world->ledger, &claim);
        }
}

/* What the daemon reports on the bus. */

static void check_property(World *world, const char *path, const char *property, const char *expected) {
        const char *found = view_get(world->vfiod->view, path, property);

        if (g_strcmp0(found, expected) != 0)
                g_error("%s: %s is '%s' and must be '%s'", path, property, found, expected);
}

static void check_number(World *world, const char *path, const char *property, int expected) {
        g_autofree char *text = g_strdup_printf("%d", expected);

        check_property(world, path, property, text);
}

static void check_ids(World *world, const char *path, const char *ids) {
        unsigned vendor, device;

        g_assert_cmpint(sscanf(ids, "%x:%x", &vendor, &device), ==, 2);
        check_number(world, path, "VendorId", (int)vendor);
        check_number(world, path, "DeviceId", (int)device);
}

static void check_device(World *world, const char *path, const TruthDevice *device, const Claim *claim) {
        int group = device ? device->group : -1;
        g_autofree char *node =
                        device && truth_is_on_vfio(device) ? g_strdup_printf("/dev/vfio/%d", group) : g_strdup("");
        g_autofree char *group_path = group < 0 ? g_strdup("/") : g_strdup_printf("/org/vfiod1/groups/%d", group);

        check_ids(world, path, device ? device->ids : claim->ids);
        check_number(world, path, "GroupNumber", group);
        check_property(world, path, "Group", group_path);
        check_property(world, path, "OriginalDriver", claim ? claim->driver : "");
        check_property(world, path, "OriginalOverride", claim ? claim->override : "");
        check_property(world, path, "OriginalNames", claim ? claim->names : "");
        /* The kernel sends the event after the unbind, not while it waits. */
        if (device && device->is_leaving)
                return;
        check_property(world, path, "State", model_device_state(device, claim));
        check_property(world, path, "Driver", device ? device->driver : "");
        check_property(world, path, "Node", node);
        check_property(world, path, "NetworkInterfaces", device && device->interfaces ? device->interfaces : "");
        check_property(world, path, "BlockDevices", device && device->disks ? device->disks : "");
}

/* No other objects exist. */
static void check_count(World *world, const char *prefix, unsigned n) {
        g_autoptr(GList) served = view_list(world->vfiod->view, prefix);
        g_autoptr(GString) text = g_string_new(NULL);

        for (GList *i = served; i; i = i->next)
                g_string_append_printf(text, " %s", (char *)i->data + strlen(prefix));
        if (g_list_length(served) != n)
                g_error("there must be %u objects below %s, not%s", n, prefix, text->str);
}

static void check_devices(World *world) {
        unsigned n = 0;

        for (unsigned i = 0; i < n_slots; i++) {
                const TruthDevice *device = world_device(world, slots[i].address);
                const Claim *claim = ledger_find(world->ledger, slots[i].address);
                char *path = NULL;

                if (!device && !claim)
                        continue;
                n++;
                g_assert_cmpint(sd_bus_path_encode("/org/vfiod1/devices", slots[i].address, &path), >=, 0);
                if (!view_has(world->vfiod->view, path))
                        g_error("there is no object for %s", slots[i].address);
                if (world->busy_group == NO_GROUP || world->busy_group != slots[i].group)
                        check_device(world, path, device, claim);
                free(path);
        }
        check_count(world, "/org/vfiod1/devices/", n + 1);
}

static bool is_in_flux(const World *world, const TruthGroup *group) {
        for (unsigned i = 0; i < world->truth->devices->len; i++) {
                const TruthDevice *device = world->truth->devices->pdata[i];

                if (device->group == group->number && device->is_leaving)
                        return true;
        }
        return group->number == world->busy_group;
}

static void check_groups(World *world) {
        for (unsigned i = 0; i < world->truth->groups->len; i++) {
                const TruthGroup *group = world->truth->groups->pdata[i];
                g_autofree char *path = g_strdup_printf("/org/vfiod1/groups/%d", group->number);
                g_autofree char *node = g_strdup_printf("/dev/vfio/%d", group->number);

                check_property(world, path, "Members", group->members);
                if (is_in_flux(world, group))
                        continue;
                check_property(world, path, "State", model_group_state(world, group));
                check_property(world, path, "Viable", model_group_is_viable(world, group) ? "yes" : "no");
                check_property(world, path, "Node", group->has_node ? node : "");
        }
        check_count(world, "/org/vfiod1/groups/", world->truth->groups->len);
}

void invariants_check(World *world, const Truth *before) {
        /* A job that the daemon starts by itself may begin late, when nothing waits for it any more. */
        if (world->vfiod->process) {
                vfiod_await_idle(world->vfiod, world->busy_group);
                world_read(world);
        }
        check_writes(world);
        expectation_check_all(world);
        check_untouched(world, before);
        forget_rebound(world);
        forget_gone_vfs(world);
        doubt_uncertain(world);
        if (world->busy_group == NO_GROUP) {
                await_forgotten(world);
                ledger_check(world->ledger, world->vfiod->state_folder);
        }
        check_devices(world);
        check_groups(world);
        keeper_review(world);
}

/* The daemon opens a timer for its first job, and keeps it. */
#define FDS_OF_TIMERS 1

void invariants_audit(World *world) {
        gint64 end = g_get_monotonic_time() + REAP_SECONDS * G_USEC_PER_SEC;
        unsigned n_fds;

        vfiod_check_view(world->vfiod);
        /* A worker may not have ended yet, and a child may be reading links; the daemon has two descriptors for such
         * a process. A descriptor that leaked would stay open. */
        for (;;) {
                n_fds = vfiod_count_fds(world->vfiod);
                if (vfiod_count_passing(world->vfiod) == 0 &&
                                (world->n_fds == 0 || n_fds <= world->n_fds + FDS_OF_TIMERS))
                        break;
                if (g_get_monotonic_time() > end)
                        g_error("the daemon has %u open descriptors instead of %u", n_fds, world->n_fds);
                vfiod_catch_up(world->vfiod);
        }
        if (world->n_fds == 0)
                world->n_fds = n_fds;
}
