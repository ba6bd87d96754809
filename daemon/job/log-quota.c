/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/log-quota.h"
#include "base/log.h"

const LogQuotaLimits log_quota_limits_default = {.window_us = UINT64_C(60000000), .per_user = 16};

typedef struct UserEntries {
        uid_t uid;
        unsigned n_logged;
        uint64_t n_omitted;
} UserEntries;

struct LogQuota {
        sd_event *event;
        LogQuotaLimits limits;
        sd_event_source *timer; /* the end of the window; NULL if there is none */
        UserEntries users[LOG_QUOTA_USERS_MAX + 1];
        size_t n_users;
};

/* The last of the users stands for all that have no place. */
static bool is_shared(const LogQuota *quota, const UserEntries *user) {
        return user == &quota->users[LOG_QUOTA_USERS_MAX];
}

static void log_omitted(const LogQuota *quota, const UserEntries *user) {
        _cleanup_log_fields_ LogFields fields = {};
        char name[32] = "other users";

        if (!is_shared(quota, user) && user->uid != LOG_QUOTA_UNKNOWN_USER) {
                (void)snprintf(name, sizeof(name), "user %u", (unsigned)user->uid);
                log_fields_add(&fields, "VFIOD_CALLER_UID", "%u", (unsigned)user->uid);
        }
        log_fields_add(&fields, "VFIOD_CALLER", "%s", name);
        log_fields_add(&fields, "VFIOD_OMITTED", "%llu", (unsigned long long)user->n_omitted);
        log_event(&(LogEvent){.priority = LOG_WARNING, .message_id = MESSAGE_ENTRIES_OMITTED, .fields = &fields},
                        "%llu more calls of %s were refused, or changed nothing. They are not in the journal.",
                        (unsigned long long)user->n_omitted, name);
}

static void end_window(LogQuota *quota) {
        quota->timer = sd_event_source_disable_unref(quota->timer);
        for (size_t i = 0; i < quota->n_users; i++)
                if (quota->users[i].n_omitted > 0)
                        log_omitted(quota, &quota->users[i]);
        quota->n_users = 0;
}

static int on_window_end(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        end_window(userdata);
        return 0;
}

int log_quota_new(sd_event *event, const LogQuotaLimits *limits, LogQuota **ret) {
        LogQuota *quota = calloc(1, sizeof(LogQuota));
        if (!quota)
                return -ENOMEM;
        quota->event = sd_event_ref(event);
        quota->limits = *limits;
        *ret = quota;
        return 0;
}

LogQuota *log_quota_free(LogQuota *quota) {
        if (!quota)
                return NULL;
        end_window(quota);
        sd_event_unref(quota->event);
        free(quota);
        return NULL;
}

static UserEntries *obtain_user(LogQuota *quota, uid_t uid) {
        for (size_t i = 0; i < quota->n_users; i++)
                if (quota->users[i].uid == uid && !is_shared(quota, &quota->users[i]))
                        return &quota->users[i];
        if (quota->n_users > LOG_QUOTA_USERS_MAX)
                return &quota->users[LOG_QUOTA_USERS_MAX];
        UserEntries *user = &quota->users[quota->n_users++];
        *user = (UserEntries){.uid = uid};
        return user;
}

bool log_quota_admit(LogQuota *quota, uid_t uid) {
        if (uid == 0)
                return true;
        /* Without memory for the timer, the window would not end. */
        if (!quota->timer &&
                        sd_event_add_time_relative(quota->event, &quota->timer, CLOCK_MONOTONIC,
                                        quota->limits.window_us, 0, on_window_end, quota) < 0)
                return false;
        UserEntries *user = obtain_user(quota, uid);
        if (user->n_logged >= quota->limits.per_user) {
                user->n_omitted++;
                return false;
        }
        user->n_logged++;
        return true;
}
