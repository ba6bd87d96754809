/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* A file of the tree. It does not depend on FUSE: filesystem.c maps requests to nodes. */

#define _unused_ __attribute__((unused))

/* A read or write cannot complete now. It is tried again, with `retry` set, after any change that may let it
 * complete; until then, the caller gets no reply. */
#define NODE_WAIT 1

typedef struct Node Node;

typedef enum NodeType {
        NODE_FOLDER,
        NODE_ATTRIBUTE,
        NODE_LINK,
        NODE_DEVICE,
} NodeType;

/* Each returns 0, -errno or NODE_WAIT (read and write only). Called only for live nodes. */
typedef struct NodeOps {
        int (*read)(Node *n, GString *text);
        int (*write)(Node *n, const char *value, bool retry);
        int (*open)(Node *n, const void *holder);
        void (*close)(Node *n, const void *holder);
} NodeOps;

struct Node {
        unsigned n_ref;
        NodeType type;
        mode_t mode;
        guint64 number;
        bool alive;
        bool read_stalls; /* its reads wait until `resume-read` */
        char *name;
        Node *parent;
        GHashTable *children; /* name -> Node, folders only */
        GBytes *acl;          /* of a device node: its access control list; NULL for none */
        char *text;           /* static content, or the target of a link */
        const NodeOps *ops;
        void *owner;  /* valid while alive */
        void *handle; /* filesystem.c: the only inode of a folder, link or device node */
};

Node *node_new_root(void);
Node *node_ref(Node *n);
Node *node_unref(Node *n);

Node *node_add_folder(Node *parent, const char *name);
/* Finds or makes every folder of the path. */
Node *node_ensure_folder(Node *root, const char *path);
Node *node_add_text(Node *parent, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* A text that a write may replace; `check` (or NULL) returns 0 or -errno. */
Node *node_add_setting(Node *parent, const char *name, const char *value, int (*check)(Node *n, const char *value));
Node *node_add_attribute(Node *parent, const char *name, mode_t mode, const NodeOps *ops, void *owner);
Node *node_add_device(Node *parent, const char *name, mode_t mode, const NodeOps *ops, void *owner);
Node *node_add_link(Node *parent, const char *name, Node *target);
/* Removes the node and everything below it from the tree: open files answer ENODEV from now on. */
Node *node_remove(Node *n);

/* Removes a node without children from the tree. Unlike after node_remove(), open files of the node continue to
 * work. */
void node_hide(Node *n);

Node *node_find(Node *root, const char *path);
char *node_path(Node *n);
void node_set_text(Node *n, const char *value);

int node_read(Node *n, GString *text);
int node_write(Node *n, const char *value, bool retry);
