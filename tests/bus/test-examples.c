/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "process.h"

#include <string.h>

/* The programs in examples/ work as they are. */

static const char *const examples[] = {EXAMPLES "/detach.py", EXAMPLES "/detach.js", EXAMPLE_DETACH};

static ProgramResult run(const char *program, const char *selector) {
        const char *const argv[] = {program, selector, NULL};

        return program_run(argv, NULL, NULL);
}

static void test_detach(void) {
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(examples); i++) {
                g_auto(ProgramResult) result = run(examples[i], "ens1");

                if (result.status != 0)
                        g_error("%s ends with %d: %s", examples[i], result.status, result.errors);
                g_assert_cmpstr(result.output, ==,
                                "0000:03:01.0: e1000 -> vfio-pci\n0000:03:02.0: e1000 -> vfio-pci\n");
                manager_expect(fixture, "Reattach", "ens1", NO_OPTIONS,
                                "([('0000:03:01.0', 'vfio-pci', 'e1000', {}), ('0000:03:02.0', 'vfio-pci', 'e1000', "
                                "{})],)");
        }
        fixture_stop(fixture);
}

/* An error that is known before the job, and one that ends it. */
static void test_errors(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        for (unsigned i = 0; i < G_N_ELEMENTS(examples); i++) {
                g_auto(ProgramResult) absent = run(examples[i], "ens99"), used = run(examples[i], "nvme0n1");

                g_assert_cmpint(absent.status, ==, 1);
                g_assert_nonnull(strstr(absent.errors, "ens99"));
                g_assert_cmpint(used.status, ==, 1);
                g_assert_nonnull(strstr(used.errors, "org.vfiod1.Error.InUseStorage"));
                g_assert_cmpstr(used.output, ==, "");
        }
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/examples/detach", test_detach);
        g_test_add_func("/bus/examples/errors", test_errors);
        return g_test_run();
}
