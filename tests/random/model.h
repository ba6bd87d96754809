/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* A simple model of what must be true: the states of devices and groups, and the results of calls. */

/* The state of a card (or NULL) in a slot that has a claim (or NULL). */
const char *model_device_state(const TruthDevice *device, const Claim *claim);
const char *model_group_state(const World *world, const TruthGroup *group);
bool model_group_is_viable(const World *world, const TruthGroup *group);

/* The target of a call. */
typedef struct Target {
        const char *address; /* of a slot; NULL if the call names the group */
        int group;
} Target;

/* The cards that the call should change: addresses of slots. Free the array with g_ptr_array_unref(). */
GPtrArray *model_plan_detach(const World *world, const Target *target);
GPtrArray *model_plan_reattach(const World *world, const Target *target);

/* What a reattach of the target means: for a VF that vanished with its PF, the PF. */
Target model_find_returning(const World *world, const Target *target);

/* The VFs that disappear with the PF of such a plan, or return with it. Free the array in the same way. */
GPtrArray *model_following(const World *world, const GPtrArray *plan, bool detach);

/* The result of the call if nothing disturbs it: the error's name, or "" for success. */
const char *model_predict_detach(const World *world, const Target *target, bool with_consent, bool override);
const char *model_predict_reattach(const World *world, const Target *target, bool force);
/* The result when vfiod by itself detaches a card that returned to its slot: the result of a Detach of this card,
 * with consent to every card that vfiod had detached. */
const char *model_predict_return(const World *world, const TruthDevice *device);
/* Whether a call with this result has a plan. Such a refusal is found only when vfiod examines the host. */
bool model_is_decided_late(const char *predicted);
