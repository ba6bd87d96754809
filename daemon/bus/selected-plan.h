/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/request.h"
#include "bus/service.h"

/* Plans for the devices that a call selects, and what stands against them before a worker examines the host. */

/* Plans to detach the whole group of the selection with the options of the request. obstacles: see DetachOptions. Returns as
 * plan_detach() does. The caller frees *ret. */
int selected_plan_detach(const Service *service, const Request *request, const Selection *selection,
                const IommuReport *iommu, ObstacleList *obstacles, Plan **ret, Problem *problem);

/* The same for the verb of the request: a detach, a reattach as plan_reattach() plans it, or a reset as plan_reset() plans it.
 * obstacles: see DetachOptions. */
int selected_plan_make(const Service *service, const Request *request, const Selection *selection,
                ObstacleList *obstacles, Plan **ret, Problem *problem);

/* Adds an obstacle if the device is leased. Each lease is added once. Returns 0 or -ENOMEM. */
int selected_plan_note_lease(const Service *service, ObstacleList *obstacles, PciAddress address);

/* Plans for the selector and the verb of the request, and adds all obstacles that the model shows. *ret_selected becomes the
 * device that the caller named, or the first of the group. *ret is NULL if there is no plan, because of the obstacles; the
 * caller frees it. Returns 0; an outcome that is no obstacle; or -ENOMEM. */
int selected_plan_find_obstacles(const Service *service, const Request *request, ObstacleList *obstacles,
                PciAddress *ret_selected, Plan **ret, Problem *problem);
