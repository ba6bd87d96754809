/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include "bus/errors.h"

/* The errno that an sd-bus client gets for each error, with the daemon's map. */

typedef struct Case {
        const char *selector;
        bool reattach, all;
        int expected;
} Case;

static int change(sd_bus *bus, const Case *c) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        g_assert_cmpint(sd_bus_message_new_method_call(
                                        bus, &call, BUS_NAME, BUS_PATH, MANAGER, c->reattach ? "Reattach" : "Detach"),
                        >=, 0);
        if (c->all)
                g_assert_cmpint(sd_bus_message_append(call, "sa{sv}", c->selector, 1, "companions", "as", 1, "*"), >=,
                                0);
        else
                g_assert_cmpint(sd_bus_message_append(call, "sa{sv}", c->selector, 0), >=, 0);
        int r = sd_bus_call(bus, call, DEADLINE_MS * UINT64_C(1000), &error, NULL);
        if (r < 0)
                g_assert_cmpint(sd_bus_error_get_errno(&error), ==, -r);
        return r < 0 ? r : 0;
}

static void expect(sd_bus *bus, const char *selector, const char *verb, int expected) {
        const Case c = {
                        .selector = selector,
                        .reattach = g_str_equal(verb, "reattach"),
                        .all = g_str_equal(verb, "detach-all"),
        };
        int r = change(bus, &c);

        if (r != expected)
                g_error("%s %s: %s instead of %s", verb, selector, g_strerror(-r), g_strerror(-expected));
}

static void test_errno(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 2000});
        FakeKernel *kernel = fixture->kernel;
        sd_bus *bus;

        g_assert_cmpint(errors_register(), ==, 0);
        g_assert_cmpint(sd_bus_open_system(&bus), >=, 0);
        expect(bus, "wlan9", "detach", -ENODEV);
        expect(bus, "group:99", "detach", -ENXIO);
        expect(bus, "00:02.0", "detach", -EOPNOTSUPP);
        expect(bus, "ens1", "detach", -EXDEV);
        expect(bus, "ens1", "reattach", -ENOTCONN);
        expect(bus, "", "reattach", -EINVAL);

        fake_kernel_do(kernel, "modprobe vfio-pci");
        fake_kernel_do(kernel, "fail 1 EIO");
        expect(bus, "ens3", "detach", -ECANCELED);
        expect(bus, "ens3", "detach", 0);
        expect(bus, "ens3", "detach", -EALREADY);
        fake_kernel_do(kernel, "hold 12");
        expect(bus, "ens3", "reattach", -EBUSY);
        fake_kernel_do(kernel, "release 12");
        fake_kernel_do(kernel, "stall 1");
        expect(bus, "ens3", "reattach", -ETIMEDOUT);
        fake_kernel_do(kernel, "resume");

        g_assert_cmpint(fake_kernel_write(kernel, "vfio-pci", OVERRIDE, PORT1), ==, 0);
        g_assert_cmpint(fake_kernel_write(kernel, PORT1, "sys/bus/pci/drivers/e1000/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(kernel, PORT1, "sys/bus/pci/drivers_probe"), ==, 0);
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "State", "'foreign'");
        expect(bus, PORT1, "reattach", -EADDRINUSE);
        fake_kernel_do(kernel, "blacklist nvme");
        expect(bus, "nvme0n1", "detach", 0);
        fake_kernel_do(kernel, "unplug 10000:01:00.0");
        fake_kernel_do(kernel, "rmmod nvme");
        expect(bus, "nvme0n1", "reattach", -ENOPKG);
        sd_bus_flush_close_unref(bus);
        fixture_stop(fixture);
}

/* Every error of the table has an errno. */
static void test_complete(void) {
        g_assert_cmpint(errors_register(), ==, 0);
        for (Outcome outcome = OUTCOME_DONE + 1; outcome < _OUTCOME_MAX; outcome++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                Problem problem = {.outcome = outcome, .message = (char *)"Why."};
                int r = errors_set(&error, 0, &problem);

                g_assert_cmpint(r, <, 0);
                g_assert_cmpint(sd_bus_error_get_errno(&error), ==, -r);
                g_assert_cmpint(-r, !=, ENOENT); /* sd-bus returns EIO or ENOENT for an unknown error */
                g_assert_cmpstr(error.message, ==, "Why.");
                if (outcome != OUTCOME_FAILED && outcome != OUTCOME_DRIVER_DID_NOT_BIND)
                        g_assert_cmpint(-r, !=, EIO);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/errno/calls", test_errno);
        g_test_add_func("/bus/errno/complete", test_complete);
        return g_test_run();
}
