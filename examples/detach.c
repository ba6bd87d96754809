/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Detaches the group of a device for a virtual machine: detach SELECTOR
 * cc -o detach detach.c $(pkg-config --cflags --libs libsystemd) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

/* The job that this program waits for, and its end. */
typedef struct Job {
        char path[64];
        int ended, failed;
} Job;

static int print_changes(sd_bus_message *m) {
        const char *key, *address, *before, *after;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                if ((r = sd_bus_message_read(m, "s", &key)) < 0)
                        return r;
                if (strcmp(key, "Changes") != 0) {
                        r = sd_bus_message_skip(m, "v");
                } else if ((r = sd_bus_message_enter_container(m, 'v', "a(sssa{sv})")) >= 0 &&
                                (r = sd_bus_message_enter_container(m, 'a', "(sssa{sv})")) >= 0) {
                        while ((r = sd_bus_message_enter_container(m, 'r', "sssa{sv}")) > 0) {
                                if ((r = sd_bus_message_read(m, "sss", &address, &before, &after)) < 0 ||
                                                (r = sd_bus_message_skip(m, "a{sv}")) < 0)
                                        return r;
                                printf("%s: %s -> %s\n", address, *before ? before : "no driver",
                                                *after ? after : "no driver");
                                if ((r = sd_bus_message_exit_container(m)) < 0)
                                        return r;
                        }
                        if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                                return r;
                        r = sd_bus_message_exit_container(m);
                }
                if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        return r;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path, *result, *name, *message;
        unsigned number;
        Job *job = userdata;

        (void)error;
        int r = sd_bus_message_read(m, "uosss", &number, &path, &result, &name, &message);
        if (r < 0 || strcmp(path, job->path) != 0)
                return r;
        job->ended = 1;
        job->failed = strcmp(result, "done") != 0;
        if (job->failed)
                fprintf(stderr, "%s: %s\n", name, message);
        return print_changes(m);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;

        (void)m, (void)error;
        fprintf(stderr, "vfiod has ended. The job continues: look at the state of the device.\n");
        job->ended = job->failed = 1;
        return 0;
}

static int start(sd_bus *bus, const char *selector, Job *job, sd_bus_error *error) {
        sd_bus_message *call = NULL, *reply = NULL;
        const char *path;
        int r;

        /* The whole group goes along. Let polkit ask for a password if that is necessary. */
        if ((r = sd_bus_message_new_method_call(
                             bus, &call, "org.vfiod1", "/org/vfiod1", "org.vfiod1.Manager", "StartDetach")) >= 0 &&
                        (r = sd_bus_message_set_allow_interactive_authorization(call, 1)) >= 0 &&
                        (r = sd_bus_message_append(call, "sa{sv}", selector, 1, "companions", "as", 1, "*")) >= 0 &&
                        (r = sd_bus_call(bus, call, 0, error, &reply)) >= 0 &&
                        (r = sd_bus_message_read(reply, "o", &path)) >= 0)
                (void)snprintf(job->path, sizeof(job->path), "%s", path);
        sd_bus_message_unref(call);
        sd_bus_message_unref(reply);
        return r;
}

int main(int argc, char **argv) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;
        Job job = {0};
        int r;

        if (argc != 2)
                return 2;
        /* The signals wait until the loop below, so none can come before the path of the job is known. */
        if ((r = sd_bus_open_system(&bus)) >= 0 &&
                        (r = sd_bus_match_signal(bus, NULL, "org.vfiod1", "/org/vfiod1", "org.vfiod1.Manager",
                                         "JobRemoved", on_job_removed, &job)) >= 0 &&
                        (r = start(bus, argv[1], &job, &error)) >= 0)
                r = sd_bus_add_match(bus, NULL,
                                "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org."
                                "vfiod1'",
                                on_owner_changed, &job);
        while (r >= 0 && !job.ended)
                if ((r = sd_bus_process(bus, NULL)) == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", error.name ? error.name : "error",
                                error.message ? error.message : strerror(-r));
        sd_bus_error_free(&error);
        sd_bus_flush_close_unref(bus);
        return r < 0 || job.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
