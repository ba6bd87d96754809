/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/census.h"

/* Nobody reads more. */
#define ENTRIES_MAX 1024

struct Census {
        Census *next;
        CensusTable *table;
        uid_t asker;
        sd_bus *peer;
        HolderTable holders; /* The first owner is the group, if the caller asked for one. */
        bool has_group;
        census_done_t done;
        void *userdata;
};

static Census *census_free(Census *census) {
        if (!census)
                return NULL;
        for (Census **link = &census->table->censuses; *link; link = &(*link)->next)
                if (*link == census) {
                        *link = census->next;
                        break;
                }
        if (census->peer) {
                (void)sd_bus_detach_event(census->peer);
                sd_bus_close_unref(census->peer);
        }
        holder_table_done(&census->holders);
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
                        entries[n++] = make_entry(owner, &owner->open.holders[j], census->has_group && i == 0);
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

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Census *census = userdata;

        (void)error;
        if (sd_bus_message_is_method_error(reply, NULL)) {
                int code = sd_bus_message_get_errno(reply);
                finish(census, code == ETIMEDOUT ? -ETIMEDOUT : -EPIPE);
        } else
                finish(census, holder_message_read_answer(reply, &census->holders, NULL));
        return 1;
}

static int check_quota(const CensusTable *table, uid_t asker, Problem *problem) {
        static const QuotaLimits limits = {CENSUSES_MAX, CENSUSES_PER_USER, CENSUSES_FOR_ROOT};
        QuotaUse use = {};

        for (const Census *census = table->censuses; census; census = census->next)
                quota_add(&use, census->asker, asker);
        return quota_check(&limits, &use, asker, "searches for holders", problem);
}

/* Makes the owners in the order of the question: vfiod-census finds their nodes. */
static int make_owners(HolderTable *table, bool has_group, const AskedDevice *devices, size_t n_devices) {
        table->owners = calloc(n_devices + 1, sizeof(NodeHolders));
        if (!table->owners)
                return -ENOMEM;
        table->n_owners = has_group;
        for (size_t i = 0; i < n_devices; i++)
                table->owners[table->n_owners++].address = devices[i].address;
        return 0;
}

static int ask(Census *census, int group, const AskedDevice *devices, size_t n) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        int fd = peer_connect(census->table->path);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, census->table->event, &census->peer)) < 0 ||
                        (r = peer_make_call(census->peer, PEER_CENSUS_INTERFACE, "ListHolders", &call)) < 0 ||
                        (r = holder_message_append_list(call, group, devices, n, ENTRIES_MAX, census->asker)) < 0)
                return r;
        return sd_bus_call_async(census->peer, NULL, call, on_reply, census, CENSUS_DEADLINE_US);
}

int census_start(CensusTable *table, uid_t asker, int group, const AskedDevice *devices, size_t n_devices,
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
                        .has_group = group >= 0,
                        .holders = {.names_max = ENTRIES_MAX},
                        .done = done,
                        .userdata = userdata,
        };
        if ((r = make_owners(&census->holders, census->has_group, devices, n_devices)) < 0 ||
                        (r = ask(census, group, devices, n_devices)) < 0)
                return r;
        census->next = table->censuses;
        table->censuses = TAKE_PTR(census);
        return 0;
}

void census_table_done(CensusTable *table) {
        while (table->censuses)
                finish(table->censuses, -ECANCELED);
}
