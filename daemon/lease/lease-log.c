/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "lease/lease-internal.h"

/* The journal entries about leases. */

/* An entry has at most LOG_FIELDS_MAX fields. */
#define DEVICES_MAX 256

static LogFields make_fields(const Lease *lease, const char *verb, const char *reason) {
        LogFields fields = {};

        log_fields_add_all(&fields, &lease->fields);
        log_fields_add(&fields, "VFIOD_CALLER", "%s", lease->caller);
        log_fields_add(&fields, "VFIOD_VERB", "%s", verb);
        log_fields_add(&fields, "VFIOD_LEASE", "%u", lease->number);
        if (lease->group != IOMMU_GROUP_NONE)
                log_fields_add(&fields, "VFIOD_GROUP", "%d", lease->group);
        for (size_t i = 0; i < lease->n_addresses && i < DEVICES_MAX; i++)
                log_fields_add(&fields, "VFIOD_DEVICE", "%s", PCI_ADDRESS_TEXT(lease->addresses[i]));
        log_fields_add(&fields, "VFIOD_RESULT", "done");
        log_fields_add(&fields, "VFIOD_REASON", "%s", reason);
        return fields;
}

void lease_log_began(const Lease *lease) {
        _cleanup_log_fields_ LogFields fields = make_fields(lease, "lease", "");

        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = MESSAGE_LEASE_BEGAN, .fields = &fields},
                        "Lease %u of group %d begins, for %s", lease->number, lease->group, lease->caller);
}

void lease_log_lingering(const Lease *lease, const char *holder) {
        _cleanup_log_fields_ LogFields fields = make_fields(lease, "lease-linger", holder);

        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = MESSAGE_LEASE_LINGERS, .fields = &fields},
                        "Lease %u has ended, but a process still has its devices open. The end goes on when it closes "
                        "them. "
                        "Holder: %s",
                        lease->number, holder);
}

void lease_log_over(const Lease *lease) {
        _cleanup_log_fields_ LogFields fields = make_fields(lease, "lease-end", "");

        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = MESSAGE_LEASE_OVER, .fields = &fields},
                        "Lease %u is over", lease->number);
}
