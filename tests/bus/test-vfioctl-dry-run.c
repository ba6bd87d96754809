/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "lessee.h"
#include "rule-files.h"

#include <string.h>
#include <unistd.h>

/* vfioctl --dry-run: each verb takes it or says why not, and nothing changes. */

typedef struct Case {
        const char *arguments;
        int status;
        const char *output; /* pattern of stdout */
        const char *error;  /* the same of stderr */
} Case;

#define NO_DRY_RUN(arguments_) \
        { arguments_, 2, "", "vfioctl: '*' changes no device and no rule, so it takes no --dry-run*" }

/* The network card is detached with a revert, the two ports are leased, and there is a rule. */
static const Case cases[] = {
                NO_DRY_RUN("list"),
                NO_DRY_RUN("groups"),
                NO_DRY_RUN("devices"),
                NO_DRY_RUN("show ens3"),
                NO_DRY_RUN("plan ens3"),
                {"detach 0000:07:00.0", 0, "*Result: can be done*", ""},
                {"detach 0000:00:01.0", 5, "*Result: refused by display*", ""},
                {"confirm ens3", 0, "Would keep group 12 detached.\n", ""},
                {"confirm", 0, "Would keep group 12 detached.\n", ""},
                {"confirm 0000:07:00.0", 3, "", "vfioctl: there is nothing to confirm*"},
                {"reattach ens3", 0, "*Result: can be done*", ""},
                {"reset ens3", 0, "*Result: can be done*", ""},
                {"reset ens4", 5, "*Result: refused by not-detached*What helps: vfioctl detach 0000:07:00.0\n", ""},
                {"vfs 0000:07:00.0 2", 0, "Would create 2 virtual functions of 0000:07:00.0, with the drivers*", ""},
                {"vfs 0000:07:00.0 2 --detach", 0, "Would create 2 *, detached from the host.\n", ""},
                {"vfs 0000:07:00.0 999", 5, "",
                                "vfioctl: 0000:07:00.0 can have 7 virtual functions at most, not 999.\n"},
                {"vfs ens3 1", 5, "", "vfioctl: * has no virtual functions: *\n"},
                {"lease 0000:07:00.0 -- true", 0, "Would detach the group of 0000:07:00.0, and give you a lease*", ""},
                {"lease ens3 -- true", 0, "Would give you a lease of ens3, which is detached.\n", ""},
                {"lease 0000:00:01.0 --override=no-reset -- true", 5, "", "vfioctl: *display*"},
                NO_DRY_RUN("leases"),
                {"release 1", 0, "Would end lease 1 of " PORT1 " " PORT2 " by user root.\n", ""},
                {"release 0000:03:01.0", 0, "Would end lease 1 *", ""},
                {"release 7", 3, "", "vfioctl: there is no such lease*"},
                NO_DRY_RUN("jobs"),
                {"cancel 99", 3, "", "vfioctl: there is no such job*"},
                NO_DRY_RUN("log"),
                NO_DRY_RUN("monitor"),
                NO_DRY_RUN("rule list"),
                {"rule add 0000:07:00.0", 0, "Would write the rule 0000-07-00.0 into *.conf.\n", ""},
                {"rule add nothing", 3, "", "vfioctl: *"},
                {"rule remove mine", 0, "Would remove *mine.conf; its devices stay as they are.\n", ""},
                {"rule remove nothing", 3, "", "vfioctl: there is no rule*"},
                NO_DRY_RUN("rule check"),
                NO_DRY_RUN("rule show mine"),
                {"rule enable mine", 0, "Would enable the rule mine.\n", ""},
                {"rule disable mine", 0, "Would disable the rule mine; its devices stay as they are.\n", ""},
                {"rule disable nothing", 3, "", "vfioctl: there is no rule 'nothing'*"},
                {"rule edit nothing", 3, "", "vfioctl: *"},
                NO_DRY_RUN("export"),
                {"apply /nowhere", 1, "", "vfioctl: /nowhere: *"},
                {"apply /dev/null", 1, "", "vfioctl: *"},
                NO_DRY_RUN("metrics"),
                {"import driverctl", 0, "", "vfioctl: there are no overrides of driverctl in *"},
                NO_DRY_RUN("rescan"),
                NO_DRY_RUN("status"),
                NO_DRY_RUN("explain ens3"),
                NO_DRY_RUN("doctor"),
                NO_DRY_RUN("nodedev-list"),
                {"nodedev-detach 0000:07:00.0", 0, "*Result: can be done*", ""},
                {"nodedev-reattach ens3", 0, "*Result: can be done*", ""},
                NO_DRY_RUN("nodedev-dumpxml ens3"),
                {"nodedev-reset ens3", 0, "*Result: can be done*", ""},
};

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All files below the folder, with their contents. */
static void describe_folder(const char *folder, GString *text) {
        g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

        for (const char *name; files && (name = g_dir_read_name(files));)
                g_ptr_array_add(names, g_build_filename(folder, name, NULL));
        g_ptr_array_sort(names, compare_names);
        for (guint i = 0; i < names->len; i++) {
                const char *path = names->pdata[i];
                g_autofree char *contents = NULL;

                if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
                        (void)g_file_get_contents(path, &contents, NULL, NULL);
                g_string_append_printf(text, "%s: %s\n", path, contents ? contents : "");
                if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
                        describe_folder(path, text);
        }
}

static char *describe(Fixture *fixture) {
        g_autofree char *rules = rule_file_read(fixture, RULES_OWN, "mine");
        g_autofree char *at = fixture_get(fixture, GROUP12, GROUP, "RevertAt");
        GString *text = g_string_new("");

        describe_folder(fixture->state_folder, text);
        g_string_append_printf(text, "%s%s", rules, at);
        return g_string_free(text, false);
}

static void expect_no_writes(Fixture *fixture) {
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);

        if (g_strv_length(writes) > 0)
                g_error("this was written: %s", writes[0]);
}

static bool is_known(const char *verb) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                size_t length = strlen(verb);

                if (g_str_has_prefix(cases[i].arguments, verb) &&
                                (cases[i].arguments[length] == ' ' || cases[i].arguments[length] == '\0'))
                        return true;
        }
        return false;
}

/* Each verb that vfioctl completes is in the table. */
static void check_verbs(const char *first) {
        g_auto(ProgramResult) result = vfioctl("complete %s ''", first);
        g_auto(GStrv) lines = g_strsplit(result.output, "\n", -1);
        unsigned n = 0;

        for (char **line = lines; *line && **line; line++) {
                (*line)[strcspn(*line, "\t")] = '\0';
                if (**line == '-' || (*first == '\0' && (g_str_equal(*line, "rule") || g_str_equal(*line, "import"))) ||
                                g_str_equal(*line, "help"))
                        continue;
                g_autofree char *verb = *first ? g_strconcat(first, " ", *line, NULL) : g_strdup(*line);
                if (!is_known(verb))
                        g_error("'%s' is not in the table", verb);
                n++;
        }
        g_assert_cmpuint(n, >, 3);
}

static void test_verbs(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "mine", "[Match]\nVendor=ffff\nDevice=0001\n");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        g_autofree char *ticket =
                        lessee_start(fixture, PORT1, "{'companions': <['*']>, 'override': <['no-reset']>}", LEASE1);
        int guard = lessee_claim(fixture, ticket);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        EXPECT(0, "", "detach ens3 --revert-after 2h -q");
        fake_kernel_do(fixture->kernel, "reset-writes");
        g_autofree char *before = describe(fixture);

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const char *dashes = strstr(cases[i].arguments, " -- ");
                int length = dashes ? (int)(dashes - cases[i].arguments) : (int)strlen(cases[i].arguments);

                g_auto(ProgramResult) result =
                                vfioctl("%.*s --dry-run%s", length, cases[i].arguments, dashes ? dashes : "");
                if (result.status != cases[i].status || !g_pattern_match_simple(cases[i].output, result.output) ||
                                !g_pattern_match_simple(cases[i].error, result.errors))
                        g_error("'vfioctl %s --dry-run' ends with %d and prints '%s', '%s'", cases[i].arguments,
                                        result.status, result.output, result.errors);
                expect_no_writes(fixture);
                g_autofree char *after = describe(fixture);
                g_assert_cmpstr(after, ==, before);
        }
        check_verbs("");
        check_verbs("rule");
        g_assert_cmpint(close(guard), ==, 0);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"));
        fixture_stop(fixture);
}

static void test_cancel(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 3);

        g_auto(ProgramResult) result = vfioctl("cancel 1 --dry-run");
        expect_result(&result, 0, "", "cancel 1 --dry-run");
        g_assert_cmpstr(result.output, ==, "Would cancel job 1 (detach of " NIC ") and undo its changes.\n");
        fixture_property(fixture, JOB1, JOB, "Cancelled", "false");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

static void test_json(void) {
        Fixture *fixture = fixture_start(NULL);

        json_t *json = vfioctl_json("vfs 0000:07:00.0 2 --dry-run");
        expect_json(json, "would_go", "true");
        expect_json(json, "would", "\"create 2 virtual functions of 0000:07:00.0, with the drivers of the host\"");
        json_decref(json);
        json_t *error = vfioctl_json_with(3, "confirm --dry-run");
        expect_json(error, "error.name", "\"org.vfiod1.Error.NoRevert\"");
        json_decref(error);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-dry-run/verbs", test_verbs);
        g_test_add_func("/bus/vfioctl-dry-run/cancel", test_cancel);
        g_test_add_func("/bus/vfioctl-dry-run/json", test_json);
        return g_test_run();
}
