/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include "bus/reply.h"

/* The name of the error that a client gets for each failure. */

typedef struct Case {
        const char *selector;
        bool reattach, all;
} Case;

static void change(sd_bus *bus, const Case *c, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;

        g_assert_cmpint(sd_bus_message_new_method_call(
                                        bus, &call, BUS_NAME, BUS_PATH, MANAGER, c->reattach ? "Reattach" : "Detach"),
                        >=, 0);
        if (c->all)
                g_assert_cmpint(sd_bus_message_append(call, "sa{sv}", c->selector, 1, "companions", "as", 1, "*"), >=,
                                0);
        else
                g_assert_cmpint(sd_bus_message_append(call, "sa{sv}", c->selector, 0), >=, 0);
        int r = sd_bus_call(bus, call, DEADLINE_MS * UINT64_C(1000), error, NULL);
        g_assert_cmpint(r < 0, ==, sd_bus_error_is_set(error));
}

/* expected is the name of the error, or NULL for success. */
static void expect(sd_bus *bus, const char *selector, const char *verb, const char *expected) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const Case c = {
                        .selector = selector,
                        .reattach = g_str_equal(verb, "reattach"),
                        .all = g_str_equal(verb, "detach-all"),
        };

        change(bus, &c, &error);
        g_test_message("%s %s: %s", verb, selector, error.message);
        g_assert_cmpstr(error.name, ==, expected);
}

#define ERROR(name) BUS_ERROR_PREFIX name

static void test_calls(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        FakeKernel *kernel = fixture->kernel;
        sd_bus *bus;

        g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
        expect(bus, "wlan9", "detach", ERROR("NoSuchDevice"));
        expect(bus, "group:99", "detach", ERROR("NoSuchGroup"));
        expect(bus, "00:02.0", "detach", ERROR("NotEndpoint"));
        expect(bus, "ens1", "detach", ERROR("GroupNeedsConsent"));
        expect(bus, "ens1", "reattach", ERROR("NotDetached"));
        expect(bus, "", "reattach", SD_BUS_ERROR_INVALID_ARGS);

        fake_kernel_do(kernel, "modprobe vfio-pci");
        fake_kernel_do(kernel, "fail 1 EIO");
        expect(bus, "ens3", "detach", ERROR("RolledBack"));
        expect(bus, "ens3", "detach", NULL);
        expect(bus, "ens3", "detach", ERROR("AlreadyDetached"));
        fake_kernel_do(kernel, "hold 12");
        expect(bus, "ens3", "reattach", ERROR("Held"));
        fake_kernel_do(kernel, "release 12");
        fake_kernel_do(kernel, "stall 1");
        expect(bus, "ens3", "reattach", ERROR("Stuck"));
        fake_kernel_do(kernel, "resume");

        g_assert_cmpint(fake_kernel_write(kernel, "vfio-pci", OVERRIDE, PORT1), ==, 0);
        g_assert_cmpint(fake_kernel_write(kernel, PORT1, "sys/bus/pci/drivers/e1000/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(kernel, PORT1, "sys/bus/pci/drivers_probe"), ==, 0);
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "State", "'foreign'");
        expect(bus, PORT1, "reattach", ERROR("Foreign"));
        fake_kernel_do(kernel, "blacklist nvme");
        expect(bus, "nvme0n1", "detach", NULL);
        fake_kernel_do(kernel, "unplug 10000:01:00.0");
        fake_kernel_do(kernel, "rmmod nvme");
        expect(bus, "nvme0n1", "reattach", ERROR("DriverUnavailable"));
        sd_bus_flush_close_unref(bus);
        fixture_stop(fixture);
}

/* Each outcome has its own name, which is an error. */
static void test_complete(void) {
        for (Outcome outcome = OUTCOME_DONE + 1; outcome < _OUTCOME_MAX; outcome++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                g_autofree char *name = g_strconcat(BUS_ERROR_PREFIX, outcome_to_string(outcome), NULL);
                Problem problem = {.outcome = outcome, .message = (char *)"Why."};

                g_assert_cmpint(bus_set_error(&error, (int)outcome, &problem), <, 0);
                g_assert_cmpstr(error.message, ==, "Why.");
                g_assert_cmpstr(error.name, ==, outcome == OUTCOME_INVALID_SELECTOR ? SD_BUS_ERROR_INVALID_ARGS : name);
        }
}

/* A negative errno has the name that sd-bus gives it. */
static void test_errno(void) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Problem problem = {};

        g_assert_cmpint(bus_set_error(&error, -ENOSPC, &problem), ==, -ENOSPC);
        g_assert_cmpstr(error.name, ==, "System.Error.ENOSPC");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/errors/calls", test_calls);
        g_test_add_func("/bus/errors/complete", test_complete);
        g_test_add_func("/bus/errors/errno", test_errno);
        return g_test_run();
}
