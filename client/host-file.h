/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file of export and apply: the rules and the numbers of virtual functions of a host, as JSON. See "HOST FILE" in vfioctl(1). */

#define HOST_FILE_VERSION 1

typedef struct HostRule {
        char *name;
        char *text;       /* in the form of rule_text_normalize(); NULL for a mask */
        uint64_t version; /* of a rule of this host, see RuleDetails; otherwise 0 */
} HostRule;

/* A number of virtual functions, for each PF with this address and this model. */
typedef struct HostFunctions {
        char *address; /* NULL for any */
        bool has_model;
        uint16_t vendor, device;
        uint32_t count;
} HostFunctions;

typedef struct HostFile {
        HostRule *rules;
        size_t n_rules;
        HostFunctions *functions;
        size_t n_functions;
} HostFile;

void host_file_clear(HostFile *file);

/* Parses the text. Returns 0; -EINVAL and what is wrong, with its path in the file, which the caller frees; or -ENOMEM. */
int host_file_parse(const char *text, HostFile *ret, char **ret_problem);

/* Finds the rule of this name. Returns NULL if there is none. */
const HostRule *host_file_find(const HostFile *file, const char *name);

/* Append copies. text may be NULL. Return 0 or -ENOMEM. */
int host_file_add_rule(HostFile *file, const char *name, const char *text);
int host_file_add_functions(HostFile *file, const HostFunctions *functions);

/* Writes the file. The caller frees *ret. Returns 0 or -ENOMEM. */
int host_file_format(const HostFile *file, char **ret);
