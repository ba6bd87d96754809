/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/state-json.h"

/* A host with thousands of interfaces below one device does not exist. */
#define NAMES_MAX 4096

json_t *state_json_string(const char *text) {
        json_t *json = json_string(text);
        if (json)
                return json;
        json = json_array();
        for (; json && *text; text++)
                if (json_array_append_new(json, json_integer((unsigned char)*text)) < 0) {
                        json_decref(json);
                        return NULL;
                }
        return json;
}

int state_json_read_string(json_t *json, char *buffer, size_t size) {
        size_t length = json_is_array(json) ? json_array_size(json) : json_string_length(json), i;
        json_t *byte;

        if ((!json_is_array(json) && !json_is_string(json)) || length >= size)
                return -EBADMSG;
        buffer[length] = '\0';
        if (json_is_string(json)) {
                memcpy(buffer, json_string_value(json), length);
                return strlen(buffer) == length ? 0 : -EBADMSG;
        }
        json_array_foreach(json, i, byte) {
                json_int_t value = json_is_integer(byte) ? json_integer_value(byte) : 0;

                if (value < 1 || value > UINT8_MAX)
                        return -EBADMSG;
                buffer[i] = (char)value;
        }
        return 0;
}

int state_json_read_unsigned(json_t *object, const char *key, unsigned maximum, unsigned *value) {
        json_t *json = json_object_get(object, key);

        if (!json)
                return 0;
        if (!json_is_integer(json) || json_integer_value(json) < 0 || json_integer_value(json) > (json_int_t)maximum)
                return -EBADMSG;
        *value = (unsigned)json_integer_value(json);
        return 0;
}

int state_json_read_flag(json_t *object, const char *key, bool *value) {
        json_t *json = json_object_get(object, key);

        if (!json)
                return 0;
        if (!json_is_boolean(json))
                return -EBADMSG;
        *value = json_is_true(json);
        return 0;
}

/* Adds a value to an object and consumes it, also on failure. */
static int set(json_t *object, const char *key, json_t *value) {
        return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

int state_json_from_ids(const PciIds *ids, json_t **ret) {
        *ret = json_pack("[iiiiii]", (int)ids->vendor, (int)ids->device, (int)ids->subsystem_vendor,
                        (int)ids->subsystem_device, (int)ids->class, (int)ids->revision);
        return *ret ? 0 : -ENOMEM;
}

/* Reads an array of exactly n numbers, each from 0 to its maximum. */
static int read_numbers(json_t *json, size_t n, const unsigned *maxima, unsigned *values) {
        json_t *entry;
        size_t i;

        if (json_array_size(json) != n)
                return -EBADMSG;
        json_array_foreach(json, i, entry) {
                if (!json_is_integer(entry) || json_integer_value(entry) < 0 ||
                                json_integer_value(entry) > (json_int_t)maxima[i])
                        return -EBADMSG;
                values[i] = (unsigned)json_integer_value(entry);
        }
        return 0;
}

int state_json_to_ids(json_t *json, PciIds *ret) {
        static const unsigned maxima[] = {UINT16_MAX, UINT16_MAX, UINT16_MAX, UINT16_MAX, 0xffffff, UINT8_MAX};
        unsigned ids[ELEMENTSOF(maxima)];

        int r = read_numbers(json, ELEMENTSOF(maxima), maxima, ids);
        if (r < 0)
                return r;
        *ret = (PciIds){(uint16_t)ids[0], (uint16_t)ids[1], (uint16_t)ids[2], (uint16_t)ids[3], (uint32_t)ids[4],
                        (uint8_t)ids[5]};
        return 0;
}

int state_json_to_power(json_t *object, PowerSettings *ret) {
        json_t *control = json_object_get(object, "power_control"), *d3cold = json_object_get(object, "d3cold_allowed");
        PowerSettings power = {.d3cold_known = d3cold, .d3cold_allowed = json_is_true(d3cold)};

        if ((control && state_json_read_string(control, power.control, sizeof(power.control)) < 0) ||
                        (d3cold && !json_is_boolean(d3cold)))
                return -EBADMSG;
        *ret = power;
        return 0;
}

int state_json_to_link(json_t *object, VirtualFunctionLink *ret) {
        static const unsigned maxima[] = {UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT16_MAX,
                        UINT8_MAX, UINT16_MAX};
        json_t *value = json_object_get(object, "virtual_function_link");
        unsigned numbers[ELEMENTSOF(maxima)] = {};

        *ret = (VirtualFunctionLink){.known = value};
        if (!value)
                return 0;
        int r = read_numbers(value, ELEMENTSOF(maxima), maxima, numbers);
        if (r < 0)
                return r;
        for (size_t i = 0; i < MAC_SIZE; i++)
                ret->mac[i] = (uint8_t)numbers[i];
        ret->vlan = (uint16_t)numbers[MAC_SIZE];
        ret->qos = (uint8_t)numbers[MAC_SIZE + 1];
        ret->vlan_protocol = (uint16_t)numbers[MAC_SIZE + 2];
        return 0;
}

static int set_link(json_t *object, const VirtualFunctionLink *link) {
        return set(object, "virtual_function_link",
                        json_pack("[iiiiiiiii]", (int)link->mac[0], (int)link->mac[1], (int)link->mac[2],
                                        (int)link->mac[3], (int)link->mac[4], (int)link->mac[5], (int)link->vlan,
                                        (int)link->qos, (int)link->vlan_protocol));
}

int state_json_from_binding(const Binding *binding, json_t **ret) {
        _cleanup_(json_decrefp) json_t *json = json_object();
        const PowerSettings *power = &binding->power;

        if (!json || (binding->driver[0] != '\0' && set(json, "driver", state_json_string(binding->driver)) < 0) ||
                        (binding->override[0] != '\0' &&
                                        set(json, "override", state_json_string(binding->override)) < 0) ||
                        (binding->any_driver && set(json, "any_driver", json_true()) < 0) ||
                        (power->control[0] != '\0' && set(json, "power_control", json_string(power->control)) < 0) ||
                        (power->d3cold_known && set(json, "d3cold_allowed", json_boolean(power->d3cold_allowed)) < 0) ||
                        (binding->link.known && set_link(json, &binding->link) < 0))
                return -ENOMEM;
        *ret = TAKE_PTR(json);
        return 0;
}

int state_json_to_binding(json_t *json, Binding *ret) {
        json_t *driver = json_object_get(json, "driver"), *override = json_object_get(json, "override");
        Binding binding = {};

        if (!json_is_object(json) ||
                        (driver && state_json_read_string(driver, binding.driver, sizeof(binding.driver)) < 0) ||
                        (override &&
                                        state_json_read_string(override, binding.override, sizeof(binding.override)) <
                                                        0) ||
                        state_json_read_flag(json, "any_driver", &binding.any_driver) < 0 ||
                        state_json_to_power(json, &binding.power) < 0 || state_json_to_link(json, &binding.link) < 0)
                return -EBADMSG;
        *ret = binding;
        return 0;
}

static int from_names(const HostName *names, json_t **ret) {
        _cleanup_(json_decrefp) json_t *json = json_array();
        size_t n = 0;

        for (const HostName *name = names; json && name; name = name->next)
                if (++n > NAMES_MAX)
                        return -E2BIG;
                else if (json_array_append_new(json,
                                         json_pack("[so]", host_name_kind_to_string(name->kind),
                                                         state_json_string(name->name))) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(json);
        return *ret ? 0 : -ENOMEM;
}

static int to_names(json_t *json, HostName **ret) {
        json_t *entry;
        size_t i;

        if (json_array_size(json) > NAMES_MAX)
                return -EBADMSG;
        json_array_foreach(json, i, entry) {
                char name[HOST_NAME_TEXT_MAX];
                const char *kind;
                json_t *text;

                if (json_unpack(entry, "[so]", &kind, &text) < 0 || host_name_kind_from_string(kind) < 0 ||
                                state_json_read_string(text, name, sizeof(name)) < 0)
                        return -EBADMSG;
                int r = host_name_list_add(ret, host_name_kind_from_string(kind), name, 0);
                if (r < 0)
                        return r;
        }
        return 0;
}

int state_json_from_origin(const DeviceOrigin *origin, json_t **ret) {
        _cleanup_(json_decrefp) json_t *json = json_object();
        json_t *ids = NULL, *binding = NULL, *names = NULL;
        int r;

        if (!json)
                return -ENOMEM;
        if ((r = state_json_from_ids(&origin->ids, &ids)) < 0 || (r = set(json, "ids", ids)) < 0 ||
                        (r = state_json_from_binding(&origin->binding, &binding)) < 0 ||
                        (r = set(json, "binding", binding)) < 0 || (r = from_names(origin->names, &names)) < 0 ||
                        (r = set(json, "names", names)) < 0)
                return r;
        if ((origin->module && set(json, "module", state_json_string(origin->module)) < 0) ||
                        (origin->virtual_function && set(json, "virtual_function", json_true()) < 0) ||
                        (origin->degraded && set(json, "degraded", json_true()) < 0) ||
                        (origin->has_parent &&
                                        set(json, "parent", json_string(PCI_ADDRESS_TEXT(origin->parent))) < 0) ||
                        (origin->virtual_functions > 0 &&
                                        set(json, "virtual_functions", json_integer(origin->virtual_functions)) < 0) ||
                        (origin->autoprobe_known && set(json, "autoprobe", json_boolean(origin->autoprobe)) < 0))
                return -ENOMEM;
        *ret = TAKE_PTR(json);
        return 0;
}

int state_json_to_origin(json_t *json, DeviceOrigin **ret) {
        _cleanup_(device_origin_freep) DeviceOrigin *origin = calloc(1, sizeof(DeviceOrigin));
        json_t *module = json_object_get(json, "module"), *parent = json_object_get(json, "parent"),
               *autoprobe = json_object_get(json, "autoprobe");
        char text[DRIVER_NAME_MAX];
        int r;

        if (!origin)
                return -ENOMEM;
        if ((r = state_json_to_ids(json_object_get(json, "ids"), &origin->ids)) < 0 ||
                        (r = state_json_to_binding(json_object_get(json, "binding"), &origin->binding)) < 0 ||
                        (r = to_names(json_object_get(json, "names"), &origin->names)) < 0)
                return r;
        if (module &&
                        ((r = state_json_read_string(module, text, sizeof(text))) < 0 ||
                                        (r = free_and_strdup(&origin->module, text)) < 0))
                return r;
        origin->has_parent = parent;
        origin->autoprobe_known = autoprobe;
        if ((parent &&
                            (!json_is_string(parent) ||
                                            pci_address_parse(json_string_value(parent), &origin->parent) < 0)) ||
                        state_json_read_flag(json, "autoprobe", &origin->autoprobe) < 0 ||
                        state_json_read_flag(json, "virtual_function", &origin->virtual_function) < 0 ||
                        state_json_read_flag(json, "degraded", &origin->degraded) < 0 ||
                        state_json_read_unsigned(json, "virtual_functions", UINT16_MAX, &origin->virtual_functions) < 0)
                return -EBADMSG;
        *ret = TAKE_PTR(origin);
        return 0;
}
