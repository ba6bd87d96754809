/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* Plans on the bus. */

/* The arguments of Plan in text form. */
#define PLAN_OF(selector, verb, options) "('" selector "', '" verb "', " options ")"
#define DETACH_CARD PLAN_OF("ens1", "detach", ALL)
#define DETACH_NIC PLAN_OF("ens3", "detach", NO_OPTIONS)

/* The reply of Plan. */
typedef struct Planned {
        bool would_go;
        char *steps, *findings; /* in text form; the findings without their details */
        GVariant *step_list;    /* a(sssa{sv}) */
        GVariant *finding_list; /* a(sssba{sv}) */
        GVariant *details;      /* a{sv} */
        char *fingerprint;      /* "" if vfiod could make no plan, because of the findings */
} Planned;

/* The call must succeed. */
Planned plan_make(Fixture *fixture, const char *arguments);
void planned_clear(Planned *planned);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Planned, planned_clear)

/* Compares the details of the finding with this index, in text form. */
void planned_expect_details(const Planned *planned, unsigned index, const char *details);

/* Makes a plan that cannot be made or carried out: nothing would go, and the first finding has this name. */
void plan_expect_obstacle(Fixture *fixture, const char *arguments, const char *name);

char *fingerprint_of(Fixture *fixture, const char *arguments);

/* The number of files in the folders for devices and transactions of the state folder. */
unsigned count_state_files(Fixture *fixture);
