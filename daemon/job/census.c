/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/census.h"
#include "job/child.h"

#define ENTRIES_MAX 1024

struct Census {
        Census *next;
        CensusTable *table;
        uid_t asker;
        Child *child;
        sd_event_source *timer;
        int group;                   /* for the child process, as the addresses */
        const PciAddress *addresses; /* NULL in the daemon */
        size_t n_addresses;
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
        return child_send_packet(fd, packet, sizeof(*packet), NULL);
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

static void run(int socket_fd, void *userdata) {
        const Census *census = userdata;
        HolderTable table = {.kernel = census->table->kernel, .names_max = ENTRIES_MAX};
        int r = 0;

        if (census->group >= 0)
                r = holder_table_add_group(&table, census->group);
        for (size_t i = 0; i < census->n_addresses && r >= 0; i++)
                r = holder_table_add_device(&table, census->addresses[i]);
        if (r >= 0)
                r = holder_table_search(&table);
        for (size_t i = 0; i < table.n_owners && r >= 0; i++)
                r = send_holders(socket_fd, &table.owners[i], census->group >= 0 && i == 0);
        (void)send_packet(socket_fd, &(Packet){.is_end = true, .error = r < 0 ? r : 0});
}

/* In the daemon. */

static Census *census_free(Census *census) {
        if (!census)
                return NULL;
        for (Census **link = &census->table->censuses; *link; link = &(*link)->next)
                if (*link == census) {
                        *link = census->next;
                        break;
                }
        child_free(census->child);
        sd_event_source_disable_unref(census->timer);
        free(census->entries);
        free(census);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Census *, census_free)

static void finish(Census *census, int error) {
        census->done(error, census->entries, error < 0 ? 0 : census->n_entries, census->userdata);
        census_free(census);
}

static int add_entry(Census *census, const CensusEntry *entry) {
        if (census->n_entries >= ENTRIES_MAX)
                return 0; /* nobody reads more */
        if (!ARRAY_GROW(census->entries, census->n_entries))
                return -ENOMEM;
        census->entries[census->n_entries++] = *entry;
        return 0;
}

static bool on_packet(const void *data, size_t size, void *userdata) {
        const Packet *packet = data;
        Census *census = userdata;

        int r = size != sizeof(Packet) ? -EPIPE : packet->is_end ? packet->error : add_entry(census, &packet->entry);
        if (r >= 0 && !packet->is_end)
                return true;
        finish(census, r);
        return false;
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
        int r;

        if ((r = check_quota(table, asker, problem)) != 0)
                return r;
        _cleanup_(census_freep) Census *census = malloc(sizeof(Census));
        if (!census)
                return -ENOMEM;
        *census = (Census){
                        .table = table,
                        .asker = asker,
                        .group = group,
                        .addresses = addresses,
                        .n_addresses = n_addresses,
                        .done = done,
                        .userdata = userdata,
        };
        ChildTask task = {
                        .name = "vfiod-census",
                        .kernel = table->kernel,
                        .run = run,
                        .on_packet = on_packet,
                        .userdata = census,
        };
        if ((r = sd_event_add_time_relative(table->event, &census->timer, CLOCK_MONOTONIC, CENSUS_DEADLINE_US, 0,
                             on_deadline, census)) < 0 ||
                        (r = child_new(table->event, &task, &census->child)) < 0)
                return r;
        census->addresses = NULL;
        census->next = table->censuses;
        table->censuses = TAKE_PTR(census);
        return 0;
}

void census_table_done(CensusTable *table) {
        while (table->censuses)
                finish(table->censuses, -ECANCELED);
}
