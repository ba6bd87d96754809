/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/pci-address.h"

#include <sys/types.h>

/* What stands against an operation besides guards, for example that nobody agreed to detach a companion. Detach,
 * Reattach and Reset fail with the first obstacle. A plan lists all that it knows. */

typedef struct Obstacle {
        Outcome outcome; /* the error of Detach, Reattach or Reset */
        PciAddress address;
        char *message;  /* owned */
        unsigned lease; /* of LEASED: its number; 0 for others */
        uid_t user;     /* of LEASED: who has the lease */
} Obstacle;

typedef struct ObstacleList {
        Obstacle *obstacles; /* owned */
        size_t n_obstacles;
} ObstacleList;

/* Returns the name with which a plan lists the outcome, for example "consent", a static string. Returns NULL for an outcome
 * that is no obstacle: there is nothing to plan, or vfiod could not find out. */
const char *obstacle_to_string(Outcome outcome);

/* Appends an obstacle with a formatted message, which is escaped (base/text.h). Returns 0 or -ENOMEM. */
int obstacle_list_add(ObstacleList *list, Outcome outcome, PciAddress address, const char *format, ...) _printf_(4, 5);

/* Appends the problem as an obstacle, and resets the problem. Returns 0 or -ENOMEM. */
int obstacle_list_take(ObstacleList *list, PciAddress address, Problem *problem);

/* Removes the obstacles with this outcome. */
void obstacle_list_drop(ObstacleList *list, Outcome outcome);

void obstacle_list_done(ObstacleList *list);
#define _cleanup_obstacles_ _cleanup_(obstacle_list_done)
