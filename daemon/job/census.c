/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/census.h"

/* Nobody reads more. */
#define ENTRIES_MAX 1024

struct Census {
        Census *next;
        CensusTable *table;
        uid_t asker, reader;
        sd_bus *peer;
        HolderTable holders; /* The first owner is the group, if the caller asked for one. */
        int group;           /* negative for none */
        AskedDevice *devices;
        size_t n_devices;
        bool has_asked_again;
        census_done_t done;
        void *userdata;
};

static void close_peer(Census *census) {
        if (census->peer)
                (void)sd_bus_detach_event(census->peer);
        census->peer = sd_bus_close_unref(census->peer);
}

static Census *census_free(Census *census) {
        if (!census)
                return NULL;
        for (Census **link = &census->table->censuses; *link; link = &(*link)->next)
                if (*link == census) {
                        *link = census->next;
                        break;
                }
        close_peer(census);
        holder_table_done(&census->holders);
        free(census->devices);
        free(census);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Census *, census_free)

static CensusEntry make_entry(const NodeHolders *owner, const NamedHolder *named, bool of_group) {
        CensusEntry entry = {.holder = named->holder, .of_group = of_group, .address = owner->address};

        (void)snprintf(entry.node, sizeof(entry.node), "%s", strempty(named->node));
        return entry;
}

/* Lists the holders of all owners. Returns 0 or a negative errno. */
static int list_entries(const Census *census, CensusEntry **ret, size_t *ret_n) {
        const HolderTable *table = &census->holders;
        _cleanup_free_ CensusEntry *entries = NULL;
        size_t n = 0;

        if (table->error < 0)
                return table->error;
        for (size_t i = 0; i < table->n_owners; i++) {
                const NodeHolders *owner = &table->owners[i];

                if (owner->error < 0 && owner->error != -ENODEV)
                        return owner->error;
                for (size_t j = 0; j < owner->open.n_holders && n < ENTRIES_MAX; j++) {
                        if (!ARRAY_GROW(entries, n))
                                return -ENOMEM;
                        entries[n++] = make_entry(owner, &owner->open.holders[j], census->group >= 0 && i == 0);
                }
        }
        *ret = TAKE_PTR(entries);
        *ret_n = n;
        return 0;
}

static void finish(Census *census, int error) {
        _cleanup_free_ CensusEntry *entries = NULL;
        size_t n = 0;

        if (error >= 0)
                error = list_entries(census, &entries, &n);
        census->done(error, entries, n, census->userdata);
        census_free(census);
}

static int check_quota(const CensusTable *table, uid_t asker, Problem *problem) {
        static const QuotaLimits limits = {CENSUSES_MAX, CENSUSES_PER_USER, CENSUSES_FOR_ROOT};
        QuotaUse use = {};

        for (const Census *census = table->censuses; census; census = census->next)
                quota_add(&use, census->asker, asker);
        return quota_check(&limits, &use, asker, "searches for holders", problem);
}

static int copy_devices(Census *census, const AskedDevice *devices, size_t n) {
        if (!(census->devices = calloc(n + 1, sizeof(AskedDevice))))
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                census->devices[census->n_devices++] = devices[i];
        return 0;
}

/* Makes the owners in the order of the question: vfiod-census finds their nodes. */
static int make_owners(Census *census) {
        HolderTable *table = &census->holders;

        if (!(table->owners = calloc(census->n_devices + 1, sizeof(NodeHolders))))
                return -ENOMEM;
        table->n_owners = census->group >= 0;
        for (size_t i = 0; i < census->n_devices; i++)
                table->owners[table->n_owners++].address = census->devices[i].address;
        return 0;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error);

static int ask(Census *census) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        int fd = peer_connect(census->table->path);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, census->table->event, &census->peer)) < 0 ||
                        (r = peer_make_call(census->peer, PEER_CENSUS_INTERFACE, "ListHolders", &call)) < 0 ||
                        (r = holder_message_append_list(call, census->group, census->devices, census->n_devices,
                                         ENTRIES_MAX, census->reader)) < 0)
                return r;
        return sd_bus_call_async(census->peer, NULL, call, on_reply, census, CENSUS_DEADLINE_US);
}

/* A census that is killed, for example by an update of the package, starts again with the next connection. */
static int ask_again(Census *census) {
        if (census->has_asked_again)
                return -EPIPE;
        census->has_asked_again = true;
        close_peer(census);
        return ask(census);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Census *census = userdata;

        (void)error;
        if (!sd_bus_message_is_method_error(reply, NULL))
                finish(census, holder_message_read_answer(reply, &census->holders, NULL));
        else if (sd_bus_is_open(census->peer) || ask_again(census) < 0)
                finish(census, sd_bus_message_get_errno(reply) == ETIMEDOUT ? -ETIMEDOUT : -EPIPE);
        return 1;
}

int census_start(CensusTable *table, uid_t asker, uid_t reader, int group, const AskedDevice *devices, size_t n_devices,
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
                        .reader = reader,
                        .group = group,
                        .holders = {.names_max = ENTRIES_MAX},
                        .done = done,
                        .userdata = userdata,
        };
        if ((r = copy_devices(census, devices, n_devices)) < 0 || (r = make_owners(census)) < 0 ||
                        ((r = ask(census)) < 0 && (!peer_is_lost(r) || (r = ask_again(census)) < 0)))
                return r;
        census->next = table->censuses;
        table->censuses = TAKE_PTR(census);
        return 0;
}

void census_table_done(CensusTable *table) {
        while (table->censuses)
                finish(table->censuses, -ECANCELED);
}
