/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode-rows.h"
#include "decode.h"

static const Field lease_columns[] = {
                COLUMN(Lease, "u", number),
                COLUMN(Lease, "o", path),
                COLUMN(Lease, "s", state),
                COLUMN(Lease, "u", uid),
                COLUMN(Lease, "t", since_us),
                COLUMN(Lease, "u", pid),
                COLUMN(Lease, "i", group),
                COLUMN(Lease, "as", devices),
};

static const Field lease_details[] = {
                FIELD(Lease, "Nodes", "as", nodes),
                FIELD(Lease, "Descriptors", "b", descriptors),
                SENTENCE_FIELD(Lease, "Holder", "s", holder),
};

static const Field grant_details[] = {
                FIELD(Grant, "number", "u", number),
                FIELD(Grant, "group", "i", group),
                FIELD(Grant, "addresses", "as", devices),
                FIELD(Grant, "nodes", "as", nodes),
                SENTENCE_FIELD(Grant, "warnings", "as", warnings),
                FIELD(Grant, "socket", "s", socket),
                FIELD(Grant, "detaches", "b", detaches),
};

static const RowType lease_rows = {
                "uosutuiasa{sv}",
                sizeof(Lease),
                lease_columns,
                ELEMENTSOF(lease_columns),
                lease_details,
                ELEMENTSOF(lease_details),
};

DEFINE_LIST_DECODER(decode_leases, LeaseList, lease_list_clear, lease_rows)

void lease_clear(Lease *lease) {
        fields_clear(lease_columns, ELEMENTSOF(lease_columns), lease);
        fields_clear(lease_details, ELEMENTSOF(lease_details), lease);
        *lease = (Lease){0};
}

void grant_clear(Grant *grant) {
        fields_clear(grant_details, ELEMENTSOF(grant_details), grant);
        free(grant->path);
        free(grant->ticket);
        *grant = (Grant){0};
}

int decode_grant(sd_bus_message *m, Grant *ret_grant) {
        _cleanup_(grant_clear) Grant grant = {.group = -1};
        int r;

        if ((r = decode_string(m, 'o', &grant.path)) < 0 || (r = decode_string(m, 's', &grant.ticket)) < 0 ||
                        (r = decode_dictionary(m, grant_details, ELEMENTSOF(grant_details), &grant)) < 0)
                return r;
        *ret_grant = TAKE_STRUCT(grant);
        return 0;
}
