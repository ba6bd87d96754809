/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib.h>

#include "bus/action.h"
#include "bus/call-details.h"

/* polkit/org.vfiod1.policy has exactly the actions of the daemon, with safe defaults. */

#define OWNER "org.freedesktop.policykit.owner"

typedef struct PolicyAction {
        char *id, *description, *message, *any, *inactive, *active, *owner;
} PolicyAction;

typedef struct Policy {
        GPtrArray *actions;
        GPtrArray *elements; /* the names of the open elements */
        char *key;           /* of the current annotation */
} Policy;

static void action_free(void *data) {
        PolicyAction *action = data;

        g_free(action->id);
        g_free(action->description);
        g_free(action->message);
        g_free(action->any);
        g_free(action->inactive);
        g_free(action->active);
        g_free(action->owner);
        g_free(action);
}

static PolicyAction *last_action(const Policy *policy) {
        return policy->actions->len > 0 ? policy->actions->pdata[policy->actions->len - 1] : NULL;
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names, const char **values,
                void *userdata, GError **error) {
        Policy *policy = userdata;

        (void)context, (void)error;
        /* A translation is not the text of the action itself. */
        bool translated = names[0] && g_str_equal(names[0], "xml:lang");
        g_ptr_array_add(policy->elements, g_strdup(translated ? "translation" : element));
        if (g_str_equal(element, "action")) {
                PolicyAction *action = g_new0(PolicyAction, 1);

                g_assert_cmpstr(names[0], ==, "id");
                action->id = g_strdup(values[0]);
                g_ptr_array_add(policy->actions, action);
        } else if (g_str_equal(element, "annotate")) {
                g_free(policy->key);
                policy->key = g_strdup(values[0]);
        }
}

static void on_end(GMarkupParseContext *context, const char *element, void *userdata, GError **error) {
        Policy *policy = userdata;

        (void)context, (void)element, (void)error;
        g_ptr_array_set_size(policy->elements, (int)policy->elements->len - 1);
}

static char **find_field(const Policy *policy, const char *element) {
        PolicyAction *action = last_action(policy);

        if (!action)
                return NULL;
        return g_str_equal(element, "description")                                            ? &action->description
                        : g_str_equal(element, "message")                                     ? &action->message
                        : g_str_equal(element, "allow_any")                                   ? &action->any
                        : g_str_equal(element, "allow_inactive")                              ? &action->inactive
                        : g_str_equal(element, "allow_active")                                ? &action->active
                        : g_str_equal(element, "annotate") && g_str_equal(policy->key, OWNER) ? &action->owner
                                                                                              : NULL;
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length, void *userdata, GError **error) {
        const Policy *policy = userdata;

        (void)context, (void)error;
        if (policy->elements->len == 0)
                return;
        char **field = find_field(policy, policy->elements->pdata[policy->elements->len - 1]);
        if (!field)
                return;
        g_assert_null(*field);
        *field = g_strndup(text, length);
}

static GPtrArray *read_policy(void) {
        static const GMarkupParser parser = {.start_element = on_start, .end_element = on_end, .text = on_text};
        Policy policy = {
                        .actions = g_ptr_array_new_with_free_func(action_free),
                        .elements = g_ptr_array_new_with_free_func(g_free),
        };
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;

        (void)g_file_get_contents(POLKIT_POLICY, &text, NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GMarkupParseContext) context =
                        g_markup_parse_context_new(&parser, G_MARKUP_PREFIX_ERROR_POSITION, &policy, NULL);
        (void)g_markup_parse_context_parse(context, text, -1, &error);
        g_assert_no_error(error);
        (void)g_markup_parse_context_end_parse(context, &error);
        g_assert_no_error(error);
        g_ptr_array_unref(policy.elements);
        g_free(policy.key);
        return policy.actions;
}

static const PolicyAction *find_action(const GPtrArray *actions, const char *id) {
        for (guint i = 0; i < actions->len; i++)
                if (g_str_equal(((const PolicyAction *)actions->pdata[i])->id, id))
                        return actions->pdata[i];
        g_error("the policy has no action %s", id);
        return NULL;
}

static void test_actions(void) {
        g_autoptr(GPtrArray) actions = read_policy();

        for (Action action = _ACTION_FIRST_OF_POLKIT; action < _ACTION_MAX; action++) {
                const PolicyAction *found = find_action(actions, action_to_string(action));
                bool kept = action != ACTION_OVERRIDE_GUARD && action != ACTION_FORCE;

                g_assert_nonnull(found->description);
                g_assert_cmpstr(found->any, ==, "auth_admin");
                g_assert_cmpstr(found->inactive, ==, "auth_admin");
                g_assert_cmpstr(found->active, ==, kept ? "auth_admin_keep" : "auth_admin");
                /* without it, polkit takes no details from the user of vfiod */
                g_assert_cmpstr(found->owner, ==, "unix-user:vfiod");
        }
        g_assert_cmpuint(actions->len, ==, _ACTION_MAX - _ACTION_FIRST_OF_POLKIT);
}

static bool is_detail(const char *key) {
        for (CallDetail detail = 0; detail < _CALL_DETAIL_MAX; detail++)
                if (g_str_equal(call_detail_to_string(detail), key))
                        return true;
        return false;
}

/* polkit replaces $(KEY) in a message by the detail. */
static void test_messages(void) {
        g_autoptr(GPtrArray) actions = read_policy();
        unsigned n_keys = 0;

        for (guint i = 0; i < actions->len; i++) {
                const PolicyAction *action = actions->pdata[i];
                g_auto(GStrv) parts = g_strsplit(action->message, "$(", -1);

                g_assert_true(g_str_has_prefix(action->message, "Authentication is required to "));
                g_assert_true(g_str_has_suffix(action->message, "."));
                for (unsigned n = 1; parts[n]; n++, n_keys++) {
                        *strchr(parts[n], ')') = '\0';
                        if (!is_detail(parts[n]))
                                g_error("the message of %s has $(%s), which is no detail", action->id, parts[n]);
                }
        }
        g_assert_cmpuint(n_keys, >=, actions->len);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/polkit-policy/actions", test_actions);
        g_test_add_func("/polkit-policy/messages", test_messages);
        return g_test_run();
}
