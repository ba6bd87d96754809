/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode.h"

#include "decode-rows.h"

static const Field rule_columns[] = {
                COLUMN(Rule, "s", name),
                COLUMN(Rule, "s", file),
                COLUMN(Rule, "s", state),
                COLUMN(Rule, "a(sssa{sv})", devices),
};

static const Field rule_fields[] = {
                FIELD(Rule, "Enabled", "b", enabled),
                FIELD(Rule, "Writable", "b", writable),
                SENTENCE_FIELD(Rule, "Fault", "s", fault),
                FIELD(Rule, "Line", "u", line),
};

static const RowType rule_rows = {
                "sssa(sssa{sv})a{sv}",
                sizeof(Rule),
                rule_columns,
                ELEMENTSOF(rule_columns),
                rule_fields,
                ELEMENTSOF(rule_fields),
};

DEFINE_LIST_DECODER(decode_rules, RuleList, rule_list_clear, rule_rows)
