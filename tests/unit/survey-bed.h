/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/survey.h"
#include "model.h"
#include "uses.h"

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"

/* A plan for two ports of a card, opened as a transaction opens it. */
typedef struct SurveyBed {
        TempTree *tree;
        Plan *plan;
        PlanMember members[2];
        Transaction transaction;
        Work work;
        unsigned n_kinds[_GUARD_MAX];
        const char *nic; /* the port whose interface changes */
} SurveyBed;

SurveyBed *survey_bed_new(void);
void survey_bed_free(SurveyBed *bed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SurveyBed, survey_bed_free)

/* Takes the survey, which must not fail, and counts its findings in n_kinds. Returns the fingerprint. */
uint64_t survey_bed_take(SurveyBed *bed);

/* The same. There must be so many findings of this guard, and none of another. */
void assert_found(SurveyBed *bed, Guard guard, unsigned expected);
