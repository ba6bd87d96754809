/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "rule/rule-reach.h"

/* Which devices a change of rules concerns, and how often a path is read for that: the test is what reads paths. */

#define N_DEVICES 200
#define N_RULES 100

static unsigned n_reads;

const char *__wrap_pci_device_read_path(const Kernel *kernel, PciAddress address, char buffer[static PCI_PATH_MAX]);
const char *__wrap_pci_device_read_path(const Kernel *kernel, PciAddress address, char buffer[static PCI_PATH_MAX]) {
        (void)kernel;
        n_reads++;
        (void)snprintf(buffer, PCI_PATH_MAX, "0000:%02x:1c.4/00.0", (unsigned)address.bus);
        return buffer;
}

static void add_change(RuleChangeList *list, unsigned number, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void add_change(RuleChangeList *list, unsigned number, const char *format, ...) {
        g_autofree char *name = g_strdup_printf("rule-%u", number), *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        g_assert_cmpint(rule_change_list_add(list, name, RULE_CHANGE_WRITE, text), ==, 0);
}

static unsigned count_marks(const RuleChangeList *list, const RuleCaseList *cases, const Inventory *inventory) {
        unsigned n_marks = 0;
        size_t n;

        (void)inventory_devices(inventory, &n);
        g_autofree bool *marks = g_new0(bool, n);
        n_reads = 0;
        g_assert_cmpint(rule_reach_mark(list, cases, NULL, inventory, marks), ==, 0);
        for (size_t i = 0; i < n; i++)
                n_marks += marks[i];
        return n_marks;
}

static Inventory *make_many(void) {
        Inventory *inventory = make_inventory();

        for (unsigned i = 0; i < N_DEVICES; i++) {
                g_autofree char *address = g_strdup_printf("0000:%02x:00.0", i + 1);
                put_device(inventory, address, "e1000", (int)i);
        }
        return inventory;
}

/* Each path is read once, although many rules have one; and not at all for rules that match no device anyway. */
static void test_paths(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_many();
        _cleanup_(rule_change_list_done) RuleChangeList list = {}, others = {};
        const RuleCaseList cases = {};
        char path[PCI_PATH_MAX];

        for (unsigned i = 0; i < N_RULES; i++) {
                add_change(&list, i, "[Match]\nVendor=8086\nDevice=100e\nPath=0000:%02x:1d.0/00.0\n", i);
                add_change(&others, i, "[Match]\nVendor=ffff\nDevice=100e\nPath=0000:%02x:1d.0/00.0\n", i);
        }
        g_assert_cmpuint(count_marks(&list, &cases, inventory), ==, 0);
        g_assert_cmpuint(n_reads, ==, N_DEVICES);
        g_assert_cmpuint(count_marks(&others, &cases, inventory), ==, 0);
        g_assert_cmpuint(n_reads, ==, 0);
        (void)__wrap_pci_device_read_path(NULL, address_of("0000:07:00.0"), path);
        add_change(&list, N_RULES, "[Match]\nVendor=8086\nDevice=100e\nPath=%s\n", path);
        g_assert_cmpuint(count_marks(&list, &cases, inventory), ==, 1);
        g_assert_cmpuint(n_reads, ==, N_DEVICES);
        add_change(&others, N_RULES, "[Match]\nVendor=8086\n");
        g_assert_cmpuint(count_marks(&others, &cases, inventory), ==, N_DEVICES);
        g_assert_cmpuint(n_reads, ==, 0);
}

/* A device that a rule matches now is concerned, also if the rule is removed. */
static void test_cases(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_many();
        _cleanup_(rule_change_list_done) RuleChangeList list = {};
        _cleanup_(rule_case_list_done) RuleCaseList cases = {};

        g_assert_nonnull(rule_case_obtain(&cases, address_of("0000:01:00.0"), "old"));
        g_assert_nonnull(rule_case_obtain(&cases, address_of("0000:02:00.0"), "other"));
        g_assert_nonnull(rule_case_obtain(&cases, address_of("0000:03:00.0"), NULL));
        g_assert_cmpint(rule_change_list_add(&list, "old", RULE_CHANGE_REMOVE, NULL), ==, 0);
        g_assert_cmpuint(count_marks(&list, &cases, inventory), ==, 1);
        add_change(&list, 1, "[Match]\nAddress=0000:09:00.0\nVendor=8086\nDevice=100e\n");
        g_assert_cmpuint(count_marks(&list, &cases, inventory), ==, 2);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/rule-reach/paths", test_paths);
        g_test_add_func("/rule-reach/cases", test_cases);
        return g_test_run();
}
