/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planned.h"

/* Plans: their contents, that planning changes nothing, and that the execution follows the plan. */

/* Each step with its device and its reason, in order. */
static void test_steps(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(Planned) detach = plan_make(fixture, DETACH_CARD);

        g_assert_true(detach.would_go);
        g_assert_cmpstr(detach.findings, ==, "[]");
        g_assert_cmpstr(detach.steps, ==,
                        "[('claim-disks', '0000:03:02.0', 'if it has disks, no program may start to use them', {}), "
                        "('load-driver', '0000:03:02.0', 'the kernel needs the driver vfio-pci', {}), "
                        "('record', '0000:03:02.0', 'vfiod saves how the device was bound', {}), "
                        "('record', '0000:03:01.0', 'vfiod saves how the device was bound', {}), "
                        "('override', '0000:03:02.0', 'only this driver may bind: vfio-pci', {}), "
                        "('override', '0000:03:01.0', 'only this driver may bind: vfio-pci', {}), "
                        "('unbind', '0000:03:02.0', 'it leaves its driver e1000', {}), "
                        "('unbind', '0000:03:01.0', 'it leaves its driver e1000', {}), "
                        "('probe', '0000:03:02.0', 'it gets vfio-pci', {}), "
                        "('probe', '0000:03:01.0', 'it gets vfio-pci', {}), "
                        "('wait-node', '0000:03:02.0', 'a virtual machine can use group 10', {})]");

        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        g_auto(Planned) reattach = plan_make(fixture, PLAN_OF("ens1", "reattach", NO_OPTIONS));
        g_assert_true(reattach.would_go);
        g_assert_cmpstr(reattach.findings, ==, "[]");
        g_assert_cmpstr(reattach.steps, ==,
                        "[('lock-node', '0000:03:01.0', 'no virtual machine may hold a device that leaves vfio-pci', "
                        "{}), "
                        "('load-driver', '0000:03:01.0', 'the kernel needs the driver e1000', {}), "
                        "('load-driver', '0000:03:02.0', 'the kernel needs the driver e1000', {}), "
                        "('override', '0000:03:01.0', 'only this driver may bind: e1000', {}), "
                        "('override', '0000:03:02.0', 'only this driver may bind: e1000', {}), "
                        "('unbind', '0000:03:01.0', 'it leaves its driver vfio-pci', {}), "
                        "('unbind', '0000:03:02.0', 'it leaves its driver vfio-pci', {}), "
                        "('probe', '0000:03:01.0', 'it gets e1000', {}), "
                        "('probe', '0000:03:02.0', 'it gets e1000', {}), "
                        "('set-power', '0000:03:01.0', 'power/control and d3cold_allowed are set as they were', {}), "
                        "('set-power', '0000:03:02.0', 'power/control and d3cold_allowed are set as they were', {}), "
                        "('forget', '0000:03:01.0', 'vfiod deletes what it saved about the device', {}), "
                        "('forget', '0000:03:02.0', 'vfiod deletes what it saved about the device', {})]");
        /* with force, the job does not check whether a process holds the node */
        g_auto(Planned) forced = plan_make(fixture, PLAN_OF("ens1", "reattach", "{'force': <true>}"));
        g_assert_null(strstr(forced.steps, "lock-node"));
        fixture_stop(fixture);
}

/* Nothing is written, neither to the kernel nor to the state folder; there is no job; everything is as before. */
static void test_writes_nothing(void) {
        static const char *const selectors[] = {"ens1", "nvme0n1", "group:13", "0000:07:00.0", "group:9"};
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
        unsigned n_files = count_state_files(fixture);
        fake_kernel_do(fixture->kernel, "reset-writes");
        g_ptr_array_set_size(fixture->signals, 0);

        for (unsigned i = 0; i < G_N_ELEMENTS(selectors); i++) {
                g_autofree char *arguments = g_strdup_printf("('%s', 'detach', " ALL ")", selectors[i]);
                g_auto(Planned) planned = plan_make(fixture, arguments);

                g_assert_cmpstr(planned.steps, !=, "[]");
        }
        g_auto(Planned) G_GNUC_UNUSED reattach = plan_make(fixture, PLAN_OF("ens3", "reattach", "{'force': <true>}"));

        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        g_assert_cmpuint(count_state_files(fixture), ==, n_files);
        g_assert_cmpstr(after, ==, before);
        fixture_expect_no_job(fixture);
        g_assert_cmpuint(fixture->signals->len, ==, 0);
        /* the module was not loaded either */
        fixture_driver(fixture, PORT1, "e1000");
        fixture_stop(fixture);

        fixture = fixture_start(NULL);
        g_auto(Planned) G_GNUC_UNUSED first = plan_make(fixture, DETACH_NIC);
        g_assert_false(fake_kernel_exists(fixture->kernel, "sys/module/vfio_pci"));
        g_assert_cmpuint(count_state_files(fixture), ==, 0);
        fixture_stop(fixture);
}

static void test_findings(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        g_auto(Planned) refused = plan_make(fixture, PLAN_OF("nvme0n1", "detach", NO_OPTIONS));
        g_assert_false(refused.would_go);
        g_assert_true(g_pattern_match_simple(
                        "[('storage', '0000:04:00.0', 'nvme0n1 is open exclusively*', false, {})]", refused.findings));
        g_auto(Planned) overridden = plan_make(fixture, PLAN_OF("nvme0n1", "detach", "{'override': <['storage']>}"));
        g_assert_true(overridden.would_go);
        g_assert_true(g_str_has_suffix(overridden.findings, ", true, {})]"));
        g_assert_cmpstr(overridden.steps, ==, refused.steps);
        g_assert_cmpstr(overridden.fingerprint, ==, refused.fingerprint);

        /* The execution has the same result as the plan. */
        manager_refused(fixture, "Detach", "nvme0n1", NO_OPTIONS, "InUseStorage", "*nvme0n1 is open exclusively*");
        manager_refused(fixture, "Detach", "nvme0n1", "{'override': <['network']>}", "InUseStorage",
                        "*nvme0n1 is open exclusively*--override=storage,network");
        g_autofree char *options =
                        g_strdup_printf("{'override': <['storage']>, 'plan': <'%s'>}", overridden.fingerprint);
        manager_expect(fixture, "Detach", "nvme0n1", options, "([('0000:04:00.0', 'nvme', 'vfio-pci', {})],)");

        g_auto(Planned) display = plan_make(fixture, PLAN_OF("0000:00:01.0", "detach", "{'override': <['storage']>}"));
        g_assert_false(display.would_go);
        g_assert_true(g_pattern_match_simple("[('display', '0000:00:01.0', *, false, {})]", display.findings));
        manager_refused(fixture, "Detach", "0000:00:01.0", NO_OPTIONS, "InUseDisplay", "*0000:00:01.0*");
        fixture_stop(fixture);
}

#define OVERRIDDEN "{'override': <['console']>}"

/* The keyboard and a serial console of the host. */
static void test_console(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "driver xhci_hcd module=xhci_pci ids=1b36:000d");
        fake_kernel_do(fixture->kernel, "driver serial module=8250_pci ids=1b36:0002");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:00:14.0 vendor=1b36 device=000d class=0c0330 group=30 keyboard=input5");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:00:15.0 vendor=1b36 device=0002 class=070002 group=31 console=ttyS4");
        fixture_wait_property(fixture, "/org/vfiod1/devices/_30000_3a00_3a15_2e0", DEVICE, "Driver", "'serial'");
        g_auto(Planned) keyboard = plan_make(fixture, PLAN_OF("0000:00:14.0", "detach", NO_OPTIONS));
        g_assert_false(keyboard.would_go);
        g_assert_cmpstr(keyboard.findings, ==,
                        "[('console', '0000:00:14.0', 'the host has no other keyboard than input5 (Fake Keyboard)', "
                        "false, "
                        "{})]");
        g_auto(Planned) serial = plan_make(fixture, PLAN_OF("0000:00:15.0", "detach", OVERRIDDEN));
        g_assert_true(serial.would_go);
        g_assert_cmpstr(serial.findings, ==,
                        "[('console', '0000:00:15.0', 'ttyS4 is a console of the kernel', true, {})]");
        manager_refused(fixture, "Detach", "0000:00:14.0", NO_OPTIONS, "InUseConsole",
                        "*no other keyboard*--override=console*");
        manager_refused(fixture, "Detach", "0000:00:15.0", "{'override': <['display']>}", "InUseConsole",
                        "*ttyS4 is a console*--override=display,console*");
        manager_expect(fixture, "Detach", "0000:00:14.0", OVERRIDDEN,
                        "([('0000:00:14.0', 'xhci_hcd', 'vfio-pci', {})],)");

        /* With a second keyboard, the first one may go. */
        manager_expect(fixture, "Reattach", "0000:00:14.0", NO_OPTIONS,
                        "([('0000:00:14.0', 'vfio-pci', 'xhci_hcd', {})],)");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:00:16.0 vendor=1b36 device=000d class=0c0330 group=32 keyboard=input6");
        fixture_wait_property(fixture, "/org/vfiod1/devices/_30000_3a00_3a16_2e0", DEVICE, "Driver", "'xhci_hcd'");
        manager_expect(fixture, "Detach", "0000:00:14.0", NO_OPTIONS,
                        "([('0000:00:14.0', 'xhci_hcd', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

/* A plan is refused only if there is nothing to plan. */
static void test_refusals(void) {
        static const struct {
                const char *selector, *verb, *options, *error;
        } cases[] = {
                        {"ens9", "detach", NO_OPTIONS, "NoSuchDevice"},
                        {"group:99", "detach", NO_OPTIONS, "NoSuchGroup"},
                        {BRIDGE, "detach", NO_OPTIONS, "NotEndpoint"},
                        {"ens1", "borrow", NO_OPTIONS, INVALID_ARGS},
                        {"ens1", "", NO_OPTIONS, INVALID_ARGS},
                        {"", "reattach", NO_OPTIONS, INVALID_ARGS},
                        {"", "detach", "{'companions': <['*']>}", INVALID_ARGS},
                        {"", "detach", "{'driver': <'vfio-pci'>}", INVALID_ARGS},
                        {"ens1", "detach", "{'force': <true>}", INVALID_ARGS},
                        {"ens1", "detach", "{'override': <['everything']>}", INVALID_ARGS},
                        {"ens1", "detach", "{'override': <'storage'>}", INVALID_ARGS},
                        {"ens3", "reattach", "{'companions': <['*']>}", INVALID_ARGS},
                        {"ens3", "reattach", "{'override': <['storage']>}", INVALID_ARGS},
                        {"ens3", "reattach", "{'force': <'yes'>}", INVALID_ARGS},
        };
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *arguments =
                                g_strdup_printf("('%s', '%s', %s)", cases[i].selector, cases[i].verb, cases[i].options);

                fixture_refused(fixture, BUS_PATH, MANAGER, "Plan", arguments, cases[i].error, "*");
        }
        fixture_stop(fixture);
}

#define ERROR_FACT(name) "'Error': <'org.vfiod1.Error." name "'>"

/* The user has not agreed to detach the companion: the steps are those with consent. */
static void test_consent(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(Planned) lacking = plan_make(fixture, PLAN_OF("ens1", "detach", NO_OPTIONS));
        g_auto(Planned) agreed = plan_make(fixture, DETACH_CARD);

        g_assert_false(lacking.would_go);
        g_assert_cmpstr(lacking.findings, ==,
                        "[('consent', '0000:03:02.0', '0000:03:02.0 (e1000, ens2) is in IOMMU group 10, too, and a "
                        "virtual "
                        "machine can use only the whole group', false, {})]");
        planned_expect_details(&lacking, 0,
                        "{" ERROR_FACT("GroupNeedsConsent") ", 'Group': <10>, 'Options': <['companions']>, "
                                                            "'Companions': "
                                                            "<['0000:03:02.0']>, 'Cure': <'vfioctl detach 0000:03:01.0 "
                                                            "--group'>}");
        g_assert_cmpstr(lacking.steps, ==, agreed.steps);
        g_assert_cmpstr(lacking.fingerprint, ==, agreed.fingerprint);
        manager_refused(fixture, "Detach", "ens1", NO_OPTIONS, "GroupNeedsConsent", "*0000:03:02.0*");

        /* A guard's finding comes after it. */
        fake_kernel_do(fixture->kernel, "use nvme0n1");
        g_auto(Planned) used = plan_make(fixture, PLAN_OF("nvme0n1", "detach", NO_OPTIONS));
        planned_expect_details(&used, 0, "{" ERROR_FACT("InUseStorage") ", 'Group': <11>, 'Options': <['override']>}");
        fixture_stop(fixture);
}

/* What makes the method fail is a finding of the plan. */
static void test_obstacles(void) {
        static const struct {
                const char *selector, *verb, *finding, *details;
        } cases[] = {
                        {"ens1", "reattach", "('not-detached', '0000:03:01.0', *on the host's driver e1000.*",
                                        "{" ERROR_FACT("NotDetached") ", 'Group': <10>}"},
                        {"ens3", "detach", "('already-detached', '0000:05:00.0', *",
                                        "{" ERROR_FACT("AlreadyDetached") ", 'Group': <12>}"},
                        {"group:12", "detach", "('already-detached', '0000:05:00.0', *",
                                        "{" ERROR_FACT("AlreadyDetached") ", 'Group': <12>}"},
                        {"0000:07:00.0", "detach", "('foreign', '0000:07:00.0', *",
                                        "{" ERROR_FACT("Foreign") ", 'Group': <14>, 'Cure': <'vfioctl reattach "
                                                                  "0000:07:00.0 --adopt'>}"},
                        {"0000:07:00.0", "reattach", "('foreign', '0000:07:00.0', *",
                                        "{" ERROR_FACT("Foreign") ", 'Group': <14>, 'Options': <['adopt']>, 'Cure': "
                                                                  "<'vfioctl reattach 0000:07:00.0 --adopt'>}"},
        };
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/0000:07:00.0/driver_override");
        fixture_write(fixture, "0000:07:00.0", "sys/bus/pci/drivers/igb/unbind");
        fixture_write(fixture, "0000:07:00.0", "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "State", "'foreign'");
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *arguments =
                                g_strdup_printf("('%s', '%s', @a{sv} {})", cases[i].selector, cases[i].verb);
                g_autofree char *pattern = g_strdup_printf("[%sfalse, {})]", cases[i].finding);
                g_auto(Planned) planned = plan_make(fixture, arguments);

                g_assert_false(planned.would_go);
                g_assert_cmpstr(planned.steps, ==, "[]");
                g_assert_cmpstr(planned.fingerprint, ==, "");
                if (!g_pattern_match_simple(pattern, planned.findings))
                        g_error("%s: %s", arguments, planned.findings);
                planned_expect_details(&planned, 0, cases[i].details);
        }
        fixture_stop(fixture);
}

/* The bridge of the group does DMA for the host, and nobody agreed to a companion: both are told, and the steps. */
static void test_not_viable(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "driver shpchp ids=1b36:000e");
        fixture_write(fixture, BRIDGE, "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a02_3a00_2e0", DEVICE, "Driver", "'shpchp'");
        g_auto(Planned) planned = plan_make(fixture, PLAN_OF("ens1", "detach", NO_OPTIONS));
        g_assert_false(planned.would_go);
        g_assert_true(g_pattern_match_simple(
                        "[('consent', '0000:03:02.0', *), ('not-viable', '0000:02:00.0', '*shpchp*', "
                        "false, {})]",
                        planned.findings));
        planned_expect_details(&planned, 1, "{" ERROR_FACT("NotViable") ", 'Group': <10>}");
        g_assert_nonnull(strstr(planned.steps, "('probe', '0000:03:01.0', "));
        manager_refused(fixture, "Detach", "ens1", ALL, "NotViable", "*shpchp*");
        fixture_stop(fixture);
}

/* There is no plan for a group that a job is changing; there are plans for other groups. */
static void test_busy_group(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        Pending *pending = fixture_detach_stalled(fixture, 2);

        g_auto(Planned) busy = plan_make(fixture, DETACH_NIC);
        g_assert_true(g_pattern_match_simple(
                        "[('busy', '0000:05:00.0', 'Another job is changing 0000:05:00.0*', false, {})]",
                        busy.findings));
        planned_expect_details(&busy, 0,
                        "{" ERROR_FACT("Busy") ", 'Group': <12>, 'Cure': <'Try again when the job is done'>}");
        plan_expect_obstacle(fixture, PLAN_OF("group:12", "reattach", NO_OPTIONS), "busy");
        g_auto(Planned) G_GNUC_UNUSED other = plan_make(fixture, DETACH_CARD);
        pending_refused(pending, "Stuck", "*");
        plan_expect_obstacle(fixture, DETACH_NIC, "stuck");
        g_auto(Planned) G_GNUC_UNUSED again = plan_make(fixture, DETACH_CARD);
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        g_auto(Planned) G_GNUC_UNUSED reattach = plan_make(fixture, PLAN_OF("ens3", "reattach", NO_OPTIONS));
        fixture_stop(fixture);
}

/* Calls until another plan is permitted. */
static void await_plan(Fixture *fixture, const char *arguments) {
        gint64 end = g_get_monotonic_time() + DEADLINE_MS * 1000LL;

        for (;;) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "Plan", arguments, &error);

                if (reply)
                        return;
                error_expect(error, "SurveyTimedOut", "*");
                g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
}

#define PLANS_MAX 16

/* An unbind by another program waits in the kernel for a device in use. The daemon cannot know this: plans for this
 * device wait too. They get replies, and they block nothing else. */
static void test_waits(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        const char *root = fake_kernel_get_root(fixture->kernel);
        g_autofree char *script = g_strdup_printf("echo " NIC " >%s/sys/bus/pci/drivers/vfio-pci/unbind", root);
        const char *const argv[] = {"sh", "-c", script, NULL};

        fixture_detach_nic_by_hand(fixture);
        fake_kernel_do(fixture->kernel, "claim 12");
        Process *tool = process_start(argv, NULL);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        /* the driver link is removed; the daemon notices it at the next event */
        fixture_write(fixture, "change", "sys/bus/pci/devices/" NIC "/uevent");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'driverless'");

        fixture_refused(fixture, BUS_PATH, MANAGER, "Plan", PLAN_OF(NIC, "detach", NO_OPTIONS), "SurveyTimedOut",
                        "*Nothing was changed*");
        /* A device that is known to hang is not read again, so there is room for other plans. */
        for (unsigned i = 0; i < PLANS_MAX; i++)
                fixture_refused(fixture, BUS_PATH, MANAGER, "Plan", PLAN_OF(NIC, "detach", NO_OPTIONS),
                                "SurveyTimedOut", "*An earlier plan for group*still waits for the kernel*");
        await_plan(fixture, DETACH_CARD);
        fixture_expect_no_job(fixture);
        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'driverless'");

        fake_kernel_do(fixture->kernel, "release 12");
        g_assert_cmpint(process_finish(tool), ==, 0);
        await_plan(fixture, PLAN_OF(NIC, "detach", NO_OPTIONS));
        fixture_stop(fixture);
}

/* The write of a step, as the fake kernel logs it; NULL if it writes nothing. */
static char *write_of_step(const char *action, const char *address, bool is_detach) {
        if (g_str_equal(action, "override"))
                return g_strdup_printf(
                                "sys/bus/pci/devices/%s/driver_override=%s", address, is_detach ? "vfio-pci" : "e1000");
        if (g_str_equal(action, "unbind"))
                return g_strdup_printf("sys/bus/pci/drivers/%s/unbind=%s", is_detach ? "e1000" : "vfio-pci", address);
        if (g_str_equal(action, "probe"))
                return g_strdup_printf("sys/bus/pci/drivers_probe=%s", address);
        return NULL;
}

/* The writes of a plan's steps, one line each. After its probe, a device that is reattached has its own
 * driver_override again: none. */
static char *planned_writes(const Planned *planned, bool is_detach) {
        g_autoptr(GString) text = g_string_new(NULL);
        const char *action, *address;
        GVariantIter iterator;

        g_variant_iter_init(&iterator, planned->step_list);
        while (g_variant_iter_next(&iterator, "(&s&s&s@a{sv})", &action, &address, NULL, NULL)) {
                g_autofree char *write = write_of_step(action, address, is_detach);

                if (write)
                        g_string_append_printf(text, "%s\n", write);
                if (!is_detach && g_str_equal(action, "probe"))
                        g_string_append_printf(text, "sys/bus/pci/devices/%s/driver_override=\n", address);
        }
        return g_strdup(text->str);
}

static char *actual_writes(Fixture *fixture) {
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_autofree char *joined = g_strjoinv("\n", writes);

        return g_strconcat(joined, "\n", NULL);
}

/* The steps that the job's signals report, in the form of the plan: the first step comes with InterfacesAdded. */
static char *signalled_steps(Fixture *fixture) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *last = g_strdup("");

        for (unsigned i = 0; i < fixture->signals->len; i++) {
                const char *signal = fixture->signals->pdata[i];
                g_autoptr(GRegex) regex = g_regex_new(
                                "'Step': <(?:uint32 )?([0-9]+)>.*'Action': <'([a-z-]+)'>.*'Address': <'([0-9a-f:.]+)'>",
                                0, 0, NULL);
                g_autoptr(GMatchInfo) match = NULL;

                if (!strstr(signal, JOB) || !g_regex_match(regex, signal, 0, &match))
                        continue;
                g_autofree char *number = g_match_info_fetch(match, 1), *action = g_match_info_fetch(match, 2),
                                *address = g_match_info_fetch(match, 3);
                if (g_str_equal(number, last))
                        continue;
                g_string_append_printf(text, "%s %s %s\n", number, action, address);
                g_free(last);
                last = g_steal_pointer(&number);
        }
        return g_strdup(text->str);
}

static char *planned_steps(const Planned *planned) {
        g_autoptr(GString) text = g_string_new(NULL);
        const char *action, *address;
        GVariantIter iterator;
        unsigned n = 0;

        g_variant_iter_init(&iterator, planned->step_list);
        while (g_variant_iter_next(&iterator, "(&s&s&s@a{sv})", &action, &address, NULL, NULL))
                g_string_append_printf(text, "%u %s %s\n", ++n, action, address);
        return g_strdup(text->str);
}

static void check_executed(Fixture *fixture, const char *method, const char *options, const Planned *planned) {
        bool is_detach = g_str_equal(method, "Detach");
        g_autofree char *expected_writes = planned_writes(planned, is_detach), *expected_steps = planned_steps(planned);
        g_autofree char *arguments = g_strdup_printf("('ens1', %s)", options);
        g_autoptr(GError) error = NULL;

        fake_kernel_do(fixture->kernel, "reset-writes");
        g_ptr_array_set_size(fixture->signals, 0);
        g_autoptr(GVariant) G_GNUC_UNUSED reply = fixture_call(fixture, BUS_PATH, MANAGER, method, arguments, &error);
        g_assert_no_error(error);
        g_autofree char *writes = actual_writes(fixture);
        g_assert_cmpstr(writes, ==, expected_writes);

        /* The job's signals came before the reply. */
        fixture_property(fixture, BUS_PATH, MANAGER, "Version", "'" VFIOD_VERSION "'");
        while (g_main_context_iteration(NULL, false))
                ;
        g_autofree char *steps = signalled_steps(fixture);
        g_assert_cmpstr(steps, ==, expected_steps);
}

/* The job executes exactly the steps of the plan, and the kernel gets exactly their writes, in this order. */
static void test_executed(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(Planned) detach = plan_make(fixture, DETACH_CARD);
        g_autofree char *options = g_strdup_printf("{'companions': <['*']>, 'plan': <'%s'>}", detach.fingerprint);

        check_executed(fixture, "Detach", options, &detach);
        g_auto(Planned) reattach = plan_make(fixture, PLAN_OF("ens1", "reattach", NO_OPTIONS));
        g_autofree char *reattach_options = g_strdup_printf("{'plan': <'%s'>}", reattach.fingerprint);
        check_executed(fixture, "Reattach", reattach_options, &reattach);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/plan/steps", test_steps);
        g_test_add_func("/bus/plan/writes-nothing", test_writes_nothing);
        g_test_add_func("/bus/plan/findings", test_findings);
        g_test_add_func("/bus/plan/console", test_console);
        g_test_add_func("/bus/plan/refusals", test_refusals);
        g_test_add_func("/bus/plan/consent", test_consent);
        g_test_add_func("/bus/plan/obstacles", test_obstacles);
        g_test_add_func("/bus/plan/not-viable", test_not_viable);
        g_test_add_func("/bus/plan/busy-group", test_busy_group);
        g_test_add_func("/bus/plan/waits", test_waits);
        g_test_add_func("/bus/plan/executed", test_executed);
        return g_test_run();
}
