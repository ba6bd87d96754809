/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>

#include "machine.h"

/* A read or write until its reply. */

typedef struct Requests {
        Machine *machine;
        bool interruptible;
        GQueue waiting; /* for a lock */
        GQueue stalled; /* for `resume` */
} Requests;

/* The text that a reader got; it stays the same until the reader starts again. */
typedef struct Content {
        GString *text;
} Content;

void requests_read(Requests *q, fuse_req_t req, Node *n, Content *content, size_t size, off_t offset);
void requests_write(Requests *q, fuse_req_t req, Node *n, const char *data, size_t size);
void requests_retry(Requests *q);
void requests_resume(Requests *q);
/* Ends all requests with an error. */
void requests_abort(Requests *q);
