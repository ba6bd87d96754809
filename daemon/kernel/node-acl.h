/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <sys/types.h>

/* The access control list (ACL) of a device node: it lets one more user open the node, and leaves owner, group and mode as
 * they are. The node is a descriptor that was opened with O_PATH, so that nothing is opened and no name is looked up twice.
 * For workers: only the owner of a node, which is root, may change its ACL. */

/* Lets the user read and write the node. Changes nothing if the user has this access already. Returns 0; -EOPNOTSUPP if the file system
 * has no ACLs; or another negative errno. */
int node_acl_grant(int path_fd, uid_t uid);

/* Takes this access away again. Descriptors that the user has opened stay open. Returns 0, also if the user had no entry in the
 * list; or a negative errno. */
int node_acl_revoke(int path_fd, uid_t uid);
