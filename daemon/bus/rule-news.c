/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/rule-news.h"
#include "bus/matched-rules.h"
#include "bus/notify.h"
#include "bus/rule-rows.h"

struct ToldRule {
        char *name;         /* owned */
        uint64_t file, use; /* what the properties of the file were, and of the devices that it matches */
};

static void free_told(ToldRule *rules, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(rules[i].name);
        free(rules);
}

void rule_news_done(Service *service) {
        free_told(service->told_rules, service->n_told_rules);
        service->told_rules = NULL;
        service->n_told_rules = 0;
}

/* FNV-1a, see call_details_mix(). */
static uint64_t mix(uint64_t hash, const char *text) {
        const char *next = strempty(text);

        do
                hash = (hash ^ (uint8_t)*next) * UINT64_C(0x100000001b3);
        while (*next++ != '\0');
        return hash;
}

#define MIX_BEGIN UINT64_C(0xcbf29ce484222325)

/* Returns 0 or -ENOMEM. */
static int mix_file(const RuleFile *file, uint64_t *ret) {
        const Rule *rule = file->rule ?: file->idle;
        _cleanup_free_ char *settings = NULL;

        uint64_t hash = mix(MIX_BEGIN, file->path);
        hash = mix(hash, rule_file_state_to_string(file->state));
        hash = mix(hash, file->fault.message);
        hash = (hash ^ file->fault.line) * UINT64_C(0x100000001b3);
        hash = (hash ^ file->version) * UINT64_C(0x100000001b3);
        int r = rule ? rule_format(rule, &settings) : 0;
        *ret = mix(hash, settings);
        return r;
}

static uint64_t mix_use(const RuleCaseList *list, const char *name) {
        uint64_t hash = MIX_BEGIN;

        for (size_t i = 0; i < list->n_cases; i++) {
                const RuleCase *rule_case = &list->cases[i];

                if (!streq_ptr(rule_case->rule, name))
                        continue;
                hash = mix(hash, PCI_ADDRESS_TEXT(rule_case->address));
                hash = mix(hash, rule_status_to_string(rule_case->status));
                hash = mix(hash, rule_case->message);
                hash = mix(hash, rule_case->running ? "changing" : NULL);
        }
        return hash;
}

static int compare(const void *a, const void *b) {
        return strcmp(((const ToldRule *)a)->name, ((const ToldRule *)b)->name);
}

/* Lists the rules that have objects, sorted by name. The caller frees *ret with free_told(). */
static int list_rules(const Service *service, ToldRule **ret, size_t *ret_n) {
        const RuleBook *book = rule_keeper_book(service->rules);
        size_t n = 0;
        int r = 0;

        ToldRule *rules = calloc(book->n_files + 1, sizeof(ToldRule));
        if (!rules)
                return -ENOMEM;
        for (size_t i = 0; i < book->n_files && r >= 0; i++) {
                const RuleFile *file = rule_rows_find(service, book->files[i].name);

                if (!file)
                        continue;
                rules[n].use = mix_use(rule_keeper_cases(service->rules), file->name);
                r = mix_file(file, &rules[n].file);
                if (!(rules[n++].name = strdup(file->name)))
                        r = -ENOMEM;
        }
        if (r < 0) {
                free_told(rules, n);
                return r;
        }
        if (n > 0)
                qsort(rules, n, sizeof(ToldRule), compare);
        *ret = rules;
        *ret_n = n;
        return 0;
}

/* A rule may have been removed, added, or changed. old or new may be NULL. */
static int tell_rule(const Service *service, const ToldRule *old, const ToldRule *new) {
        static const char *const of_file[] = {
                        "Path", "Enabled", "State", "Reason", "Line", "Settings", "Text", "VersionId", NULL};
        static const char *const of_use[] = {"MatchedDevices", "Matches", NULL};
        int r = 0;

        assert(old || new);
        if (!old)
                return notify_rule_added(service, new->name);
        if (!new)
                return notify_rule_removed(service, old->name);
        if (old->file != new->file)
                r = notify_rule_changed(service, new->name, of_file);
        if (r >= 0 && old->use != new->use)
                r = notify_rule_changed(service, new->name, of_use);
        return r;
}

static int tell_objects(Service *service) {
        size_t n = 0, i_old = 0, i_new = 0;
        ToldRule *rules = NULL;

        int r = list_rules(service, &rules, &n);
        if (r < 0)
                return r;
        while (r >= 0 && (i_old < service->n_told_rules || i_new < n)) {
                const ToldRule *old = i_old < service->n_told_rules ? &service->told_rules[i_old] : NULL;
                const ToldRule *new = i_new < n ? &rules[i_new] : NULL;
                int order = !old ? 1 : !new ? -1 : compare(old, new);

                i_old += order <= 0;
                i_new += order >= 0;
                r = tell_rule(service, order <= 0 ? old : NULL, order >= 0 ? new : NULL);
        }
        rule_news_done(service);
        service->told_rules = rules;
        service->n_told_rules = n;
        return r < 0 ? r : 0;
}

int rule_news_begin(Service *service) {
        rule_news_done(service);
        return list_rules(service, &service->told_rules, &service->n_told_rules);
}

static int tell_changed(Service *service) {
        int r = tell_objects(service);

        if (r < 0 || (r = notify_rules(service)) < 0)
                return r;
        return matched_rules_tell(service);
}

int rule_news_tell(Service *service) {
        return rule_keeper_take_changed(service->rules) ? tell_changed(service) : 0;
}

int rule_news_reload(Service *service, const char *const *deferred) {
        int r = rule_keeper_reload(service->rules, deferred);
        if (r < 0)
                return r;
        (void)rule_keeper_take_changed(service->rules);
        return tell_changed(service);
}
