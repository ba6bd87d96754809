/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* The rules' files of a house: as in /etc, /run and /usr/lib. The daemon reads them at its start, and when it is told to. */

#define RULES_OWN "rules"
#define RULES_TEMPORARY "rules.run"
#define RULES_SHIPPED "rules.lib"

/* The file's path; to be freed. */
char *rule_file_path(Fixture *fixture, const char *folder, const char *name);

void rule_file_put(Fixture *fixture, const char *folder, const char *name, const char *text);
void rule_file_link(Fixture *fixture, const char *folder, const char *name, const char *target);
void rule_file_remove(Fixture *fixture, const char *folder, const char *name);

/* What is in it; NULL where there is none. To be freed. */
char *rule_file_read(Fixture *fixture, const char *folder, const char *name);

/* Copies all files of a folder, links as such. */
void rule_files_copy(Fixture *fixture, const char *folder, const char *from);
