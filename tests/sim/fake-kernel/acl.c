/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "acl.h"

#include <errno.h>
#include <string.h>

/* The access control lists of device nodes. They are stored and returned, but nothing is checked with them. */

#define ACL_NAME "system.posix_acl_access"
#define ACL_SIZE_MAX 4096

void acl_set(fuse_req_t req, Node *n, const char *name, const char *value, size_t size) {
        if (strcmp(name, ACL_NAME) != 0 || n->type != NODE_DEVICE || size > ACL_SIZE_MAX) {
                fuse_reply_err(req, EOPNOTSUPP);
                return;
        }
        g_clear_pointer(&n->acl, g_bytes_unref);
        n->acl = g_bytes_new(value, size);
        fuse_reply_err(req, 0);
}

void acl_get(fuse_req_t req, Node *n, const char *name, size_t size) {
        gsize length = 0;

        if (strcmp(name, ACL_NAME) != 0) {
                fuse_reply_err(req, EOPNOTSUPP);
                return;
        }
        const void *data = n->acl ? g_bytes_get_data(n->acl, &length) : NULL;
        if (!n->acl)
                fuse_reply_err(req, ENODATA);
        else if (size == 0)
                fuse_reply_xattr(req, length);
        else if (size < length)
                fuse_reply_err(req, ERANGE);
        else
                fuse_reply_buf(req, data, length);
}

void acl_remove(fuse_req_t req, Node *n, const char *name) {
        if (strcmp(name, ACL_NAME) != 0 || !n->acl) {
                fuse_reply_err(req, ENODATA);
                return;
        }
        g_clear_pointer(&n->acl, g_bytes_unref);
        fuse_reply_err(req, 0);
}
