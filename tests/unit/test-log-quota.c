/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "job/log-quota.h"
#include "log-socket.h"

/* How many journal entries a user can cause. */

#define ALICE 1000
#define BOB 1001

static const LogQuotaLimits limits = {.window_us = 1000, .per_user = 3};

/* A window that does not end by itself. */
static const LogQuotaLimits long_limits = {.window_us = UINT64_C(3600000000), .per_user = 3};

static LogQuota *quota_new(sd_event **ret_event, const LogQuotaLimits *these) {
        LogQuota *quota;

        g_assert_cmpint(sd_event_new(ret_event), ==, 0);
        g_assert_cmpint(log_quota_new(*ret_event, these, &quota), ==, 0);
        return quota;
}

static unsigned count_admitted(LogQuota *quota, uid_t uid, unsigned n) {
        unsigned n_admitted = 0;

        for (unsigned i = 0; i < n; i++)
                n_admitted += log_quota_admit(quota, uid);
        return n_admitted;
}

static void test_users(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(log_quota_freep) LogQuota *quota = quota_new(&event, &long_limits);

        g_assert_cmpuint(count_admitted(quota, ALICE, 1000), ==, 3);
        g_assert_cmpuint(count_admitted(quota, BOB, 2), ==, 2);
        g_assert_cmpuint(count_admitted(quota, 0, 1000), ==, 1000);
        g_assert_cmpuint(count_admitted(quota, BOB, 2), ==, 1);
}

/* A user with 65,536 subordinate uids does not get 65,536 quotas. */
static void test_many_users(void) {
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(log_quota_freep) LogQuota *quota = quota_new(&event, &long_limits);
        unsigned n_admitted = 0;

        for (uid_t uid = 100000; uid < 100000 + 65536; uid++)
                n_admitted += log_quota_admit(quota, uid);
        /* one entry of each user who has a place, and the shared ones */
        g_assert_cmpuint(n_admitted, ==, LOG_QUOTA_USERS_MAX + 3);
        g_assert_cmpuint(count_admitted(quota, 100000, 1000), ==, 2);
        g_assert_cmpuint(count_admitted(quota, 0, 1000), ==, 1000);
}

/* At the end of the window, one entry for each user tells what is missing, and the quota is full again. */
static void test_omitted(void) {
        LogSocket *log = log_socket_start();
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(log_quota_freep) LogQuota *quota = quota_new(&event, &limits);

        g_assert_cmpint(log_open_at(log_socket_get_path(log)), ==, 0);
        g_assert_cmpuint(count_admitted(quota, ALICE, 1003), ==, 3);
        g_assert_cmpuint(count_admitted(quota, BOB, 3), ==, 3);
        g_assert_cmpuint(count_admitted(quota, LOG_QUOTA_UNKNOWN_USER, 4), ==, 3);
        g_assert_cmpint(sd_event_run(event, UINT64_MAX), >, 0);
        const char *alice = log_socket_expect(log, MESSAGE_ENTRIES_OMITTED);
        log_entry_expect(alice, "VFIOD_CALLER_UID=1000", "VFIOD_OMITTED=1000", "PRIORITY=4",
                        "MESSAGE=1000 more calls of user 1000 *");
        const char *unknown = log_socket_expect(log, MESSAGE_ENTRIES_OMITTED);
        log_entry_expect(unknown, "!VFIOD_CALLER_UID=*", "VFIOD_OMITTED=1", "VFIOD_CALLER=other users");

        g_assert_cmpuint(count_admitted(quota, ALICE, 4), ==, 3);
        /* The end of vfiod ends the window. */
        quota = log_quota_free(quota);
        const char *last = log_socket_expect(log, MESSAGE_ENTRIES_OMITTED);
        log_entry_expect(last, "VFIOD_CALLER_UID=1000", "VFIOD_OMITTED=1");
        log_socket_stop(log);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/log-quota/users", test_users);
        g_test_add_func("/log-quota/many-users", test_many_users);
        g_test_add_func("/log-quota/omitted", test_omitted);
        return g_test_run();
}
