/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"
#include "remains.h"

/* Each write of a detach and reattach of two devices fails, alone and in pairs: everything is as before, or the
 * error says exactly what is not. */

typedef struct Sweep {
        Host *host;
        PlanVerb verb;
        char *before; /* snapshot */
        unsigned n_writes;
        unsigned n_rolled_back, n_degraded, n_done;
} Sweep;

/* The vfio driver is loaded before, so that only the two devices may differ. */
static void sweep_begin(Sweep *sweep, PlanVerb verb) {
        *sweep = (Sweep){.host = host_new(), .verb = verb};
        fake_kernel_do(sweep->host->fake, "modprobe vfio-pci");

        g_autofree char *original = fake_kernel_snapshot(sweep->host->fake);
        if (verb == PLAN_REATTACH)
                host_must_move(sweep->host, PLAN_DETACH, "ens1");
        sweep->before = fake_kernel_snapshot(sweep->host->fake);

        /* A run without faults counts the writes; then everything is restored. */
        fake_kernel_do(sweep->host->fake, "reset-writes");
        host_must_move(sweep->host, verb, "ens1");
        sweep->n_writes = count_writes(sweep->host);
        g_assert_cmpuint(sweep->n_writes, >=, 6);
        if (verb == PLAN_REATTACH)
                assert_snapshot(sweep->host, original);
        host_must_move(sweep->host, verb == PLAN_DETACH ? PLAN_REATTACH : PLAN_DETACH, "ens1");
        assert_snapshot(sweep->host, sweep->before);
}

static void sweep_end(Sweep *sweep) {
        g_test_message("%u writes: %u rolled back, %u degraded, %u done anyway", sweep->n_writes, sweep->n_rolled_back,
                        sweep->n_degraded, sweep->n_done);
        host_free(sweep->host);
        g_free(sweep->before);
}

static void check_states(Sweep *sweep, bool detached) {
        host_read(sweep->host);
        assert_state(sweep->host, PORT1, detached ? DEVICE_DETACHED : DEVICE_HOST);
        assert_state(sweep->host, PORT2, detached ? DEVICE_DETACHED : DEVICE_HOST);
        g_assert_cmpuint(count_detached_devices(sweep->host), ==, detached ? 2 : 0);
}

/* A reattach restores what a failed rollback left. */
static void recover(Sweep *sweep) {
        Host *host = sweep->host;

        host_forget(host);
        g_assert_cmpuint(count_transactions(host), ==, 0);
        g_assert_cmpuint(count_detached_devices(host), >, 0);
        host_must_move(host, PLAN_REATTACH,
                        inventory_find_device(host->inventory, address_of(PORT1))->origin ? PORT1 : PORT2);
        check_states(sweep, false);
}

/* One run with the injected faults. */
static void run_and_check(Sweep *sweep) {
        _cleanup_problem_ Problem problem = {};
        Host *host = sweep->host;
        bool reattach = sweep->verb == PLAN_REATTACH;

        fake_kernel_do(host->fake, "reset-writes");
        int r = host_move(host, sweep->verb, "ens1", &problem);
        unsigned n_writes = count_writes(host);
        fake_kernel_do(host->fake, "clear");

        switch (r) {
        case OUTCOME_ROLLED_BACK:
                sweep->n_rolled_back++;
                g_assert_nonnull(strstr(problem.message, "as it was before"));
                assert_snapshot(host, sweep->before);
                check_states(sweep, reattach);
                host_must_move(host, sweep->verb, "ens1");
                break;
        case OUTCOME_DEGRADED:
                sweep->n_degraded++;
                assert_remains(host, sweep->before, problem.message);
                recover(sweep);
                if (!reattach)
                        host_must_move(host, PLAN_DETACH, "ens1");
                break;
        case OUTCOME_DONE:
                /* The write took effect, whatever it returned. */
                sweep->n_done++;
                break;
        default:
                g_error("Outcome %d after %u writes: %s", r, n_writes, problem.message);
        }

        check_states(sweep, !reattach);
        host_must_move(host, reattach ? PLAN_DETACH : PLAN_REATTACH, "ens1");
        assert_snapshot(host, sweep->before);
}

/* One write fails, or the kernel reports success and does nothing: this is always rolled back. */
static void test_one(const void *verb) {
        static const char *const kinds[] = {"fail", "fail-after"};
        static const char *const errors[] = {"EIO", "ENODEV"};
        Sweep sweep;

        sweep_begin(&sweep, (PlanVerb)GPOINTER_TO_INT(verb));
        for (unsigned k = 1; k <= sweep.n_writes; k++)
                for (size_t kind = 0; kind < G_N_ELEMENTS(kinds); kind++)
                        for (size_t error = 0; error < G_N_ELEMENTS(errors); error++) {
                                fake_kernel_do(sweep.host->fake, "%s %u %s", kinds[kind], k, errors[error]);
                                run_and_check(&sweep);
                                g_assert_cmpuint(sweep.n_degraded, ==, 0);
                        }
        for (unsigned k = 1; k <= sweep.n_writes; k++) {
                unsigned n_rolled_back = sweep.n_rolled_back;

                fake_kernel_do(sweep.host->fake, "ignore %u", k);
                run_and_check(&sweep);
                g_assert_cmpuint(sweep.n_rolled_back, ==, n_rolled_back + 1);
        }
        g_assert_cmpuint(sweep.n_rolled_back, >=, sweep.n_writes * G_N_ELEMENTS(errors));
        sweep_end(&sweep);
}

/* A write fails, and a write of the rollback fails too. */
static void test_two(const void *verb) {
        Sweep sweep;

        sweep_begin(&sweep, (PlanVerb)GPOINTER_TO_INT(verb));
        for (unsigned first = 1; first <= sweep.n_writes; first++)
                for (unsigned second = first + 1; second <= first + sweep.n_writes + 2; second++) {
                        fake_kernel_do(sweep.host->fake, "fail %u EIO", first);
                        fake_kernel_do(sweep.host->fake, "fail %u EIO", second);
                        run_and_check(&sweep);
                }
        g_assert_cmpuint(sweep.n_rolled_back, >, 0);
        g_assert_cmpuint(sweep.n_degraded, >, 0);
        sweep_end(&sweep);
}

/* All writes fail from a certain write on. */
static void test_all(const void *verb) {
        Sweep sweep;

        sweep_begin(&sweep, (PlanVerb)GPOINTER_TO_INT(verb));
        for (unsigned first = 1; first <= sweep.n_writes; first++) {
                for (unsigned k = first; k < first + 50; k++)
                        fake_kernel_do(sweep.host->fake, "fail %u EIO", k);
                run_and_check(&sweep);
        }
        g_assert_cmpuint(sweep.n_rolled_back, ==, 1);
        g_assert_cmpuint(sweep.n_degraded, ==, sweep.n_writes - 1);
        sweep_end(&sweep);
}

/* The kernel reports success but binds nothing. */
static void check_no_probe(PlanVerb verb, const char *address) {
        Sweep sweep;

        sweep_begin(&sweep, verb);
        fake_kernel_do(sweep.host->fake, "noprobe %s", address);
        run_and_check(&sweep);
        g_assert_cmpuint(sweep.n_rolled_back, ==, 1);
        sweep_end(&sweep);
}

static void test_no_probe(const void *verb) {
        check_no_probe((PlanVerb)GPOINTER_TO_INT(verb), PORT1);
        check_no_probe((PlanVerb)GPOINTER_TO_INT(verb), PORT2);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++) {
                static const struct {
                        const char *name;
                        GTestDataFunc callback;
                } tests[] = {
                                {"one", test_one},
                                {"two", test_two},
                                {"all", test_all},
                                {"no-probe", test_no_probe},
                };

                for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
                        g_autofree char *path =
                                        g_strdup_printf("/fault-sweep/%s/%s", plan_verb_to_string(verb), tests[i].name);

                        g_test_add_data_func(path, GINT_TO_POINTER((int)verb), tests[i].callback);
                }
        }
        return g_test_run();
}
