/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/call-details.h"

#include <inttypes.h>
#include <stdarg.h>

/* So many devices are named in the text for people. */
#define NAMED_MAX 4

const char *call_detail_to_string(CallDetail detail) {
        static const char *const keys[_CALL_DETAIL_MAX] = {
                        [CALL_DETAIL_METHOD] = "method",
                        [CALL_DETAIL_ADDRESSES] = "addresses",
                        [CALL_DETAIL_IDS] = "ids",
                        [CALL_DETAIL_CLASSES] = "classes",
                        [CALL_DETAIL_DRIVERS] = "drivers",
                        [CALL_DETAIL_GROUPS] = "groups",
                        [CALL_DETAIL_DEVICES] = "devices",
                        [CALL_DETAIL_OVERRIDES] = "overrides",
                        [CALL_DETAIL_RULE] = "rule",
                        [CALL_DETAIL_COUNT] = "count",
        };

        return keys[detail];
}

void call_details_done(CallDetails *details) {
        for (CallDetail detail = 0; detail < _CALL_DETAIL_MAX; detail++)
                free(details->texts[detail]);
        *details = (CallDetails){};
}

/* FNV-1a with 64 bits, as the fingerprint of a plan: it distinguishes states, and nobody gains by forging it. The byte at
 * the end separates the texts. */
void call_details_mix(CallDetails *details, const char *text) {
        uint64_t hash = details->fingerprint == 0 ? UINT64_C(0xcbf29ce484222325) : details->fingerprint;
        const char *next = strempty(text);

        do
                hash = (hash ^ (uint8_t)*next) * UINT64_C(0x100000001b3);
        while (*next++ != '\0');
        details->fingerprint = hash;
}

static void mix_number(CallDetails *details, uint64_t number) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, number);
        call_details_mix(details, text);
}

/* Takes the text over. */
static int set_text(CallDetails *details, CallDetail detail, char *text) {
        if (!text)
                return -ENOMEM;
        free(details->texts[detail]);
        details->texts[detail] = text;
        call_details_mix(details, text);
        return 0;
}

int call_details_set(CallDetails *details, CallDetail detail, const char *format, ...) {
        char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        int r = text_format_message(&text, format, arguments);
        va_end(arguments);
        return r < 0 ? r : set_text(details, detail, text);
}

int call_details_set_overrides(CallDetails *details, unsigned overrides) {
        char guards[GUARD_LIST_MAX];

        return set_text(details, CALL_DETAIL_OVERRIDES, strdup(guard_list_format(overrides, ' ', guards)));
}

/* Writes the name of a driver as an entry of a list. A driver can have a name with blanks. */
static void write_driver(FILE *stream, const char *driver) {
        if (!driver)
                fputc('-', stream);
        for (const char *c = TEXT_NAME(driver); *c; c++)
                if (*c == ' ')
                        fputs("\\x20", stream);
                else
                        fputc(*c, stream);
}

/* Writes "0000:05:00.0 (82574L Gigabit Network Connection, ens3)". */
static void write_device(FILE *stream, const Service *service, const Device *device) {
        const char *name = service->names ? pci_names_lookup(service->names, PCI_NAME_DEVICE, &device->ids) : "";
        bool in_brackets = false;

        fputs(PCI_ADDRESS_TEXT(device->address), stream);
        if (name[0] != '\0') {
                fprintf(stream, " (%s", TEXT_NAME(name));
                in_brackets = true;
        }
        for (const HostName *host_name = device->names; host_name; host_name = host_name->next) {
                if (host_name->kind == HOST_NAME_CONTROLLER)
                        continue;
                fprintf(stream, "%s%s", in_brackets ? ", " : " (", TEXT_NAME(host_name->name));
                in_brackets = true;
        }
        if (in_brackets)
                fputc(')', stream);
}

/* Writes the value that the device has in one of the lists. */
static void write_entry(FILE *stream, CallDetail detail, const Device *device) {
        switch (detail) {
        case CALL_DETAIL_ADDRESSES:
                fputs(PCI_ADDRESS_TEXT(device->address), stream);
                break;
        case CALL_DETAIL_IDS:
                fprintf(stream, "%04x:%04x", device->ids.vendor, device->ids.device);
                break;
        case CALL_DETAIL_CLASSES:
                fprintf(stream, "%06" PRIx32, device->ids.class);
                break;
        case CALL_DETAIL_DRIVERS:
                write_driver(stream, device->driver);
                break;
        default:
                assert(detail == CALL_DETAIL_GROUPS);
                if (device->group)
                        fprintf(stream, "%d", device->group->number);
                else
                        fputc('-', stream);
        }
}

static char *make_list(CallDetail detail, const Device *const *devices, size_t n_devices) {
        char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        for (size_t i = 0; i < n_devices; i++) {
                if (i > 0)
                        fputc(' ', stream);
                write_entry(stream, detail, devices[i]);
        }
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
}

static char *make_description(const Service *service, const Device *const *devices, size_t n_devices) {
        char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        for (size_t i = 0; i < n_devices && i < NAMED_MAX; i++) {
                if (i > 0)
                        fputs(", ", stream);
                write_device(stream, service, devices[i]);
        }
        if (n_devices > NAMED_MAX)
                fprintf(stream, " and %zu more", n_devices - NAMED_MAX);
        if (n_devices == 0)
                fputs("no device", stream);
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
}

int call_details_set_devices(
                CallDetails *details, const Service *service, const Device *const *devices, size_t n_devices) {
        static const CallDetail lists[] = {CALL_DETAIL_ADDRESSES, CALL_DETAIL_IDS, CALL_DETAIL_CLASSES,
                        CALL_DETAIL_DRIVERS, CALL_DETAIL_GROUPS};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists) && r >= 0; i++)
                r = set_text(details, lists[i], make_list(lists[i], devices, n_devices));
        for (size_t i = 0; i < n_devices; i++)
                mix_number(details, devices[i]->incarnation);
        return r < 0 ? r : set_text(details, CALL_DETAIL_DEVICES, make_description(service, devices, n_devices));
}

/* Adds what the plan changes to the fingerprint. */
static void mix_plan(CallDetails *details, const Plan *plan) {
        call_details_mix(details, plan_verb_to_string(plan->verb));
        mix_number(details, plan->vf_count);
        mix_number(details, plan->vf_fate);
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                call_details_mix(details, member->created ? "" : PCI_ADDRESS_TEXT(member->address));
                mix_number(details, (uint64_t)(int64_t)member->parent);
                mix_number(details, member->recorded);
                call_details_mix(details, member->before.driver);
                call_details_mix(details, member->target.driver);
                call_details_mix(details, member->target.override);
                call_details_mix(details, member->named_driver);
        }
        for (size_t i = 0; i < plan->n_steps; i++) {
                call_details_mix(details, step_kind_to_string(plan->steps[i].kind));
                mix_number(details, plan->steps[i].member);
        }
}

int call_details_set_plan(CallDetails *details, const Service *service, const Plan *plan) {
        _cleanup_free_ const Device **devices = calloc(plan->n_members + 1, sizeof(Device *));
        size_t n = 0;

        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++) {
                const Device *device = plan->members[i].created
                                ? NULL
                                : inventory_find_device(service->inventory, plan->members[i].address);

                if (device)
                        devices[n++] = device;
        }
        mix_plan(details, plan);
        int r = call_details_set_devices(details, service, devices, n);
        return r < 0 ? r : call_details_set_overrides(details, plan->overrides);
}
