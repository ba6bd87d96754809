/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "peer-pair.h"
#include "planning.h"
#include "policy/vf-plan.h"
#include "process/job-message.h"
#include "state-folder.h"
#include "state-text.h"
#include "state/device-file.h"

#include <limits.h>

/* Plans and results that go through a connection, and plans and results that nobody can have made. */

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define NIC "0000:05:00.0"

#define MEMBER "sqqqquyiiaybbbbs"

/* Round trips of plans. */

static Inventory *make_host(const char *vf_driver) {
        Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(PF, "igb", 14);

        facts.ids = (PciIds){0xffff, 0xfffe, 0xfffd, 0xfffc, 0xffffff, 0xff};
        facts.virtual_functions_max = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_virtual_function(inventory, VF0, PF, vf_driver, 20);
        put_virtual_function(inventory, VF1, PF, "igbvf", 21);
        put_device(inventory, NIC, "e1000e", 12);
        return inventory;
}

static void assert_equal_findings(const FindingList *list, const FindingList *expected) {
        g_assert_cmpuint(list->n_findings, ==, expected->n_findings);
        for (size_t i = 0; i < list->n_findings; i++) {
                const Finding *a = &list->findings[i], *b = &expected->findings[i];

                g_assert_cmpint(a->guard, ==, b->guard);
                g_assert_true(pci_address_equal(a->address, b->address));
                g_assert_cmpstr(a->evidence, ==, b->evidence);
                g_assert_cmpuint(a->n_folded, ==, b->n_folded);
                g_assert_cmpint(a->pid, ==, b->pid);
                g_assert_cmpstr(a->command, ==, b->command);
                g_assert_cmpstr(a->unit, ==, b->unit);
        }
}

static void assert_equal_plans(const Plan *plan, const Plan *expected) {
        g_autofree char *text = plan_to_text(plan), *expected_text = plan_to_text(expected);

        g_assert_cmpstr(text, ==, expected_text);
        g_assert_cmpuint(plan->overrides, ==, expected->overrides);
        g_assert_cmpuint(plan->asker, ==, expected->asker);
        g_assert_cmpuint(plan->fingerprint, ==, expected->fingerprint);
        g_assert_true(plan->forget == expected->forget && plan->only_plan == expected->only_plan);
        g_assert_true(plan->inspect == expected->inspect);
        for (size_t i = 0; i < plan->n_members; i++)
                g_assert_true(plan->members[i].appeared == expected->members[i].appeared &&
                                streq_ptr(plan->members[i].named_driver, expected->members[i].named_driver));
        for (size_t i = 0; i < plan->n_steps; i++)
                g_assert_cmpuint(plan->steps[i].value, ==, expected->steps[i].value);
        assert_equal_findings(&plan->findings, &expected->findings);
}

/* Writes the state file of each member that has one, and frees the plan. */
static void check_round_trip(Plan *made) {
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autoptr(PeerPair) pair = peer_pair_new();
        _cleanup_(plan_freep) Plan *plan = made, *found = NULL;
        _cleanup_problem_ Problem problem = {};

        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].recorded)
                        g_assert_cmpint(device_file_write(folder->fd, plan->members[i].address, true,
                                                        plan->members[i].origin),
                                        ==, 0);
        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(job_message_append_plan(call, plan), ==, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        g_assert_cmpint(job_message_read_plan(message, folder->fd, &found, &problem), ==, 0);
        g_assert_cmpint(sd_bus_message_at_end(message, true), >, 0);
        g_assert_null(problem.message);
        g_assert_false(found->recovery);
        assert_equal_plans(found, plan);
}

static void test_detach(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_host("igbvf");
        _cleanup_log_fields_ LogFields fields = {};

        /* The VFs vanish with their PF. */
        Plan *plan = make_detach_plan(inventory, PF, 1U << GUARD_VIRTUAL_FUNCTIONS | 1U << GUARD_STORAGE);
        g_assert_cmpuint(plan->n_members, ==, 3);
        g_assert_cmpuint(plan->findings.n_findings, ==, 2);
        plan->asker = 4294967294U;
        plan->fingerprint = UINT64_MAX;
        plan->by_rule = true;
        plan->members[0].appeared = true;
        log_fields_add(&fields, "VFIOD_CALLER_UID", "%d", 1000);
        log_fields_add(&fields, "VFIOD_CALLER_COMMAND", "%s", "a\xff");
        g_assert_cmpint(plan_caller_set(&plan->caller, "uid 1000", &fields), ==, 0);
        g_assert_cmpint(plan_name_driver(&plan->members[0], "igb-vfio_pci"), ==, 0);
        check_round_trip(plan);

        plan = make_detach_plan(inventory, NIC, 0);
        plan->only_plan = true;
        plan->inspect = true;
        memset(plan->members[0].before.driver, '\xff', DRIVER_NAME_MAX - 1);
        check_round_trip(plan);
}

/* A device with a state file, one that another tool detached, and devices that will appear. */
static void test_reattach(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, PF, "vfio-pci", 14);
        put_origin(inventory, PF, "igb", "x \xff \" \\");
        put_vanished(inventory, VF0, PF, "igbvf");
        put_device(inventory, NIC, "vfio-pci", 14);
        for (int force = 0; force < 2; force++) {
                ReattachOptions options = {.adopt = true, .force = force};

                Plan *plan = make_reattach_plan(inventory, NIC, &options);
                g_assert_cmpuint(plan->n_members, >=, 2);
                check_round_trip(plan);
        }
}

static void test_forget(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "vfio-pci", 14);
        put_origin(inventory, NIC, "e1000e", "");
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), >=, 0);
        Plan *plan = make_reattach_plan(inventory, NIC, &(ReattachOptions){});
        g_assert_true(plan->forget);
        check_round_trip(plan);
}

static void test_set_vfs(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_host("vfio-pci");
        _cleanup_problem_ Problem problem = {};

        put_origin(inventory, VF0, "igbvf", "");
        for (VfFate fate = 0; fate < _VF_FATE_MAX; fate++)
                for (unsigned count = 0; count < 5; count += 2) {
                        VfOptions options = {.fate = fate,
                                        .iommu = &(IommuReport){.state = IOMMU_ON},
                                        .driver = fate == VFS_DETACHED ? "mlx5_vfio_pci" : NULL};
                        Plan *plan = NULL;

                        int r = vf_plan_new(inventory, get_device(inventory, PF), count, &options, &plan, &problem);
                        if (r == OUTCOME_ALREADY_DETACHED)
                                continue;
                        g_assert_cmpint(r, ==, 0);
                        g_assert_cmpuint(plan->n_members, ==, 3 + count);
                        check_round_trip(plan);
                }
}

/* Plans that the daemon cannot have made. */

typedef struct MemberFields {
        const char *address;
        int group, parent;
        size_t driver_length;
        bool recorded, created;
        const char *named_driver;
        uint32_t class;
} MemberFields;

typedef struct PlanFields {
        const char *verb, *selected;
        int group;
        uint32_t vf_count, vf_fate;
        uint64_t trial;
        bool forget;
        MemberFields members[4];
        size_t n_members;
        const char *guard, *finding; /* of the only finding; NULL for none */
        const char *caller, *field;  /* for the log; NULL for none */
} PlanFields;

static void append_member(sd_bus_message *message, const MemberFields *fields) {
        g_autofree char *driver = g_strnfill(fields->driver_length, 'd');

        g_assert_cmpint(sd_bus_message_open_container(message, 'r', MEMBER), >=, 0);
        g_assert_cmpint(sd_bus_message_append(message, "sqqqquyii", fields->address, 0x8086, 0x100e, 0, 0,
                                        fields->class, 0, fields->group, fields->parent),
                        >=, 0);
        g_assert_cmpint(peer_append_bytes(message, driver), >=, 0);
        g_assert_cmpint(sd_bus_message_append(message, "bbbbs", fields->recorded, fields->created, false,
                                        fields->created, strempty(fields->named_driver)),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
}

/* Frees what it reads. Returns what job_message_read_plan() does. */
static int read_fields(const PlanFields *fields) {
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autoptr(PeerPair) pair = peer_pair_new();
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};

        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(sd_bus_message_append(call, "ssiuuuuttbbbbb", fields->verb, fields->selected, fields->group,
                                        fields->vf_count, fields->vf_fate, 0U, 0U, UINT64_C(0), fields->trial, false,
                                        fields->forget, false, false, false),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(" MEMBER ")"), >=, 0);
        for (size_t i = 0; i < fields->n_members; i++)
                append_member(call, &fields->members[i]);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(sssuuss)"), >=, 0);
        if (fields->guard)
                g_assert_cmpint(sd_bus_message_append(call, "(sssuuss)", fields->guard, fields->finding, "evidence", 0U,
                                                0U, "", ""),
                                >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_append(
                                        call, "sas", strempty(fields->caller), fields->field ? 1 : 0, fields->field),
                        >=, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        int r = job_message_read_plan(message, folder->fd, &plan, &problem);
        g_assert_true((r == 0) == (plan != NULL));
        g_assert_true((r > 0) == (problem.message != NULL));
        return r;
}

static const PlanFields good_detach = {
                .verb = "detach",
                .selected = NIC,
                .group = 12,
                .members = {{NIC, 12, -1, 6, false, false}, {VF0, 13, 0, 6, false, false, NULL, PCI_CLASS_MAX}},
                .n_members = 2,
                .guard = "storage",
                .finding = NIC,
};

/* An existing VF, and two new VFs. */
static const PlanFields good_set_vfs = {
                .verb = "set-virtual-functions",
                .selected = PF,
                .group = -1,
                .vf_count = 2,
                .vf_fate = VFS_DETACHED,
                .members = {{PF, -1, -1, 3, false, false}, {VF0, 20, 0, 5, false, false},
                                {"0000:00:00.0", -1, 0, 0, false, true}, {"0000:00:00.0", -1, 0, 0, false, true}},
                .n_members = 4,
};

#define CHANGE(good, ...) \
        ({ \
                PlanFields fields_ = good; \
                PlanFields *f = &fields_; \
                (void)(__VA_ARGS__); \
                read_fields(&fields_); \
        })

static void test_malformed(void) {
        g_assert_cmpint(read_fields(&good_detach), ==, 0);
        g_assert_cmpint(CHANGE(good_detach, f->verb = "reattach"), ==, 0);
        g_assert_cmpint(CHANGE(good_detach, f->members[0].driver_length = DRIVER_NAME_MAX - 1), ==, 0);

        g_assert_cmpint(CHANGE(good_detach, f->trial = (uint64_t)INT64_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->verb = "Detach"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->verb = ""), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->selected = ""), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->selected = "05:00.0"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].address = "../../etc"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].address = VF0 "/"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->group = -2), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].group = INT_MIN), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->vf_count = UINT16_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->vf_fate = _VF_FATE_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->vf_fate = UINT32_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[0].driver_length = DRIVER_NAME_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].class = PCI_CLASS_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].parent = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].parent = 2), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].parent = INT_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].parent = -2), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[1].created = true), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->n_members = 0), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[0].parent = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->guard = "Storage"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->finding = "x"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[0].named_driver = "vfio-pci"), ==, 0);
        /* Only the name of a vfio driver, and not what else modprobe would take for a module. */
        g_assert_cmpint(CHANGE(good_detach, f->members[0].named_driver = "e1000e"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[0].named_driver = "vfio/../x"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->members[0].named_driver = "vfio_pci:*"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->verb = "reattach", f->members[0].named_driver = "vfio-pci"), ==,
                        -EBADMSG);
        /* No other fields of the journal, and no lines. */
        g_assert_cmpint(CHANGE(good_detach, f->caller = "a", f->field = "VFIOD_X=y"), ==, 0);
        g_assert_cmpint(CHANGE(good_detach, f->caller = "a\nb"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->field = "MESSAGE=y"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->field = "VFIOD_X=y\nMESSAGE=z"), ==, -EBADMSG);
        /* The worker has no state file. */
        g_assert_cmpint(CHANGE(good_detach, f->members[1].recorded = true), ==, OUTCOME_NOT_DETACHED);
}

/* Only a device that is gone is forgotten, and nothing else at the same time. */
static void test_malformed_forget(void) {
        g_assert_cmpint(CHANGE(good_detach, f->verb = "reattach", f->forget = true, f->n_members = 1), ==, 0);
        g_assert_cmpint(CHANGE(good_detach, f->verb = "reattach", f->forget = true), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_detach, f->forget = true, f->n_members = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->forget = true), ==, -EBADMSG);
}

static void test_malformed_vfs(void) {
        g_assert_cmpint(read_fields(&good_set_vfs), ==, 0);
        g_assert_cmpint(CHANGE(good_set_vfs, f->vf_count = 0, f->n_members = 2), ==, 0);
        g_assert_cmpint(CHANGE(good_set_vfs, f->members[2].named_driver = "vfio-pci"), ==, 0);
        g_assert_cmpint(CHANGE(good_set_vfs, f->members[0].named_driver = "vfio-pci"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->members[0].parent = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->members[0].created = true), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->members[1].parent = -1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->members[2].parent = 1), ==, -EBADMSG);
        /* There are as many new VFs as the plan sets, and they come last. */
        g_assert_cmpint(CHANGE(good_set_vfs, f->vf_count = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->vf_count = 3), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->n_members = 2), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->n_members = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE(good_set_vfs, f->members[1].created = true, f->members[2].created = false), ==,
                        -EBADMSG);
        for (VfFate fate = 0; fate < _VF_FATE_MAX; fate++)
                g_assert_cmpint(CHANGE(good_set_vfs, f->vf_fate = fate, f->n_members = 1), ==, -EBADMSG);
}

/* A state file of another card at the address does not count. */
static void test_other_card(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autoptr(PeerPair) pair = peer_pair_new();
        _cleanup_(plan_freep) Plan *plan = NULL, *found = NULL;
        _cleanup_problem_ Problem problem = {};

        put_device(inventory, NIC, "vfio-pci", 12);
        put_origin(inventory, NIC, "e1000e", "");
        plan = make_reattach_plan(inventory, NIC, &(ReattachOptions){});
        plan->members[0].origin->ids.device ^= 1;
        g_assert_cmpint(device_file_write(folder->fd, address_of(NIC), true, plan->members[0].origin), ==, 0);
        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(job_message_append_plan(call, plan), ==, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        g_assert_cmpint(job_message_read_plan(message, folder->fd, &found, &problem), ==, OUTCOME_NOT_DETACHED);
        g_assert_nonnull(strstr(problem.message, NIC));
        g_assert_null(found);
}

/* Results. */

static void check_result(const WorkerResult *result) {
        g_autoptr(PeerPair) pair = peer_pair_new();
        _cleanup_(worker_result_done) WorkerResult found = {};

        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(job_message_append_result(call, result), ==, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        g_assert_cmpint(job_message_read_result(message, &found), ==, 0);
        g_assert_cmpint(found.error, ==, result->error);
        g_assert_cmpint(found.problem.outcome, ==, result->problem.outcome);
        g_assert_cmpstr(found.problem.message, ==, result->problem.message);
        g_assert_cmpuint(found.report.fingerprint, ==, result->report.fingerprint);
        g_assert_cmpuint(found.report.n_changes, ==, result->report.n_changes);
        for (size_t i = 0; i < found.report.n_changes; i++) {
                const DriverChange *a = &found.report.changes[i], *b = &result->report.changes[i];

                g_assert_true(pci_address_equal(a->address, b->address));
                g_assert_cmpstr(a->before, ==, b->before);
                g_assert_cmpstr(a->after, ==, b->after);
        }
        assert_equal_findings(&found.report.findings, &result->report.findings);
        g_assert_cmpuint(found.report.n_warnings, ==, result->report.n_warnings);
        for (size_t i = 0; i < found.report.n_warnings; i++)
                g_assert_cmpstr(found.report.warnings[i], ==, result->report.warnings[i]);
}

static void test_results(void) {
        static const Holder process = {.pid = 324, .command = "qemu", .unit = "vm.scope"};
        char name[DRIVER_NAME_MAX];

        for (Outcome outcome = 0; outcome < _OUTCOME_MAX; outcome++)
                for (int error = -EPIPE; error <= 0; error += EPIPE) {
                        _cleanup_(worker_result_done) WorkerResult result = {.error = error};

                        /* Each byte, as it is in a message. */
                        for (unsigned i = 0; i < sizeof(name) - 1; i++)
                                name[i] = (char)(i + 1);
                        name[sizeof(name) - 1] = '\0';
                        if (outcome != OUTCOME_DONE)
                                g_assert_cmpint(problem_set(&result.problem, outcome, "<%s>", name), ==, outcome);
                        result.report.fingerprint = UINT64_MAX - outcome;
                        g_assert_cmpint(report_add_change(&result.report, address_of(NIC), name, ""), ==, 0);
                        g_assert_cmpint(report_add_change(&result.report, address_of("ffffffff:ff:1f.7"), NULL, name),
                                        ==, 0);
                        for (unsigned i = 0; i < 20; i++)
                                g_assert_cmpint(finding_list_add_process(&result.report.findings, i % _GUARD_MAX,
                                                                address_of(i < 15 ? NIC : PF),
                                                                result.problem.message ?: "",
                                                                i % 2 == 0 ? &process : NULL),
                                                ==, 0);
                        g_assert_cmpint(report_add_warning(&result.report, "One."), ==, 0);
                        g_assert_cmpint(report_add_warning(&result.report, ""), ==, 0);
                        check_result(&result);
                }
}

/* All findings that there can be, some of them folded. */
static void test_many_findings(void) {
        _cleanup_(worker_result_done) WorkerResult result = {};

        for (unsigned i = 0; i < 3 * FINDINGS_MAX; i++) {
                PciAddress address = {.domain = i / 16};

                g_assert_cmpint(finding_list_add(&result.report.findings, i % _GUARD_MAX, address, "used"), ==, 0);
        }
        g_assert_cmpuint(result.report.findings.n_findings, ==, FINDINGS_MAX + _GUARD_MAX);
        check_result(&result);
}

typedef struct ResultFields {
        int error;
        const char *outcome, *address, *guard;
        size_t driver_length, n_findings;
        uint32_t pid;
        size_t command_length;
} ResultFields;

static int read_result_fields(const ResultFields *fields) {
        g_autofree char *driver = g_strnfill(fields->driver_length, '\xff');
        g_autofree char *command = g_strnfill(fields->command_length, 'c');
        g_autoptr(PeerPair) pair = peer_pair_new();
        _cleanup_(worker_result_done) WorkerResult result = {};

        sd_bus_message *call = peer_pair_make_call(pair);
        g_assert_cmpint(sd_bus_message_append(call, "isst", fields->error, fields->outcome, "text", UINT64_C(1)), >=,
                        0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(sayay)"), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'r', "sayay"), >=, 0);
        g_assert_cmpint(sd_bus_message_append(call, "s", fields->address), >=, 0);
        g_assert_cmpint(peer_append_bytes(call, ""), >=, 0);
        g_assert_cmpint(peer_append_bytes(call, driver), >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(call, 'a', "(sssuuss)"), >=, 0);
        for (size_t i = 0; i < fields->n_findings; i++)
                g_assert_cmpint(sd_bus_message_append(call, "(sssuuss)", fields->guard, NIC, "evidence", 0U,
                                                fields->pid, command, "x.service"),
                                >=, 0);
        g_assert_cmpint(sd_bus_message_close_container(call), >=, 0);
        g_assert_cmpint(sd_bus_message_append(call, "as", 1, "warning"), >=, 0);
        _cleanup_message_ sd_bus_message *message = peer_pair_transfer(pair, call);
        return job_message_read_result(message, &result);
}

#define CHANGE_RESULT(...) \
        ({ \
                ResultFields fields_ = {0, "Degraded", NIC, "display", 3, 1, 0, 0}; \
                ResultFields *f = &fields_; \
                (void)(__VA_ARGS__); \
                read_result_fields(&fields_); \
        })

static void test_malformed_results(void) {
        g_assert_cmpint(CHANGE_RESULT(f), ==, 0);
        g_assert_cmpint(CHANGE_RESULT(f->n_findings = FINDINGS_MAX + _GUARD_MAX), ==, 0);
        g_assert_cmpint(CHANGE_RESULT(f->driver_length = DRIVER_NAME_MAX - 1), ==, 0);
        g_assert_cmpint(CHANGE_RESULT(f->pid = INT32_MAX, f->command_length = HOLDER_TEXT_MAX - 10), ==, 0);
        g_assert_cmpint(CHANGE_RESULT(f->pid = (uint32_t)INT32_MAX + 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->command_length = HOLDER_TEXT_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->error = 1), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->outcome = "degraded"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->outcome = ""), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->address = "x"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->guard = "x"), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->driver_length = DRIVER_NAME_MAX), ==, -EBADMSG);
        g_assert_cmpint(CHANGE_RESULT(f->n_findings = FINDINGS_MAX + _GUARD_MAX + 1), <, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/job-message/plan/detach", test_detach);
        g_test_add_func("/job-message/plan/reattach", test_reattach);
        g_test_add_func("/job-message/plan/forget", test_forget);
        g_test_add_func("/job-message/plan/set-vfs", test_set_vfs);
        g_test_add_func("/job-message/plan/malformed", test_malformed);
        g_test_add_func("/job-message/plan/malformed-forget", test_malformed_forget);
        g_test_add_func("/job-message/plan/malformed-vfs", test_malformed_vfs);
        g_test_add_func("/job-message/plan/other-card", test_other_card);
        g_test_add_func("/job-message/result", test_results);
        g_test_add_func("/job-message/result/many-findings", test_many_findings);
        g_test_add_func("/job-message/result/malformed", test_malformed_results);
        return g_test_run();
}
