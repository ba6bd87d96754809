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
                /* Several stand in one word of the command line. */
                g_assert_null(strpbrk(name, ", ="));
        }
        g_assert_cmpint(guard_from_string(""), <, 0);
        g_assert_cmpint(guard_from_string("Storage"), <, 0);
        g_assert_cmpint(guard_from_string("storage,network"), <, 0);
        g_assert_cmpint(guard_from_string("all"), <, 0);
}

static void test_usages(void) {
        static const char *const names[_USAGE_KIND_MAX] = {"storage", "network", "display", "process"};

        for (UsageKind kind = 0; kind < _USAGE_KIND_MAX; kind++)
                g_assert_cmpstr(guard_to_string(guard_of_usage(kind)), ==, names[kind]);
}

static void test_list(void) {
        FindingList list = {}, copy = {};
        char evidence[] = "sda is mounted on /";

        g_assert_cmpint(finding_list_copy(&list, &copy), ==, 0);
        g_assert_cmpuint(copy.n_findings, ==, 0);
        add(&list, GUARD_STORAGE, PORT1, evidence);
        evidence[0] = 'x'; /* it has its own */
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

static void test_full(void) {
        FindingList list = {};

        for (unsigned i = 0; i < FINDINGS_MAX; i++)
                add(&list, GUARD_PROCESS, PORT1, "x");
        for (unsigned i = 0; i < 2; i++)
                g_assert_cmpint(finding_list_add(&list, GUARD_PROCESS, address_of(PORT1), "x"), ==, -E2BIG);
        g_assert_cmpuint(list.n_findings, ==, FINDINGS_MAX);
        finding_list_done(&list);
}

static int decide(const FindingList *list, unsigned overrides, Problem *problem) {
        int r = guard_decide(list, overrides, address_of(PORT1), problem);

        g_assert_cmpint(r, ==, problem->outcome);
        g_assert_true((r == 0) == (problem->message == NULL));
        return r;
}

/* Every guard by itself: its own error, and exactly its own override. */
static void test_each(void) {
        static const Outcome outcomes[_GUARD_MAX] = {
                        [GUARD_STORAGE] = OUTCOME_IN_USE_STORAGE,
                        [GUARD_NETWORK] = OUTCOME_IN_USE_NETWORK,
                        [GUARD_DISPLAY] = OUTCOME_IN_USE_DISPLAY,
                        [GUARD_PROCESS] = OUTCOME_IN_USE_PROCESS,
                        [GUARD_VIRTUAL_FUNCTIONS] = OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                        [GUARD_FIRMWARE] = OUTCOME_FIRMWARE_MAPPING,
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

                /* The command does what it promises: its overrides are enough. */
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

/* The first that refuses gives the error; all are told, but those that were overridden. */
static void test_several(void) {
        _cleanup_(finding_list_done) FindingList list = {};
        _cleanup_problem_ Problem problem = {};

        add(&list, GUARD_PROCESS, PORT2, "process 7 (x) has /dev/x open");
        add(&list, GUARD_STORAGE, PORT1, "sda is mounted on /");
        add(&list, GUARD_STORAGE, PORT1, "sdb is swap space");
        add(&list, GUARD_NETWORK, PORT2, "ens2 is a port of br0");
        g_assert_cmpint(decide(&list, 0, &problem), ==, OUTCOME_IN_USE_PROCESS);
        g_assert_cmpstr(problem.message, ==,
                        "The host uses what would be taken: " PORT2 ": process 7 (x) has /dev/x open; " PORT1
                        ": sda is mounted on /; " PORT1 ": sdb is swap space; " PORT2
                        ": ens2 is a port of br0. If you are sure: vfioctl detach " PORT1
                        " --group --override=storage,network,process");

        /* What was overridden already has to be again. */
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

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/guard/names", test_names);
        g_test_add_func("/guard/usages", test_usages);
        g_test_add_func("/guard/list", test_list);
        g_test_add_func("/guard/full", test_full);
        g_test_add_func("/guard/each", test_each);
        g_test_add_func("/guard/nothing", test_nothing);
        g_test_add_func("/guard/several", test_several);
        return g_test_run();
}
