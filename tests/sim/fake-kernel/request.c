/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "injection.h"

typedef struct Request {
        Requests *queue;
        fuse_req_t req;
        Node *node;
        Content *content; /* for reads; the open file lives longer than its requests */
        char *value;      /* for writes */
        size_t size;
        off_t offset;
        bool counted, retry, stall_after, done, interrupted;
        int error; /* injected: returned instead of success */
        int result;
} Request;

static Request *request_new(Requests *q, fuse_req_t req, Node *n, size_t size) {
        Request *r = g_new0(Request, 1);

        r->queue = q;
        r->req = req;
        r->node = node_ref(n);
        r->size = size;
        return r;
}

static void request_reply(Request *r, int result) {
        fuse_req_interrupt_func(r->req, NULL, NULL);
        if (result < 0)
                fuse_reply_err(r->req, -result);
        else if (r->value)
                fuse_reply_write(r->req, r->size);
        else {
                size_t start = MIN((size_t)r->offset, r->content->text->len);

                fuse_reply_buf(r->req, r->content->text->str + start, MIN(r->size, r->content->text->len - start));
        }
        node_unref(r->node);
        g_free(r->value);
        g_free(r);
}

/* libfuse holds the lock of the request here. So only set a flag; requests_retry() sends the answer. */
static void on_interrupt(fuse_req_t req _unused_, void *userdata) {
        Request *r = userdata;

        r->interrupted = true;
        r->queue->machine->kick = true;
}

static void request_defer(Request *r, GQueue *queue) {
        g_queue_push_tail(queue, r);
        if (r->queue->interruptible)
                fuse_req_interrupt_func(r->req, on_interrupt, r);
}

static int request_try(Request *r) {
        g_autoptr(GString) text = NULL;
        int result;

        if (r->value) {
                /* the removal that waited has removed its own attribute */
                if (r->retry && !r->node->alive && strcmp(r->node->name, "remove") == 0)
                        return 0;
                return node_write(r->node, r->value, r->retry);
        }
        text = g_string_new(NULL);
        result = node_read(r->node, text);
        if (result == 0) {
                if (r->content->text)
                        g_string_free(r->content->text, TRUE);
                r->content->text = g_steal_pointer(&text);
        }
        return result;
}

static void request_run(Request *r) {
        int result;

        if (r->value && !r->counted) {
                r->counted = true;
                switch (injections_on_write(
                                r->queue->machine, r->node, r->value, fuse_req_ctx(r->req)->pid, &r->error)) {
                case VERDICT_FAIL:
                        request_reply(r, -r->error);
                        return;
                case VERDICT_IGNORE:
                        request_reply(r, 0);
                        return;
                case VERDICT_STALL:
                        r->error = 0;
                        request_defer(r, &r->queue->stalled);
                        return;
                case VERDICT_STALL_AFTER:
                        r->error = 0;
                        r->stall_after = true;
                        break;
                default:
                        break;
                }
        }
        if (!r->value && r->node->read_stalls) {
                request_defer(r, &r->queue->stalled);
                return;
        }
        result = request_try(r);
        if (result == NODE_WAIT) {
                r->retry = true;
                request_defer(r, &r->queue->waiting);
        } else if (r->stall_after) {
                r->done = true;
                r->result = result;
                request_defer(r, &r->queue->stalled);
        } else
                request_reply(r, result == 0 ? -r->error : result);
}

void requests_read(Requests *q, fuse_req_t req, Node *n, Content *content, size_t size, off_t offset) {
        Request *r = request_new(q, req, n, size);

        r->content = content;
        r->offset = offset;
        if (offset > 0 && content->text)
                request_reply(r, 0);
        else
                request_run(r);
}

void requests_write(Requests *q, fuse_req_t req, Node *n, const char *data, size_t size) {
        Request *r = request_new(q, req, n, size);

        r->value = g_strndup(data, size);
        request_run(r);
}

static void queue_answer_interrupted(GQueue *queue) {
        for (GList *i = queue->head, *next; i; i = next) {
                Request *r = i->data;

                next = i->next;
                if (r->interrupted) {
                        g_queue_delete_link(queue, i);
                        request_reply(r, -EINTR);
                }
        }
}

void requests_retry(Requests *q) {
        while (q->machine->kick) {
                q->machine->kick = false;
                queue_answer_interrupted(&q->waiting);
                queue_answer_interrupted(&q->stalled);
                for (unsigned n = q->waiting.length; n > 0; n--)
                        request_run(g_queue_pop_head(&q->waiting));
        }
}

void requests_resume(Requests *q) {
        for (unsigned n = q->stalled.length; n > 0; n--) {
                Request *r = g_queue_pop_head(&q->stalled);

                if (r->done)
                        request_reply(r, r->result);
                else
                        request_run(r);
        }
}

void requests_abort(Requests *q) {
        Request *r;

        while ((r = g_queue_pop_head(&q->waiting)) || (r = g_queue_pop_head(&q->stalled)))
                request_reply(r, -ENODEV);
}
