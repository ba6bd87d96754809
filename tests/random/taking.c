/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "taking.h"
#include "history.h"
#include "model.h"

#include <stdlib.h>

#define VFIO "vfio-pci"

typedef struct Taking {
        TakingKind kind;
        bool newcomer;
        int group;
        const char *address; /* of the card that it is about */
        GPtrArray *planned;  /* addresses of the cards that it moves */
        Truth *before;
} Taking;

void taking_free(void *p) {
        Taking *taking = p;

        g_ptr_array_unref(taking->planned);
        truth_free(taking->before);
        g_free(taking);
}

void taking_expect(World *world, TakingKind kind, const TruthDevice *device, bool newcomer) {
        static const char *const kinds[] = {"to be taken", "to be left alone", "to be released"};
        const Target target = {.address = device->address, .group = device->group};
        Taking *taking = g_new0(Taking, 1);

        taking->kind = kind;
        taking->newcomer = newcomer;
        taking->group = device->group;
        taking->address = slot_find(device->address)->address;
        taking->planned = kind == TAKING_TAKES ? model_plan_detach(world, &target) : g_ptr_array_new();
        taking->before = truth_look(world->kernel);
        for (unsigned i = 0; i < taking->planned->len; i++) {
                const TruthDevice *planned = world_device(world, taking->planned->pdata[i]);

                world_permit(world, planned->address, planned->ids);
        }
        if (kind == TAKING_RELEASES)
                world_permit(world, device->address, device->ids);
        history_note("%s is %s", device->address, kinds[kind]);
        g_ptr_array_add(world->takings, taking);
}

bool taking_is_of(const void *taking, TakingKind kind) {
        return ((const Taking *)taking)->kind == kind;
}

unsigned taking_count(const void *taking) {
        return ((const Taking *)taking)->planned->len;
}

static bool is_detached(Vfiod *vfiod, const void *userdata) {
        return g_strcmp0(view_get(vfiod->view, userdata, "State"), "detached") == 0;
}

void taking_await_all(World *world) {
        for (unsigned i = 0; i < world->takings->len; i++) {
                const Taking *taking = world->takings->pdata[i];
                char *path = NULL;

                if (taking->kind != TAKING_TAKES)
                        continue;
                g_assert_cmpint(sd_bus_path_encode("/org/vfiod1/devices", taking->address, &path), >=, 0);
                vfiod_listen_until(world->vfiod, is_detached, path, -1);
                free(path);
        }
}

/* The binding that the card is to get back one day. An override that is vfiod's is taken for one that udev has put there by our rules. */
static Claim make_original(const World *world, const TruthDevice *device, bool newcomer) {
        const Claim *claim = world_claim(world, device);
        bool early = g_str_equal(device->override, VFIO);
        Claim original = {.phase = CLAIM_AWAY};

        if (claim) {
                original = *claim;
                original.phase = CLAIM_AWAY;
                original.newcomer = original.newcomer || newcomer;
                return original;
        }
        original.any_driver = (early || newcomer) && !*device->driver;
        (void)g_strlcpy(original.address, device->address, sizeof(original.address));
        (void)g_strlcpy(original.ids, device->ids, sizeof(original.ids));
        (void)g_strlcpy(original.driver, device->driver, sizeof(original.driver));
        (void)g_strlcpy(original.override, early ? "" : device->override, sizeof(original.override));
        (void)g_strlcpy(original.power, device->power, sizeof(original.power));
        /* A disk may not have been there yet when the daemon looked. */
        original.newcomer = newcomer;
        if (newcomer)
                (void)g_strlcpy(original.names, device->disks ?: "", sizeof(original.names));
        else
                world_names(device, original.names, sizeof(original.names));
        return original;
}

static void check_taken(World *world, const Taking *taking) {
        for (unsigned i = 0; i < taking->planned->len; i++) {
                const char *address = taking->planned->pdata[i];
                const TruthDevice *before = truth_find(taking->before, address), *after = world_device(world, address);
                const Claim original =
                                make_original(world, before, taking->newcomer && g_str_equal(address, taking->address));

                if (!after || !g_str_equal(after->driver, VFIO) || !g_str_equal(after->override, VFIO))
                        g_error("%s was to be detached.\nbefore: %s\nafter:  %s", address, before->all,
                                        after ? after->all : "none");
                ledger_put(world->ledger, &original);
        }
}

static void check_released(const Taking *taking, const TruthDevice *after) {
        const TruthDevice *before = truth_find(taking->before, taking->address);
        bool early = g_str_equal(before->override, VFIO);

        if (!after || !g_str_equal(after->override, early ? "" : before->override) ||
                        (early ? truth_is_on_vfio(after) : !g_str_equal(after->all, before->all)))
                g_error("%s was to be released.\nbefore: %s\nafter:  %s", taking->address, before->all,
                                after ? after->all : "none");
}

void taking_check_all(World *world) {
        for (unsigned i = 0; i < world->takings->len; i++) {
                const Taking *taking = world->takings->pdata[i];
                const TruthDevice *after = world_device(world, taking->address);

                if (taking->kind == TAKING_TAKES)
                        check_taken(world, taking);
                else if (taking->kind == TAKING_RELEASES) {
                        Claim *claim = ledger_find(world->ledger, taking->address);

                        check_released(taking, after);
                        /* Of another card: there is one record for a slot. */
                        if (claim)
                                claim->phase = CLAIM_DOUBTFUL;
                } else
                        g_assert_cmpstr(after ? after->all : "none", ==,
                                        truth_find(taking->before, taking->address)->all);
        }
        g_ptr_array_set_size(world->takings, 0);
}
