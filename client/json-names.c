/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json-names.h"

#include "job-text.h"
#include "present.h"

#include "daemon/base/util.h"

#include <ctype.h>

/* How a value is written. */
typedef enum Form {
        FORM_PLAIN,    /* an empty text is null */
        FORM_ID_2,     /* "0x02", hexadecimal with so many digits */
        FORM_ID_4,     /* "0x8086" */
        FORM_ID_6,     /* "0x020000" */
        FORM_SIGNED,   /* -1 is null */
        FORM_KNOWN,    /* 0 is null */
        FORM_PATH,     /* "/" is null */
        FORM_BLOCKERS, /* rows become objects */
        FORM_CALLER,   /* a dictionary with names of its own */
} Form;

/* Properties that do not just change from NameOfIt to name_of_it. Without a kind, the row is for all kinds. */
static const struct {
        const char *kind, *property, *name;
        Form form;
} names[] = {
                {NULL, "GroupNumber", "group", FORM_SIGNED},
                {NULL, "DeviceAddresses", "devices", FORM_PLAIN},
                {"device", "Group", "group_path", FORM_PATH},
                {"device", "VendorId", "vendor_id", FORM_ID_4},
                {"device", "DeviceId", "device_id", FORM_ID_4},
                {"device", "SubsystemVendorId", "subsystem_vendor_id", FORM_ID_4},
                {"device", "SubsystemDeviceId", "subsystem_device_id", FORM_ID_4},
                {"device", "Class", "class", FORM_ID_6},
                {"device", "Revision", "revision", FORM_ID_2},
                {"device", "NumaNode", "numa_node", FORM_SIGNED},
                {"device", "LinkSpeed", "link_speed_mts", FORM_KNOWN},
                {"device", "LinkSpeedMax", "link_speed_max_mts", FORM_KNOWN},
                {"device", "LinkWidth", "link_width", FORM_KNOWN},
                {"device", "LinkWidthMax", "link_width_max", FORM_KNOWN},
                {"device", "MatchedRule", "rule", FORM_PLAIN},
                {"group", "Members", "member_addresses", FORM_PLAIN},
                {"group", "Devices", "member_paths", FORM_PLAIN},
                {"group", "Blockers", "blockers", FORM_BLOCKERS},
                {"group", "RevertAt", "revert_at_usec", FORM_KNOWN},
                {"job", "Started", "started_usec", FORM_PLAIN},
                {"job", "Caller", "caller", FORM_CALLER},
                {"lease", "Since", "since_usec", FORM_PLAIN},
                {"lease", "Pid", "pid", FORM_KNOWN},
};

static json_t *hex(json_t *value, int digits) {
        return json_sprintf("0x%0*llx", digits, (unsigned long long)json_integer_value(value));
}

static json_t *blockers(json_t *rows) {
        json_t *array = json_array(), *row;
        size_t i;

        json_array_foreach(rows, i, row)
                if (array)
                        array = json_append(array,
                                        json_pack("{s:o, s:o, s:o}", "address",
                                                        json_text(json_string_value(json_array_get(row, 0))), "driver",
                                                        json_text(json_string_value(json_array_get(row, 1))), "reason",
                                                        json_text(json_string_value(json_array_get(row, 2)))));
        return array;
}

/* Writes the value in this form. A value of another type than expected is only copied. */
static json_t *convert(json_t *value, Form form) {
        const char *text = json_string_value(value);
        bool is_number = json_is_integer(value);

        if (text && (isempty(text) || (form == FORM_PATH && streq(text, "/"))))
                return json_null();
        if (form == FORM_BLOCKERS && json_is_array(value))
                return blockers(value);
        if (form == FORM_CALLER && json_is_object(value))
                return job_caller_json_to_json(value);
        if (is_number && form == FORM_SIGNED && json_integer_value(value) < 0)
                return json_null();
        if (is_number && form == FORM_KNOWN && json_integer_value(value) == 0)
                return json_null();
        if (is_number && (form == FORM_ID_2 || form == FORM_ID_4 || form == FORM_ID_6))
                return hex(value, form == FORM_ID_2 ? 2 : form == FORM_ID_4 ? 4 : 6);
        return json_incref(value);
}

/* Makes "wait_for_it" of "WaitForIt"; the caller frees it. */
static char *snake_case(const char *property) {
        char *name = malloc(2 * strlen(property) + 1), *end = name;

        if (!name)
                return NULL;
        for (const char *c = property; *c; c++) {
                if (isupper((unsigned char)*c) && c > property)
                        *end++ = '_';
                *end++ = (char)tolower((unsigned char)*c);
        }
        *end = '\0';
        return name;
}

static int add(json_t *converted, const char *kind, const char *property, json_t *value) {
        _cleanup_free_ char *name = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if ((!names[i].kind || streq_ptr(names[i].kind, kind)) && streq(names[i].property, property))
                        return json_object_set_new(converted, names[i].name, convert(value, names[i].form));
        name = snake_case(property);
        return name ? json_object_set_new(converted, name, convert(value, FORM_PLAIN)) : -1;
}

json_t *json_names_convert(const char *kind, json_t *properties) {
        json_t *converted = json_object(), *value;
        const char *property;

        json_object_foreach(properties, property, value)
                if (converted && add(converted, kind, property, value) < 0) {
                        json_decref(converted);
                        converted = NULL;
                }
        return converted;
}
