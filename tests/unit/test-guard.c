/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "policy/guard.h"

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define ALL ((1U << _GUARD_MAX) - 1)

static void add(FindingList *list, Guard guard, const char *address, const char *evidence) {
        g_assert_cmpint(finding_list_add(list, guard, address_of(address), evidence), ==, 0);
}

static void test_names(void) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (Guard guard = 0; guard < _GUARD_MAX; guard++) {
                const char *name = guard_to_string(guard);

                g_assert_nonnull(name);
                g_assert_true(g_hash_table_add(seen, (char *)name));
                g_assert_cmpint(guard_from_string(name), ==, guard);
                /* One word of the command line contains several names. */
                g_assert_null(strpbrk(name, ", ="));
        }
        g_assert_cmpint(guard_from_string(""), <, 0);
        g_assert_cmpint(guard_from_string("Storage"), <, 0);
        g_assert_cmpint(guard_from_string("storage,network"), <, 0);
        g_assert_cmpint(guard_from_string("all"), <, 0);
}

static void test_usages(void) {
        static const char *const names[_USAGE_KIND_MAX] = {
                        "storage", "network", "display", "console", "memory", "process", "virtual-functions"};

        for (UsageKind kind = 0; kind < _USAGE_KIND_MAX; kind++)
                g_assert_cmpstr(guard_to_string(guard_of_usage(kind)), ==, names[kind]);
}

static void test_list(void) {
        FindingList list = {}, copy = {};
        char evidence[] = "sda is mounted on /";

        g_assert_cmpint(finding_list_copy(&list, &copy), ==, 0);
        g_assert_cmpuint(copy.n_findings, ==, 0);
        add(&list, GUARD_STORAGE, PORT1, evidence);
        evidence[0] = 'x'; /* the list has its own copy */
        add(&list, GUARD_NETWORK, PORT2, "");
        g_assert_cmpint(finding_list_copy(&list, &copy), ==, 0);
        finding_list_done(&list);
        g_assert_cmpuint(list.n_findings, ==, 0);
        g_assert_null(list.findings);
        finding_list_done(&list);

        g_assert_cmpuint(copy.n_findings, ==, 2);
        g_assert_cmpint(copy.findings[0].guard, ==, GUARD_STORAGE);
        g_assert_cmpstr(copy.findings[0].evidence, ==, "sda is mounted on /");
        g_assert_cmpstr(PCI_ADDRESS_TEXT(copy.findings[1].address), ==, PORT2);
        g_assert_cmpstr(copy.findings[1].evidence, ==, "");
        finding_list_done(&copy);
}

static void assert_finding(const FindingList *list, size_t i, Guard guard, const char *address, const char *evidence) {
        g_assert_cmpuint(i, <, list->n_findings);
        g_assert_cmpint(list->findings[i].guard, ==, guard);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(list->findings[i].address), ==, address);
        g_assert_cmpstr(list->findings[i].evidence, ==, evidence);
}

/* Only some findings of a guard and a device are kept, and the others are counted. */
static void test_folded(void) {
        _cleanup_(finding_list_done) FindingList list = {}, copy = {};

        for (unsigned i = 0; i < 8; i++)
                add(&list, GUARD_VIRTUAL_FUNCTIONS, PORT1, "x");
        g_assert_cmpuint(list.n_findings, ==, 8);
        for (unsigned i = 0; i < 241; i++) {
                add(&list, GUARD_VIRTUAL_FUNCTIONS, PORT1, "x");
                /* Findings between them are not counted with them. */
                if (i < 2)
                        add(&list, GUARD_VIRTUAL_FUNCTIONS, PORT2, "y");
                if (i == 7)
                        add(&list, GUARD_PROCESS, PORT1, "z");
        }
        g_assert_cmpuint(list.n_findings, ==, 8 + 1 + 2 + 1);
        assert_finding(&list, 7, GUARD_VIRTUAL_FUNCTIONS, PORT1, "x");
        assert_finding(&list, 8, GUARD_VIRTUAL_FUNCTIONS, PORT1, "and 241 more");
        assert_finding(&list, 9, GUARD_VIRTUAL_FUNCTIONS, PORT2, "y");
        assert_finding(&list, 11, GUARD_PROCESS, PORT1, "z");

        /* A copy continues to count. */
        g_assert_cmpint(finding_list_copy(&list, &copy), ==, 0);
        add(&copy, GUARD_VIRTUAL_FUNCTIONS, PORT1, "x");
        assert_finding(&copy, 8, GUARD_VIRTUAL_FUNCTIONS, PORT1, "and 242 more");
        assert_finding(&list, 8, GUARD_VIRTUAL_FUNCTIONS, PORT1, "and 241 more");
}

static PciAddress nth_address(unsigned i) {
        return (PciAddress){.domain = 1,
                        .bus = (uint8_t)(i / 256),
                        .slot = (uint8_t)(i / 8 % 32),
                        .function = (uint8_t)(i % 8)};
}

/* However many devices there are, the list has a limit; each guard that found something is still in it. */
static void test_full(void) {
        _cleanup_(finding_list_done) FindingList list = {}, sent = {};

        for (unsigned i = 0; i < 5000; i++)
                g_assert_cmpint(finding_list_add(&list, GUARD_PROCESS, nth_address(i), "x"), ==, 0);
        g_assert_cmpuint(list.n_findings, ==, FINDINGS_MAX + 1);
        g_assert_cmpstr(list.findings[FINDINGS_MAX].evidence, ==, "and 3976 more, some of them on other devices");
        for (unsigned i = 0; i < 9; i++)
                for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                        add(&list, guard, PORT1, "y");
        g_assert_cmpuint(list.n_findings, ==, FINDINGS_MAX + _GUARD_MAX);
        g_assert_cmpstr(list.findings[FINDINGS_MAX].evidence, ==, "and 3985 more, some of them on other devices");

        /* Another process gets it unchanged, and a sender of more findings is refused. */
        for (size_t i = 0; i < list.n_findings; i++)
                g_assert_cmpint(finding_list_append(&sent, &list.findings[i]), ==, 0);
        g_assert_cmpint(finding_list_append(&sent, &list.findings[0]), ==, -E2BIG);
        g_assert_cmpuint(sent.findings[FINDINGS_MAX].n_folded, ==, 3985);
}

static int decide(const FindingList *list, unsigned overrides, Problem *problem) {
        int r = guard_decide(list, overrides, address_of(PORT1), problem);

        g_assert_cmpint(r, ==, problem->outcome);
        g_assert_true((r == 0) == (problem->message == NULL));
        return r;
}

/* Each guard alone: its own error, and only its own override. */
static void test_each(void) {
        static const Outcome outcomes[_GUARD_MAX] = {
                        [GUARD_STORAGE] = OUTCOME_IN_USE_STORAGE,
                        [GUARD_NETWORK] = OUTCOME_IN_USE_NETWORK,
                        [GUARD_DISPLAY] = OUTCOME_IN_USE_DISPLAY,
                        [GUARD_CONSOLE] = OUTCOME_IN_USE_CONSOLE,
                        [GUARD_MEMORY] = OUTCOME_IN_USE_MEMORY,
                        [GUARD_PROCESS] = OUTCOME_IN_USE_PROCESS,
                        [GUARD_VIRTUAL_FUNCTIONS] = OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                        [GUARD_FIRMWARE] = OUTCOME_FIRMWARE_MAPPING,
                        [GUARD_UNSAFE_INTERRUPTS] = OUTCOME_UNSAFE_INTERRUPTS,
                        [GUARD_NO_RESET] = OUTCOME_NO_RESET,
        };

        for (Guard guard = 0; guard < _GUARD_MAX; guard++) {
                _cleanup_(finding_list_done) FindingList list = {};

                add(&list, guard, PORT2, "it is so");
                for (unsigned overrides = 0; overrides <= ALL; overrides++) {
                        _cleanup_problem_ Problem problem = {};
                        bool overridden = overrides & 1U << guard;

                        g_assert_cmpint(decide(&list, overrides, &problem), ==, overridden ? 0 : outcomes[guard]);
                        g_assert_true(overridden || strstr(problem.message, PORT2 ": it is so"));
                }

                /* The command in the message works: its overrides are sufficient. */
                _cleanup_problem_ Problem problem = {};
                g_autofree char *command = g_strdup_printf(
                                "vfioctl detach " PORT1 " --group --override=%s", guard_to_string(guard));
                (void)decide(&list, 0, &problem);
                g_assert_true(g_str_has_suffix(problem.message, command));
        }
}

static void test_nothing(void) {
        static const FindingList none = {};
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(decide(&none, 0, &problem), ==, 0);
        g_assert_cmpint(decide(&none, ALL, &problem), ==, 0);
}

/* The first guard that refuses determines the error; the message has all findings except overridden ones. */
static void test_several(void) {
        _cleanup_(finding_list_done) FindingList list = {};
        _cleanup_problem_ Problem problem = {};

        add(&list, GUARD_PROCESS, PORT2, "process 7 (x) has /dev/x open");
        add(&list, GUARD_STORAGE, PORT1, "sda is mounted on /");
        add(&list, GUARD_STORAGE, PORT1, "sdb is swap space");
        add(&list, GUARD_NETWORK, PORT2, "ens2 is a port of br0");
        g_assert_cmpint(decide(&list, 0, &problem), ==, OUTCOME_IN_USE_PROCESS);
        g_assert_cmpstr(problem.message, ==,
                        "The host uses a device that would be detached: " PORT2
                        ": process 7 (x) has /dev/x open; " PORT1 ": sda is mounted on /; " PORT1
                        ": sdb is swap space; " PORT2 ": ens2 is a port of br0. If you are sure: vfioctl detach " PORT1
                        " --group --override=storage,network,process");

        /* The command repeats the overrides that were already given. */
        problem_done(&problem);
        g_assert_cmpint(decide(&list, 1U << GUARD_PROCESS, &problem), ==, OUTCOME_IN_USE_STORAGE);
        g_assert_null(strstr(problem.message, "process 7"));
        g_assert_true(g_str_has_suffix(problem.message, " --override=storage,network,process"));
        problem_done(&problem);
        g_assert_cmpint(decide(&list, 1U << GUARD_PROCESS | 1U << GUARD_STORAGE, &problem), ==, OUTCOME_IN_USE_NETWORK);
        problem_done(&problem);
        g_assert_cmpint(decide(&list, 1U << GUARD_PROCESS | 1U << GUARD_STORAGE | 1U << GUARD_NETWORK, &problem), ==,
                        0);
}

/* The message stays readable, and still has the command at its end. */
static void test_long(void) {
        _cleanup_(finding_list_done) FindingList list = {};
        _cleanup_problem_ Problem problem = {};

        for (unsigned i = 0; i < 50; i++)
                for (unsigned use = 0; use < 20; use++)
                        g_assert_cmpint(finding_list_add(&list, GUARD_STORAGE, nth_address(i), "sda is mounted on /"),
                                        ==, 0);
        add(&list, GUARD_NETWORK, PORT2, "ens2 is a port of br0");
        g_assert_cmpint(decide(&list, 0, &problem), ==, OUTCOME_IN_USE_STORAGE);
        g_assert_cmpuint(strlen(problem.message), <, 2000);
        g_assert_nonnull(strstr(problem.message, "0001:00:00.0: and 12 more; 0001:00:00.1: sda is mounted on /"));
        /* 1001 findings, minus the 8 and 12 of the first device and the 7 of the second device. */
        g_assert_nonnull(strstr(
                        problem.message, "; and 974 more, which 'vfioctl plan " PORT1 "' lists. If you are sure"));
        g_assert_true(g_str_has_suffix(problem.message, " --override=storage,network"));
}

/* Findings about processes: their names are escaped, and a concealed process has none. */
static void test_processes(void) {
        const Holder known = {.pid = 324, .command = "qe\nmu", .unit = "vm.scope"}, concealed = {};
        FindingList list = {}, copy = {};

        g_assert_cmpint(finding_list_add_process(&list, GUARD_PROCESS, nth_address(1), "open", &known), ==, 0);
        g_assert_cmpint(finding_list_add_process(&list, GUARD_PROCESS, nth_address(1), "open", &concealed), ==, 0);
        g_assert_cmpint(finding_list_copy(&list, &copy), ==, 0);
        finding_list_done(&list);
        g_assert_cmpint(copy.findings[0].pid, ==, 324);
        g_assert_cmpstr(copy.findings[0].command, ==, "qe\\x0amu");
        g_assert_cmpstr(copy.findings[0].unit, ==, "vm.scope");
        g_assert_cmpint(copy.findings[1].pid, ==, 0);
        g_assert_null(copy.findings[1].command);
        finding_list_done(&copy);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/guard/names", test_names);
        g_test_add_func("/guard/usages", test_usages);
        g_test_add_func("/guard/list", test_list);
        g_test_add_func("/guard/folded", test_folded);
        g_test_add_func("/guard/full", test_full);
        g_test_add_func("/guard/long", test_long);
        g_test_add_func("/guard/each", test_each);
        g_test_add_func("/guard/nothing", test_nothing);
        g_test_add_func("/guard/several", test_several);
        g_test_add_func("/guard/processes", test_processes);
        return g_test_run();
}
