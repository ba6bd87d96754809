/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "node.h"
#include "request.h"

/* Answers requests for extended attributes. Only device nodes have one: their access control list. */
void acl_set(fuse_req_t req, Node *n, const char *name, const char *value, size_t size);
void acl_get(fuse_req_t req, Node *n, const char *name, size_t size);
void acl_remove(fuse_req_t req, Node *n, const char *name);
