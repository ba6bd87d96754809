/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/network-watch.h"
#include "base/log.h"

#include <libgen.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TIMER_ACCURACY_US 100000

struct NetworkWatch {
        sd_event_source *folder, *timer;
        char *file;
        bool online;
};

static void set_online(NetworkWatch *watch) {
        watch->online = true;
        /* Measured: a source of inotify that is only switched off, with more events in its buffer, keeps the event loop of
         * systemd 252 busy. */
        watch->folder = sd_event_source_disable_unref(watch->folder);
        watch->timer = sd_event_source_disable_unref(watch->timer);
}

static int on_entry(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        NetworkWatch *watch = userdata;

        (void)source, (void)event;
        if (access(watch->file, F_OK) >= 0)
                set_online(watch);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        log_warning("The network is not online yet. The rules for network cards do not wait any longer.");
        set_online(userdata);
        return 0;
}

int network_watch_new(sd_event *event, const char *file, uint64_t patience_us, NetworkWatch **ret) {
        _cleanup_free_ char *folder = strdup(file);
        NetworkWatch *watch = calloc(1, sizeof(NetworkWatch));
        int r = -ENOMEM;

        if (!folder || !watch || !(watch->file = strdup(file)) ||
                        (r = sd_event_add_inotify(event, &watch->folder, dirname(folder), IN_CREATE | IN_MOVED_TO,
                                         on_entry, watch)) < 0 ||
                        (r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, patience_us,
                                         TIMER_ACCURACY_US, on_timer, watch)) < 0) {
                network_watch_free(watch);
                return r;
        }
        /* After the watch, so that the file cannot be missed. */
        if (access(file, F_OK) >= 0)
                set_online(watch);
        *ret = watch;
        return 0;
}

NetworkWatch *network_watch_free(NetworkWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->folder);
        sd_event_source_disable_unref(watch->timer);
        free(watch->file);
        free(watch);
        return NULL;
}

bool network_watch_is_online(const NetworkWatch *watch) {
        return watch->online;
}
