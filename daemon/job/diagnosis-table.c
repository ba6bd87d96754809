/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/diagnosis-table.h"
#include "diagnosis/device-checks.h"
#include "diagnosis/host-checks.h"
#include "process/check-message.h"
#include "process/child.h"
#include "process/examine-message.h"

/* How long the child waits for the worker. */
#define EXAMINE_DEADLINE_US (4 * UINT64_C(1000000))

/* The last packet of the child: it was able to make all checks. */
static const char end_packet[] = "complete";

struct Diagnosis {
        Diagnosis *next;
        DiagnosisTable *table;
        DiagnosisQuestion question; /* without pointers in the daemon after the start: they are for the child only */
        const Device *devices[DIAGNOSIS_DEVICES_MAX]; /* for the child only: they are valid when it is forked */
        size_t n_devices;
        Child *child;
        sd_event_source *timer;
        CheckList checks;
        bool is_complete;
        diagnosis_done_t done; /* NULL after the call: the child still waits for a device */
        void *userdata;
};

/* In the child. */

/* Asks the worker. Without an answer, the checks that need it are left out. */
static void examine(const Diagnosis *diagnosis, HostFacts *facts) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        const WorkerPort *port = diagnosis->table->worker;

        int fd = port ? port->connect(port->userdata) : -ENOENT;
        if (fd < 0 || peer_open_client(fd, NULL, &peer) < 0 ||
                        peer_make_call(peer, PEER_WORKER_INTERFACE, "Examine", &call) < 0 ||
                        peer_call(peer, call, EXAMINE_DEADLINE_US, &reply) < 0 ||
                        examine_message_read(reply, facts) < 0) {
                facts->has_worker_facts = false;
                facts->n_nodes = 0;
        }
}

/* Sends the checks, and empties the list. Returns 0 or a negative errno. */
static int send_checks(int socket_fd, CheckList *list) {
        static char packet[CHILD_PACKET_MAX];
        int r = list->error;

        for (size_t i = 0; i < list->n_checks && r >= 0; i++) {
                ssize_t size = check_message_write(&list->checks[i], packet, sizeof(packet));
                r = size < 0 ? (int)size : child_send_packet(socket_fd, packet, (size_t)size, NULL);
        }
        check_list_done(list);
        return r;
}

static int check_device(const Diagnosis *diagnosis, int socket_fd, const HostFacts *facts, const Device *device) {
        _cleanup_check_list_ CheckList list = {};
        DeviceFacts device_facts;

        device_checks_run(facts, diagnosis->table->inventory, device, &list);
        int r = send_checks(socket_fd, &list);
        if (r < 0 || !device->present)
                return r;
        device_facts_read(diagnosis->table->kernel, device->address, device->group ? device->group->number : -1,
                        &device_facts);
        device_facts_check(facts, device, &device_facts, &list);
        return send_checks(socket_fd, &list);
}

static int explain(const Diagnosis *diagnosis, int socket_fd) {
        _cleanup_check_list_ CheckList list = {};
        const Inventory *inventory = diagnosis->table->inventory;
        const Device *device = diagnosis->devices[0];
        IsolationFacts facts;

        isolation_collect(inventory, device, &facts);
        for (size_t i = 0; i < facts.n_facts; i++)
                facts.facts[i].is_express = device_is_express(diagnosis->table->kernel, facts.facts[i].address);
        if (diagnosis->question.spaces)
                isolation_add_spaces(&facts, diagnosis->question.spaces);
        isolation_check(inventory, device, &facts, &list);
        device_check_reset(inventory, device, &list);
        return send_checks(socket_fd, &list);
}

static int check_host(const Diagnosis *diagnosis, int socket_fd, const HostFacts *facts) {
        _cleanup_check_list_ CheckList list = {};
        const Inventory *inventory = diagnosis->table->inventory;

        firmware_checks_run(facts, &list);
        vfio_checks_run(facts, inventory, &list);
        program_checks_run(facts, inventory, &list);
        machine_checks_run(facts, &list);
        if (diagnosis->n_devices > 0)
                check_list_drop_minor(&list);
        return send_checks(socket_fd, &list);
}

static int diagnose(const Diagnosis *diagnosis, int socket_fd) {
        _cleanup_host_facts_ HostFacts facts = {};

        int r = host_facts_read(diagnosis->table->kernel, diagnosis->question.uid, diagnosis->question.pid, &facts);
        if (r >= 0) {
                examine(diagnosis, &facts);
                r = check_host(diagnosis, socket_fd, &facts);
        }
        for (size_t i = 0; i < diagnosis->n_devices && r >= 0; i++)
                r = check_device(diagnosis, socket_fd, &facts, diagnosis->devices[i]);
        return r;
}

static void run(int socket_fd, void *userdata) {
        const Diagnosis *diagnosis = userdata;
        bool explains = diagnosis->question.explains && diagnosis->n_devices > 0;

        int r = explains ? explain(diagnosis, socket_fd) : diagnose(diagnosis, socket_fd);
        if (r >= 0)
                (void)child_send_packet(socket_fd, end_packet, sizeof(end_packet), NULL);
}

/* In the daemon. */

static Diagnosis *diagnosis_free(Diagnosis *diagnosis) {
        if (!diagnosis)
                return NULL;
        for (Diagnosis **link = &diagnosis->table->diagnoses; *link; link = &(*link)->next)
                if (*link == diagnosis) {
                        *link = diagnosis->next;
                        break;
                }
        child_free(diagnosis->child);
        sd_event_source_disable_unref(diagnosis->timer);
        check_list_done(&diagnosis->checks);
        free(diagnosis);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Diagnosis *, diagnosis_free)

/* Answers. */
static void finish(Diagnosis *diagnosis, int error) {
        diagnosis_done_t done = diagnosis->done;

        if (!done)
                return;
        diagnosis->done = NULL;
        if (error >= 0 && !diagnosis->is_complete) {
                check_add(&diagnosis->checks, CHECK_KERNEL, "diagnosis-incomplete", CHECK_WARNING,
                                "Not all checks were made: a file or a device of this host did not answer in time, or "
                                "there was not enough memory.");
                check_cure(&diagnosis->checks, "journalctl -u vfiod -u vfiod-worker");
        }
        error = error < 0 ? error : diagnosis->checks.error;
        done(error, error < 0 ? NULL : &diagnosis->checks, diagnosis->userdata);
}

static bool on_packet(const void *packet, size_t size, void *userdata) {
        Diagnosis *diagnosis = userdata;

        if (size == 0) { /* the process has ended */
                finish(diagnosis, 0);
                diagnosis_free(diagnosis);
                return false;
        }
        if (!diagnosis->done)
                return true; /* too late */
        if (size == sizeof(end_packet) && memcmp(packet, end_packet, size) == 0)
                diagnosis->is_complete = true;
        else
                (void)check_message_read(packet, size, &diagnosis->checks);
        return true;
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        /* The child stays: it counts until the kernel lets it go. */
        finish(userdata, 0);
        return 0;
}

static int check_quota(const DiagnosisTable *table, uid_t asker, Problem *problem) {
        static const QuotaLimits limits = {DIAGNOSES_MAX, DIAGNOSES_PER_USER, DIAGNOSES_FOR_ROOT};
        QuotaUse use = {};

        for (const Diagnosis *diagnosis = table->diagnoses; diagnosis; diagnosis = diagnosis->next)
                quota_add(&use, diagnosis->question.uid, asker);
        return quota_check(&limits, &use, asker, "diagnoses", problem);
}

/* Selects the device, or the endpoints of the group. If the group has none, its bridges are selected. */
static void select_devices(Diagnosis *diagnosis, const Selection *selection) {
        if (!selection)
                return;
        if (selection->device) {
                diagnosis->devices[diagnosis->n_devices++] = selection->device;
                return;
        }
        const Group *group = selection->group;
        bool takes_all = group_count_endpoints(group) == 0;
        for (size_t i = 0; i < group->n_members && diagnosis->n_devices < DIAGNOSIS_DEVICES_MAX; i++)
                if (group->members[i]->endpoint || takes_all)
                        diagnosis->devices[diagnosis->n_devices++] = group->members[i];
}

int diagnosis_start(DiagnosisTable *table, const DiagnosisQuestion *question, diagnosis_done_t done, void *userdata,
                Problem *problem) {
        int r;

        if ((r = check_quota(table, question->uid, problem)) != 0)
                return r;
        _cleanup_(diagnosis_freep) Diagnosis *diagnosis = malloc(sizeof(Diagnosis));
        if (!diagnosis)
                return -ENOMEM;
        *diagnosis = (Diagnosis){.table = table, .question = *question, .done = done, .userdata = userdata};
        select_devices(diagnosis, question->selection);
        ChildTask task = {
                        .name = "vfiod-diagnosis",
                        .kernel = table->kernel,
                        .run = run,
                        .on_packet = on_packet,
                        .userdata = diagnosis,
        };
        if (table->kernel->root_fd >= 0)
                task.keep[task.n_keep++] = table->kernel->root_fd;
        if ((r = sd_event_add_time_relative(table->event, &diagnosis->timer, CLOCK_MONOTONIC, table->deadline_us, 0,
                             on_timer, diagnosis)) < 0 ||
                        (r = child_new(table->event, &task, &diagnosis->child)) < 0)
                return r;
        diagnosis->question.selection = NULL;
        diagnosis->question.spaces = NULL;
        diagnosis->next = table->diagnoses;
        table->diagnoses = TAKE_PTR(diagnosis);
        return 0;
}

void diagnosis_table_done(DiagnosisTable *table) {
        while (table->diagnoses) {
                finish(table->diagnoses, -ECANCELED);
                diagnosis_free(table->diagnoses);
        }
}
