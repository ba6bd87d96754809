/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/state-json.h"

/* No host has thousands of interfaces below one device. */
#define NAMES_MAX 4096

void state_json_fail(const StateJson *json, int error) {
        if (*json->error == 0)
                *json->error = error;
}

/* Adds a value and consumes it. NULL stands for a value that could not be allocated. */
static void put(StateJson *json, const char *key, json_t *value) {
        int r = key ? json_object_set_new(json->json, key, value) : json_array_append_new(json->json, value);
        if (r < 0)
                state_json_fail(json, -ENOMEM);
}

static json_t *get(StateJson *json, const char *key) {
        return key ? json_object_get(json->json, key) : json_array_get(json->json, json->next++);
}

StateJson state_json_enter(StateJson *json, const char *key, json_type type) {
        json_t *inner;

        if (json->writing) {
                inner = type == JSON_ARRAY ? json_array() : json_object();
                put(json, key, inner);
        } else if (!(inner = get(json, key)) || json_typeof(inner) != type)
                state_json_fail(json, -EBADMSG);
        return (StateJson){*json->error < 0 ? NULL : inner, json->writing, 0, json->error};
}

void state_json_leave(const StateJson *inner) {
        if (!inner->writing && json_array_size(inner->json) != inner->next)
                state_json_fail(inner, -EBADMSG);
}

bool state_json_has(const StateJson *json, const char *key, bool wanted) {
        return json->writing ? wanted : json_object_get(json->json, key) != NULL;
}

json_int_t state_json_number(
                StateJson *json, const char *key, json_int_t value, json_int_t minimum, json_int_t maximum) {
        if (json->writing) {
                put(json, key, json_integer(value));
                return value;
        }
        const json_t *found = get(json, key);
        json_int_t number = json_integer_value(found);
        if (json_is_integer(found) && number >= minimum && number <= maximum)
                return number;
        state_json_fail(json, -EBADMSG);
        return value;
}

bool state_json_flag(StateJson *json, const char *key, bool value) {
        if (json->writing) {
                put(json, key, json_boolean(value));
                return value;
        }
        const json_t *found = get(json, key);
        if (!json_is_boolean(found))
                state_json_fail(json, -EBADMSG);
        return json_is_true(found);
}

const char *state_json_string(StateJson *json, const char *key, const char *value) {
        if (json->writing) {
                put(json, key, json_string(value));
                return value;
        }
        const char *text = json_string_value(get(json, key));
        if (!text)
                state_json_fail(json, -EBADMSG);
        return strempty(text);
}

PciAddress state_json_address(StateJson *json, const char *key, PciAddress value) {
        if (pci_address_parse(state_json_string(json, key, PCI_ADDRESS_TEXT(value)), &value) < 0)
                state_json_fail(json, -EBADMSG);
        return value;
}

/* Names. */

/* The name of an interface or a driver may hold any byte; JSON holds UTF-8 only. A name that is not UTF-8 is written as
 * an array of its bytes. */
static json_t *name_to_json(const char *name) {
        json_t *json = json_string(name);
        if (json)
                return json;
        json = json_array();
        for (; json && *name; name++)
                if (json_array_append_new(json, json_integer((unsigned char)*name)) < 0) {
                        json_decref(json);
                        return NULL;
                }
        return json;
}

static bool name_from_json(const json_t *json, char *buffer, size_t size) {
        size_t length = json_is_array(json) ? json_array_size(json) : json_string_length(json);

        if ((!json_is_array(json) && !json_is_string(json)) || length >= size)
                return false;
        buffer[length] = '\0';
        if (json_is_string(json))
                memcpy(buffer, json_string_value(json), length);
        else
                for (size_t i = 0; i < length; i++) {
                        json_int_t byte = json_integer_value(json_array_get(json, i));

                        buffer[i] = (char)(byte > 0 && byte <= UINT8_MAX ? byte : 0);
                }
        return strlen(buffer) == length;
}

/* Transfers a name that is not written if it is "". */
static void transfer_name(StateJson *json, const char *key, char *buffer, size_t size) {
        if (!state_json_has(json, key, buffer[0] != '\0'))
                return;
        if (json->writing)
                put(json, key, name_to_json(buffer));
        else if (!name_from_json(get(json, key), buffer, size))
                state_json_fail(json, -EBADMSG);
}

static void write_names(StateJson *json, const HostName *name) {
        for (size_t n = 0; name; name = name->next) {
                if (++n > NAMES_MAX)
                        state_json_fail(json, -E2BIG);
                put(json, NULL, json_pack("[so]", host_name_kind_to_string(name->kind), name_to_json(name->name)));
        }
}

static void read_names(StateJson *json, HostName **ret) {
        if (json_array_size(json->json) > NAMES_MAX)
                state_json_fail(json, -EBADMSG);
        while (*json->error == 0 && json->next < json_array_size(json->json)) {
                char name[HOST_NAME_TEXT_MAX];
                const char *kind;
                json_t *text;

                if (json_unpack(get(json, NULL), "[so!]", &kind, &text) < 0 || host_name_kind_from_string(kind) < 0 ||
                                !name_from_json(text, name, sizeof(name)))
                        state_json_fail(json, -EBADMSG);
                else if (host_name_list_add(ret, host_name_kind_from_string(kind), name, 0) < 0)
                        state_json_fail(json, -ENOMEM);
        }
}

/* Structs. */

void state_json_ids(StateJson *json, PciIds *ids) {
        StateJson array = state_json_enter(json, "ids", JSON_ARRAY);

        ids->vendor = state_json_number(&array, NULL, ids->vendor, 0, UINT16_MAX);
        ids->device = state_json_number(&array, NULL, ids->device, 0, UINT16_MAX);
        ids->subsystem_vendor = state_json_number(&array, NULL, ids->subsystem_vendor, 0, UINT16_MAX);
        ids->subsystem_device = state_json_number(&array, NULL, ids->subsystem_device, 0, UINT16_MAX);
        ids->class = state_json_number(&array, NULL, ids->class, 0, PCI_CLASS_MAX);
        ids->revision = state_json_number(&array, NULL, ids->revision, 0, UINT8_MAX);
        state_json_leave(&array);
}

static void transfer_link(StateJson *json, VirtualFunctionLink *link) {
        StateJson array = state_json_enter(json, "virtual_function_link", JSON_ARRAY);

        for (size_t i = 0; i < MAC_SIZE; i++)
                link->mac[i] = state_json_number(&array, NULL, link->mac[i], 0, UINT8_MAX);
        link->vlan = state_json_number(&array, NULL, link->vlan, 0, UINT16_MAX);
        link->qos = state_json_number(&array, NULL, link->qos, 0, UINT8_MAX);
        link->vlan_protocol = state_json_number(&array, NULL, link->vlan_protocol, 0, UINT16_MAX);
        state_json_leave(&array);
}

/* Earlier editions did not store these settings. */
static void transfer_link_toggles(StateJson *json, VirtualFunctionLink *link) {
        if (!state_json_has(json, "virtual_function_toggles", true)) {
                link->spoof_check = link->trust = link->link_state = -1;
                return;
        }
        StateJson array = state_json_enter(json, "virtual_function_toggles", JSON_ARRAY);
        link->spoof_check = (int8_t)state_json_number(&array, NULL, link->spoof_check, -1, INT8_MAX);
        link->trust = (int8_t)state_json_number(&array, NULL, link->trust, -1, INT8_MAX);
        link->link_state = (int8_t)state_json_number(&array, NULL, link->link_state, -1, INT8_MAX);
        state_json_leave(&array);
}

void state_json_binding(StateJson *json, const char *key, Binding *binding) {
        StateJson object = state_json_enter(json, key, JSON_OBJECT);
        PowerSettings *power = &binding->power;

        transfer_name(&object, "driver", binding->driver, sizeof(binding->driver));
        transfer_name(&object, "override", binding->override, sizeof(binding->override));
        if (state_json_has(&object, "any_driver", binding->any_driver))
                binding->any_driver = state_json_flag(&object, "any_driver", binding->any_driver);
        transfer_name(&object, "power_control", power->control, sizeof(power->control));
        power->d3cold_known = state_json_has(&object, "d3cold_allowed", power->d3cold_known);
        if (power->d3cold_known)
                power->d3cold_allowed = state_json_flag(&object, "d3cold_allowed", power->d3cold_allowed);
        binding->link.known = state_json_has(&object, "virtual_function_link", binding->link.known);
        if (binding->link.known) {
                transfer_link(&object, &binding->link);
                transfer_link_toggles(&object, &binding->link);
        }
}

static void transfer_module(StateJson *json, DeviceOrigin *origin) {
        char module[DRIVER_NAME_MAX] = "";

        (void)snprintf(module, sizeof(module), "%s", strempty(origin->module));
        transfer_name(json, "module", module, sizeof(module));
        if (free_and_strdup(&origin->module, module) < 0)
                state_json_fail(json, -ENOMEM);
}

static void transfer_vfio_driver(StateJson *json, DeviceOrigin *origin) {
        const char *driver = state_json_string(json, "vfio_driver", strempty(origin->vfio_driver));

        if (json->writing)
                return;
        if (!pci_vfio_name_is_valid(driver))
                state_json_fail(json, -EBADMSG);
        else if (free_and_strdup(&origin->vfio_driver, driver) < 0)
                state_json_fail(json, -ENOMEM);
}

void state_json_origin(StateJson *json, DeviceOrigin *origin) {
        state_json_ids(json, &origin->ids);
        state_json_binding(json, "binding", &origin->binding);
        StateJson names = state_json_enter(json, "names", JSON_ARRAY);
        if (json->writing)
                write_names(&names, origin->names);
        else
                read_names(&names, &origin->names);
        transfer_module(json, origin);
        if (state_json_has(json, "vfio_driver", origin->vfio_driver))
                transfer_vfio_driver(json, origin);
        if (state_json_has(json, "virtual_function", origin->virtual_function))
                origin->virtual_function = state_json_flag(json, "virtual_function", origin->virtual_function);
        if (state_json_has(json, "degraded", origin->degraded))
                origin->degraded = state_json_flag(json, "degraded", origin->degraded);
        origin->has_parent = state_json_has(json, "parent", origin->has_parent);
        if (origin->has_parent)
                origin->parent = state_json_address(json, "parent", origin->parent);
        if (state_json_has(json, "virtual_functions", origin->virtual_functions > 0))
                origin->virtual_functions =
                                state_json_number(json, "virtual_functions", origin->virtual_functions, 0, UINT16_MAX);
        origin->autoprobe_known = state_json_has(json, "autoprobe", origin->autoprobe_known);
        if (origin->autoprobe_known)
                origin->autoprobe = state_json_flag(json, "autoprobe", origin->autoprobe);
        if (state_json_has(json, "trial", origin->trial > 0))
                origin->trial = (uint64_t)state_json_number(json, "trial", (json_int_t)origin->trial, 1, INT64_MAX);
}

void state_json_addresses(StateJson *json, const char *key, PciAddress **addresses, size_t *n_addresses, size_t max) {
        StateJson list = state_json_enter(json, key, JSON_ARRAY);
        size_t n = list.writing ? *n_addresses : json_array_size(list.json);

        if (!list.writing) {
                *addresses = n <= max ? calloc(n + 1, sizeof(PciAddress)) : NULL;
                if (!*addresses) {
                        state_json_fail(json, n <= max ? -ENOMEM : -E2BIG);
                        return;
                }
        }
        for (size_t i = 0; i < n; i++)
                (*addresses)[i] = state_json_address(&list, NULL, (*addresses)[i]);
        *n_addresses = n;
        state_json_leave(&list);
}
