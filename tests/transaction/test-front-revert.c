/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "front.h"
#include "state/revert-file.h"

/* The files of reverts, as vfiod-worker writes them; also for a program that took over vfiod. */

/* Calls RecordRevert for these addresses. Returns its result. */
static int record_detach(Front *front, uint32_t number, uint32_t uid, uint64_t at_us, uint64_t detach,
                const char *const *addresses) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int32_t result = 0;

        front_connect(front);
        sd_bus_message *call = front_make_call(front, "RecordRevert");
        g_assert_cmpint(sd_bus_message_append(call, "uutt", number, uid, at_us, detach), >=, 0);
        g_assert_cmpint(sd_bus_message_append_strv(call, (char **)addresses), >=, 0);
        int r = front_send(front, call, &reply);
        if (r < 0)
                return r;
        g_assert_cmpint(sd_bus_message_read(reply, "i", &result), >=, 0);
        return result;
}

static int record(Front *front, uint32_t number, uint32_t uid, uint64_t at_us, const char *const *addresses) {
        return record_detach(front, number, uid, at_us, 17, addresses);
}

static int read_file(Front *front, unsigned number, RevertFile *ret) {
        return revert_file_read(front->host->state->reverts_fd, number, ret);
}

static void test_file(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL}, *const one[] = {PORT2, NULL};
        _cleanup_revert_file_ RevertFile file = {}, again = {};
        _cleanup_front_ Front *front = front_new();

        g_assert_cmpint(record(front, 7, 4711, 123456789, ports), ==, 0);
        g_assert_cmpint(read_file(front, 7, &file), ==, 0);
        g_assert_cmpuint(file.uid, ==, 4711);
        g_assert_cmpuint(file.at_us, ==, 123456789);
        g_assert_cmpuint(file.detach, ==, 17);
        g_assert_cmpuint(file.n_addresses, ==, 2);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(file.addresses[1]), ==, PORT2);
        /* A new deadline replaces it. */
        g_assert_cmpint(record(front, 7, 4711, 987654321, one), ==, 0);
        g_assert_cmpint(read_file(front, 7, &again), ==, 0);
        g_assert_cmpuint(again.at_us, ==, 987654321);
        g_assert_cmpuint(again.n_addresses, ==, 1);
        g_assert_cmpint(front_ask(front, "ForgetRevert", "u", 7U), ==, 0);
        g_assert_cmpint(read_file(front, 7, &again), ==, -ENOENT);
        g_assert_cmpint(front_ask(front, "ForgetRevert", "u", 7U), ==, 0);
}

static void test_refused(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL}, *const empty[] = {NULL},
                                 *const traversal[] = {"../../../etc/passwd", NULL};
        const char *many[REVERT_DEVICES_MAX + 2];
        _cleanup_revert_file_ RevertFile file = {};
        _cleanup_front_ Front *front = front_new();

        for (size_t i = 0; i <= REVERT_DEVICES_MAX; i++)
                many[i] = PORT1;
        many[REVERT_DEVICES_MAX + 1] = NULL;
        g_assert_cmpint(record(front, 0, 0, 1, ports), ==, -EBADMSG);
        g_assert_cmpint(record(front, FILE_NUMBER_MAX + 1, 0, 1, ports), ==, -EBADMSG);
        g_assert_cmpint(record(front, 1, UINT32_MAX, 1, ports), ==, -EBADMSG);
        g_assert_cmpint(record(front, 1, 0, UINT64_MAX, ports), ==, -EBADMSG);
        g_assert_cmpint(record_detach(front, 1, 0, 1, UINT64_MAX, ports), ==, -EBADMSG);
        g_assert_cmpint(record(front, 1, 0, 1, empty), ==, -EBADMSG);
        g_assert_cmpint(record(front, 1, 0, 1, traversal), ==, -EBADMSG);
        g_assert_cmpint(record(front, 1, 0, 1, many), ==, -EBADMSG);
        g_assert_cmpint(front_ask(front, "ForgetRevert", "u", 0U), ==, -EBADMSG);
        g_assert_cmpint(front_ask(front, "ForgetRevert", "u", FILE_NUMBER_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(read_file(front, 1, &file), ==, -ENOENT);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/front-revert/file", test_file);
        g_test_add_func("/front-revert/refused", test_refused);
        return g_test_run();
}
