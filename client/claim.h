/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* The connection that keeps a lease alive: the lease ends when nobody has it open any more. vfiod accepts it at a socket
 * of its own, for the ticket that it gave over the bus. */

typedef struct Claim {
        int connection;   /* -EBADF for none */
        int *descriptors; /* open files of devices that came with it */
        char **paths;     /* of these files; the list ends in NULL */
        size_t n_descriptors;
} Claim;

/* The initial value. */
#define CLAIM_NONE \
        { .connection = -EBADF }

/* Closes and frees everything. */
void claim_clear(Claim *claim);

/* How often a claim connects: vfiod may close a connection without an answer if too many programs connect. */
#define CLAIM_ATTEMPTS_MAX 8

/* Connects to the socket, hands in the ticket, and waits for the answer. The connection and the descriptors stay open in
 * a program that this process becomes, and are none of stdin, stdout and stderr. Returns 0, and the caller clears the
 * claim; or a negative errno: -ETIMEDOUT if no answer comes, -EPROTO if the answer cannot be understood, -EACCES if
 * vfiod refuses the ticket; then *ret_refusal, which the caller frees, says why. */
int claim_ticket(const char *socket_path, const char *ticket, Claim *ret_claim, char **ret_refusal);

/* Reads the answer: one line for each descriptor, in their order, or "ok" if there are none. Gets the lines, which the
 * caller frees. Returns as claim_ticket(). */
int claim_parse_answer(const char *text, size_t size, size_t n_descriptors, char ***ret_paths, char **ret_refusal);
