/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "contract.h"
#include "fixture.h"
#include "process.h"

#include <string.h>
#include <unistd.h>

/* The examples in org.vfiod1(5) work as they are, and each method, signal and property has one for busctl and one for Python. */

typedef enum Language {
        BUSCTL,
        PYTHON
} Language;

typedef struct Example {
        Language language;
        char *section; /* "MANAGER" */
        char *text;    /* a command for a shell, or lines of Python */
} Example;

static GPtrArray *examples;
static char *preamble;

static void example_free(void *p) {
        Example *example = p;

        g_free(example->section);
        g_free(example->text);
        g_free(example);
}

static void add_example(Language language, const char *section, const char *text) {
        Example *example = g_new(Example, 1);

        *example = (Example){language, g_strdup(section), g_strdup(text)};
        g_ptr_array_add(examples, example);
}

/* In a line of scdoc, a backslash is "\\". */
static char *unescape(const char *line) {
        g_auto(GStrv) parts = g_strsplit(line, "\\\\", -1);

        return g_strjoinv("\\", parts);
}

/* "# busctl ...", continued by lines that begin with blanks; ">>> ", continued by "... "; and the lines that Python begins with. */
static void read_block(const char *section, char **lines) {
        if (g_str_has_prefix(lines[0], "from ")) {
                preamble = g_strjoinv("\n", lines);
                return;
        }
        for (char **line = lines; *line; line++) {
                g_autofree char *plain = unescape(*line);
                bool is_command = g_str_has_prefix(plain, "# ") || g_str_has_prefix(plain, "$ ");
                bool is_python = g_str_has_prefix(plain, ">>> ");

                if (!*plain)
                        continue;
                if (!is_command && !is_python && !g_str_has_prefix(plain, "    ") && !g_str_has_prefix(plain, "... "))
                        g_error("org.vfiod1(5) has an example that is not understood: %s", plain);
                if (is_command || is_python) {
                        add_example(is_command ? BUSCTL : PYTHON, section, plain + (is_command ? 2 : 4));
                        continue;
                }
                Example *last = examples->pdata[examples->len - 1];
                g_autofree char *before = last->text;
                last->text = g_strdup_printf("%s\n%s", before, plain + 4);
        }
}

static void read_manual(void) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *section = g_strdup("");

        (void)g_file_get_contents(MANUAL, &text, NULL, &error);
        g_assert_no_error(error);
        const char *begin = strstr(text, "\n# EXAMPLES\n"), *end = strstr(text, "\n# SEE ALSO\n");
        g_assert_true(begin && end);
        g_autofree char *part = g_strndup(begin, (gsize)(end - begin));
        g_auto(GStrv) blocks = g_strsplit(part, "\n```\n", -1);
        examples = g_ptr_array_new_with_free_func(example_free);
        for (unsigned i = 0; blocks[i]; i++) {
                g_auto(GStrv) lines = g_strsplit(blocks[i], "\n", -1);

                if (i % 2 == 1) {
                        read_block(section, lines);
                        continue;
                }
                for (char **line = lines; *line; line++)
                        if (g_str_has_prefix(*line, "## ")) {
                                g_free(section);
                                section = g_strdup(*line + 3);
                        }
        }
        g_assert_nonnull(preamble);
        g_assert_cmpuint(examples->len, >, 60);
}

/* The bus of the test has no policy for monitors, so its address is that of the fixture. */
static Process *start(const Example *example, bool says_ready) {
        g_autoptr(GString) program = g_string_new(example->text);
        const char *shell[] = {"/bin/sh", "-c", NULL, NULL}, *python[] = {"/usr/bin/python3", "-c", NULL, NULL};

        if (example->language == BUSCTL) {
                shell[2] = program->str;
                return process_start(shell, NULL);
        }
        if (says_ready)
                (void)g_string_replace(program, "loop.run()", "print('ready', flush=True); loop.run()", 1);
        g_string_prepend(program, "\n");
        g_string_prepend(program, preamble);
        python[2] = program->str;
        return process_start(python, NULL);
}

static void run(const Example *example) {
        Process *process = start(example, false);
        g_autoptr(GString) output = g_string_new(NULL);

        for (char *line; (line = process_read_line(process)); g_free(line))
                g_string_append_printf(output, "%s\n", line);
        if (process_finish(process) != 0)
                g_error("this example of org.vfiod1(5) fails:\n%s\n%s", example->text, output->str);
}

static bool has_leases(Fixture *fixture) {
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "ListLeases", NULL, NULL);
        g_autoptr(GVariant) leases = g_variant_get_child_value(reply, 0);

        return g_variant_n_children(leases) > 0;
}

/* Waits until nothing of an example goes on. */
static void settle(Fixture *fixture) {
        gint64 end = g_get_monotonic_time() + DEADLINE_MS * 1000LL;

        while (fixture_has_job(fixture) || has_leases(fixture))
                g_assert_cmpint(g_get_monotonic_time(), <, end);
}

static void call(Fixture *fixture, const char *method, const char *arguments) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, method, arguments, &error);

        g_assert_no_error(error);
        g_assert_nonnull(reply);
}

/* Both signals, one after the other; the Python example ends at the first. */
static void run_listener(Fixture *fixture, const Example *example) {
        Process *process = start(example, true);
        bool is_python = example->language == PYTHON, is_rule = strstr(example->text, "'RulesChanged'");

        /* busctl says on stderr that it listens, so the change is made until it has heard of it. */
        if (is_python)
                process_expect_line(process, "ready");
        for (bool ended = false; !ended; ended = process_ends_within(process, is_python ? DEADLINE_MS : 100)) {
                if (is_rule) {
                        call(fixture, "AddRule", "('ens1', {'name': <'x'>})");
                        call(fixture, "RemoveRule", "('x', @a{sv} {})");
                } else {
                        call(fixture, "Detach", "('nvme0n1', @a{sv} {})");
                        call(fixture, "Reattach", "('nvme0n1', @a{sv} {})");
                }
        }
        for (bool found = false; !found;) {
                g_autofree char *line = process_read_line(process);

                g_assert_nonnull(line);
                found = strstr(line, is_rule ? "RulesChanged" : "JobRemoved");
        }
        /* The other one has ended itself. */
        if (!is_python)
                (void)kill(process_get_pid(process), SIGTERM);
        (void)process_finish(process);
}

static void prepare(Fixture *fixture, const char *section, Pending **job) {
        g_autofree char *options = g_strdup_printf("('ens3', {'pid': <uint32 %d>})", (int)getpid());

        if (g_str_equal(section, "JOB"))
                *job = fixture_detach_stalled(fixture, 2);
        else if (g_str_equal(section, "RULE")) {
                call(fixture, "AddRule", "('ens3', {'name': <'nic'>})");
                settle(fixture);
        } else if (g_str_equal(section, "LEASE"))
                call(fixture, "Lease", options);
}

static void test_section(const void *data) {
        const Example *first = data;
        Fixture *fixture = fixture_start(NULL);
        Pending *job = NULL;
        unsigned n = 0;

        prepare(fixture, first->section, &job);
        for (unsigned i = 0; i < examples->len; i++) {
                const Example *example = examples->pdata[i];

                if (example->language != first->language || !g_str_equal(example->section, first->section))
                        continue;
                if (strstr(example->text, "busctl monitor") || strstr(example->text, "loop.run()"))
                        run_listener(fixture, example);
                else
                        run(example);
                n++;
                if (!job && !g_str_equal(first->section, "LEASE"))
                        settle(fixture);
        }
        g_assert_cmpuint(n, >, 0);
        if (job) {
                fake_kernel_do(fixture->kernel, "resume");
                pending_refused(job, "Cancelled", "*");
        }
        settle(fixture);
        fixture_stop(fixture);
}

static bool has_word(const char *text, const char *word) {
        for (const char *c = text; (c = strstr(c, word)); c++)
                if ((c == text || !g_ascii_isalnum(c[-1])) && !g_ascii_isalnum(c[strlen(word)]))
                        return true;
        return false;
}

static void expect_example(const char *interface, const char *member, bool is_property) {
        g_autofree char *section = g_ascii_strup(strrchr(interface, '.') + 1, -1);
        bool found[] = {false, false};

        for (unsigned i = 0; i < examples->len; i++) {
                const Example *example = examples->pdata[i];

                if (g_str_equal(example->section, section))
                        found[example->language] |= has_word(example->text, member) ||
                                        (is_property && strstr(example->text, "get_cached_property_names"));
        }
        if (!found[BUSCTL] || !found[PYTHON])
                g_error("org.vfiod1(5) has no example in %s for %s of %s", found[BUSCTL] ? "Python" : "busctl", member,
                                interface);
}

/* Each member of the interface has an example in each language. A loop over all properties names none. */
static void test_complete(void) {
        g_autoptr(GPtrArray) interfaces = contract_interfaces();

        g_assert_cmpuint(interfaces->len, >=, 5);
        for (unsigned i = 0; i < interfaces->len; i++) {
                const GDBusInterfaceInfo *interface = interfaces->pdata[i];

                for (unsigned k = 0; interface->methods && interface->methods[k]; k++)
                        expect_example(interface->name, interface->methods[k]->name, false);
                for (unsigned k = 0; interface->signals && interface->signals[k]; k++)
                        expect_example(interface->name, interface->signals[k]->name, false);
                for (unsigned k = 0; interface->properties && interface->properties[k]; k++)
                        expect_example(interface->name, interface->properties[k]->name, true);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        read_manual();
        g_test_add_func("/manual/complete", test_complete);
        for (unsigned i = 0; i < examples->len; i++) {
                const Example *example = examples->pdata[i];
                bool is_first = true;

                for (unsigned k = 0; k < i && is_first; k++) {
                        const Example *earlier = examples->pdata[k];

                        is_first = earlier->language != example->language ||
                                        !g_str_equal(earlier->section, example->section);
                }
                if (!is_first || !*example->section)
                        continue;
                g_autofree char *name = g_strdup_printf(
                                "/manual/%s/%s", example->section, example->language == PYTHON ? "python" : "busctl");
                g_test_add_data_func(name, example, test_section);
        }
        int status = g_test_run();
        g_ptr_array_unref(examples);
        g_free(preamble);
        return status;
}
