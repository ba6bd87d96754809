/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/node-acl.h"
#include "kernel/sysfs.h"

#include <sys/acl.h>

static inline void acl_freep(acl_t *acl) {
        if (*acl)
                (void)acl_free(*acl);
}
#define _cleanup_acl_ _cleanup_(acl_freep)

static bool is_entry_of(acl_entry_t entry, uid_t uid) {
        uid_t *qualifier = acl_get_qualifier(entry);
        bool matches = qualifier && *qualifier == uid;

        if (qualifier)
                (void)acl_free(qualifier);
        return matches;
}

/* What the list has. The entries are valid while the list is not changed. */
typedef struct Found {
        acl_entry_t user; /* the entry of the user; NULL for none */
        acl_entry_t mask; /* NULL for none */
        unsigned n_named; /* entries of other users, and of groups */
} Found;

/* Returns 0 or a negative errno. */
static int find_entries(acl_t acl, uid_t uid, Found *ret) {
        acl_entry_t entry;
        acl_tag_t tag;
        int r;

        *ret = (Found){};
        for (r = acl_get_entry(acl, ACL_FIRST_ENTRY, &entry); r > 0; r = acl_get_entry(acl, ACL_NEXT_ENTRY, &entry)) {
                if (acl_get_tag_type(entry, &tag) < 0)
                        return -errno;
                if (tag == ACL_MASK)
                        ret->mask = entry;
                else if (tag == ACL_USER && is_entry_of(entry, uid))
                        ret->user = entry;
                else if (tag == ACL_USER || tag == ACL_GROUP)
                        ret->n_named++;
        }
        return r < 0 ? -errno : 0;
}

static int set_permissions(acl_entry_t entry) {
        acl_permset_t permissions;

        if (acl_get_permset(entry, &permissions) < 0 || acl_clear_perms(permissions) < 0 ||
                        acl_add_perm(permissions, ACL_READ) < 0 || acl_add_perm(permissions, ACL_WRITE) < 0 ||
                        acl_set_permset(entry, permissions) < 0)
                return -errno;
        return 0;
}

static int add_user(acl_t *acl, uid_t uid, const Found *found) {
        acl_entry_t entry = found->user;
        int r;

        if (!entry &&
                        (acl_create_entry(acl, &entry) < 0 || acl_set_tag_type(entry, ACL_USER) < 0 ||
                                        acl_set_qualifier(entry, &uid) < 0))
                return -errno;
        if ((r = set_permissions(entry)) < 0)
                return r;
        return acl_calc_mask(acl) < 0 ? -errno : 0;
}

/* Without other users and groups, a mask would only limit the group of the node. */
static int remove_user(acl_t *acl, const Found *found) {
        if (acl_delete_entry(*acl, found->user) < 0)
                return -errno;
        if (found->n_named > 0)
                return acl_calc_mask(acl) < 0 ? -errno : 0;
        return found->mask && acl_delete_entry(*acl, found->mask) < 0 ? -errno : 0;
}

static int change(int path_fd, uid_t uid, bool grant) {
        const char *path = SYSFS_PATH("/proc/self/fd/%d", path_fd);
        Found found;
        int r;

        _cleanup_acl_ acl_t acl = acl_get_file(path, ACL_TYPE_ACCESS);
        if (!acl)
                return -errno;
        if ((r = find_entries(acl, uid, &found)) < 0)
                return r;
        if (!grant && !found.user)
                return 0;
        if ((r = grant ? add_user(&acl, uid, &found) : remove_user(&acl, &found)) < 0)
                return r;
        return acl_set_file(path, ACL_TYPE_ACCESS, acl) < 0 ? -errno : 0;
}

int node_acl_grant(int path_fd, uid_t uid) {
        return change(path_fd, uid, true);
}

int node_acl_revoke(int path_fd, uid_t uid) {
        int r = change(path_fd, uid, false);
        return r == -EOPNOTSUPP ? 0 : r;
}
