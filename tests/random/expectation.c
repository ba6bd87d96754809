/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "expectation.h"
#include "history.h"
#include "model.h"

#include <stdlib.h>

#define VFIO "vfio-pci"

typedef struct Expectation {
        ExpectationKind kind;
        bool just_plugged;
        int group;
        const char *address; /* of the card that the rule or the return is about */
        GPtrArray *planned;  /* addresses of the cards that should change */
        Truth *before;
} Expectation;

void expectation_free(void *p) {
        Expectation *expectation = p;

        g_ptr_array_unref(expectation->planned);
        truth_free(expectation->before);
        g_free(expectation);
}

void expectation_add(World *world, ExpectationKind kind, const TruthDevice *device, bool just_plugged) {
        static const char *const kinds[] = {
                        "expected to be detached", "expected to stay unchanged", "expected to be released"};
        const Target target = {.address = device->address, .group = device->group};
        Expectation *expectation = g_new0(Expectation, 1);

        expectation->kind = kind;
        expectation->just_plugged = just_plugged;
        expectation->group = device->group;
        expectation->address = slot_find(device->address)->address;
        expectation->planned = kind == EXPECT_DETACH ? model_plan_detach(world, &target) : g_ptr_array_new();
        expectation->before = truth_read(world->kernel);
        for (unsigned i = 0; i < expectation->planned->len; i++) {
                const TruthDevice *planned = world_device(world, expectation->planned->pdata[i]);

                world_permit(world, planned->address, planned->ids);
        }
        if (kind == EXPECT_RELEASE)
                world_permit(world, device->address, device->ids);
        history_note("%s is %s", device->address, kinds[kind]);
        g_ptr_array_add(world->expectations, expectation);
}

bool expectation_is_of(const void *expectation, ExpectationKind kind) {
        return ((const Expectation *)expectation)->kind == kind;
}

unsigned expectation_count(const void *expectation) {
        return ((const Expectation *)expectation)->planned->len;
}

static bool is_detached(Vfiod *vfiod, const void *userdata) {
        return g_strcmp0(view_get(vfiod->view, userdata, "State"), "detached") == 0;
}

void expectation_await_all(World *world) {
        for (unsigned i = 0; i < world->expectations->len; i++) {
                const Expectation *expectation = world->expectations->pdata[i];
                char *path = NULL;

                if (expectation->kind != EXPECT_DETACH)
                        continue;
                g_assert_cmpint(sd_bus_path_encode("/org/vfiod1/devices", expectation->address, &path), >=, 0);
                vfiod_listen_until(world->vfiod, is_detached, path, -1);
                free(path);
        }
}

/* The binding that a reattach must restore. A driver_override of vfio-pci counts as set by udev for an early rule. */
static Claim make_original(const World *world, const TruthDevice *device, bool just_plugged) {
        const Claim *claim = world_claim(world, device);
        bool early = g_str_equal(device->override, VFIO);
        Claim original = {.phase = CLAIM_DETACHED};

        if (claim) {
                original = *claim;
                original.phase = CLAIM_DETACHED;
                original.just_plugged = original.just_plugged || just_plugged;
                return original;
        }
        original.any_driver = (early || just_plugged) && !*device->driver;
        (void)g_strlcpy(original.address, device->address, sizeof(original.address));
        (void)g_strlcpy(original.ids, device->ids, sizeof(original.ids));
        (void)g_strlcpy(original.driver, device->driver, sizeof(original.driver));
        (void)g_strlcpy(original.override, early ? "" : device->override, sizeof(original.override));
        (void)g_strlcpy(original.power, device->power, sizeof(original.power));
        /* The disk may not have existed when the daemon read the names. */
        original.just_plugged = just_plugged;
        if (just_plugged)
                (void)g_strlcpy(original.names, device->disks ?: "", sizeof(original.names));
        else
                world_names(device, original.names, sizeof(original.names));
        return original;
}

static void check_detached(World *world, const Expectation *expectation) {
        for (unsigned i = 0; i < expectation->planned->len; i++) {
                const char *address = expectation->planned->pdata[i];
                const TruthDevice *before = truth_find(expectation->before, address),
                                  *after = world_device(world, address);
                const Claim original = make_original(
                                world, before, expectation->just_plugged && g_str_equal(address, expectation->address));

                if (!after || !g_str_equal(after->driver, VFIO) || !g_str_equal(after->override, VFIO))
                        g_error("%s was not detached.\nbefore: %s\nafter:  %s", address, before->all,
                                        after ? after->all : "none");
                ledger_put(world->ledger, &original);
        }
}

static void check_released(const Expectation *expectation, const TruthDevice *after) {
        const TruthDevice *before = truth_find(expectation->before, expectation->address);
        bool early = g_str_equal(before->override, VFIO);

        if (!after || !g_str_equal(after->override, early ? "" : before->override) ||
                        (early ? truth_is_on_vfio(after) : !g_str_equal(after->all, before->all)))
                g_error("%s was not released.\nbefore: %s\nafter:  %s", expectation->address, before->all,
                                after ? after->all : "none");
}

void expectation_check_all(World *world) {
        for (unsigned i = 0; i < world->expectations->len; i++) {
                const Expectation *expectation = world->expectations->pdata[i];
                const TruthDevice *after = world_device(world, expectation->address);

                if (expectation->kind == EXPECT_DETACH)
                        check_detached(world, expectation);
                else if (expectation->kind == EXPECT_RELEASE) {
                        Claim *claim = ledger_find(world->ledger, expectation->address);

                        check_released(expectation, after);
                        /* The claim is about another card: there is only one state file for a slot. */
                        if (claim)
                                claim->phase = CLAIM_DOUBTFUL;
                } else
                        g_assert_cmpstr(after ? after->all : "none", ==,
                                        truth_find(expectation->before, expectation->address)->all);
        }
        g_ptr_array_set_size(world->expectations, 0);
}
