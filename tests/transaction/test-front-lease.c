/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "front.h"
#include "helper/lease-service.h"
#include "helpers.h"
#include "state/lease-file.h"
#include "usage/census.h"

#include <acl/libacl.h>
#include <fcntl.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A program that took over vfiod gives leases: the worker gives access only to nodes of devices that vfiod has detached. */

#define NODE "dev/vfio/10"
#define ALICE 4000001U

/* Calls GrantLease for these addresses. Returns its result. */
static int grant(Front *front, unsigned number, uint32_t uid, bool ends_holders, const char *const *addresses) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int32_t result = 0;

        front_connect(front);
        sd_bus_message *call = front_make_call(front, "GrantLease");
        g_assert_cmpint(sd_bus_message_append(call, "uuutbbb", number, uid, 0U, (uint64_t)1, 1, 0, (int)ends_holders),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_append_strv(call, (char **)addresses), >=, 0);
        int r = front_send(front, call, &reply);
        if (r < 0)
                return r;
        g_assert_cmpint(sd_bus_message_read(reply, "i", &result), >=, 0);
        return result;
}

static void expect_acl(Front *front, const char *expected) {
        g_autofree char *path = g_build_filename(fake_kernel_get_root(front->host->fake), NODE, NULL);

        acl_t acl = acl_get_file(path, ACL_TYPE_ACCESS);
        g_assert_nonnull(acl);
        char *text = acl_to_any_text(acl, NULL, ',', TEXT_NUMERIC_IDS);
        g_assert_cmpstr(text, ==, expected);
        (void)acl_free(text);
        (void)acl_free(acl);
}

static bool has_file(Front *front, unsigned number) {
        _cleanup_lease_file_ LeaseFile file = {};

        return lease_file_read(front->host->state->leases_fd, number, &file) >= 0;
}

static void detach_ports(Front *front) {
        RawPlan plan = {.group = PORTS_GROUP,
                        .members = {{PORT1, PORTS_GROUP, PLAN_NO_PARENT, "e1000"},
                                        {PORT2, PORTS_GROUP, PLAN_NO_PARENT, "e1000"}}};

        fake_kernel_do(front->host->fake, "modprobe vfio-pci");
        g_assert_cmpint(front_run(front, &plan), ==, 0);
}

static void test_not_detached(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL}, *const absent[] = {"0000:7f:00.0", NULL},
                                 *const traversal[] = {"../../../dev/sda", NULL}, *const empty[] = {NULL};
        _cleanup_front_ Front *front = front_new();

        g_assert_cmpint(grant(front, 1, ALICE, false, ports), ==, -EPERM);
        g_assert_cmpint(grant(front, 1, ALICE, false, absent), ==, -EPERM);
        g_assert_cmpint(grant(front, 1, ALICE, false, traversal), ==, -EBADMSG);
        g_assert_cmpint(grant(front, 1, ALICE, false, empty), ==, -ENOENT);
        g_assert_false(has_file(front, 1));

        /* Another program bound it to vfio-pci. */
        fake_kernel_do(front->host->fake, "modprobe vfio-pci");
        g_assert_cmpint(fake_kernel_write(
                                        front->host->fake, "vfio-pci", "sys/bus/pci/devices/" PORT1 "/driver_override"),
                        ==, 0);
        g_assert_cmpint(fake_kernel_write(front->host->fake, PORT1, "sys/bus/pci/drivers/e1000/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(front->host->fake, PORT1, "sys/bus/pci/drivers_probe"), ==, 0);
        static const char *const one[] = {PORT1, NULL};
        g_assert_cmpint(grant(front, 1, ALICE, false, one), ==, -EPERM);
        expect_acl(front, "user::rw-,group::---,other::---");
}

static void test_numbers(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL};
        _cleanup_front_ Front *front = front_new();
        const char *many[LEASE_DEVICES_MAX + 2];

        detach_ports(front);
        g_assert_cmpint(grant(front, 0, ALICE, false, ports), ==, -EBADMSG);
        g_assert_cmpint(grant(front, FILE_NUMBER_MAX + 1, ALICE, false, ports), ==, -EBADMSG);
        g_assert_cmpint(grant(front, 1, UINT32_MAX, false, ports), ==, -EBADMSG);
        for (size_t i = 0; i <= LEASE_DEVICES_MAX; i++)
                many[i] = PORT1;
        many[LEASE_DEVICES_MAX + 1] = NULL;
        g_assert_cmpint(grant(front, 1, ALICE, false, many), ==, -EBADMSG);
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 0U, 1), ==, -EBADMSG);
        g_assert_cmpint(front_ask(front, "EndHolders", "ub", 0U, 1), ==, -EBADMSG);
        g_assert_false(has_file(front, 1));
        expect_acl(front, "user::rw-,group::---,other::---");
}

/* What is given is taken away, also if it was given twice. */
static void test_given(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL};
        _cleanup_front_ Front *front = front_new();

        detach_ports(front);
        g_assert_cmpint(grant(front, 7, ALICE, false, ports), ==, 0);
        g_assert_cmpint(grant(front, 7, ALICE, false, ports), ==, 0);
        expect_acl(front, "user::rw-,user:4000001:rw-,group::---,mask::rw-,other::---");
        g_assert_true(has_file(front, 7));
        /* The file tells from whom the access is taken away. */
        g_assert_cmpint(grant(front, 7, ALICE + 1, false, ports), ==, -EPERM);
        expect_acl(front, "user::rw-,user:4000001:rw-,group::---,mask::rw-,other::---");
        g_assert_cmpint(grant(front, 8, ALICE + 1, false, ports), ==, 0);
        expect_acl(front, "user::rw-,user:4000001:rw-,user:4000002:rw-,group::---,mask::rw-,other::---");
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 7U, 0), ==, 0);
        expect_acl(front, "user::rw-,user:4000002:rw-,group::---,mask::rw-,other::---");
        g_assert_true(has_file(front, 7));
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 7U, 1), ==, 0);
        g_assert_false(has_file(front, 7));
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 8U, 1), ==, 0);
        expect_acl(front, "user::rw-,group::---,other::---");
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 9U, 1), ==, 0);
}

/* The fake kernel stores no larger lists. An entry has 8 bytes. */
#define ACL_ENTRIES_MAX 511

/* As if the kernel had made the node again, and somebody had given it to as many users as the list can have. */
static void fill_acl(Front *front) {
        g_autofree char *path = g_build_filename(fake_kernel_get_root(front->host->fake), NODE, NULL);
        g_autoptr(GString) text = g_string_new("u::rw,g::-,o::-,m::rw");

        for (unsigned i = 4; i < ACL_ENTRIES_MAX; i++)
                g_string_append_printf(text, ",u:%u:rw", 5000000 + i);
        acl_t acl = acl_from_text(text->str);
        g_assert_nonnull(acl);
        g_assert_cmpint(acl_set_file(path, ACL_TYPE_ACCESS, acl), ==, 0);
        (void)acl_free(acl);
}

/* The access to new nodes cannot be given: the lease keeps its file, which the end of the lease needs. A lease that never had
 * access has no file then. */
static void test_failed_again(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL};
        _cleanup_front_ Front *front = front_new();

        detach_ports(front);
        g_assert_cmpint(grant(front, 7, ALICE, false, ports), ==, 0);
        fill_acl(front);
        g_assert_cmpint(grant(front, 7, ALICE, false, ports), ==, -E2BIG);
        g_assert_true(has_file(front, 7));
        g_assert_cmpint(grant(front, 8, ALICE, false, ports), ==, -E2BIG);
        g_assert_false(has_file(front, 8));
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 7U, 1), ==, 0);
        g_assert_false(has_file(front, 7));
}

/* Processes are ended only if the lease said so when it began. There is no reaper here, and no process to end. */
static void test_processes(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL};
        _cleanup_front_ Front *front = front_new();

        detach_ports(front);
        g_assert_cmpint(front_ask(front, "EndHolders", "ub", 3U, 1), ==, -ENOENT);
        g_assert_cmpint(grant(front, 3, ALICE, false, ports), ==, 0);
        g_assert_cmpint(front_ask(front, "EndHolders", "ub", 3U, 1), ==, -EPERM);
        g_assert_cmpint(grant(front, 4, ALICE, true, ports), ==, 0);
        g_assert_cmpint(front_ask(front, "EndHolders", "ub", 4U, 1), ==, 0);
}

/* Waits until a process waits for the lock of the folder, or until the call has ended. Then it unlocks the folder. */
typedef struct Holding {
        int fd;
        int ended; /* atomic */
        bool somebody_waited;
} Holding;

static gpointer hold(gpointer userdata) {
        Holding *holding = userdata;
        struct stat status;

        g_assert_cmpint(fstat(holding->fd, &status), ==, 0);
        g_autofree char *inode = g_strdup_printf(":%lu 0 EOF", (unsigned long)status.st_ino);
        while (!g_atomic_int_get(&holding->ended) && !holding->somebody_waited) {
                g_autofree char *text = NULL;

                g_assert_true(g_file_get_contents("/proc/locks", &text, NULL, NULL));
                g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
                for (char **line = lines; *line; line++)
                        holding->somebody_waited |= strstr(*line, "-> FLOCK") && strstr(*line, inode);
        }
        (void)close(holding->fd);
        return NULL;
}

static void expect_waits(Front *front, int (*call)(Front *front)) {
        Holding holding = {.fd = file_lock_folder(front->host->state->leases_fd)};

        g_assert_cmpint(holding.fd, >=, 0);
        GThread *thread = g_thread_new("holder", hold, &holding);
        g_assert_cmpint(call(front), ==, 0);
        g_atomic_int_set(&holding.ended, true);
        g_thread_join(thread);
        g_assert_true(holding.somebody_waited);
}

static int grant_ports(Front *front) {
        static const char *const ports[] = {PORT1, PORT2, NULL};

        return grant(front, 1, ALICE, false, ports);
}

static int revoke_ports(Front *front) {
        return front_ask(front, "RevokeLease", "ub", 1U, 1);
}

/* Two workers do not change the access at the same time. */
static void test_lock(void) {
        _cleanup_front_ Front *front = front_new();

        detach_ports(front);
        expect_waits(front, grant_ports);
        expect_acl(front, "user::rw-,user:4000001:rw-,group::---,mask::rw-,other::---");
        expect_waits(front, revoke_ports);
        expect_acl(front, "user::rw-,group::---,other::---");
}

/* The program does not give itself access. */
static void test_own_user(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL};
        _cleanup_front_ Front *front = front_new();

        detach_ports(front);
        front->uid = ALICE;
        g_assert_cmpint(grant(front, 1, ALICE, false, ports), ==, -EPERM);
        g_assert_false(has_file(front, 1));
        expect_acl(front, "user::rw-,group::---,other::---");
        g_assert_cmpint(grant(front, 1, ALICE + 1, false, ports), ==, 0);
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 1U, 1), ==, 0);
}

/* A census that finds this process as a holder in its first searches, and nothing later. */
typedef struct ShortCensus {
        CensusPort port;
        unsigned n_finds;
        pid_t pid;
        uid_t uid;
} ShortCensus;

static int search(const CensusPort *port, HolderTable *table, MountTable *mounts) {
        ShortCensus *census = (ShortCensus *)port;

        (void)mounts;
        if (census->n_finds == 0)
                return 0;
        census->n_finds--;
        HolderList *list = &table->owners[0].open;
        list->holders = calloc(1, sizeof(NamedHolder));
        g_assert_nonnull(list->holders);
        list->holders[list->n_holders++].holder = (Holder){.pid = census->pid, .uid = census->uid};
        return 0;
}

/* Counts connections to the socket of the reaper, and closes them. */
static gpointer count_connections(gpointer userdata) {
        const int *listener = userdata;
        unsigned n = 0;
        int fd;

        while ((fd = accept4(*listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                (void)close(fd);
                n++;
        }
        return GUINT_TO_POINTER(n);
}

/* Returns how often a worker asked the reaper to end the holder. */
static unsigned count_requests(Front *front, unsigned n_finds, uid_t uid) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        ShortCensus census = {.port = {.search = search}, .n_finds = n_finds, .pid = getpid(), .uid = uid};
        Kernel *kernel = (Kernel *)front->host->kernel;
        const CensusPort *before = kernel->census;

        g_autofree char *folder = g_dir_make_tmp("vfiod-reaper-XXXXXX", NULL);
        g_autofree char *path = g_build_filename(folder, "reaper", NULL);
        (void)g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(listener, 4), ==, 0);
        GThread *thread = g_thread_new("reaper", count_connections, &listener);
        kernel->census = &census.port;
        front->reaper = path;
        g_assert_cmpint(front_ask(front, "EndHolders", "ub", 1U, 1), ==, 0);
        front->reaper = NULL;
        kernel->census = before;
        (void)shutdown(listener, SHUT_RDWR);
        unsigned n = GPOINTER_TO_UINT(g_thread_join(thread));
        (void)close(listener);
        (void)unlink(path);
        (void)rmdir(folder);
        return n;
}

/* A process that had the device open only in the first search is not ended: its pid may be that of another process now. */
static void test_vanished_holder(void) {
        static const char *const ports[] = {PORT1, PORT2, NULL};
        _cleanup_front_ Front *front = front_new();

        detach_ports(front);
        g_assert_cmpint(grant(front, 1, ALICE, true, ports), ==, 0);
        g_assert_cmpuint(count_requests(front, 2, ALICE), >, 0);
        g_assert_cmpuint(count_requests(front, 1, ALICE), ==, 0);
        g_assert_cmpuint(count_requests(front, 2, ALICE + 1), ==, 0);
        g_assert_cmpint(front_ask(front, "RevokeLease", "ub", 1U, 1), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/front-lease/not-detached", test_not_detached);
        g_test_add_func("/front-lease/numbers", test_numbers);
        g_test_add_func("/front-lease/given", test_given);
        g_test_add_func("/front-lease/failed-again", test_failed_again);
        g_test_add_func("/front-lease/processes", test_processes);
        g_test_add_func("/front-lease/lock", test_lock);
        g_test_add_func("/front-lease/own-user", test_own_user);
        g_test_add_func("/front-lease/vanished-holder", test_vanished_holder);
        return g_test_run();
}
