/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode-rows.h"

#include "language.h"
#include "strv.h"

#include "daemon/base/text.h"

/* Grows the array by one item, which is set to zero. Returns the array, perhaps at a new address; or NULL if there
 * is not enough memory: then the array is unchanged. */
static void *grow(void *items, size_t count, size_t item_size) {
        /* The capacity is always a power of two. It is doubled when the array is full. */
        if ((count & (count - 1)) == 0)
                items = reallocarray(items, count > 0 ? count * 2 : 1, item_size);
        if (items)
                memset((char *)items + count * item_size, 0, item_size);
        return items;
}

int decode_string(sd_bus_message *m, char type, char **target) {
        const char *value;
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;

        char *copy = text_escape_new(value, TEXT_MESSAGE_ESCAPE);
        if (!copy)
                return -ENOMEM;
        free(*target);
        *target = copy;
        return 0;
}

/* Replaces the sentence by its translation. */
static int translate(char **text) {
        char *translated = language_sentence(*text);

        if (!translated)
                return -ENOMEM;
        free(*text);
        *text = translated;
        return 0;
}

int decode_sentence(sd_bus_message *m, char **target) {
        int r = decode_string(m, 's', target);

        return r < 0 ? r : translate(target);
}

static int read_strings(sd_bus_message *m, bool are_sentences, char ***target) {
        _cleanup_(strv_freep) char **list = NULL;
        int r;

        r = sd_bus_message_read_strv(m, &list);
        for (char **text = list; r >= 0 && text && *text; text++)
                if ((r = text_escape_message(text)) >= 0 && are_sentences)
                        r = translate(text);
        if (r < 0)
                return r;
        strv_free(*target);
        *target = TAKE_PTR(list);
        return 0;
}

int decode_bool(sd_bus_message *m, bool *target) {
        int value, r;

        r = sd_bus_message_read_basic(m, 'b', &value);
        if (r < 0)
                return r;
        *target = value;
        return 0;
}

/* The only dictionary inside of a row: who started a job. */
static const Field caller_fields[] = {
                FIELD(JobCaller, "Kind", "s", kind),
                FIELD(JobCaller, "Uid", "u", uid),
                FIELD(JobCaller, "Pid", "u", pid),
                FIELD(JobCaller, "Command", "s", command),
                FIELD(JobCaller, "Unit", "s", unit),
                FIELD(JobCaller, "Session", "s", session),
                FIELD(JobCaller, "Rule", "s", rule),
};

/* Whether it is a string or an object path. */
static bool is_text(const Field *field) {
        return (field->signature[0] == 's' || field->signature[0] == 'o') && field->signature[1] == '\0';
}

/* Whether it is a number or a boolean. */
static bool is_number(const Field *field) {
        return field->signature[1] == '\0' && !is_text(field);
}

static int read_field(sd_bus_message *m, const Field *field, void *object) {
        void *target = (char *)object + field->offset;

        if (is_text(field))
                return field->is_sentence ? decode_sentence(m, target) : decode_string(m, field->signature[0], target);
        if (streq(field->signature, "b"))
                return decode_bool(m, target);
        if (is_number(field))
                return sd_bus_message_read_basic(m, field->signature[0], target);
        if (streq(field->signature, "as") || streq(field->signature, "ao"))
                return read_strings(m, field->is_sentence, target);
        if (streq(field->signature, "a(sssa{sv})"))
                return decode_entries(m, target);
        if (streq(field->signature, "a(isa{sv})"))
                return decode_group_uses(m, target);
        if (streq(field->signature, "a(sssba{sv})"))
                return decode_findings(m, target);
        return decode_dictionary(m, caller_fields, ELEMENTSOF(caller_fields), target);
}

static void clear_field(const Field *field, void *object) {
        void *target = (char *)object + field->offset;

        if (is_number(field))
                return;
        if (is_text(field)) {
                free(*(char **)target);
                *(char **)target = NULL;
        } else if (streq(field->signature, "as") || streq(field->signature, "ao")) {
                strv_free(*(char ***)target);
                *(char ***)target = NULL;
        } else if (streq(field->signature, "a(sssa{sv})"))
                entry_list_clear(target);
        else if (streq(field->signature, "a(isa{sv})"))
                group_use_list_clear(target);
        else if (streq(field->signature, "a(sssba{sv})"))
                finding_list_clear(target);
        else if (streq(field->signature, "a{sv}"))
                fields_clear(caller_fields, ELEMENTSOF(caller_fields), target);
}

void fields_clear(const Field *fields, size_t n_fields, void *object) {
        for (size_t i = 0; i < n_fields; i++)
                clear_field(&fields[i], object);
}

void rows_free(const RowType *type, void *items, size_t count) {
        for (size_t i = 0; i < count; i++) {
                void *item = (char *)items + i * type->item_size;

                fields_clear(type->columns, type->n_columns, item);
                fields_clear(type->details, type->n_details, item);
        }
        free(items);
}

/* Reads the key and the value of an entry. vfiod sends most entries in the order of the fields: *next is where the search begins. */
static int read_entry(sd_bus_message *m, const Field *fields, size_t n_fields, size_t *next, void *object) {
        const Field *field = NULL;
        const char *name;

        int r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_fields && !field; i++, (*next)++) {
                const Field *candidate = &fields[*next % n_fields];

                if (streq(candidate->name, name))
                        field = candidate;
        }
        /* -ENXIO: the value has another type. */
        r = field ? sd_bus_message_enter_container(m, 'v', field->signature) : -ENXIO;
        if (r == -ENXIO)
                return sd_bus_message_skip(m, "v");
        if (r < 0 || (r = read_field(m, field, object)) < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

int decode_dictionary(sd_bus_message *m, const Field *fields, size_t n_fields, void *object) {
        size_t next = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                if ((r = read_entry(m, fields, n_fields, &next, object)) < 0 ||
                                (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int decode_rows(sd_bus_message *m, const RowType *type, void **items, size_t *count) {
        char array_contents[32];
        int r;

        (void)snprintf(array_contents, sizeof(array_contents), "(%s)", type->contents);
        r = sd_bus_message_enter_container(m, 'a', array_contents);
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'r', type->contents)) > 0) {
                void *grown = grow(*items, *count, type->item_size);
                if (!grown)
                        return -ENOMEM;
                *items = grown;

                void *item = (char *)grown + (*count)++ * type->item_size;
                for (size_t i = 0; i < type->n_columns; i++) {
                        r = read_field(m, &type->columns[i], item);
                        if (r < 0)
                                return r;
                }
                r = decode_dictionary(m, type->details, type->n_details, item);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static const Field entry_columns[] = {
                COLUMN(Entry, "s", address),
                COLUMN(Entry, "s", driver),
                SENTENCE_COLUMN(Entry, reason),
};

static const Field entry_details[] = {
                FIELD(Entry, "Changing", "b", changing),
};

static const RowType entry_rows = {
                "sssa{sv}",
                sizeof(Entry),
                entry_columns,
                ELEMENTSOF(entry_columns),
                entry_details,
                ELEMENTSOF(entry_details),
};

DEFINE_LIST_DECODER(decode_entries, EntryList, entry_list_clear, entry_rows)

static const Field group_use_columns[] = {
                COLUMN(GroupUse, "i", number),
                COLUMN(GroupUse, "s", availability),
};

static const RowType group_use_rows = {
                "isa{sv}",
                sizeof(GroupUse),
                group_use_columns,
                ELEMENTSOF(group_use_columns),
                NULL,
                0,
};

DEFINE_LIST_DECODER(decode_group_uses, GroupUseList, group_use_list_clear, group_use_rows)

static const Field finding_columns[] = {
                COLUMN(Finding, "s", guard),
                COLUMN(Finding, "s", address),
                SENTENCE_COLUMN(Finding, evidence),
                COLUMN(Finding, "b", overridden),
};

static const Field finding_details[] = {
                FIELD(Finding, "Error", "s", error),
                FIELD(Finding, "Group", "i", group),
                FIELD(Finding, "Options", "as", options),
                FIELD(Finding, "Companions", "as", companions),
                FIELD(Finding, "Pid", "u", pid),
                FIELD(Finding, "Command", "s", command),
                FIELD(Finding, "Unit", "s", unit),
                FIELD(Finding, "Lease", "u", lease),
                FIELD(Finding, "User", "u", user),
                SENTENCE_FIELD(Finding, "Cure", "s", cure),
};

const RowType finding_rows = {
                "sssba{sv}",
                sizeof(Finding),
                finding_columns,
                ELEMENTSOF(finding_columns),
                finding_details,
                ELEMENTSOF(finding_details),
};

DEFINE_LIST_DECODER(decode_findings, FindingList, finding_list_clear, finding_rows)
