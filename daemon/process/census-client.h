/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/census.h"

/* A host with a million open files takes a few seconds. */
#define CENSUS_TIMEOUT_US (20 * UINT64_C(1000000))

/* Asks vfiod-census. The client of a worker waits for the answer, so it is not for the daemon. */
typedef struct CensusClient {
        CensusPort port;  /* must be first: a pointer to it is cast to CensusClient */
        const char *path; /* of the socket; borrowed */
} CensusClient;

/* Returns a client that connects for each search. */
CensusClient census_client(const char *path);
