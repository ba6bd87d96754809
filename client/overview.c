/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "overview.h"
#include "language.h"

#include "lease-proxy.h"
#include "present.h"
#include "proxy.h"
#include "terminal.h"

#define ERROR_NO_IOMMU "org.vfiod1.Error.NoIommu"

/* A member of a group, to find the members of each group. */
typedef struct Member {
        int32_t group;
        size_t position;
} Member;

static int compare_members(const void *a, const void *b) {
        const Member *member_a = a, *member_b = b;

        if (member_a->group != member_b->group)
                return member_a->group < member_b->group ? -1 : 1;
        return (member_a->position > member_b->position) - (member_a->position < member_b->position);
}

static int add_companions(Row *rows, const Member *members, size_t n) {
        for (size_t i = 0; i < n; i++) {
                Row *row = &rows[members[i].position];

                row->companions = calloc(n, sizeof(Device *));
                if (!row->companions)
                        return -ENOMEM;
                for (size_t k = 0; k < n; k++) {
                        const Device *device = rows[members[k].position].device;

                        if (k != i && device->endpoint)
                                row->companions[row->n_companions++] = device;
                }
        }
        return 0;
}

/* Finds the other endpoints of the group of each endpoint. */
static int find_companions(Overview *overview) {
        _cleanup_free_ Member *members = calloc(overview->n_rows + 1, sizeof(Member));
        size_t n = 0;
        int r = 0;

        if (!members)
                return -ENOMEM;
        for (size_t i = 0; i < overview->n_rows; i++) {
                const Device *device = overview->rows[i].device;

                if (device->endpoint && device->group >= 0)
                        members[n++] = (Member){.group = device->group, .position = i};
        }
        qsort(members, n, sizeof(Member), compare_members);
        for (size_t begin = 0, end; begin < n && r >= 0; begin = end) {
                for (end = begin; end < n && members[end].group == members[begin].group; end++)
                        ;
                r = add_companions(overview->rows, members + begin, end - begin);
        }
        return r;
}

/* Whether the holder has the device, or the node of its group, open. */
static bool holds(const Holder *holder, const Device *device) {
        if (!isempty(holder->address))
                return streq_ptr(holder->address, device->address);
        return device->endpoint && device->group >= 0 && device->group == holder->group;
}

static int find_holders(Row *row, const HolderList *holders) {
        size_t n = 0;

        for (size_t i = 0; i < holders->count; i++)
                n += holds(&holders->items[i], row->device);
        row->holders = calloc(n + 1, sizeof(Holder *));
        if (!row->holders)
                return -ENOMEM;
        for (size_t i = 0; i < holders->count; i++)
                if (holds(&holders->items[i], row->device))
                        row->holders[row->n_holders++] = &holders->items[i];
        return 0;
}

static bool has_state(const DeviceList *devices, const char *state) {
        for (size_t i = 0; i < devices->count; i++)
                if (streq_ptr(devices->items[i].state, state))
                        return true;
        return false;
}

/* Reads what only the owner of a device on a vfio driver may change. If vfiod does not tell it, it is missing. */
static void read_use(sd_bus *bus, unsigned wishes, Overview *overview) {
        bool leased = has_state(&overview->devices, "leased");

        if (leased)
                (void)proxy_list_leases(bus, &overview->leases, NULL);
        bool has_vfio = leased || has_state(&overview->devices, "detached") || has_state(&overview->devices, "foreign");
        if (wishes & OVERVIEW_HOLDERS || (has_vfio && !(wishes & OVERVIEW_QUICK)))
                overview->holders_known = proxy_list_holders(bus, "", &overview->holders, NULL) >= 0;
}

static int compare_groups(const void *a, const void *b) {
        const GroupUse *x = a, *y = b;

        return (x->number > y->number) - (x->number < y->number);
}

/* Findings about the same group keep their order, which is that of the array. */
static int compare_findings(const void *a, const void *b) {
        const Finding *x = *(const Finding *const *)a, *y = *(const Finding *const *)b;

        return x->group != y->group ? (x->group > y->group) - (x->group < y->group) : (x > y) - (x < y);
}

static int sort_findings(Overview *overview) {
        const Plan *survey = &overview->survey;

        overview->findings = calloc(survey->n_findings + 1, sizeof(Finding *));
        if (!overview->findings)
                return -ENOMEM;
        for (size_t i = 0; i < survey->n_findings; i++)
                overview->findings[i] = &survey->findings[i];
        qsort(overview->findings, survey->n_findings, sizeof(Finding *), compare_findings);
        return 0;
}

static bool has_available(const DeviceList *devices) {
        for (size_t i = 0; i < devices->count; i++)
                if (streq_ptr(devices->items[i].availability, "available"))
                        return true;
        return false;
}

/* Reads which groups the host uses. The list appears also without that. */
static int read_uses(sd_bus *bus, bool wants_groups, Overview *overview) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        GroupUseList *groups = &overview->survey.groups;

        if (!wants_groups && !has_available(&overview->devices)) {
                overview->uses_known = true;
                return 0;
        }
        int r = proxy_survey(bus, &overview->survey, &error);
        if (r == -ENOMEM)
                return r;
        overview->uses_known = r >= 0;
        if (r < 0 && !sd_bus_error_has_name(&error, ERROR_NO_IOMMU)) {
                overview->unknown = strdup(error.message ?: strerror(-r));
                return overview->unknown ? 0 : -ENOMEM;
        }
        if (groups->count > 0)
                qsort(groups->items, groups->count, sizeof(GroupUse), compare_groups);
        return sort_findings(overview);
}

const char *overview_find_availability(const Overview *overview, int32_t group) {
        const GroupUseList *groups = &overview->survey.groups;
        const GroupUse key = {.number = group};
        const GroupUse *found = groups->count > 0
                        ? bsearch(&key, groups->items, groups->count, sizeof(GroupUse), compare_groups)
                        : NULL;

        return found ? found->availability : NULL;
}

/* Counts the findings about groups with lower numbers. */
static size_t count_before(const Overview *overview, int64_t group) {
        size_t low = 0, high = overview->findings ? overview->survey.n_findings : 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (overview->findings[middle]->group < group)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const Finding *const *overview_find_findings(const Overview *overview, int32_t group, size_t *ret_n) {
        size_t begin = count_before(overview, group);

        *ret_n = count_before(overview, (int64_t)group + 1) - begin;
        return overview->findings ? overview->findings + begin : NULL;
}

void overview_tell_missing(const Overview *overview, bool quiet) {
        if (overview->unknown && !quiet)
                terminal_say(_("vfioctl: it is not known which of the available devices the host uses: %s"),
                                overview->unknown);
}

/* Whether a guard found it, and refuses. */
static bool is_use(const Finding *finding) {
        return !finding->overridden && finding->options && streq_ptr(finding->options[0], "override");
}

/* The findings about the device itself come first. */
static int find_uses(const Overview *overview, Row *row) {
        const char *availability = overview_find_availability(overview, row->device->group);
        const Finding *const *findings;
        size_t n;

        if (!row->device->endpoint || !streq_ptr(row->availability, "available") ||
                        !(streq_ptr(availability, "in-use") || streq_ptr(availability, "unknown")))
                return 0;
        row->availability = availability;
        findings = overview_find_findings(overview, row->device->group, &n);
        row->uses = calloc(n + 1, sizeof(Finding *));
        if (!row->uses)
                return -ENOMEM;
        for (unsigned others = 0; others < 2; others++)
                for (size_t i = 0; i < n; i++) {
                        bool is_own = streq_ptr(findings[i]->address, row->device->address);

                        if (is_use(findings[i]) && is_own == (others == 0))
                                row->uses[row->n_uses++] = findings[i];
                }
        return 0;
}

static const Lease *find_lease(const LeaseList *leases, int32_t group) {
        for (size_t i = 0; i < leases->count && group >= 0; i++)
                if (leases->items[i].group == group)
                        return &leases->items[i];
        return NULL;
}

static int make_rows(Overview *overview) {
        int r = 0;

        overview->rows = calloc(overview->devices.count + 1, sizeof(Row));
        if (!overview->rows)
                return -ENOMEM;
        overview->n_rows = overview->devices.count;
        for (size_t i = 0; i < overview->n_rows && r >= 0; i++) {
                const Device *device = &overview->devices.items[i];

                overview->rows[i] = (Row){
                                .device = device,
                                .availability = device->availability,
                                .lease = device->endpoint ? find_lease(&overview->leases, device->group) : NULL,
                                .position = i,
                };
                r = find_holders(&overview->rows[i], &overview->holders);
                if (r >= 0)
                        r = find_uses(overview, &overview->rows[i]);
        }
        return r < 0 ? r : find_companions(overview);
}

int overview_get(sd_bus *bus, unsigned wishes, Overview *ret, sd_bus_error *error) {
        _cleanup_(overview_clear) Overview overview = {0};
        int r;

        r = proxy_list_devices(bus, &overview.devices, error);
        if (r < 0)
                return r;
        read_use(bus, wishes, &overview);
        if (wishes & OVERVIEW_USES && (r = read_uses(bus, wishes & OVERVIEW_GROUPS, &overview)) < 0)
                return r;
        r = make_rows(&overview);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(overview);
        return 0;
}

static void row_clear(Row *row) {
        free(row->companions);
        free(row->holders);
        free(row->uses);
        *row = (Row){0};
}

void overview_clear(Overview *overview) {
        for (size_t i = 0; i < overview->n_rows; i++)
                row_clear(&overview->rows[i]);
        free(overview->rows);
        device_list_clear(&overview->devices);
        lease_list_clear(&overview->leases);
        holder_list_clear(&overview->holders);
        plan_clear(&overview->survey);
        free(overview->findings);
        free(overview->unknown);
        *overview = (Overview){0};
}

void overview_filter(Overview *overview, bool (*keep)(const Row *row, void *userdata), void *userdata) {
        size_t n = 0;

        for (size_t i = 0; i < overview->n_rows; i++)
                if (keep(&overview->rows[i], userdata))
                        overview->rows[n++] = overview->rows[i];
                else
                        row_clear(&overview->rows[i]);
        overview->n_rows = n;
}

static void write_companions(JsonWriter *writer, const Row *row) {
        json_begin(writer, "companions", '[');
        for (size_t i = 0; i < row->n_companions; i++)
                json_write_text(writer, NULL, row->companions[i]->address);
        json_end(writer, ']');
}

static json_t *row_holders_to_json(const Row *row) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < row->n_holders; i++)
                array = json_append(array, holder_to_json(row->holders[i]));
        return array;
}

static json_t *uses_to_json(const Row *row) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < row->n_uses; i++)
                array = json_append(array, finding_to_json(row->uses[i]));
        return array;
}

static void write_row(JsonWriter *writer, const Overview *overview, const Row *row) {
        Device device = *row->device;

        /* It is not known whether the host uses the device, because vfioctl did not ask. */
        bool is_unknown = !overview->uses_known && !overview->unknown && streq_ptr(row->availability, "available");
        device.availability = is_unknown ? NULL : (char *)row->availability;
        json_begin(writer, NULL, '{');
        device_row_write(writer, &device);
        write_companions(writer, row);
        json_write_value(writer, "lease", row->lease ? lease_to_json(row->lease) : json_null());
        json_write_value(writer, "holders", overview->holders_known ? row_holders_to_json(row) : json_null());
        json_write_value(writer, "uses", overview->uses_known ? uses_to_json(row) : json_null());
        json_end(writer, '}');
}

int overview_print_json(Output *output, const Overview *overview) {
        JsonWriter writer = {.stream = output->stream, .compact = output->lines};

        json_begin(&writer, NULL, '{');
        json_begin(&writer, "devices", '[');
        for (size_t i = 0; i < overview->n_rows; i++)
                write_row(&writer, overview, &overview->rows[i]);
        json_end(&writer, ']');
        json_end(&writer, '}');
        return json_finish(&writer);
}
