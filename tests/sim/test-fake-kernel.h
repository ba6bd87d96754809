/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>

#include "fake-kernel-client.h"

/* Addresses of topologies/story.conf, and the writes that all tests of the fake kernel use. */

#define PCI "sys/bus/pci"
#define DEVICES PCI "/devices"
#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define BRIDGE "0000:02:00.0"
#define PF "0000:07:00.0"

static inline void assert_text(FakeKernel *k, const char *path, const char *expected) {
        g_autofree char *text = fake_kernel_read(k, "%s", path);

        if (g_strcmp0(text, expected) != 0)
                g_error("%s reads \"%s\" instead of \"%s\"", path, text, expected);
}

static inline void assert_driver(FakeKernel *k, const char *address, const char *expected) {
        g_autofree char *driver = fake_kernel_link(k, DEVICES "/%s/driver", address);

        g_assert_cmpstr(driver, ==, expected);
}

static inline void assert_event(int fd, const char *expected) {
        g_autofree char *event = fake_kernel_next_event(fd);

        g_assert_cmpstr(event, ==, expected);
}

static inline int set_override(FakeKernel *k, const char *address, const char *value) {
        return fake_kernel_write(k, value, DEVICES "/%s/driver_override", address);
}

static inline int probe(FakeKernel *k, const char *address) {
        return fake_kernel_write(k, address, PCI "/drivers_probe");
}

static inline int unbind(FakeKernel *k, const char *address, const char *driver) {
        return fake_kernel_write(k, address, PCI "/drivers/%s/unbind", driver);
}

static inline int bind_to(FakeKernel *k, const char *address, const char *driver) {
        return fake_kernel_write(k, address, PCI "/drivers/%s/bind", driver);
}

static inline void detach(FakeKernel *k, const char *address, const char *driver) {
        g_assert_cmpint(set_override(k, address, "vfio-pci"), ==, 0);
        if (driver)
                g_assert_cmpint(unbind(k, address, driver), ==, 0);
        g_assert_cmpint(probe(k, address), ==, 0);
        assert_driver(k, address, "vfio-pci");
}

/* A write in its own thread, because it may wait for a long time. */
typedef struct Write {
        FakeKernel *kernel;
        char *path;
        const char *value; /* NULL: a read */
        GThread *thread;
} Write;

static inline void *write_run(void *p) {
        Write *w = p;

        if (w->value)
                return GINT_TO_POINTER(fake_kernel_write(w->kernel, w->value, "%s", w->path));

        g_autofree char *text = fake_kernel_read(w->kernel, "%s", w->path);
        return GINT_TO_POINTER(text ? 0 : -errno);
}

static inline Write *write_start(FakeKernel *k, const char *value, const char *path) {
        Write *w = g_new0(Write, 1);

        w->kernel = k;
        w->path = g_strdup(path);
        w->value = value;
        w->thread = g_thread_new("write", write_run, w);
        return w;
}

static inline int write_finish(Write *w) {
        int r = GPOINTER_TO_INT(g_thread_join(w->thread));

        g_free(w->path);
        g_free(w);
        return r;
}
