/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "planning.h"
#include "state-folder.h"

#include "policy/lease-check.h"
#include "state/lease-file.h"

#include <string.h>

/* The files of leases, and what refuses a lease. */

static void test_file(void) {
        StateFolder *folder = state_folder_new();
        PciAddress addresses[] = {address_of("0000:03:01.0"), address_of("ffffffff:ff:1f.7")};
        LeaseFile written = {.number = FILE_NUMBER_MAX,
                        .uid = UINT32_MAX - 1,
                        .pid = 4194304,
                        .since_us = 1795809600000000,
                        .took = true,
                        .kill = true,
                        .addresses = addresses,
                        .n_addresses = 2};
        _cleanup_lease_file_ LeaseFile read = {}, missing = {};

        g_assert_cmpint(lease_file_write(folder->fd, &written), ==, 0);
        g_assert_cmpint(lease_file_read(folder->fd, FILE_NUMBER_MAX, &read), ==, 0);
        g_assert_cmpuint(read.number, ==, written.number);
        g_assert_cmpuint(read.uid, ==, written.uid);
        g_assert_cmpint(read.pid, ==, written.pid);
        g_assert_cmpuint(read.since_us, ==, written.since_us);
        g_assert_true(read.took && read.kill && !read.descriptors);
        g_assert_cmpuint(read.n_addresses, ==, 2);
        for (size_t i = 0; i < 2; i++)
                g_assert_true(pci_address_equal(read.addresses[i], addresses[i]));
        g_assert_cmpint(numbered_file_remove(folder->fd, FILE_NUMBER_MAX), ==, 0);
        g_assert_cmpint(numbered_file_remove(folder->fd, FILE_NUMBER_MAX), ==, 0);
        g_assert_cmpint(lease_file_read(folder->fd, FILE_NUMBER_MAX, &missing), ==, -ENOENT);
        state_folder_free(folder);
}

/* A file that vfiod cannot have written is no lease. */
static void test_bad_files(void) {
        static const char *const texts[] = {"{}", "[]",
                        "{\"uid\":0,\"pid\":0,\"since\":0,\"took\":true,\"descriptors\":false,\"kill\":false}",
                        "{\"uid\":-1,\"pid\":0,\"since\":0,\"took\":true,\"descriptors\":false,\"kill\":false,"
                        "\"devices\":[]}",
                        "{\"uid\":4294967295,\"pid\":0,\"since\":0,\"took\":true,\"descriptors\":false,\"kill\":false,"
                        "\"devices\":[]}",
                        "{\"uid\":0,\"pid\":-1,\"since\":0,\"took\":true,\"descriptors\":false,\"kill\":false,"
                        "\"devices\":[]}",
                        "{\"uid\":0,\"pid\":0,\"since\":0,\"took\":1,\"descriptors\":false,\"kill\":false,\"devices\":["
                        "]}",
                        "{\"uid\":0,\"pid\":0,\"since\":0,\"took\":true,\"descriptors\":false,\"kill\":false,"
                        "\"devices\":[\"x\"]}",
                        "{\"uid\":0,\"pid\":0,\"since\":0,\"took\":true,\"descriptors\":false,\"kill\":false,"
                        "\"devices\":[0]}"};
        StateFolder *folder = state_folder_new();

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                _cleanup_lease_file_ LeaseFile file = {};

                state_folder_write_json(folder, "5", "lease", texts[i]);
                int r = lease_file_read(folder->fd, 5, &file);
                if (r != -EBADMSG)
                        g_error("%s: %d", texts[i], r);
        }
        state_folder_free(folder);
}

static void test_names(void) {
        static const char *const wrong[] = {"", "0", "01", "-1", "1000000000", "1.new", "x", " 1"};
        unsigned number;

        g_assert_cmpint(numbered_file_parse_name("999999999", &number), ==, 0);
        g_assert_cmpuint(number, ==, FILE_NUMBER_MAX);
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
                g_assert_cmpint(numbered_file_parse_name(wrong[i], &number), ==, -EINVAL);
}

/* The group of a lease, with one device. */
static int check(const IommuReport *iommu, const char *reset_methods, bool endpoint, unsigned overrides,
                Problem *problem) {
        Device device = {.present = true, .endpoint = endpoint, .reset_methods = reset_methods};
        _cleanup_free_ Group *group = group_make_room(calloc(1, sizeof(Group)));

        g_assert_nonnull(group);
        group->members[group->n_members++] = &device;
        return lease_check(&(Selection){.group = group}, iommu, overrides, problem);
}

static void test_check(void) {
        static const IommuReport on = {.state = IOMMU_ON}, off = {.state = IOMMU_OFF},
                                 unsafe = {.state = IOMMU_ON, .unsafe_interrupts = true};
        const unsigned interrupts = 1U << GUARD_UNSAFE_INTERRUPTS, reset = 1U << GUARD_NO_RESET;
        _cleanup_problem_ Problem problem = {};
        Device alone = {.present = true, .endpoint = true};

        g_assert_cmpint(check(&on, "flr", true, 0, &problem), ==, 0);
        g_assert_cmpint(check(&off, "flr", true, interrupts | reset, &problem), ==, OUTCOME_NO_IOMMU);
        g_assert_cmpint(check(&unsafe, "flr", true, 0, &problem), ==, OUTCOME_UNSAFE_INTERRUPTS);
        g_assert_nonnull(strstr(problem.message, "--override=unsafe-interrupts"));
        g_assert_cmpint(check(&unsafe, "flr", true, reset, &problem), ==, OUTCOME_UNSAFE_INTERRUPTS);
        g_assert_cmpint(check(&unsafe, "flr", true, interrupts, &problem), ==, 0);
        g_assert_cmpint(check(&on, NULL, true, 0, &problem), ==, OUTCOME_NO_RESET);
        g_assert_nonnull(strstr(problem.message, "--override=no-reset"));
        g_assert_cmpint(check(&on, NULL, true, interrupts, &problem), ==, OUTCOME_NO_RESET);
        g_assert_cmpint(check(&on, NULL, true, reset, &problem), ==, 0);
        /* a bridge is not reset for a guest */
        g_assert_cmpint(check(&on, NULL, false, 0, &problem), ==, 0);
        g_assert_cmpint(lease_check(&(Selection){.device = &alone}, &on, 0, &problem), ==, OUTCOME_NO_GROUP);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/lease/file", test_file);
        g_test_add_func("/lease/bad-files", test_bad_files);
        g_test_add_func("/lease/names", test_names);
        g_test_add_func("/lease/check", test_check);
        return g_test_run();
}
