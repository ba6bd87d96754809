/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/census.h"

struct Census {
        Census *next;
        CensusTable *table;
        sd_bus *peer;
        HolderTable holders;
        CensusQuestion question; /* with copies of the lists */
        int *groups;
        AskedDevice *devices;
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
        free(census->groups);
        free(census->devices);
        free(census);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Census *, census_free)

static CensusEntry make_entry(const Census *census, size_t owner) {
        const HolderQuestion *question = &census->question.about;

        return (CensusEntry){
                        .group = owner < question->n_groups ? question->groups[owner] : IOMMU_GROUP_NONE,
                        .address = census->holders.owners[owner].address,
        };
}

/* Adds the holders of an owner to the entries. Returns 0 or a negative errno. */
static int add_entries(const Census *census, size_t owner, CensusEntry **entries, size_t *n) {
        const NodeHolders *holders = &census->holders.owners[owner];
        bool is_unknown = holders->error < 0 && holders->error != -ENODEV;

        if (is_unknown && !census->question.tells_errors)
                return holders->error;
        size_t n_holders = is_unknown ? 1 : holders->open.n_holders;

        for (size_t i = 0; i < n_holders; i++) {
                if (!ARRAY_GROW(*entries, *n))
                        return -ENOMEM;
                CensusEntry *entry = &(*entries)[(*n)++];
                *entry = make_entry(census, owner);
                if (is_unknown) {
                        entry->error = holders->error;
                        break;
                }
                entry->holder = holders->open.holders[i].holder;
                (void)snprintf(entry->node, sizeof(entry->node), "%s", strempty(holders->open.holders[i].node));
                if (i + 1 == n_holders)
                        entry->n_more = holders->open.n_more;
        }
        return 0;
}

/* Lists the holders of all owners. Returns 0 or a negative errno. */
static int list_entries(const Census *census, CensusEntry **ret, size_t *ret_n) {
        _cleanup_free_ CensusEntry *entries = NULL;
        size_t n = 0;

        int r = census->holders.error;
        for (size_t owner = 0; owner < census->holders.n_owners && r >= 0; owner++)
                r = add_entries(census, owner, &entries, &n);
        if (r < 0)
                return r;
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

int census_check_quota(const CensusTable *table, uid_t asker, Problem *problem) {
        static const QuotaLimits limits = {CENSUSES_MAX, CENSUSES_PER_USER, CENSUSES_FOR_ROOT};
        QuotaUse use = {};

        for (const Census *census = table->censuses; census; census = census->next)
                quota_add(&use, census->question.asker, asker);
        return quota_check(&limits, &use, asker, "searches for holders", problem);
}

static int copy_question(Census *census, const CensusQuestion *question) {
        const HolderQuestion *about = &question->about;

        census->groups = calloc(about->n_groups + 1, sizeof(int));
        census->devices = calloc(about->n_devices + 1, sizeof(AskedDevice));
        if (!census->groups || !census->devices)
                return -ENOMEM;
        for (size_t i = 0; i < about->n_groups; i++)
                census->groups[i] = about->groups[i];
        for (size_t i = 0; i < about->n_devices; i++)
                census->devices[i] = about->devices[i];
        census->question = *question;
        census->question.about.groups = census->groups;
        census->question.about.devices = census->devices;
        census->question.about.names_max = CENSUS_ENTRIES_MAX;
        return 0;
}

/* Makes the owners in the order of the question: vfiod-census finds their nodes. */
static int make_owners(Census *census) {
        const HolderQuestion *question = &census->question.about;
        HolderTable *table = &census->holders;

        if (!(table->owners = calloc(question->n_groups + question->n_devices + 1, sizeof(NodeHolders))))
                return -ENOMEM;
        table->n_owners = question->n_groups + question->n_devices;
        for (size_t i = 0; i < question->n_devices; i++)
                table->owners[question->n_groups + i].address = question->devices[i].address;
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
                        (r = holder_message_append_list(call, &census->question.about)) < 0)
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

int census_start(CensusTable *table, const CensusQuestion *question, census_done_t done, void *userdata,
                Problem *problem) {
        int r;

        if ((r = census_check_quota(table, question->asker, problem)) != 0)
                return r;
        _cleanup_(census_freep) Census *census = malloc(sizeof(Census));
        if (!census)
                return -ENOMEM;
        *census = (Census){
                        .table = table,
                        .holders = {.names_max = CENSUS_ENTRIES_MAX, .names_total_max = CENSUS_ENTRIES_MAX},
                        .done = done,
                        .userdata = userdata,
        };
        if ((r = copy_question(census, question)) < 0 || (r = make_owners(census)) < 0 ||
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
