/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host-change.h"
#include "arrival.h"
#include "history.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "sys/bus/pci/devices/%s/"
#define DRIVER "sys/bus/pci/drivers/%s/"

/* An unbind from vfio-pci waits while a VM has the group. */
static bool may_unbind(const World *world, const TruthDevice *device) {
        const TruthGroup *group = truth_find_group(world->truth, device->group);

        return *device->driver && !device->is_leaving && !(group && group->is_claimed && truth_is_on_vfio(device));
}

static void write_override(World *world, const TruthDevice *device, const char *override) {
        history_note("override '%s'", override);
        (void)fake_kernel_write(world->kernel, *override ? override : "\n", DEVICE "driver_override", device->address);
}

static void unbind(World *world, const TruthDevice *device) {
        if (!may_unbind(world, device))
                return;
        history_note("unbind");
        (void)fake_kernel_write(world->kernel, device->address, DRIVER "unbind", device->driver);
}

static void probe(World *world, const TruthDevice *device) {
        history_note("drivers_probe");
        (void)fake_kernel_write(world->kernel, device->address, "sys/bus/pci/drivers_probe");
}

static void bind(World *world, const TruthDevice *device, const char *driver) {
        history_note("bind to %s", driver);
        (void)fake_kernel_write(world->kernel, device->address, DRIVER "bind", driver);
}

/* Whether a device of the group is this card or is below it. */
static bool carries_group(const World *world, const Slot *slot, int group) {
        for (unsigned i = 0; i < world->truth->devices->len; i++) {
                const TruthDevice *device = world->truth->devices->pdata[i];
                const Slot *other = slot_find(device->address);
                bool below = other == slot;

                for (const char *parent = other->parent; parent && !below; parent = slot_find(parent)->parent)
                        below = g_str_equal(parent, slot->address);
                below |= !other->card && g_str_equal(slot->address, SLOT_PF);
                if (below && device->group == group)
                        return true;
        }
        return false;
}

static bool carries_vm(const World *world, const Slot *slot) {
        GHashTableIter i;
        void *group;

        g_hash_table_iter_init(&i, world->vms);
        while (g_hash_table_iter_next(&i, &group, NULL))
                if (carries_group(world, slot, GPOINTER_TO_INT(group)))
                        return true;
        return false;
}

static void allow_sleep(World *world, const TruthDevice *device, bool allow) {
        history_note("power/control %s", allow ? "auto" : "on");
        (void)fake_kernel_write(world->kernel, allow ? "auto" : "on", DEVICE "power/control", device->address);
}

bool host_write_to(World *world, const TruthDevice *device) {
        const char *driver = slot_find(device->address)->driver ?: "e1000e";
        const char *const overrides[] = {"", "vfio-pci", "none", driver};

        bool physical = g_str_equal(device->address, SLOT_PF);

        if (physical && carries_vm(world, slot_find(device->address)))
                return false;
        history_note("an administrator changes %s: ", device->address);
        world_mark_changed(world, device->address);
        for (unsigned i = 0; physical && i < n_slots; i++)
                if (!slots[i].card)
                        world_mark_changed(world, slots[i].address);
        switch (world_random(world, 8)) {
        case 0:
                unbind(world, device);
                break;
        case 1:
                write_override(world, device, overrides[world_random(world, G_N_ELEMENTS(overrides))]);
                break;
        case 2:
                probe(world, device);
                break;
        case 3:
                bind(world, device, world_chance(world, 2) ? driver : "vfio-pci");
                break;
        case 4: /* detach the card as other tools do */
                write_override(world, device, "vfio-pci");
                unbind(world, device);
                probe(world, device);
                break;
        case 5: /* reattach it */
                write_override(world, device, "");
                unbind(world, device);
                probe(world, device);
                break;
        case 6:
                allow_sleep(world, device, world_chance(world, 2));
                break;
        default: /* bind it to this driver */
                write_override(world, device, driver);
                unbind(world, device);
                probe(world, device);
                break;
        }
        return true;
}

/* An occupied or empty slot whose card may be changed now; NULL if none is found. */
static const Slot *choose_slot(World *world, bool occupied) {
        for (unsigned tries = 0; tries < 20; tries++) {
                const Slot *slot = &slots[world_random(world, n_slots)];

                if (slot->group != world->busy_group && !!world_device(world, slot->address) == occupied)
                        return slot;
        }
        return NULL;
}

bool host_write(World *world) {
        const Slot *slot = choose_slot(world, true);

        return slot && !slot->is_bridge && host_write_to(world, world_device(world, slot->address));
}

void host_unplug_this(World *world, const TruthDevice *device) {
        g_autoptr(Truth) after = NULL;

        history_note("unplug %s", device->address);
        world_mark_changed(world, device->address);
        fake_kernel_do(world->kernel, "unplug %s", device->address);
        after = truth_read(world->kernel);
        for (unsigned i = 0; i < world->truth->devices->len; i++) {
                const TruthDevice *other = world->truth->devices->pdata[i];

                if (!truth_find(after, other->address))
                        world_mark_changed(world, other->address);
        }
}

bool host_unplug(World *world) {
        const Slot *slot = choose_slot(world, true);

        if (!slot || !slot->card || carries_vm(world, slot) || carries_group(world, slot, world->busy_group))
                return false;
        host_unplug_this(world, world_device(world, slot->address));
        return true;
}

static const char *choose_card(World *world, const Slot *slot) {
        return slot->other_card && world_chance(world, 4) ? slot->other_card : slot->card;
}

bool host_plug(World *world) {
        const Slot *slot = choose_slot(world, false);

        if (!slot || !slot->card || (slot->parent && !world_device(world, slot->parent)))
                return false;
        const char *card = choose_card(world, slot);
        bool driverless = world_chance(world, 5);
        g_autofree char *text = g_strdup_printf("%s%s", card, driverless ? " driver=none" : "");
        history_note("plug %s: %s", slot->address, text);
        world_mark_changed(world, slot->address);
        arrival_plug(world, slot, text);
        return true;
}

bool host_swap(World *world) {
        const Slot *slot = choose_slot(world, true);
        char ids[IDS_MAX];

        if (!slot || !slot->other_card || carries_vm(world, slot) || carries_group(world, slot, world->busy_group))
                return false;
        const TruthDevice *device = world_device(world, slot->address);
        bool own = g_str_equal(device->ids, card_ids(slot->card, ids));
        host_unplug_this(world, device);
        history_note("and plug in %s instead", own ? "another" : "the card of this slot");
        arrival_plug(world, slot, own ? slot->other_card : slot->card);
        return true;
}

bool host_open_this_node(World *world, int group) {
        g_autofree char *reply = NULL;

        int fd = fake_kernel_open(world->kernel, O_RDWR, "dev/vfio/%d", group);
        if (fd < 0)
                return false;
        g_hash_table_replace(world->vms, GINT_TO_POINTER(group), GINT_TO_POINTER(fd + 1));
        int r = fake_kernel_send(world->kernel, &reply, "claim %d", group);
        history_note("a VM opens node %d%s", group, r == 0 ? " and uses the group" : "");
        return true;
}

bool host_open_node(World *world) {
        const Slot *slot = choose_slot(world, true);

        return slot && slot->group >= 0 && !world_has_vm(world, slot->group) && host_open_this_node(world, slot->group);
}

bool host_close_node(World *world) {
        g_autoptr(GList) groups = g_hash_table_get_keys(world->vms);

        if (!groups)
                return false;
        void *group = g_list_nth_data(groups, world_random(world, g_list_length(groups)));
        if (GPOINTER_TO_INT(group) == world->busy_group)
                return false;
        history_note("the VM closes node %d", GPOINTER_TO_INT(group));
        world_end_vm(world, GPOINTER_TO_INT(group));
        return true;
}

bool host_change_modules(World *world) {
        const char *module = modules[world_random(world, n_modules)];
        bool missing = g_hash_table_contains(world->missing, module);

        if (world->busy_group != NO_GROUP || g_hash_table_size(world->vms) > 0)
                return false;
        history_note("%s %s", missing ? "modprobe" : "rmmod", module);
        world_mark_all_changed(world);
        fake_kernel_do(world->kernel, "%s %s", missing ? "modprobe" : "rmmod", module);
        if (missing)
                g_hash_table_remove(world->missing, module);
        else
                g_hash_table_add(world->missing, (void *)module);
        return true;
}

bool host_change_vfs(World *world) {
        const TruthDevice *device = world_device(world, SLOT_PF);
        unsigned n = 0;

        char ids[IDS_MAX];

        if (!device || !g_str_equal(device->driver, "igb") || world->busy_group != NO_GROUP ||
                        !g_str_equal(device->ids, card_ids(slot_find(SLOT_PF)->card, ids)))
                return false;
        for (unsigned i = 0; i < n_slots; i++) {
                if (slots[i].card)
                        continue;
                if (world_has_vm(world, slots[i].group))
                        return false;
                n += world_device(world, slots[i].address) != NULL;
                world_mark_changed(world, slots[i].address);
        }
        world_mark_changed(world, SLOT_PF);
        history_note("sriov_numvfs %u", n > 0 ? 0 : N_VFS);
        if (n == 0)
                arrival_create_vfs(world);
        else
                g_assert_cmpint(fake_kernel_write(world->kernel, "0", DEVICE "sriov_numvfs", SLOT_PF), ==, 0);
        return true;
}

/* There is no rule for the PF, because there are rules for its VFs. */
static void choose_rule(World *world, Rule *rule) {
        const Slot *slot, *companion;

        do
                slot = &slots[world_random(world, n_slots)];
        while (slot->is_bridge || g_str_equal(slot->address, SLOT_PF));
        do
                companion = &slots[world_random(world, n_slots)];
        while (companion->group != slot->group);
        unsigned kind = world_random(world, 16);
        const char *card = slot->other_card && world_chance(world, 4) ? slot->other_card : slot->card;

        *rule = (Rule){
                        .kind = kind < _RULE_KIND_MAX ? (RuleKind)kind : RULE_VALID,
                        .address = world_chance(world, 3) ? NULL : slot->address,
                        .takes_all = world_chance(world, 2),
                        .companion = companion == slot ? NULL : companion->address,
        };
        rule->override = rule->address && world_chance(world, 4);
        if (card)
                (void)card_ids(card, rule->ids);
        else
                (void)g_strlcpy(rule->ids, VF_IDS, sizeof(rule->ids));
}

void host_change_rules(World *world) {
        unsigned folder = world_random(world, N_RULE_FOLDERS);
        const char *name = rule_names[world_random(world, n_rule_names)];
        Rule rule;

        if (rulebook_file(world->rulebook, folder, name) && world_chance(world, 2)) {
                history_note("remove rule %s from folder %u", name, folder);
                rulebook_remove(world->rulebook, folder, name);
                return;
        }
        choose_rule(world, &rule);
        g_autofree char *text = rule_describe(&rule);
        history_note("put rule %s into folder %u: %s", name, folder, text);
        rulebook_put(world->rulebook, folder, name, &rule);
}

bool host_change_use(World *world) {
        const Slot *slot = choose_slot(world, true);
        const TruthDevice *device = slot ? world_device(world, slot->address) : NULL;

        if (!device || !device->disks)
                return false;
        bool used = g_hash_table_contains(world->used, device->disks);
        history_note("%s %s", used ? "unuse" : "use", device->disks);
        fake_kernel_do(world->kernel, "%s %s", used ? "unuse" : "use", device->disks);
        if (used)
                g_hash_table_remove(world->used, device->disks);
        else
                g_hash_table_add(world->used, (void *)g_intern_string(device->disks));
        return true;
}
