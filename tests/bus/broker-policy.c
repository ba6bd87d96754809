/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "broker-policy.h"
#include "private-bus.h"

#include <pwd.h>
#include <string.h>

/* All rules for one kind of user: whether it may connect, and its rules to own, to send and to receive. */
#define OWN_RULES "a(btbs)"
#define MESSAGE_RULES "a(btssssuutt)"
#define RULES "(bt" OWN_RULES MESSAGE_RULES MESSAGE_RULES ")"

#define ANY_USER ((guint32)-1)

/* Of the rules that match, the one with the highest priority decides. Rules for a user are above those for all. */
#define LOWEST_PRIORITY 1
#define USER_PRIORITY 1000

typedef struct Rule {
        bool allow;
        guint32 user; /* ANY_USER: for all users */
        guint64 priority;
        char *own, *send_to, *receive_from, *interface, *member; /* NULL: not in the rule */
} Rule;

typedef struct Parser {
        GPtrArray *rules;
        guint32 user;   /* of the current <policy> */
        bool is_absent; /* this user does not exist */
} Parser;

static void rule_free(void *data) {
        Rule *rule = data;

        g_free(rule->own);
        g_free(rule->send_to);
        g_free(rule->receive_from);
        g_free(rule->interface);
        g_free(rule->member);
        g_free(rule);
}

static void begin_policy(Parser *parser, const char *name, const char *value) {
        parser->user = ANY_USER;
        parser->is_absent = false;
        if (g_str_equal(name, "context") && g_str_equal(value, "default"))
                return;
        g_assert_cmpstr(name, ==, "user");
        const struct passwd *entry = getpwnam(value);
        parser->is_absent = !entry;
        parser->user = entry ? entry->pw_uid : ANY_USER;
}

static char **find_field(Rule *rule, const char *name) {
        if (g_str_equal(name, "own"))
                return &rule->own;
        if (g_str_equal(name, "send_destination"))
                return &rule->send_to;
        if (g_str_equal(name, "send_interface"))
                return &rule->interface;
        if (g_str_equal(name, "send_member"))
                return &rule->member;
        g_assert_cmpstr(name, ==, "receive_sender");
        return &rule->receive_from;
}

static void on_element(GMarkupParseContext *context, const char *element, const char **names, const char **values,
                void *userdata, GError **error) {
        Parser *parser = userdata;

        (void)context, (void)error;
        if (g_str_equal(element, "busconfig"))
                return;
        if (g_str_equal(element, "policy")) {
                begin_policy(parser, names[0], values[0]);
                return;
        }
        g_assert_true(g_str_equal(element, "allow") || g_str_equal(element, "deny"));
        if (parser->is_absent)
                return;
        Rule *rule = g_new0(Rule, 1);
        rule->allow = g_str_equal(element, "allow");
        rule->user = parser->user;
        rule->priority = LOWEST_PRIORITY + 1 + parser->rules->len + (rule->user == ANY_USER ? 0 : USER_PRIORITY);
        for (guint i = 0; names[i]; i++)
                *find_field(rule, names[i]) = g_strdup(values[i]);
        g_ptr_array_add(parser->rules, rule);
}

static GPtrArray *read_shipped_rules(void) {
        static const GMarkupParser markup = {.start_element = on_element};
        Parser parser = {.rules = g_ptr_array_new_with_free_func(rule_free)};
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;

        (void)g_file_get_contents(VFIOD_BUS_POLICY, &text, NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GMarkupParseContext) context =
                        g_markup_parse_context_new(&markup, G_MARKUP_DEFAULT_FLAGS, &parser, NULL);
        (void)g_markup_parse_context_parse(context, text, (gssize)strlen(text), &error);
        g_assert_no_error(error);
        return parser.rules;
}

/* An empty text matches everything. */
static void add_message_rule(GVariantBuilder *builder, bool allow, guint64 priority, const char *name,
                const char *interface, const char *member) {
        g_variant_builder_add(builder, "(btssssuutt)", allow, priority, name, "", interface ?: "", member ?: "", 0U, 0U,
                        G_GUINT64_CONSTANT(0), G_MAXUINT64);
}

/* The rules that apply to the user. */
static GVariant *rules_of(guint32 user, bool anybody_may_own, const GPtrArray *rules) {
        g_auto(GVariantBuilder) own = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE(OWN_RULES));
        g_auto(GVariantBuilder) send = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE(MESSAGE_RULES));
        g_auto(GVariantBuilder) receive = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE(MESSAGE_RULES));
        const guint64 lowest = LOWEST_PRIORITY;

        g_variant_builder_add(&own, "(btbs)", anybody_may_own, lowest, true, "");
        g_variant_builder_add(&own, "(btbs)", true, lowest + 1, false, POLKIT_NAME);
        add_message_rule(&send, true, lowest, "", NULL, NULL);
        add_message_rule(&receive, true, lowest, "", NULL, NULL);
        for (guint i = 0; i < rules->len; i++) {
                const Rule *rule = rules->pdata[i];

                if (rule->user != ANY_USER && rule->user != user)
                        continue;
                if (rule->own)
                        g_variant_builder_add(&own, "(btbs)", rule->allow, rule->priority, false, rule->own);
                if (rule->send_to)
                        add_message_rule(&send, rule->allow, rule->priority, rule->send_to, rule->interface,
                                        rule->member);
                if (rule->receive_from)
                        add_message_rule(&receive, rule->allow, rule->priority, rule->receive_from, NULL, NULL);
        }
        return g_variant_new("(bt@" OWN_RULES "@" MESSAGE_RULES "@" MESSAGE_RULES ")", true, lowest,
                        g_variant_builder_end(&own), g_variant_builder_end(&send), g_variant_builder_end(&receive));
}

GVariant *broker_policy(bool shipped) {
        g_autoptr(GPtrArray) rules = shipped ? read_shipped_rules() : g_ptr_array_new_with_free_func(rule_free);
        g_auto(GVariantBuilder) users = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(u" RULES ")"));
        g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);

        g_variant_builder_add(&users, "(u@" RULES ")", ANY_USER, rules_of(ANY_USER, !shipped, rules));
        for (guint i = 0; i < rules->len; i++) {
                guint32 user = ((const Rule *)rules->pdata[i])->user;

                if (user != ANY_USER && g_hash_table_add(done, GUINT_TO_POINTER(user)))
                        g_variant_builder_add(&users, "(u@" RULES ")", user, rules_of(user, !shipped, rules));
        }
        return g_variant_new("(@a(u" RULES ")@a(buu" RULES ")@a(ss)bs)", g_variant_builder_end(&users),
                        g_variant_new_array(G_VARIANT_TYPE("(buu" RULES ")"), NULL, 0),
                        g_variant_new_array(G_VARIANT_TYPE("(ss)"), NULL, 0), false, "system");
}
