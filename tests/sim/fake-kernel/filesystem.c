/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acl.h"
#include "request.h"

struct Filesystem {
        Machine *machine;
        struct fuse_session *session;
        struct fuse_buf buffer;
        Requests requests;
        GHashTable *handles; /* set of Handle: all inodes that the kernel knows */
        GHashTable *files;   /* set of OpenFile */
        struct timespec time;
};

/* An inode that the kernel knows. An attribute gets a new inode at every lookup. So two openers never share the
 * VFS's inode lock, and a write without a reply blocks nobody else, as in kernfs. */
typedef struct Handle {
        Node *node;
        uint64_t n_lookup;
} Handle;

typedef struct OpenFile {
        Content content; /* must be the first member: requests have a pointer to it */
        Node *node;
        GPtrArray *listing; /* for folders: Node */
} OpenFile;

static Filesystem *filesystem_from_req(fuse_req_t req) {
        return fuse_req_userdata(req);
}

static Node *node_from_ino(Filesystem *f, fuse_ino_t ino) {
        return ino == FUSE_ROOT_ID ? f->machine->root : ((Handle *)(uintptr_t)ino)->node;
}

static Handle *handle_get(Filesystem *f, Node *n) {
        Handle *h = n->handle;

        if (!h) {
                h = g_new0(Handle, 1);
                h->node = node_ref(n);
                g_hash_table_add(f->handles, h);
                if (n->type != NODE_ATTRIBUTE)
                        n->handle = h;
        }
        h->n_lookup++;
        return h;
}

static void handle_free(void *p) {
        Handle *h = p;

        h->node->handle = NULL;
        node_unref(h->node);
        g_free(h);
}

static void handle_forget(Filesystem *f, fuse_ino_t ino, uint64_t n) {
        Handle *h = (Handle *)(uintptr_t)ino;

        if (ino == FUSE_ROOT_ID)
                return;
        h->n_lookup -= n;
        if (h->n_lookup == 0)
                g_hash_table_remove(f->handles, h);
}

static void node_stat(Filesystem *f, Node *n, struct stat *ret_stat) {
        *ret_stat = (struct stat){
                        .st_ino = n->number,
                        .st_mode = n->mode,
                        .st_nlink = n->type == NODE_FOLDER ? 2 : 1,
                        .st_size = n->type == NODE_ATTRIBUTE   ? 4096
                                        : n->type == NODE_LINK ? (off_t)strlen(n->text)
                                                               : 0,
                        .st_blksize = 4096,
                        .st_atim = f->time,
                        .st_mtim = f->time,
                        .st_ctim = f->time,
        };
}

static void on_init(void *userdata _unused_, struct fuse_conn_info *c) {
        c->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                        FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS |
                        FUSE_CAP_ATOMIC_O_TRUNC);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name) {
        Filesystem *f = filesystem_from_req(req);
        Node *folder = node_from_ino(f, parent);
        Node *n = folder->children ? g_hash_table_lookup(folder->children, name) : NULL;
        struct fuse_entry_param e = {};

        if (!n) {
                fuse_reply_err(req, ENOENT);
                return;
        }
        e.ino = (fuse_ino_t)(uintptr_t)handle_get(f, n);
        node_stat(f, n, &e.attr);
        if (fuse_reply_entry(req, &e) < 0)
                handle_forget(f, e.ino, 1);
}

static void on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n) {
        handle_forget(filesystem_from_req(req), ino, n);
        fuse_reply_none(req);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi _unused_) {
        Filesystem *f = filesystem_from_req(req);
        struct stat st;

        node_stat(f, node_from_ino(f, ino), &st);
        fuse_reply_attr(req, &st, 0);
}

/* Truncation and times are accepted and ignored; the mode of a node can be changed. */
static void on_setattr(
                fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi _unused_) {
        Filesystem *f = filesystem_from_req(req);
        Node *n = node_from_ino(f, ino);
        struct stat st;

        if (to_set & FUSE_SET_ATTR_MODE)
                n->mode = (n->mode & S_IFMT) | (attr->st_mode & 07777);
        node_stat(f, n, &st);
        fuse_reply_attr(req, &st, 0);
}

static void on_readlink(fuse_req_t req, fuse_ino_t ino) {
        fuse_reply_readlink(req, node_from_ino(filesystem_from_req(req), ino)->text);
}

static OpenFile *open_file_new(Filesystem *f, Node *n) {
        OpenFile *o = g_new0(OpenFile, 1);

        o->node = node_ref(n);
        g_hash_table_add(f->files, o);
        return o;
}

static void open_file_free(void *p) {
        OpenFile *o = p;

        if (o->content.text)
                g_string_free(o->content.text, TRUE);
        g_clear_pointer(&o->listing, g_ptr_array_unref);
        node_unref(o->node);
        g_free(o);
}

/* As in sysfs, the mode applies to root too. */
static int node_check_open(Node *n, int flags) {
        int access = flags & O_ACCMODE;

        if (!n->alive)
                return -ENODEV;
        if (n->type != NODE_ATTRIBUTE)
                return 0;
        if (access != O_WRONLY && !(n->mode & 0444))
                return -EACCES;
        if (access != O_RDONLY && !(n->mode & 0222))
                return -EACCES;
        return 0;
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi) {
        Filesystem *f = filesystem_from_req(req);
        Node *n = node_from_ino(f, ino);
        OpenFile *o = open_file_new(f, n);
        int r = node_check_open(n, fi->flags);

        if (r == 0 && n->ops && n->ops->open)
                r = n->ops->open(n, o);
        if (r < 0) {
                g_hash_table_remove(f->files, o);
                fuse_reply_err(req, -r);
                return;
        }
        fi->fh = (uintptr_t)o;
        fi->direct_io = true;
        if (fuse_reply_open(req, fi) < 0) { /* the process that opened it was killed */
                if (n->ops && n->ops->close)
                        n->ops->close(n, o);
                g_hash_table_remove(f->files, o);
        }
}

static void on_release(fuse_req_t req, fuse_ino_t ino _unused_, struct fuse_file_info *fi) {
        OpenFile *o = (OpenFile *)(uintptr_t)fi->fh;

        if (o->node->alive && o->node->ops && o->node->ops->close)
                o->node->ops->close(o->node, o);
        g_hash_table_remove(filesystem_from_req(req)->files, o);
        fuse_reply_err(req, 0);
}

static void on_read(fuse_req_t req, fuse_ino_t ino _unused_, size_t size, off_t offset, struct fuse_file_info *fi) {
        OpenFile *o = (OpenFile *)(uintptr_t)fi->fh;

        requests_read(&filesystem_from_req(req)->requests, req, o->node, &o->content, size, offset);
}

static void on_write(fuse_req_t req, fuse_ino_t ino _unused_, const char *data, size_t size, off_t offset _unused_,
                struct fuse_file_info *fi) {
        OpenFile *o = (OpenFile *)(uintptr_t)fi->fh;

        requests_write(&filesystem_from_req(req)->requests, req, o->node, data, size);
}

static int node_compare(const void *a, const void *b) {
        return strcmp((*(Node *const *)a)->name, (*(Node *const *)b)->name);
}

static void listed_free(void *p) {
        node_unref(p);
}

static void on_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi) {
        Filesystem *f = filesystem_from_req(req);
        Node *n = node_from_ino(f, ino);
        OpenFile *o = open_file_new(f, n);
        GHashTableIter iter;
        void *child;

        o->listing = g_ptr_array_new_with_free_func(listed_free);
        g_hash_table_iter_init(&iter, n->children);
        while (g_hash_table_iter_next(&iter, NULL, &child))
                g_ptr_array_add(o->listing, node_ref(child));
        g_ptr_array_sort(o->listing, node_compare);

        fi->fh = (uintptr_t)o;
        if (fuse_reply_open(req, fi) < 0)
                g_hash_table_remove(f->files, o);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino _unused_, size_t size, off_t offset, struct fuse_file_info *fi) {
        OpenFile *o = (OpenFile *)(uintptr_t)fi->fh;
        g_autofree char *buffer = g_malloc(size);
        size_t used = 0;

        for (unsigned i = (unsigned)offset; i < o->listing->len + 2; i++) {
                Node *n = i < 2 ? o->node : o->listing->pdata[i - 2];
                const char *name = i == 0 ? "." : i == 1 ? ".." : n->name;
                struct stat st;
                size_t k;

                node_stat(filesystem_from_req(req), n, &st);
                k = fuse_add_direntry(req, buffer + used, size - used, name, &st, i + 1);
                if (k > size - used)
                        break;
                used += k;
        }
        fuse_reply_buf(req, buffer, used);
}

static void on_create(fuse_req_t req, fuse_ino_t parent _unused_, const char *name _unused_, mode_t mode _unused_,
                struct fuse_file_info *fi _unused_) {
        fuse_reply_err(req, EACCES);
}

static void on_setxattr(
                fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags _unused_) {
        acl_set(req, node_from_ino(filesystem_from_req(req), ino), name, value, size);
}

static void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size) {
        acl_get(req, node_from_ino(filesystem_from_req(req), ino), name, size);
}

static void on_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name) {
        acl_remove(req, node_from_ino(filesystem_from_req(req), ino), name);
}

static const struct fuse_lowlevel_ops operations = {
                .init = on_init,
                .lookup = on_lookup,
                .forget = on_forget,
                .getattr = on_getattr,
                .setattr = on_setattr,
                .readlink = on_readlink,
                .open = on_open,
                .release = on_release,
                .read = on_read,
                .write = on_write,
                .opendir = on_opendir,
                .readdir = on_readdir,
                .releasedir = on_release,
                .create = on_create,
                .setxattr = on_setxattr,
                .getxattr = on_getxattr,
                .removexattr = on_removexattr,
};

Filesystem *filesystem_new(Machine *m, const char *mountpoint, bool interruptible) {
        Filesystem *f = g_new0(Filesystem, 1);
        struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

        f->machine = m;
        f->requests = (Requests){.machine = m, .interruptible = interruptible};
        g_queue_init(&f->requests.waiting);
        g_queue_init(&f->requests.stalled);
        f->handles = g_hash_table_new_full(NULL, NULL, handle_free, NULL);
        f->files = g_hash_table_new_full(NULL, NULL, open_file_free, NULL);
        clock_gettime(CLOCK_REALTIME, &f->time);

        fuse_opt_add_arg(&args, "fake-kernel");
        fuse_opt_add_arg(&args,
                        geteuid() == 0 ? "-odefault_permissions,allow_other,fsname=fake-kernel"
                                       : "-odefault_permissions,fsname=fake-kernel");
        f->session = fuse_session_new(&args, &operations, sizeof(operations), f);
        fuse_opt_free_args(&args);
        if (f->session && fuse_session_mount(f->session, mountpoint) < 0)
                g_clear_pointer(&f->session, fuse_session_destroy);
        if (!f->session) {
                g_hash_table_unref(f->files);
                g_hash_table_unref(f->handles);
                g_free(f);
                return NULL;
        }
        (void)fcntl(filesystem_get_fd(f), F_SETFL, O_NONBLOCK);
        return f;
}

Filesystem *filesystem_free(Filesystem *f) {
        if (!f)
                return NULL;

        requests_abort(&f->requests);
        fuse_session_unmount(f->session);
        fuse_session_destroy(f->session);
        free(f->buffer.mem);
        g_hash_table_unref(f->files);
        g_hash_table_unref(f->handles);
        g_free(f);
        return NULL;
}

int filesystem_get_fd(Filesystem *f) {
        return fuse_session_fd(f->session);
}

bool filesystem_process(Filesystem *f) {
        for (;;) {
                int r = fuse_session_receive_buf(f->session, &f->buffer);

                if (r == -EINTR)
                        continue;
                if (r == -EAGAIN)
                        return true;
                if (r <= 0)
                        return false;
                fuse_session_process_buf(f->session, &f->buffer);
                filesystem_retry(f);
        }
}

void filesystem_retry(Filesystem *f) {
        requests_retry(&f->requests);
}

void filesystem_resume(Filesystem *f) {
        requests_resume(&f->requests);
        requests_retry(&f->requests);
}

unsigned filesystem_count_pending(Filesystem *f) {
        return f->requests.waiting.length + f->requests.stalled.length;
}
