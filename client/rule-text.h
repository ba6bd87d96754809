/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Texts of rules, read by the parser of vfiod. No daemon is needed. This header has no types of the parser, because vfioctl has other
 * types of the same names. */

/* More than vfiod accepts: if a file is larger, rule_text_check() says that it is too large. */
#define RULE_TEXT_READ_MAX (256 * 1024)

/* Reads at most RULE_TEXT_READ_MAX bytes of a file, so that /dev/zero does no harm. The caller frees the text. Returns 0; -EBADMSG if
 * there is a NUL byte in it, and then the text ends there; or another negative errno. */
int rule_text_read(const char *path, char **ret);

/* Checks a text. If it is wrong, gets the first fault, which the caller frees, and its line; 0 for the text as a whole. Returns 0,
 * -EINVAL or -ENOMEM. */
int rule_text_check(const char *text, uint32_t *ret_line, char **ret_fault);

/* Writes a valid text in one form: two rules that mean the same have the same text. The caller frees it. Returns 0, -EINVAL or
 * -ENOMEM. */
int rule_text_normalize(const char *text, char **ret);

/* Whether the rule may match an endpoint with these facts. Its subsystem and its path are not compared. */
bool rule_text_may_match(const char *text, const char *address, uint16_t vendor, uint16_t device, uint32_t class);

/* Whether the name of a rule is valid. */
bool rule_text_name_is_valid(const char *name);
