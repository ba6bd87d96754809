/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/follower.h"
#include "base/log.h"

#include <poll.h>
#include <time.h>

/* A storm can lose events a hundred times a second; the log hears of it so often. */
#define LOG_INTERVAL_US (60 * UINT64_C(1000000))

struct Follower {
        const Kernel *kernel;
        Inventory *inventory;
        UeventSource *source;
        Rescan *rescan;
        uint32_t events_lost;
        uint32_t events_skipped;
        uint64_t logged_us; /* when a loss was logged; 0 for never */
        bool is_deaf;       /* from a loss until the queue is empty the kernel drops more, and says nothing */
};

int follower_new(const Kernel *kernel, Inventory *inventory, UeventSource *source, Follower **ret) {
        _cleanup_(follower_freep) Follower *follower = calloc(1, sizeof(Follower));
        if (!follower)
                return -ENOMEM;
        follower->kernel = kernel;
        follower->inventory = inventory;
        follower->source = source;
        int r = rescan_new(kernel, inventory, &follower->rescan);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(follower);
        return 0;
}

Follower *follower_free(Follower *follower) {
        if (!follower)
                return NULL;
        rescan_free(follower->rescan);
        free(follower);
        return NULL;
}

static uint64_t now_us(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool is_queue_empty(const Follower *follower) {
        struct pollfd poll_fd = {.fd = follower->source->get_fd(follower->source), .events = POLLIN};
        return poll(&poll_fd, 1, 0) == 0;
}

/* There is nothing to receive, or nothing that is for us: after a loss the difference counts. */
static int on_nothing(Follower *follower) {
        if (!follower->is_deaf)
                return 0;
        if (!is_queue_empty(follower))
                return 1;
        follower->is_deaf = false;
        uint64_t now = now_us();
        if (follower->logged_us == 0 || now - follower->logged_us >= LOG_INTERVAL_US) {
                follower->logged_us = now;
                log_notice("Events of the kernel were lost (%u times up to now): all devices are read anew.",
                                follower->events_lost);
        }
        (void)rescan_ask(follower->rescan);
        return 0;
}

static void follow_one(Follower *follower, const Uevent *event) {
        int r = scan_event(follower->kernel, follower->inventory, event);
        if (r < 0)
                log_error_errno(r, "Cannot look where the event '%s' of %s points", event->action, event->devpath);
}

/* The kernel adds whatever a driver gives it to an event, and libudev refuses a message with a variable that it cannot parse. The events of PCI
 * functions, interfaces and disks have none of those, so nothing has to be read again. */
static void skip_message(Follower *follower) {
        if (follower->events_skipped++ == 0)
                log_notice("An event of the kernel cannot be parsed and is skipped. This is logged once.");
}

int follower_follow(Follower *follower, uint64_t budget_us) {
        uint64_t end = now_us() + budget_us;

        do {
                Uevent event;

                int r = follower->source->receive(follower->source, &event);
                if (r == 0)
                        return on_nothing(follower);
                if (r == -ENOBUFS) {
                        follower->events_lost++;
                        follower->is_deaf = true;
                } else if (r == -EBADMSG)
                        skip_message(follower);
                else if (r < 0)
                        return r;
                else
                        follow_one(follower, &event);
        } while (now_us() < end);
        return 1;
}

unsigned follower_ask_rescan(Follower *follower) {
        return rescan_ask(follower->rescan);
}

unsigned follower_rescans_done(const Follower *follower) {
        return rescan_done(follower->rescan);
}

bool follower_is_rescanning(const Follower *follower) {
        return rescan_is_due(follower->rescan);
}

int follower_rescan(Follower *follower, uint64_t budget_us) {
        uint64_t end = now_us() + budget_us;

        do {
                int r = rescan_step(follower->rescan);
                if (r != 0)
                        return r < 0 ? r : 0;
        } while (now_us() < end);
        return 0;
}

uint32_t follower_events_lost(const Follower *follower) {
        return follower->events_lost;
}

uint32_t follower_events_skipped(const Follower *follower) {
        return follower->events_skipped;
}
