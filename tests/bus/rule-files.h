/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* The rule files of the environment: the folders are like /etc, /run and /usr/lib. The daemon reads them at its
 * start and at a rescan. */

#define RULES_OWN "rules"
#define RULES_TEMPORARY "rules.run"
#define RULES_SHIPPED "rules.lib"

/* The path of the file; the caller frees it. */
char *rule_file_path(Fixture *fixture, const char *folder, const char *name);

void rule_file_put(Fixture *fixture, const char *folder, const char *name, const char *text);
void rule_file_link(Fixture *fixture, const char *folder, const char *name, const char *target);
void rule_file_remove(Fixture *fixture, const char *folder, const char *name);

/* The contents of the file; NULL if it does not exist. The caller frees it. */
char *rule_file_read(Fixture *fixture, const char *folder, const char *name);

/* Copies all files of a folder; links are copied as links. */
void rule_files_copy(Fixture *fixture, const char *folder, const char *from);
