/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "matrix-case.h"
#include "contract.h"
#include "rule-files.h"

#include <string.h>
#include <unistd.h>

#define PF "0000:07:00.0"
#define PF_PATH BUS_PATH "/devices/_30000_3a07_3a00_2e0"
/* The boot display: a rule for it is refused, so it changes nothing. */
#define DISPLAY "0000:00:01.0"
#define DISPLAY_PATH BUS_PATH "/devices/_30000_3a00_3a01_2e0"

/* A rule for a card that does not exist. */
#define RULE "absent"
#define RULE_PATH BUS_PATH "/rules/absent"
#define RULE_TEXT "[Match]\nVendor=ffff\nDevice=000%c\n"
/* The rule that AddRule writes. */
#define NEW_RULE "0000-00-01.0"
#define NAMED_RULE "named"

#define STALE "'plan': <'1234567812345678'>"

/* How another program takes a device from its driver, and returns it. */
typedef struct Target {
        const char *address, *path, *driver;
} Target;

static const Target nic = {NIC, NIC_PATH, "e1000e"}, pf = {PF, PF_PATH, "igb"},
                    display = {DISPLAY, DISPLAY_PATH, "bochs-drm"};

/* StartDetach is Detach, too. */
static bool is_method(const MatrixCase *mcase, const char *name) {
        const char *method = mcase->method->name;

        return g_str_equal(g_str_has_prefix(method, "Start") ? method + strlen("Start") : method, name);
}

/* A call that returns before its job ends. */
static bool is_start(const MatrixCase *mcase) {
        return g_str_has_prefix(mcase->method->name, "Start");
}

static bool has_option(const MatrixCase *mcase, const char *option) {
        return g_strcmp0(mcase->option, option) == 0;
}

char *matrix_case_name(const MatrixCase *mcase) {
        return g_strdup_printf("%s.%s%s%s", strrchr(mcase->interface, '.') + 1, mcase->method->name,
                        mcase->option ? " " : "", mcase->option ?: "");
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

char **matrix_case_actions(const MatrixCase *mcase) {
        const char *own = contract_action(mcase->method);
        const char *of_option = mcase->option ? contract_option_action(mcase->method, mcase->option) : "none";
        g_autoptr(GPtrArray) actions = g_ptr_array_new_with_free_func(g_free);

        /* Everybody may try these two. */
        if (has_option(mcase, "dry-run") && (is_method(mcase, "Lease") || is_method(mcase, "SetVirtualFunctions"))) {
                g_ptr_array_add(actions, NULL);
                return (char **)g_ptr_array_steal(actions, NULL);
        }
        if (g_str_has_prefix(own, BUS_NAME "."))
                g_ptr_array_add(actions, g_strdup(own));
        if (g_str_has_prefix(of_option, BUS_NAME ".") && !g_str_equal(of_option, own))
                g_ptr_array_add(actions, g_strdup(of_option));
        /* This option is possible only with another one. */
        if (is_method(mcase, "SetVirtualFunctions") && has_option(mcase, "driver"))
                g_ptr_array_add(actions, g_strdup(contract_option_action(mcase->method, "detach")));
        g_ptr_array_sort(actions, compare_texts);
        g_ptr_array_add(actions, NULL);
        return (char **)g_ptr_array_steal(actions, NULL);
}

/* A method of the Rule object. */
static bool changes_rule(const MatrixCase *mcase) {
        return g_str_equal(mcase->interface, RULE_INTERFACE);
}

static const Target *target_of(const MatrixCase *mcase) {
        if (is_method(mcase, "AddRule"))
                return has_option(mcase, "virtual-functions") ? &pf : &display;
        return is_method(mcase, "SetVirtualFunctions") ? &pf : &nic;
}

const char *matrix_case_path(const MatrixCase *mcase) {
        if (mcase->path)
                return mcase->path;
        return g_str_equal(mcase->interface, GROUP)             ? GROUP12
                        : g_str_equal(mcase->interface, JOB)    ? JOB1
                        : g_str_equal(mcase->interface, LEASE)  ? LEASE1
                        : g_str_equal(mcase->interface, DEVICE) ? target_of(mcase)->path
                        : changes_rule(mcase)                   ? RULE_PATH
                                                                : BUS_PATH;
}

/* Plan has options of both verbs. */
static bool is_reattach(const MatrixCase *mcase) {
        return is_method(mcase, "Reattach") ||
                        (is_method(mcase, "Plan") && (has_option(mcase, "force") || has_option(mcase, "adopt")));
}

/* Whether the call needs the network card detached. */
static bool needs_detached(const MatrixCase *mcase) {
        return is_reattach(mcase) || is_method(mcase, "Reset");
}

/* Lease, and Detach, Reattach and Reset with an option, have a fingerprint that is out of date, too. So they write nothing. */
static bool is_stale(const MatrixCase *mcase) {
        return (is_method(mcase, "Lease") && !has_option(mcase, "dry-run")) ||
                        ((mcase->option || is_start(mcase)) &&
                                        (is_method(mcase, "Detach") || is_method(mcase, "Reattach") ||
                                                        is_method(mcase, "Reset")));
}

const char *matrix_case_end(const MatrixCase *mcase) {
        if (is_method(mcase, "Confirm"))
                return "*.NoRevert: *";
        if (has_option(mcase, "version-id"))
                return "*.RuleChanged: *";
        return is_stale(mcase) && !is_start(mcase) ? "*.PlanStale: *have changed since the plan for * was made*" : NULL;
}

static char *options_text(const MatrixCase *mcase) {
        static const struct {
                const char *option, *text;
        } texts[] = {
                        {"companions", "'companions': <['*']>"},
                        {"override", "'override': <['storage']>"},
                        {"driver", "'driver': <'vfio-pci'>"},
                        {"plan", STALE},
                        {"force", "'force': <true>"},
                        {"adopt", "'adopt': <true>"},
                        {"detach", "'detach': <true>"},
                        {"driverless", "'driverless': <true>"},
                        {"name", "'name': <'" NAMED_RULE "'>"},
                        {"virtual-functions", "'virtual-functions': <uint32 1>, 'dry-run': <true>"},
                        {"dry-run", "'dry-run': <true>"},
                        {"inspect", "'inspect': <true>"},
                        {"descriptors", "'descriptors': <true>"},
                        {"kill", "'kill': <true>"},
                        {"no-apply", "'no-apply': <true>"},
                        {"explain", "'explain': <true>"},
                        {"error-details", "'error-details': <false>"},
                        {"revert-after", "'revert-after': <uint64 60000000>"},
                        {"version-id", "'version-id': <uint64 1>"},
                        {"iommufd", "'iommufd': <false>"},
                        {"config-space", "'config-space': <{'0000:02:00.0': [byte 1]}>"},
        };

        if (has_option(mcase, "pid"))
                return g_strdup_printf("{'pid': <uint32 %d>, " STALE "}", (int)getpid());
        if (!mcase->option)
                return g_strdup(is_stale(mcase) ? "{" STALE "}" : NO_OPTIONS);
        if (is_method(mcase, "SetVirtualFunctions") && has_option(mcase, "driver"))
                return g_strdup("{'driver': <'vfio-pci'>, 'detach': <true>}");
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                if (g_str_equal(texts[i].option, mcase->option))
                        return g_strdup_printf("{%s%s}", texts[i].text,
                                        is_stale(mcase) && !has_option(mcase, "plan") ? ", " STALE : "");
        g_error("no value of the option %s is known here", mcase->option);
        return NULL;
}

static char *argument_text(const MatrixCase *mcase, const GDBusArgInfo *argument) {
        if (g_str_equal(argument->signature, "a{sv}"))
                return options_text(mcase);
        if (g_str_equal(argument->name, "verb"))
                return g_strdup(is_reattach(mcase) ? "'reattach'" : "'detach'");
        if (g_str_equal(argument->name, "format"))
                return g_strdup("'libvirt'");
        if (g_str_equal(argument->name, "text"))
                return g_strdup("'[Match]\\nVendor=ffff\\n'");
        if (g_str_equal(argument->name, "enabled"))
                return g_strdup("false");
        if (g_str_equal(argument->name, "changes"))
                return g_strdup("[('" RULE "', 'disable', @a{sv} {})]");
        if (g_str_equal(argument->name, "name"))
                return g_strdup("'" RULE "'");
        if (g_str_equal(argument->name, "count"))
                return g_strdup("uint32 0");
        g_assert_cmpstr(argument->name, ==, "selector");
        return g_strdup_printf("'%s'", target_of(mcase)->address);
}

char *matrix_case_arguments(const MatrixCase *mcase) {
        g_autoptr(GString) text = g_string_new("(");

        if (!mcase->method->in_args || !mcase->method->in_args[0])
                return NULL;
        for (unsigned i = 0; mcase->method->in_args[i]; i++) {
                g_autofree char *argument = argument_text(mcase, mcase->method->in_args[i]);
                g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", argument);
        }
        g_string_append(text, mcase->method->in_args[1] ? ")" : ",)");
        return g_strdup(text->str);
}

static char *driver_of(Fixture *fixture, const Target *target) {
        return fake_kernel_link(fixture->kernel, "sys/bus/pci/devices/%s/driver", target->address);
}

static void wait_driver(Fixture *fixture, const Target *target, const char *driver) {
        g_autofree char *text = g_strdup_printf("'%s'", driver);

        fixture_wait_property(fixture, target->path, DEVICE, "Driver", text);
}

static void give_back(Fixture *fixture, const Target *target) {
        g_autofree char *driver = driver_of(fixture, target);
        g_autofree char *bind = g_strdup_printf("sys/bus/pci/drivers/%s/bind", target->driver);

        if (driver)
                return;
        fixture_write(fixture, target->address, bind);
        wait_driver(fixture, target, target->driver);
}

/* Returns the network card to the host, or detaches it. */
static void move_nic(Fixture *fixture, bool detached) {
        g_autofree char *state = fixture_get(fixture, NIC_PATH, DEVICE, "State");
        g_autofree char *origin = fixture_get(fixture, NIC_PATH, DEVICE, "OriginalDriver");
        bool is_ours = !g_str_equal(origin, "''");
        g_autoptr(GError) error = NULL;

        if (detached ? g_str_equal(state, "'detached'") : g_str_equal(state, "'host'"))
                return;
        if (is_ours) {
                g_variant_unref(fixture_call(
                                fixture, BUS_PATH, MANAGER, "Reattach", "('" NIC "', " NO_OPTIONS ")", &error));
                g_assert_no_error(error);
        } else
                give_back(fixture, &nic);
        if (!detached)
                return;
        g_variant_unref(fixture_call(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " NO_OPTIONS ")", &error));
        g_assert_no_error(error);
}

static void rescan(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
}

/* The rule that RemoveRule removes. which: the version. */
static void put_rule(Fixture *fixture, char which) {
        g_autofree char *wanted = g_strdup_printf(RULE_TEXT, which);
        g_autofree char *now = rule_file_read(fixture, RULES_OWN, RULE);

        if (g_strcmp0(now, wanted) == 0)
                return;
        rule_file_put(fixture, RULES_OWN, RULE, wanted);
        rescan(fixture);
}

static void remove_rule(Fixture *fixture, const char *name) {
        g_autofree char *text = rule_file_read(fixture, RULES_OWN, name);

        if (!text)
                return;
        rule_file_remove(fixture, RULES_OWN, name);
        rescan(fixture);
}

/* A job of the former cell may still run. */
static void await_job(Fixture *fixture) {
        while (fixture_has_job(fixture))
                g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved (*/jobs/*"));
}

void matrix_case_prepare(Fixture *fixture, const MatrixCase *mcase) {
        if (is_start(mcase))
                await_job(fixture);
        move_nic(fixture, needs_detached(mcase));
        give_back(fixture, &pf);
        give_back(fixture, &display);
        remove_rule(fixture, NEW_RULE);
        remove_rule(fixture, NAMED_RULE);
        put_rule(fixture, '1');
}

bool matrix_case_can_change(const MatrixCase *mcase) {
        return !is_method(mcase, "Rescan");
}

void matrix_case_change(Fixture *fixture, const MatrixCase *mcase) {
        const Target *target = target_of(mcase);

        if (changes_rule(mcase) || is_method(mcase, "RemoveRule") || is_method(mcase, "ChangeRules")) {
                put_rule(fixture, '2');
                return;
        }
        g_autofree char *driver = driver_of(fixture, target);
        g_autofree char *unbind = g_strdup_printf("sys/bus/pci/drivers/%s/unbind", driver);
        fixture_write(fixture, target->address, unbind);
        wait_driver(fixture, target, "");
}
