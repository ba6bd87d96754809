/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/function-record.h"
#include "job/record-json.h"

static const char *const phase_table[_FUNCTION_PHASE_MAX] = {
                [FUNCTIONS_MAKING] = "making",
                [FUNCTIONS_MADE] = "made",
                [FUNCTIONS_DONE] = "done",
                [FUNCTIONS_KEPT] = "kept",
};

static FunctionPhase phase_from_string(const char *text) {
        for (FunctionPhase phase = 0; phase < _FUNCTION_PHASE_MAX; phase++)
                if (streq(text, phase_table[phase]))
                        return phase;
        return _FUNCTION_PHASE_INVALID;
}

FunctionRecord *function_record_free(FunctionRecord *functions) {
        if (!functions)
                return NULL;
        free(functions->before);
        free(functions);
        return NULL;
}

int function_record_copy(const FunctionRecord *functions, FunctionRecord **ret) {
        FunctionRecord *copy = malloc(sizeof(FunctionRecord));
        FunctionBefore *before = calloc(functions->n_before + 1, sizeof(FunctionBefore));

        if (!copy || !before) {
                free(copy);
                free(before);
                return -ENOMEM;
        }
        *copy = *functions;
        if (functions->n_before > 0)
                memcpy(before, functions->before, functions->n_before * sizeof(FunctionBefore));
        copy->before = before;
        *ret = copy;
        return 0;
}

bool function_record_is_about(const FunctionRecord *functions, PciAddress address) {
        if (pci_address_equal(functions->physical, address))
                return true;
        for (size_t i = 0; i < functions->n_before; i++)
                if (pci_address_equal(functions->before[i].address, address))
                        return true;
        return false;
}

/* Who it is. */
static json_t *ids_to_json(PciAddress address, const PciIds *ids) {
        return json_pack("{s:s, s:[iiiiii]}", "address", PCI_ADDRESS_TEXT(address), "ids", (int)ids->vendor,
                        (int)ids->device, (int)ids->subsystem_vendor, (int)ids->subsystem_device, (int)ids->class,
                        (int)ids->revision);
}

static int ids_from_json(json_t *json, PciAddress *ret_address, PciIds *ret) {
        int vendor, device, subsystem_vendor, subsystem_device, class, revision;
        const char *address;

        if (json_unpack(json, "{s:s, s:[iiiiii]}", "address", &address, "ids", &vendor, &device, &subsystem_vendor,
                            &subsystem_device, &class, &revision) < 0 ||
                        pci_address_parse(address, ret_address) < 0)
                return -EBADMSG;
        *ret = (PciIds){(uint16_t)vendor, (uint16_t)device, (uint16_t)subsystem_vendor, (uint16_t)subsystem_device,
                        (uint32_t) class, (uint8_t)revision};
        return 0;
}

static int before_to_json(const FunctionBefore *before, json_t **ret) {
        _cleanup_(json_decrefp) json_t *json = ids_to_json(before->address, &before->ids);
        int r;

        if (!json || json_object_set_new(json, "driver", record_name_to_json(before->binding.driver)) < 0 ||
                        json_object_set_new(json, "override", record_name_to_json(before->binding.override)) < 0)
                return -ENOMEM;
        if ((r = record_power_to_json(&before->binding.power, json)) < 0 ||
                        (r = record_link_to_json(&before->link, json)) < 0)
                return r;
        *ret = TAKE_PTR(json);
        return 0;
}

static int before_from_json(json_t *json, FunctionBefore *ret) {
        _cleanup_free_ char *driver = NULL, *override = NULL;
        json_t *driver_json, *override_json;
        int r;

        if ((r = ids_from_json(json, &ret->address, &ret->ids)) < 0)
                return r;
        if (json_unpack(json, "{s:o, s:o}", "driver", &driver_json, "override", &override_json) < 0)
                return -EBADMSG;
        if ((r = record_name_from_json(driver_json, &driver)) < 0 ||
                        (r = record_name_from_json(override_json, &override)) < 0)
                return r;
        if (strlen(strempty(driver)) >= sizeof(ret->binding.driver) ||
                        strlen(strempty(override)) >= sizeof(ret->binding.override))
                return -EBADMSG;
        (void)snprintf(ret->binding.driver, sizeof(ret->binding.driver), "%s", strempty(driver));
        (void)snprintf(ret->binding.override, sizeof(ret->binding.override), "%s", strempty(override));
        if ((r = record_power_from_json(json, &ret->binding.power)) < 0)
                return r;
        return record_link_from_json(json, &ret->link);
}

int function_record_to_json(const FunctionRecord *functions, json_t **ret) {
        _cleanup_(json_decrefp) json_t *json = ids_to_json(functions->physical, &functions->ids);
        json_t *before = json_array();

        if (!json || json_object_set_new(json, "phase", json_string(phase_table[functions->phase])) < 0 ||
                        json_object_set_new(json, "count", json_integer(functions->count)) < 0 ||
                        (functions->autoprobe_known &&
                                        json_object_set_new(json, "autoprobe", json_boolean(functions->autoprobe)) <
                                                        0)) {
                json_decref(before);
                return -ENOMEM;
        }
        if (json_object_set_new(json, "before", before) < 0) /* takes it over, also when it fails */
                return -ENOMEM;
        for (size_t i = 0; i < functions->n_before; i++) {
                json_t *function = NULL;

                int r = before_to_json(&functions->before[i], &function);
                if (r < 0)
                        return r;
                if (json_array_append_new(before, function) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(json);
        return 0;
}

int function_record_from_json(json_t *json, FunctionRecord **ret) {
        _cleanup_(function_record_freep) FunctionRecord *functions = calloc(1, sizeof(FunctionRecord));
        json_t *before, *function;
        const char *phase;
        int autoprobe = -1, count, r;
        size_t i;

        if (!functions)
                return -ENOMEM;
        if ((r = ids_from_json(json, &functions->physical, &functions->ids)) < 0)
                return r;
        if (json_unpack(json, "{s:s, s:i, s?:b, s:o}", "phase", &phase, "count", &count, "autoprobe", &autoprobe,
                            "before", &before) < 0 ||
                        count < 0 || phase_from_string(phase) < 0 || !json_is_array(before))
                return -EBADMSG;
        functions->phase = phase_from_string(phase);
        functions->count = (unsigned)count;
        functions->autoprobe_known = autoprobe >= 0;
        functions->autoprobe = autoprobe > 0;
        functions->before = calloc(json_array_size(before) + 1, sizeof(FunctionBefore));
        if (!functions->before)
                return -ENOMEM;
        json_array_foreach(before, i, function) {
                if ((r = before_from_json(function, &functions->before[i])) < 0)
                        return r;
                functions->n_before++;
        }
        *ret = TAKE_PTR(functions);
        return 0;
}
