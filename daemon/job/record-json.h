/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/function-record.h"
#include <jansson.h>

/* The parts of a record as JSON, for the files that write one. What is not known is not written. Return 0, -ENOMEM, or -EBADMSG for what is no such part. */

/* A name of the host, which may have any byte: JSON holds it escaped (base/text.h). NULL is null; an empty name is read as NULL. The reader returns 0;
 * -EBADMSG for what is no such name; -ENOMEM. */
json_t *record_name_to_json(const char *name);
int record_name_from_json(json_t *json, char **ret_name);

int record_power_to_json(const PowerSettings *power, json_t *object);
int record_power_from_json(json_t *object, PowerSettings *ret);
int record_link_to_json(const VirtualFunctionLink *link, json_t *object);
int record_link_from_json(json_t *object, VirtualFunctionLink *ret);

int function_record_to_json(const FunctionRecord *functions, json_t **ret);
int function_record_from_json(json_t *json, FunctionRecord **ret);
