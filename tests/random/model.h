/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What must hold, in the simplest words: the states that follow from what there is and what vfiod owes, and how calls
 * must end. */

/* Of a card that is there (or NULL) in a slot for whose card something is owed (or NULL). */
const char *model_device_state(const TruthDevice *device, const Claim *claim);
const char *model_group_state(const World *world, const TruthGroup *group);
bool model_group_is_viable(const World *world, const TruthGroup *group);

/* What a call names. */
typedef struct Target {
        const char *address; /* of a slot; NULL where the group is named */
        int group;
} Target;

/* The cards that the call would move: addresses of slots. To be freed with g_ptr_array_unref(). */
GPtrArray *model_plan_detach(const World *world, const Target *target);
GPtrArray *model_plan_reattach(const World *world, const Target *target);

/* What a reattach of the target means: of a VF that vanished with its PF, and is expected back with it, the PF. */
Target model_find_returning(const World *world, const Target *target);

/* The VFs that vanish with the PF of such a plan, or come back with it. To be freed as above. */
GPtrArray *model_following(const World *world, const GPtrArray *plan, bool detach);

/* How the call ends while nobody disturbs it: the error's name, or "" for success. */
const char *model_predict_detach(const World *world, const Target *target, bool with_consent, bool override);
const char *model_predict_reattach(const World *world, const Target *target, bool force);
/* How vfiod's own detach of a card ends that came back to its slot: as that of a call that names it, with consent to
 * what vfiod had detached as well. */
const char *model_predict_return(const World *world, const TruthDevice *device);
/* Whether a call that ends so has a plan: what refuses it is found only when the host is looked at. */
bool model_is_decided_late(const char *predicted);
