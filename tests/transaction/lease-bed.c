/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease-bed.h"
#include "base/file.h"
#include "helper/census-service.h"
#include "process/child.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static const LeaseLimits limits = {
                .leases = {.total = 8, .per_user = 8},
                .claim_us = 60 * G_USEC_PER_SEC,
                .grace_us = 60 * G_USEC_PER_SEC,
                .retry_min_us = 60 * G_USEC_PER_SEC,
                .retry_max_us = 60 * G_USEC_PER_SEC,
};

static LeaseTable *start_table(const Daemon *daemon, DescriptorStore *store, CensusTable *censuses, int socket_fd) {
        LeaseParts parts = {
                        .event = daemon->event,
                        .kernel = daemon->host->kernel,
                        .inventory = daemon->host->inventory,
                        .state = daemon->host->state,
                        .jobs = daemon->jobs,
                        .port = (WorkerPort *)&daemon->port,
                        .censuses = censuses,
                        .store = store,
                        .limits = &limits,
                        .socket_fd = socket_fd,
        };
        LeaseTable *table;

        g_assert_cmpint(lease_table_new(&parts, &table), ==, 0);
        return table;
}

LeaseTable *lease_bed_start_with(const Daemon *daemon, DescriptorStore *store, CensusTable *censuses) {
        return start_table(daemon, store, censuses, -EBADF);
}

LeaseTable *lease_bed_start_socket(const Daemon *daemon, int socket_fd) {
        return start_table(daemon, NULL, NULL, socket_fd);
}

LeaseTable *lease_bed_start(const Daemon *daemon, DescriptorStore *store) {
        return lease_bed_start_with(daemon, store, NULL);
}

static void on_started(const Lease *lease, const WorkerResult *result, void *userdata) {
        unsigned *n = userdata;

        if (!lease)
                g_test_message("The lease cannot begin: %d, %s", result->error, strempty(result->problem.message));
        ++*n;
}

/* A process for leases that lasts as long as this one. */
static pid_t find_process(void) {
        static pid_t process;

        if (process > 0)
                return process;
        process = fork();
        g_assert_cmpint(process, >=, 0);
        if (process == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)pause();
                _exit(EXIT_FAILURE);
        }
        return process;
}

int lease_bed_begin(Daemon *daemon, LeaseTable *table, const char *selector, unsigned *n_answers, Problem *problem) {
        static const DetachOptions options = {.whole_group = true};
        Selection selection;
        IommuReport iommu;
        LeaseWish wish = {.uid = 1000, .pid = find_process(), .caller = "a test"};

        iommu_examine(daemon->host->kernel, &iommu);
        g_assert_cmpint(selector_resolve(daemon->host->inventory, selector, &selection, problem), ==, 0);
        g_assert_cmpint(plan_detach(daemon->host->inventory, &selection, &iommu, &options, &wish.plan, problem), ==, 0);
        wish.group = selection.group;
        return lease_start(table, &wish, on_started, n_answers, problem);
}

int lease_bed_begin_detached(Daemon *daemon, LeaseTable *table, const char *selector, bool descriptors,
                unsigned *n_answers, Problem *problem) {
        Selection selection;

        problem_done(problem);
        g_assert_cmpint(selector_resolve(daemon->host->inventory, selector, &selection, problem), ==, 0);
        LeaseWish wish = {.uid = 1000,
                        .pid = find_process(),
                        .caller = "a test",
                        .descriptors = descriptors,
                        .group = selection.group};
        return lease_start(table, &wish, on_started, n_answers, problem);
}

bool lease_bed_is_answered(Daemon *daemon, const void *what) {
        const unsigned *n = what;

        (void)daemon;
        return *n > 0;
}

int lease_bed_lock(const Host *host) {
        int lock_fd = file_lock_folder(host->state->leases_fd);

        g_assert_cmpint(lock_fd, >=, 0);
        return lock_fd;
}

void slow_census_begin(SlowCensus *census, Daemon *daemon) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        census->path = g_strdup_printf("%s/census", daemon->host->folder);
        census->table = (CensusTable){.event = daemon->event, .path = census->path};
        (void)g_strlcpy(address.sun_path, census->path, sizeof(address.sun_path));
        census->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(census->listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(census->listener, 4), ==, 0);
}

void slow_census_end(SlowCensus *census) {
        census_table_done(&census->table);
        (void)close(census->listener);
        (void)g_unlink(census->path);
        g_free(census->path);
}

bool slow_census_is_asked(Daemon *daemon, const void *what) {
        const SlowCensus *census = what;
        struct pollfd connection = {.fd = census->listener, .events = POLLIN};

        (void)daemon;
        return poll(&connection, 1, 0) == 1;
}

void slow_census_answer(const SlowCensus *census, Daemon *daemon) {
        int fd = accept4(census->listener, NULL, NULL, SOCK_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        pid_t pid = child_fork("vfiod-search", daemon->host->kernel, &fd, 1);
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                census_serve(fd, (Kernel *)daemon->host->kernel);
                _exit(EXIT_SUCCESS);
        }
        (void)close(fd);
        child_reap(daemon->event, pid);
}
