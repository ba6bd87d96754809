/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/transaction.h"
#include "survey-bed.h"

#include <fcntl.h>

/* What changes on the host while the survey is taken. */

/* A census that takes long: meanwhile, the host changes. */
typedef struct ChangingCensus {
        CensusPort port;
        SurveyBed *bed;
        void (*change)(SurveyBed *bed);
        unsigned n_searches;
} ChangingCensus;

static int search_while_changing(const CensusPort *port, HolderTable *table, MountTable *mounts) {
        ChangingCensus *census = (ChangingCensus *)port;

        (void)table;
        (void)mounts;
        if (census->n_searches++ == 0)
                census->change(census->bed);
        return 0;
}

/* Takes the survey with a disk on one port: the census searches for its mounts and nodes after the names are read. */
static void survey_while(SurveyBed *bed, const char *disk_port, void (*change_host)(SurveyBed *bed)) {
        ChangingCensus census = {.port = {.search = search_while_changing}, .bed = bed, .change = change_host};
        g_autofree char *path = g_strdup_printf("pci0000:00/%s/nvme/nvme0/nvme0n1", disk_port);

        put_block(bed->tree, path, "259:0");
        bed->tree->kernel->census = &census.port;
        (void)survey_bed_take(bed);
        bed->tree->kernel->census = NULL;
        g_assert_cmpuint(census.n_searches, >=, 1);
}

static void put_interface(SurveyBed *bed, const char *name) {
        temp_tree_name(bed->tree, bed->nic, "net", name);
        temp_tree_file(bed->tree, "7\n", "sys/class/net/%s/ifindex", name);
}

static void change_nothing(SurveyBed *bed) {
        (void)bed;
}

static void add_interface(SurveyBed *bed) {
        put_interface(bed, "ens1");
}

static void rename_interface(SurveyBed *bed) {
        temp_tree_remove(bed->tree, "sys/class/net/eth0");
        add_interface(bed);
}

/* The names of the survey are recorded only if they are still the names of the host. */
static void test_names(void) {
        static const struct {
                const char *disk_port, *nic;
                void (*change)(SurveyBed *bed);
                bool has_names;
        } cases[] = {
                        {PORT1, PORT2, change_nothing, true},
                        {PORT2, PORT1, change_nothing, true},
                        /* The interface is examined after the census, or before. */
                        {PORT1, PORT2, rename_interface, false},
                        {PORT2, PORT1, rename_interface, false},
                        {PORT1, PORT2, add_interface, false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(SurveyBed) bed = survey_bed_new();

                bed->nic = cases[i].nic;
                /* A network card should have an interface. */
                bed->members[streq(bed->nic, PORT1) ? 0 : 1].ids.class = 0x020000;
                if (cases[i].change != add_interface)
                        put_interface(bed, "eth0");
                survey_while(bed, cases[i].disk_port, cases[i].change);
                if (bed->work.has_names != cases[i].has_names)
                        g_error("case %zu: %d", i, bed->work.has_names);
        }
}

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static void make_mediated(SurveyBed *bed) {
        temp_tree_link(bed->tree, "../mdev_supported_types/i915-GVTg_V5_4",
                        "sys/bus/pci/devices/" PORT2 "/" UUID "/mdev_type");
}

/* The program of a transaction, with an empty state folder, to which it must not write. */
static int run_while(SurveyBed *bed, void (*change_host)(SurveyBed *bed), Problem *problem) {
        ChangingCensus census = {.port = {.search = search_while_changing}, .bed = bed, .change = change_host};
        g_autofree char *state = temp_tree_path(bed->tree, "state");
        Report report = {};

        temp_tree_folder(bed->tree, "state");
        _cleanup_close_ int state_fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(state_fd, >=, 0);
        bed->transaction.devices_fd = bed->transaction.transactions_fd = state_fd;
        bed->tree->kernel->census = &census.port;
        int r = transaction_run(&bed->transaction, &report, problem);
        bed->tree->kernel->census = NULL;
        bed->transaction.devices_fd = bed->transaction.transactions_fd = -EBADF;
        g_assert_cmpuint(census.n_searches, ==, 1);
        g_autoptr(GDir) folder = g_dir_open(state, 0, NULL);
        g_assert_null(g_dir_read_name(folder));
        for (size_t i = 0; i < bed->plan->n_members; i++)
                bed->members[i].origin = device_origin_free(bed->members[i].origin);
        report_done(&report);
        return r;
}

/* A mediated device that a program makes on the second port while the census searches for the users of the first: the
 * transaction ends before its first write. */
static void test_late_mediated(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();
        _cleanup_problem_ Problem problem = {}, checked = {};

        for (unsigned i = 0; i < 2; i++) {
                const char *address = i == 0 ? PORT1 : PORT2;

                temp_tree_group(bed->tree, address, 10);
                temp_tree_attribute(bed->tree, address, "driver_override", "(null)");
        }
        temp_tree_folder(bed->tree, "sys/bus/pci/drivers/vfio-pci");
        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" PORT1 "/uio/uio0/dev");
        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" PORT2 "/mdev_supported_types/i915-GVTg_V5_4");
        g_assert_cmpint(run_while(bed, make_mediated, &problem), ==, OUTCOME_FAILED);
        g_assert_cmpstr(problem.message, ==,
                        "The mediated device " UUID " has just appeared below " PORT2
                        ". Nothing was changed: try again.");

        /* The next attempt finds it in time. With the override, it does not matter when it was made. */
        assert_found(bed, GUARD_VIRTUAL_FUNCTIONS, 1);
        g_assert_cmpint(survey_check_mediated(&bed->work, &checked), ==, OUTCOME_FAILED);
        bed->plan->overrides = 1U << GUARD_VIRTUAL_FUNCTIONS;
        g_assert_cmpint(survey_check_mediated(&bed->work, &checked), ==, 0);

        /* Before it was made; and with a folder that cannot be listed to its end. */
        bed->plan->overrides = 0;
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT2 "/" UUID);
        assert_found(bed, GUARD_VIRTUAL_FUNCTIONS, 0);
        g_assert_cmpint(survey_check_mediated(&bed->work, &checked), ==, 0);
        g_autoptr(GString) deep = g_string_new("sys/bus/pci/devices/" PORT2);
        for (unsigned i = 0; i < 40; i++)
                g_string_append(deep, "/usb1");
        temp_tree_folder(bed->tree, "%s", deep->str);
        g_assert_cmpint(survey_check_mediated(&bed->work, &checked), ==, OUTCOME_FAILED);
        g_assert_nonnull(strstr(checked.message, "Cannot list the devices below " PORT2));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/survey-changes/names", test_names);
        g_test_add_func("/survey-changes/mediated", test_late_mediated);
        return g_test_run();
}
