/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node.h"

#include <errno.h>
#include <sys/stat.h>

static guint64 last_number = 1;

static Node *node_new(Node *parent, const char *name, NodeType type, mode_t mode) {
        Node *n = g_new0(Node, 1);

        n->n_ref = 1;
        n->type = type;
        n->mode = mode;
        n->number = last_number++;
        n->alive = true;
        n->name = g_strdup(name);
        n->parent = parent;
        if (type == NODE_FOLDER)
                n->children = g_hash_table_new(g_str_hash, g_str_equal);

        if (parent) {
                g_assert(parent->type == NODE_FOLDER);
                if (g_hash_table_contains(parent->children, name))
                        g_error("%s exists already in the tree", name);
                g_hash_table_insert(parent->children, n->name, n);
        }
        return n;
}

Node *node_new_root(void) {
        return node_new(NULL, "", NODE_FOLDER, S_IFDIR | 0755);
}

Node *node_ref(Node *n) {
        n->n_ref++;
        return n;
}

Node *node_unref(Node *n) {
        if (!n || --n->n_ref > 0)
                return NULL;

        g_clear_pointer(&n->children, g_hash_table_unref);
        g_free(n->name);
        g_free(n->text);
        g_clear_pointer(&n->acl, g_bytes_unref);
        g_free(n);
        return NULL;
}

Node *node_add_folder(Node *parent, const char *name) {
        return node_new(parent, name, NODE_FOLDER, S_IFDIR | 0755);
}

Node *node_ensure_folder(Node *root, const char *path) {
        g_auto(GStrv) parts = g_strsplit(path, "/", -1);

        for (char **p = parts; *p; p++) {
                Node *next = g_hash_table_lookup(root->children, *p);

                root = next ?: node_add_folder(root, *p);
        }
        return root;
}

static int text_read(Node *n, GString *text) {
        g_string_append(text, n->text);
        return 0;
}

static const NodeOps text_ops = {.read = text_read};

Node *node_add_text(Node *parent, const char *name, const char *format, ...) {
        Node *n = node_new(parent, name, NODE_ATTRIBUTE, S_IFREG | 0444);
        va_list ap;

        va_start(ap, format);
        n->text = g_strdup_vprintf(format, ap);
        va_end(ap);
        n->ops = &text_ops;
        return n;
}

static int setting_write(Node *n, const char *value, bool retry _unused_) {
        int (*check)(Node *, const char *) = n->owner;
        int r = check ? check(n, value) : 0;

        if (r == 0)
                node_set_text(n, value);
        return r;
}

static const NodeOps setting_ops = {.read = text_read, .write = setting_write};

Node *node_add_setting(Node *parent, const char *name, const char *value, int (*check)(Node *n, const char *value)) {
        Node *n = node_new(parent, name, NODE_ATTRIBUTE, S_IFREG | 0644);

        n->text = g_strdup_printf("%s\n", value);
        n->ops = &setting_ops;
        n->owner = check;
        return n;
}

Node *node_add_attribute(Node *parent, const char *name, mode_t mode, const NodeOps *ops, void *owner) {
        Node *n = node_new(parent, name, NODE_ATTRIBUTE, S_IFREG | mode);

        n->ops = ops;
        n->owner = owner;
        return n;
}

/* A character device on a FUSE mount would open the kernel's own driver, so this is a regular file. */
Node *node_add_device(Node *parent, const char *name, mode_t mode, const NodeOps *ops, void *owner) {
        Node *n = node_new(parent, name, NODE_DEVICE, S_IFREG | mode);

        n->ops = ops;
        n->owner = owner;
        return n;
}

static unsigned node_depth(Node *n) {
        unsigned depth = 0;

        for (; n->parent; n = n->parent)
                depth++;
        return depth;
}

Node *node_add_link(Node *parent, const char *name, Node *target) {
        Node *n = node_new(parent, name, NODE_LINK, S_IFLNK | 0777);
        g_autoptr(GString) text = g_string_new(NULL);
        Node *common = parent, *up = target;

        while (node_depth(common) > node_depth(up))
                common = common->parent;
        while (node_depth(up) > node_depth(common))
                up = up->parent;
        while (common != up) {
                common = common->parent;
                up = up->parent;
        }
        for (Node *i = parent; i != common; i = i->parent)
                g_string_append(text, "../");

        g_autofree char *all = node_path(target), *shared = node_path(common);
        const char *rest = all + strlen(shared);

        g_string_append(text, *rest == '/' ? rest + 1 : rest);
        n->text = g_strdup(text->str);
        return n;
}

Node *node_remove(Node *n) {
        if (!n)
                return NULL;

        if (n->children) {
                g_autoptr(GList) children = g_hash_table_get_values(n->children);

                for (GList *i = children; i; i = i->next)
                        node_remove(i->data);
        }
        if (n->parent)
                g_hash_table_remove(n->parent->children, n->name);
        n->parent = NULL;
        n->alive = false;
        n->owner = NULL;
        return node_unref(n);
}

void node_hide(Node *n) {
        g_hash_table_remove(n->parent->children, n->name);
        n->parent = NULL;
}

Node *node_find(Node *root, const char *path) {
        g_auto(GStrv) parts = g_strsplit(path, "/", -1);

        for (char **p = parts; *p; p++) {
                if (!root || !root->children)
                        return NULL;
                root = g_hash_table_lookup(root->children, *p);
        }
        return root;
}

char *node_path(Node *n) {
        GString *path = g_string_new(NULL);

        for (; n->parent; n = n->parent) {
                if (path->len > 0)
                        g_string_prepend_c(path, '/');
                g_string_prepend(path, n->name);
        }
        return g_string_free(path, FALSE);
}

void node_set_text(Node *n, const char *value) {
        char *text = g_strdup_printf("%s\n", value); /* before g_free(): the value may be the old text */

        g_free(n->text);
        n->text = text;
}

int node_read(Node *n, GString *text) {
        if (!n->alive)
                return -ENODEV;
        if (!n->ops || !n->ops->read)
                return -EIO;
        return n->ops->read(n, text);
}

int node_write(Node *n, const char *value, bool retry) {
        if (!n->alive)
                return -ENODEV;
        if (!n->ops || !n->ops->write)
                return -EIO;
        return n->ops->write(n, value, retry);
}
