/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode.h"

#include "decode-rows.h"

static const Field rule_columns[] = {
                COLUMN(Rule, "s", name),
                COLUMN(Rule, "s", file),
                COLUMN(Rule, "s", state),
                COLUMN(Rule, "a(sss)", devices),
};

static const Field rule_fields[] = {
                FIELD(Rule, "Fault", "s", fault),
                FIELD(Rule, "Line", "u", line),
};

static const RowType rule_rows = {
                "sssa(sss)a{sv}",
                sizeof(Rule),
                rule_columns,
                ELEMENTSOF(rule_columns),
                rule_fields,
                ELEMENTSOF(rule_fields),
};

int decode_rules(sd_bus_message *m, RuleList *ret_rules) {
        _cleanup_(rule_list_clear) RuleList rules = {0};
        void *items = NULL;
        int r;

        r = decode_rows(m, &rule_rows, &items, &rules.count);
        rules.items = items;
        if (r < 0)
                return r;
        *ret_rules = TAKE_STRUCT(rules);
        return 0;
}
