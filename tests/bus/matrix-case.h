/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* The calls of test-matrix.c: each method of the contract without options, and with each of its options. */

typedef struct MatrixCase {
        const char *interface;
        const GDBusMethodInfo *method;
        const char *option; /* NULL for none */
        const char *path;   /* of the object; NULL for the usual one */
} MatrixCase;

/* "Manager.Detach override" */
char *matrix_case_name(const MatrixCase *mcase);

/* The actions of polkit that the call needs, by the contract, sorted; free with g_strfreev(). */
char **matrix_case_actions(const MatrixCase *mcase);

/* The object, and the arguments in GVariant's text form; the caller frees the arguments. */
const char *matrix_case_path(const MatrixCase *mcase);
char *matrix_case_arguments(const MatrixCase *mcase);

/* How the call ends if it is permitted: a pattern of the error; NULL for success. */
const char *matrix_case_end(const MatrixCase *mcase);

/* As root: brings the host into the state in which the call is possible. */
void matrix_case_prepare(Fixture *fixture, const MatrixCase *mcase);

/* Whether something changes on the host that makes the call another one; and changes it, and waits until vfiod has noticed
 * it. matrix_case_prepare() of any case undoes this. */
bool matrix_case_can_change(const MatrixCase *mcase);
void matrix_case_change(Fixture *fixture, const MatrixCase *mcase);
