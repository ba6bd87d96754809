/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rulebook.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

const char *const rule_names[] = {"10-a", "20-b", "30-c"};
const unsigned n_rule_names = G_N_ELEMENTS(rule_names);

struct Rulebook {
        char *folders[N_RULE_FOLDERS];
        Rule *files[N_RULE_FOLDERS][G_N_ELEMENTS(rule_names)];
};

Rulebook *rulebook_new(const char *state_folder) {
        static const char *const suffixes[N_RULE_FOLDERS] = {".rules", ".rules.run", ".rules.lib"};
        Rulebook *book = g_new0(Rulebook, 1);

        for (unsigned i = 0; i < N_RULE_FOLDERS; i++) {
                book->folders[i] = g_strconcat(state_folder, suffixes[i], NULL);
                g_assert_cmpint(g_mkdir(book->folders[i], 0700), ==, 0);
        }
        return book;
}

Rulebook *rulebook_free(Rulebook *book) {
        for (unsigned i = 0; i < N_RULE_FOLDERS; i++) {
                for (unsigned k = 0; k < n_rule_names; k++)
                        rulebook_remove(book, i, rule_names[k]);
                g_assert_cmpint(g_rmdir(book->folders[i]), ==, 0);
                g_free(book->folders[i]);
        }
        g_free(book);
        return NULL;
}

static unsigned position(const char *name) {
        unsigned i = 0;

        while (!g_str_equal(rule_names[i], name))
                i++;
        return i;
}

const Rule *rulebook_file(const Rulebook *book, unsigned folder, const char *name) {
        return book->files[folder][position(name)];
}

static char *file_path(const Rulebook *book, unsigned folder, const char *name) {
        return g_strdup_printf("%s/%s.conf", book->folders[folder], name);
}

static char *make_text(const Rule *rule) {
        g_autoptr(GString) text = g_string_new("[Match]\n");
        g_auto(GStrv) ids = g_strsplit(rule->ids, ":", 2);

        if (rule->address)
                g_string_append_printf(text, "Address=%s\n", rule->address);
        g_string_append_printf(text, "Vendor=%s\nDevice=%s\n\n[Detach]\n", ids[0], ids[1]);
        if (rule->takes_all)
                g_string_append(text, "Companions=all\n");
        else if (rule->companion)
                g_string_append_printf(text, "Companions=%s\n", rule->companion);
        if (rule->override)
                g_string_append(text, "Override=storage network virtual-functions\n");
        if (rule->kind == RULE_OFF)
                g_string_append(text, "Haste=yes\n");
        return g_string_free(g_steal_pointer(&text), FALSE);
}

void rulebook_put(Rulebook *book, unsigned folder, const char *name, const Rule *rule) {
        g_autofree char *path = file_path(book, folder, name), *text = make_text(rule);
        g_autoptr(GError) error = NULL;

        rulebook_remove(book, folder, name);
        if (rule->kind == RULE_MASK_NULL)
                g_assert_cmpint(symlink("/dev/null", path), ==, 0);
        else
                (void)g_file_set_contents(path, rule->kind == RULE_MASK_EMPTY ? "" : text, -1, &error);
        g_assert_no_error(error);
        book->files[folder][position(name)] = g_memdup2(rule, sizeof(Rule));
}

void rulebook_remove(Rulebook *book, unsigned folder, const char *name) {
        Rule **file = &book->files[folder][position(name)];
        g_autofree char *path = file_path(book, folder, name);

        if (*file)
                g_assert_cmpint(g_unlink(path), ==, 0);
        g_clear_pointer(file, g_free);
}

const Rule *rulebook_find(const Rulebook *book, const char *name) {
        for (unsigned i = 0; i < N_RULE_FOLDERS; i++) {
                const Rule *rule = rulebook_file(book, i, name);

                if (rule)
                        return rule->kind == RULE_VALID ? rule : NULL;
        }
        return NULL;
}

const char *rulebook_match(const Rulebook *book, const char *address, const char *ids, const char **ret_other) {
        const char *other = NULL, *match = NULL;

        for (unsigned i = 0; i < n_rule_names && !match; i++) {
                const Rule *rule = rulebook_find(book, rule_names[i]);

                if (!rule || (rule->address && !g_str_equal(rule->address, address)))
                        continue;
                if (g_str_equal(rule->ids, ids))
                        match = rule_names[i];
                else if (rule->address && !other)
                        other = rule_names[i];
        }
        if (ret_other)
                *ret_other = other;
        return match;
}

bool rulebook_has_rules(const Rulebook *book) {
        for (unsigned i = 0; i < n_rule_names; i++)
                if (rulebook_find(book, rule_names[i]))
                        return true;
        return false;
}

char *rule_describe(const Rule *rule) {
        static const char *const kinds[] = {"", "off, ", "empty, ", "/dev/null, "};

        return g_strdup_printf("%s%s %s%s%s%s%s", kinds[rule->kind], rule->address ?: "any", rule->ids,
                        rule->takes_all ? " companions=all" : "",
                        !rule->takes_all && rule->companion ? " companion=" : "",
                        !rule->takes_all && rule->companion ? rule->companion : "", rule->override ? " override" : "");
}
