/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-helper.h"
#include "process/holder-message.h"
#include "witness.h"

#include <sys/socket.h>

/* A program that took over vfiod-worker or vfiod-census attacks vfiod. It may lie about its own work. But vfiod goes on, answers
 * others in time, has a bounded memory, tells the caller that something is wrong, and reads the truth from the host. */

#define DETACHED "([('" NIC "', 'e1000e', 'vfio-pci', {})],)"
#define REATTACHED "([('" NIC "', 'vfio-pci', 'e1000e', {})],)"

/* A message of sd-bus may have 128 MiB. vfiod has 512 MiB (MemoryMax=), and needs the text at most twice. */
#define HUGE_TEXT (64 * 1024 * 1024)

#define STEP_DEADLINE_MS 10000
#define FLOOD 200000

static guint64 count_descriptors(Fixture *fixture) {
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)process_get_pid(fixture->daemon));
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        guint64 n = 0;

        g_assert_nonnull(folder);
        while (g_dir_read_name(folder))
                n++;
        return n;
}

/* The host is as it was, vfiod knows it, and the real helpers do their work. */
static void check_survived(Fixture *fixture) {
        fixture_driver(fixture, NIC, "e1000e");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_expect_no_job(fixture);
        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, DETACHED);
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, REATTACHED);
}

static Fixture *start(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = STEP_DEADLINE_MS});

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        return fixture;
}

/* Results. */

static sd_bus_message *begin_reply(sd_bus_message *call) {
        sd_bus_message *reply = NULL;

        g_assert_cmpint(sd_bus_message_new_method_return(call, &reply), >=, 0);
        return reply;
}

static void send_reply(sd_bus_message *reply) {
        (void)sd_bus_send(NULL, reply, NULL);
        (void)fake_helper_flush(sd_bus_message_get_bus(reply));
        sd_bus_message_unref(reply);
}

/* The fields of a result that a test changes. The others are those of a success. */
typedef struct Result {
        int error;
        const char *outcome;
        gsize text_length;
        guint n_changes, n_findings, n_warnings;
        bool reverse; /* the changes are not sorted */
        const char *guard;
} Result;

static void append_result(sd_bus_message *reply, const Result *result) {
        g_autofree char *text = g_strnfill(result->text_length, 'x');
        int r;

        g_assert_cmpint(sd_bus_message_append(
                                        reply, "isst", result->error, result->outcome ?: "Done", text, (uint64_t)0),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(reply, 'a', "(sayay)"), >=, 0);
        for (guint i = 0; i < result->n_changes; i++) {
                guint number = result->reverse ? result->n_changes - i : i;
                g_autofree char *address = g_strdup_printf("%04x:%02x:1f.7", number >> 8, number & 0xff);

                r = sd_bus_message_append(reply, "(sayay)", address, 1, 'x', 1, 'y');
                g_assert_cmpint(r, >=, 0);
        }
        g_assert_cmpint(sd_bus_message_close_container(reply), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(reply, 'a', "(sssuuss)"), >=, 0);
        for (guint i = 0; i < result->n_findings; i++)
                g_assert_cmpint(sd_bus_message_append(reply, "(sssuuss)", result->guard ?: "storage", NIC, "x", 0U, 0U,
                                                "", ""),
                                >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(reply), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(reply, 'a', "s"), >=, 0);
        for (guint i = 0; i < result->n_warnings; i++)
                g_assert_cmpint(sd_bus_message_append_basic(reply, 's', ""), >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(reply), >=, 0);
}

static void send_result(sd_bus *peer, sd_bus_message *call, void *userdata) {
        sd_bus_message *reply = begin_reply(call);

        (void)peer;
        append_result(reply, userdata);
        send_reply(reply);
}

/* Everybody else is answered meanwhile. */
static void await_answer(Fixture *fixture, Pending *pending, const char *error, const char *pattern) {
        Witness witness;

        witness_begin(&witness, fixture, 0);
        while (!pending_is_done(pending)) {
                witness_probe(&witness);
                while (g_main_context_iteration(NULL, false))
                        ;
        }
        pending_refused(pending, error, pattern);
        raw_bus_close(witness.root);
        raw_bus_close(witness.direct);
}

static void expect_refusal(Fixture *fixture, fake_helper_act_t act, void *userdata, const char *pattern) {
        FakeHelper *helper = fake_helper_begin(fixture, "worker", act, userdata);

        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " NO_OPTIONS ")");
        await_answer(fixture, pending, "Failed", pattern);
        fake_helper_end(helper);
}

#define DIED "The worker process for " NIC " died before it changed anything*"

static void test_bad_results(void) {
        Result results[] = {
                        {.error = 1},
                        {.error = G_MININT},
                        {.outcome = "x"},
                        {.outcome = ""},
                        {.text_length = 5 * 1024 * 1024, .outcome = "Failed"},
                        {.n_changes = 2, .reverse = true},
                        {.n_changes = 131073},
                        {.n_findings = 100000},
                        {.n_findings = 1, .guard = "x"},
                        {.n_warnings = 131073},
        };
        Fixture *fixture = start();

        for (gsize i = 0; i < G_N_ELEMENTS(results); i++)
                expect_refusal(fixture, send_result, &results[i], DIED);
        check_survived(fixture);
        fixture_stop(fixture);
}

/* To sort the changes would take minutes. */
static void test_many_changes(void) {
        Result result = {.n_changes = 131000, .reverse = true};
        Fixture *fixture = start();
        gint64 begin = g_get_monotonic_time();

        expect_refusal(fixture, send_result, &result, DIED);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, WAIT_MAX_US);
        check_survived(fixture);
        fixture_stop(fixture);
}

static void test_huge_text(void) {
        Result result = {.text_length = HUGE_TEXT, .outcome = "Failed"};
        Fixture *fixture = start();

        expect_refusal(fixture, send_result, &result, DIED);
#ifndef __SANITIZE_ADDRESS__
        g_assert_cmpuint(process_peak_kib(process_get_pid(fixture->daemon)), <, 4 * HUGE_TEXT / 1024);
#endif
        check_survived(fixture);
        fixture_stop(fixture);
}

static void send_empty(sd_bus *peer, sd_bus_message *call, void *userdata) {
        (void)peer, (void)userdata;
        send_reply(begin_reply(call));
}

static void send_error(sd_bus *peer, sd_bus_message *call, void *userdata) {
        sd_bus_error error = SD_BUS_ERROR_MAKE_CONST("org.vfiod1.Error.Done", "\n\t\x01 it is done");

        (void)userdata;
        g_assert_cmpint(sd_bus_reply_method_error(call, &error), >=, 0);
        (void)fake_helper_flush(peer);
}

static void send_nothing(sd_bus *peer, sd_bus_message *call, void *userdata) {
        (void)peer, (void)call, (void)userdata;
}

static void test_no_result(void) {
        Fixture *fixture = start();

        expect_refusal(fixture, send_empty, NULL, DIED);
        expect_refusal(fixture, send_error, NULL, DIED);
        expect_refusal(fixture, send_nothing, NULL, DIED);
        check_survived(fixture);
        fixture_stop(fixture);
}

/* The caller gets the lie. What vfiod shows of the devices is the truth. */
static void test_lie(void) {
        Fixture *fixture = start();
        Result result = {.n_changes = 1};

        FakeHelper *helper = fake_helper_begin(fixture, "worker", send_result, &result);
        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('0000:00:1f.7', 'x', 'y', {})],)");
        fake_helper_end(helper);
        check_survived(fixture);
        fixture_stop(fixture);
}

static void send_twice(sd_bus *peer, sd_bus_message *call, void *userdata) {
        for (unsigned i = 0; i < 3; i++)
                send_result(peer, call, userdata);
        (void)sd_bus_emit_signal(peer, PEER_PATH, PEER_WORKER_INTERFACE, "Step", "us", 0U, "");
        (void)fake_helper_flush(peer);
}

static void test_twice(void) {
        Result result = {.outcome = "Busy", .text_length = 3};
        Fixture *fixture = start();

        FakeHelper *helper = fake_helper_begin(fixture, "worker", send_twice, &result);
        manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "Busy", "xxx");
        fake_helper_end(helper);
        check_survived(fixture);
        fixture_stop(fixture);
}

/* The message is sent only in part. */
static void send_half(sd_bus *peer, sd_bus_message *call, void *userdata) {
        static const uint8_t header[] = {'l', 2, 1, 1, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 8, 0, 0, 0, 5, 1, 'u'};

        (void)call, (void)userdata;
        (void)send(sd_bus_get_fd(peer), header, sizeof(header), MSG_NOSIGNAL);
}

static void send_noise(sd_bus *peer, sd_bus_message *call, void *userdata) {
        g_autofree char *noise = g_strnfill(100000, '\xff');

        (void)call, (void)userdata;
        (void)send(sd_bus_get_fd(peer), noise, 100000, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void test_cut(void) {
        Fixture *fixture = start();

        expect_refusal(fixture, send_half, NULL, DIED);
        expect_refusal(fixture, send_noise, NULL, DIED);
        check_survived(fixture);
        fixture_stop(fixture);
}

/* Before the authentication. */
static void talk_noise(int fd) {
        (void)send(fd, "REJECTED\r\nERROR x\r\nOK \xff\r\n", 26, MSG_NOSIGNAL);
}

static void talk_nothing(int fd) {
        (void)fd;
}

static void test_not_authenticated(void) {
        static const fake_helper_talk_t talks[] = {talk_noise, talk_nothing};
        Fixture *fixture = start();

        for (gsize i = 0; i < G_N_ELEMENTS(talks); i++) {
                FakeHelper *helper = fake_helper_begin_raw(fixture, "worker", talks[i]);

                /* It depends on the time when vfiod notices: "cannot start a worker", or "died". */
                manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "Failed", "*worker*");
                fake_helper_end(helper);
        }
        check_survived(fixture);
        fixture_stop(fixture);
}

static void send_descriptors(sd_bus *peer, sd_bus_message *call, void *userdata) {
        (void)userdata;
        for (unsigned n = 0; n < 20; n++) {
                sd_bus_message *signal = NULL;

                g_assert_cmpint(sd_bus_message_new_signal(peer, &signal, PEER_PATH, PEER_WORKER_INTERFACE, "Step"), >=,
                                0);
                for (unsigned i = 0; i < 200; i++)
                        g_assert_cmpint(sd_bus_message_append_basic(signal, 'h', &(int){0}), >=, 0);
                (void)sd_bus_send(peer, signal, NULL);
                (void)fake_helper_flush(peer);
                sd_bus_message_unref(signal);
        }
        send_empty(peer, call, NULL);
}

static void test_descriptors(void) {
        Fixture *fixture = start();

        guint64 before = count_descriptors(fixture);
        expect_refusal(fixture, send_descriptors, NULL, DIED);
        fixture_property(fixture, BUS_PATH, MANAGER, "Version", "'" VFIOD_VERSION "'");
        /* 4000 were sent. vfiod may not yet have closed its own connection of the witness. */
        g_assert_cmpuint(count_descriptors(fixture), <, before + 10);
        check_survived(fixture);
        fixture_stop(fixture);
}

/* Workers that do not end. */

static void keep_silent(sd_bus *peer, sd_bus_message *call, void *userdata) {
        (void)call;
        while (!g_atomic_int_get((gint *)userdata)) {
                (void)sd_bus_process(peer, NULL);
                (void)sd_bus_wait(peer, 10000);
        }
}

/* Steps without an end, most of which do not exist. */
static void flood_steps(sd_bus *peer, sd_bus_message *call, void *userdata) {
        g_autofree char *holder = g_strnfill(100, 'x');

        (void)call;
        for (unsigned i = 0; !g_atomic_int_get((gint *)userdata); i++)
                if (sd_bus_emit_signal(peer, PEER_PATH, PEER_WORKER_INTERFACE, "Step", "us", UINT32_MAX - i % 3,
                                    i % 2 ? holder : "") < 0 ||
                                !fake_helper_flush(peer))
                        return;
}

static void check_endless(fake_helper_act_t act, const char *error, const char *pattern) {
        Fixture *fixture = start();
        gint end = 0;

        FakeHelper *helper = fake_helper_begin(fixture, "worker", act, &end);
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " NO_OPTIONS ")");
        await_answer(fixture, pending, error, pattern);
        g_atomic_int_set(&end, 1);
        fake_helper_end(helper);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        check_survived(fixture);
        fixture_stop(fixture);
}

static void test_silent(void) {
        check_endless(keep_silent, "SurveyTimedOut", "*");
}

static void test_steps(void) {
        check_endless(flood_steps, "Failed", DIED);
}

/* Calls to vfiod, which has no methods here. The program does not read the answers. */
static void flood_calls(sd_bus *peer, sd_bus_message *call, void *userdata) {
        (void)call, (void)userdata;
        for (unsigned i = 0; i < FLOOD; i++) {
                sd_bus_message *message = NULL;

                g_assert_cmpint(sd_bus_message_new_method_call(
                                                peer, &message, NULL, PEER_PATH, "org.freedesktop.DBus.Peer", "Ping"),
                                >=, 0);
                int r = sd_bus_send(peer, message, &(uint64_t){0});
                sd_bus_message_unref(message);
                if (r < 0 || !fake_helper_flush(peer))
                        return;
        }
}

static void test_calls(void) {
        Fixture *fixture = start();

        expect_refusal(fixture, flood_calls, NULL, DIED);
#ifndef __SANITIZE_ADDRESS__
        g_assert_cmpuint(process_peak_kib(process_get_pid(fixture->daemon)), <, DAEMON_MEMORY_MAX_KIB);
#endif
        check_survived(fixture);
        fixture_stop(fixture);
}

/* Small requests. */

static void send_number(sd_bus *peer, sd_bus_message *call, void *userdata) {
        (void)peer;
        (void)sd_bus_reply_method_return(call, "i", GPOINTER_TO_INT(userdata));
        (void)fake_helper_flush(peer);
}

static void send_text(sd_bus *peer, sd_bus_message *call, void *userdata) {
        (void)userdata;
        (void)sd_bus_reply_method_return(call, "s", "0");
        (void)fake_helper_flush(peer);
}

static void test_requests(void) {
        static const struct {
                fake_helper_act_t act;
                int number;
        } answers[] = {{send_number, 1}, {send_number, G_MAXINT}, {send_number, G_MININT}, {send_number, -5},
                        {send_text, 0}, {send_nothing, 0}, {send_half, 0}, {send_error, 0}};
        Fixture *fixture = start();

        for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
                g_autoptr(GError) error = NULL;
                FakeHelper *helper = fake_helper_begin(
                                fixture, "worker", answers[i].act, GINT_TO_POINTER(answers[i].number));
                g_autoptr(GVariant) reply = fixture_call(
                                fixture, BUS_PATH, MANAGER, "AddRule", "('" NIC "', {'name': <'x'>})", &error);

                g_assert_null(reply);
                g_assert_nonnull(error);
                g_assert_cmpuint(strlen(error->message), <, 400);
                fake_helper_end(helper);
                fixture_expect(fixture, BUS_PATH, MANAGER, "ListRules", NULL, "([],)");
        }
        check_survived(fixture);
        fixture_stop(fixture);
}

/* The census. */

static void send_huge_text(sd_bus *peer, sd_bus_message *call, void *userdata) {
        g_autofree char *text = g_strnfill(HUGE_TEXT, 'x');

        (void)userdata;
        (void)sd_bus_reply_method_return(call, "s", text);
        (void)fake_helper_flush(peer);
}

static void test_census(void) {
        static const fake_helper_act_t acts[] = {
                        send_empty, send_error, send_nothing, send_half, send_text, send_huge_text, flood_calls};
        Fixture *fixture = start();

        for (gsize i = 0; i < G_N_ELEMENTS(acts); i++) {
                g_autoptr(GError) error = NULL;
                FakeHelper *helper = fake_helper_begin(fixture, "census", acts[i], NULL);
                g_autoptr(GVariant) reply = fixture_call(
                                fixture, BUS_PATH, MANAGER, "ListHolders", "('" NIC "', " NO_OPTIONS ")", &error);

                g_assert_null(reply);
                g_assert_nonnull(error);
                g_assert_cmpuint(strlen(error->message), <, 400);
                fake_helper_end(helper);
        }
        check_survived(fixture);
        fixture_stop(fixture);
}

/* An answer with an error for the first device, of which the owner has this number: a search for all devices tells it in a row,
 * and a search for one device fails. */
static void send_device_error(sd_bus *peer, sd_bus_message *call, void *userdata) {
        guint32 owner = GPOINTER_TO_UINT(userdata);
        sd_bus_message *reply = begin_reply(call);

        (void)peer;
        g_assert_cmpint(sd_bus_message_append(reply, HOLDER_MESSAGE_ANSWER, 0, false, UINT64_C(1), 1, owner, -EIO, 0, 0,
                                        false, UINT64_C(0), 0),
                        >=, 0);
        send_reply(reply);
}

static void test_unknown_holders(void) {
        Fixture *fixture = start();
        g_autoptr(GVariant) groups = fixture_call(fixture, BUS_PATH, MANAGER, "ListGroups", NULL, NULL);
        g_autoptr(GVariant) rows = g_variant_get_child_value(groups, 0);
        guint n_groups = (guint)g_variant_n_children(rows);

        FakeHelper *helper = fake_helper_begin(fixture, "census", send_device_error, GUINT_TO_POINTER(n_groups));
        manager_expect(fixture, "ListHolders", "", NO_OPTIONS,
                        "([(0, 'not known', '', '', '0000:00:01.0', {'Error': <'Input/output error'>})],)");
        fake_helper_end(helper);
        helper = fake_helper_begin(fixture, "census", send_device_error, GUINT_TO_POINTER(1));
        manager_refused(fixture, "ListHolders", NIC, NO_OPTIONS, "Failed", "*Input/output error*");
        fake_helper_end(helper);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/helpers/bad-results", test_bad_results);
        g_test_add_func("/attack/helpers/many-changes", test_many_changes);
        g_test_add_func("/attack/helpers/huge-text", test_huge_text);
        g_test_add_func("/attack/helpers/no-result", test_no_result);
        g_test_add_func("/attack/helpers/lie", test_lie);
        g_test_add_func("/attack/helpers/twice", test_twice);
        g_test_add_func("/attack/helpers/cut", test_cut);
        g_test_add_func("/attack/helpers/not-authenticated", test_not_authenticated);
        g_test_add_func("/attack/helpers/descriptors", test_descriptors);
        g_test_add_func("/attack/helpers/silent", test_silent);
        g_test_add_func("/attack/helpers/steps", test_steps);
        g_test_add_func("/attack/helpers/calls", test_calls);
        g_test_add_func("/attack/helpers/requests", test_requests);
        g_test_add_func("/attack/helpers/census", test_census);
        g_test_add_func("/attack/helpers/unknown-holders", test_unknown_holders);
        return g_test_run();
}
