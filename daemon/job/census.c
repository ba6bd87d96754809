/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/census.h"
#include "job/child.h"

#include <sys/socket.h>

#define ENTRIES_MAX 1024

struct Census {
        Census *next;
        CensusTable *table;
        uid_t asker;
        int socket_fd;
        sd_event_source *socket_source, *timer;
        CensusEntry *entries;
        size_t n_entries;
        census_done_t done;
        void *userdata;
};

/* What the process says: an entry a packet, and at the end the result. */
typedef struct Packet {
        bool is_end;
        int error;
        CensusEntry entry;
} Packet;

/* In the process. */

static int send_packet(int fd, const Packet *packet) {
        while (send(fd, packet, sizeof(*packet), MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

/* Sends the holders of the group's node or of a device's nodes. */
static int send_holders(int fd, const NodeHolders *owner, bool of_group) {
        if (owner->error < 0 && owner->error != -ENODEV)
                return owner->error;
        for (size_t i = 0; i < owner->open.n_holders; i++) {
                const NamedHolder *named = &owner->open.holders[i];
                Packet packet = {.entry = {.holder = named->holder, .of_group = of_group, .address = owner->address}};

                (void)snprintf(packet.entry.node, sizeof(packet.entry.node), "%s", named->node);
                int r = send_packet(fd, &packet);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void __attribute__((noreturn))
run(const Kernel *kernel, int socket_fd, int group, const PciAddress *addresses, size_t n_addresses) {
        HolderTable table = {.kernel = kernel, .names_max = ENTRIES_MAX};
        int r = 0;

        if (group >= 0)
                r = holder_table_add_group(&table, group);
        for (size_t i = 0; i < n_addresses && r >= 0; i++)
                r = holder_table_add_device(&table, addresses[i]);
        if (r >= 0)
                r = holder_table_search(&table);
        for (size_t i = 0; i < table.n_owners && r >= 0; i++)
                r = send_holders(socket_fd, &table.owners[i], group >= 0 && i == 0);
        (void)send_packet(socket_fd, &(Packet){.is_end = true, .error = r < 0 ? r : 0});
        _exit(EXIT_SUCCESS);
}

/* In the daemon. */

static void census_free(Census *census) {
        for (Census **link = &census->table->censuses; *link; link = &(*link)->next)
                if (*link == census) {
                        *link = census->next;
                        break;
                }
        sd_event_source_disable_unref(census->socket_source);
        sd_event_source_disable_unref(census->timer);
        (void)safe_close(census->socket_fd);
        free(census->entries);
        free(census);
}

static Census *census_unref(Census *census) {
        if (census)
                census_free(census);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Census *, census_unref)

static void finish(Census *census, int error) {
        census->done(error, census->entries, error < 0 ? 0 : census->n_entries, census->userdata);
        census_free(census);
}

static int add_entry(Census *census, const CensusEntry *entry) {
        if (census->n_entries >= ENTRIES_MAX)
                return 0; /* nobody reads more */
        CensusEntry *grown = reallocarray(census->entries, census->n_entries + 1, sizeof(CensusEntry));
        if (!grown)
                return -ENOMEM;
        census->entries = grown;
        grown[census->n_entries++] = *entry;
        return 0;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Census *census = userdata;
        Packet packet;

        (void)source, (void)events;
        ssize_t n = recv(fd, &packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        int r = n != (ssize_t)sizeof(packet) ? -EPIPE : packet.is_end ? 0 : add_entry(census, &packet.entry);
        if (r < 0 || packet.is_end)
                finish(census, r < 0 ? r : packet.error);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        finish(userdata, -ETIMEDOUT);
        return 0;
}

static int check_quota(const CensusTable *table, uid_t asker, Problem *problem) {
        static const QuotaLimits limits = {CENSUSES_MAX, CENSUSES_PER_USER, CENSUSES_FOR_ROOT};
        QuotaUse use = {};

        for (const Census *census = table->censuses; census; census = census->next)
                quota_add(&use, census->asker, asker);
        return quota_check(&limits, &use, asker, "searches for holders", problem);
}

int census_start(CensusTable *table, uid_t asker, int group, const PciAddress *addresses, size_t n_addresses,
                census_done_t done, void *userdata, Problem *problem) {
        int sockets[2], r;

        if ((r = check_quota(table, asker, problem)) != 0)
                return r;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        _cleanup_close_ int child_fd = sockets[1];
        _cleanup_(census_unrefp) Census *census = malloc(sizeof(Census));
        if (!census) {
                (void)safe_close(sockets[0]);
                return -ENOMEM;
        }
        *census = (Census){
                        .table = table,
                        .asker = asker,
                        .socket_fd = sockets[0],
                        .done = done,
                        .userdata = userdata,
        };
        if ((r = sd_event_add_io(table->event, &census->socket_source, census->socket_fd, EPOLLIN, on_socket, census)) <
                                        0 ||
                        (r = sd_event_add_time_relative(table->event, &census->timer, CLOCK_MONOTONIC,
                                         CENSUS_DEADLINE_US, 0, on_deadline, census)) < 0)
                return r;
        r = child_fork(table->event, "vfiod-census", table->kernel, &child_fd, 1);
        if (r < 0)
                return r;
        if (r == 0)
                run(table->kernel, child_fd, group, addresses, n_addresses);

        census->next = table->censuses;
        table->censuses = census;
        TAKE_PTR(census);
        return 0;
}

void census_table_done(CensusTable *table) {
        while (table->censuses)
                finish(table->censuses, -ECANCELED);
}
