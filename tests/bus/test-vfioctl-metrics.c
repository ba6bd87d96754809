/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "stub.h"

#include <string.h>

/* vfioctl metrics. The parser here is strict: OpenMetrics 1.0 for gauges and counters, and each line is also valid for the textfile
 * collector of node_exporter. */

#define NAME "[a-zA-Z_:][a-zA-Z0-9_:]*"
#define LABEL NAME "=\"(?:[^\"\\\\\n]|\\\\[\\\\\"n])*\""
#define SAMPLE "^(" NAME ")(?:\\{(" LABEL "(?:," LABEL ")*)\\})? (0|[1-9][0-9]*)$"

typedef struct Metrics {
        GHashTable *samples;  /* "name{labels}" to the value */
        GHashTable *families; /* names that were declared */
} Metrics;

static void metrics_clear(Metrics *metrics) {
        g_hash_table_unref(metrics->samples);
        g_hash_table_unref(metrics->families);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Metrics, metrics_clear)

/* "# TYPE name type", and then "# HELP name text". Returns the name. */
static char *parse_family(Metrics *metrics, char *const *lines, char **ret_type) {
        g_autoptr(GRegex) regex = g_regex_new("^# TYPE (" NAME ") (gauge|counter)$", 0, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        if (!g_regex_match(regex, lines[0], 0, &match))
                g_error("no family: %s", lines[0]);
        char *name = g_match_info_fetch(match, 1);
        *ret_type = g_match_info_fetch(match, 2);
        g_autofree char *help = g_strdup_printf("# HELP %s ", name);
        g_assert_nonnull(lines[1]);
        g_assert_true(g_str_has_prefix(lines[1], help));
        g_assert_cmpuint(strlen(lines[1]), >, strlen(help));
        g_assert_null(strchr(lines[1], '\\'));
        /* samples of one family are not interleaved with those of another */
        g_assert_true(g_hash_table_add(metrics->families, g_strdup(name)));
        return name;
}

static void parse_sample(Metrics *metrics, const char *line, const char *family, const char *type) {
        g_autoptr(GRegex) regex = g_regex_new(SAMPLE, 0, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        if (!g_regex_match(regex, line, 0, &match))
                g_error("no sample: %s", line);
        g_autofree char *name = g_match_info_fetch(match, 1), *value = g_match_info_fetch(match, 3);
        g_autofree char *expected = g_strconcat(family, g_str_equal(type, "counter") ? "_total" : "", NULL);
        g_assert_cmpstr(name, ==, expected);
        char *key = g_strndup(line, strlen(line) - strlen(value) - 1);
        g_assert_true(g_hash_table_insert(metrics->samples, key, g_strdup(value)));
}

static void parse(const char *text, Metrics *metrics) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        guint n = g_strv_length(lines);
        g_autofree char *family = NULL, *type = NULL;

        *metrics = (Metrics){g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
        g_assert_cmpuint(n, >, 3);
        g_assert_cmpstr(lines[n - 1], ==, ""); /* the last line ends, too */
        g_assert_cmpstr(lines[n - 2], ==, "# EOF");
        for (guint i = 0; i < n - 2; i++) {
                if (lines[i][0] != '#') {
                        g_assert_nonnull(family);
                        parse_sample(metrics, lines[i], family, type);
                        continue;
                }
                g_free(g_steal_pointer(&family));
                g_free(g_steal_pointer(&type));
                family = parse_family(metrics, lines + i++, &type);
        }
}

static void expect(const Metrics *metrics, const char *sample, const char *expected) {
        const char *value = g_hash_table_lookup(metrics->samples, sample);

        if (g_strcmp0(value, expected) != 0)
                g_error("%s is %s instead of %s", sample, value ?: "missing", expected);
}

static Metrics get(void) {
        g_auto(ProgramResult) result = vfioctl("metrics");
        Metrics metrics;

        expect_result(&result, 0, "", "metrics");
        parse(result.output, &metrics);
        return metrics;
}

static void test_host(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(Metrics) before = get();

        expect(&before, "vfiod_build_info{version=\"" VFIOD_VERSION "\",iommu=\"on\"}", "1");
        expect(&before, "vfiod_devices{state=\"detached\"}", "0");
        expect(&before, "vfiod_groups{state=\"host\"}", "16");
        expect(&before, "vfiod_recent_jobs{result=\"done\"}", "0");
        expect(&before, "vfiod_lost_events_total", "0");

        EXPECT(0, "", "detach ens1 --group");
        EXPECT(0, "", "rule add ens3");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        g_auto(Metrics) after = get();
        expect(&after, "vfiod_devices{state=\"detached\"}", "3");
        expect(&after, "vfiod_groups{state=\"detached\"}", "2");
        expect(&after, "vfiod_groups{state=\"host\"}", "14");
        expect(&after, "vfiod_jobs{state=\"stuck\"}", "0");
        expect(&after, "vfiod_rules{state=\"active\"}", "1");
        expect(&after, "vfiod_rule_devices{status=\"applied\"}", "1");
        expect(&after, "vfiod_leases{state=\"active\"}", "0");
        expect(&after, "vfiod_recent_jobs{result=\"done\"}", "2");
        expect(&after, "vfiod_recent_jobs{result=\"failed\"}", "0");
        fixture_stop(fixture);
}

/* Values that a later vfiod may send, and characters that need an escape. */
static void test_stub(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "GetAll",
                        "({'Version': <'2\"\\\\'>, 'Iommu': <'on'>, 'EventsLost': <uint32 7>, 'DeviceCount': <uint32 "
                        "1>},)");
        stub_answer(stub, "ListGroups", "(@a(iosbassa{sv}) [],)");
        stub_answer(stub, "ListDevices",
                        "([('0000:09:00.0', objectpath '/org/vfiod1/devices/b', -1, 'asleep', 'ixgbe', uint32 131072,"
                        " uint16 32902, uint16 4349, @as [], @a{sv} {})],)");
        stub_answer(stub, "ListJobs",
                        "([(uint32 3, objectpath '/org/vfiod1/jobs/3', 'detach', 'stuck', 7, ['0000:09:00.0'], uint32 "
                        "1,"
                        " uint32 9, 'unbind', '0000:09:00.0', '', @a{sv} {}, uint64 5, {}),"
                        " (uint32 2, objectpath '/', 'detach', 'failed', 7, ['0000:09:00.0'], uint32 1, uint32 9, '', "
                        "'',"
                        " '', @a{sv} {}, uint64 5, {'Ended': <uint64 9>})],)");
        stub_answer(stub, "ListLeases", "(@a(uosutuiasa{sv}) [],)");
        stub_answer(stub, "ListRules", "(@a(sssa(sssa{sv})a{sv}) [],)");
        g_auto(Metrics) metrics = get();
        expect(&metrics, "vfiod_build_info{version=\"2\\\"\\\\\",iommu=\"on\"}", "1");
        expect(&metrics, "vfiod_devices{state=\"asleep\"}", "1");
        expect(&metrics, "vfiod_lost_events_total", "7");
        expect(&metrics, "vfiod_jobs{state=\"stuck\"}", "1");
        expect(&metrics, "vfiod_recent_jobs{result=\"failed\"}", "1");
        stub_answer(stub, "ListJobs", "!" BUS_NAME ".Error.Failed No.");
        EXPECT(1, "vfioctl: No.\n", "metrics");
        json_t *refused = vfioctl_json_with(2, "metrics");
        expect_json(refused, "error.message",
                        "\"'metrics' prints OpenMetrics text, and no JSON. As JSON: vfioctl status --json\"");
        json_decref(refused);
        stub_stop(stub);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfioctl-metrics/host", test_host);
        g_test_add_func("/vfioctl-metrics/stub", test_stub);
        return g_test_run();
}
