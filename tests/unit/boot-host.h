/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "checks.h"
#include "diagnosis/boot-loader.h"
#include "temp-tree.h"

/* Hosts with a boot loader, for tests of diagnosis/boot-loader.h. */

#define PARAMETER "intel_iommu=on"
#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The settings of GRUB as the distributions install them. */
extern const char grub_debian[], grub_ubuntu[], grub_centos7[], grub_arch[], grub_suse[];

/* A host: files below the root, and what EFI says. */
typedef struct Host {
        const char *os_release;
        const char *grub;
        const char *loader; /* LoaderInfo */
        const char *entry;  /* LoaderEntrySelected */
        const char *stub;
        const char *machine;
        const char *const *files; /* path, contents, ...; ends with NULL */
} Host;

void put_host(TempTree *tree, const Host *host);
void read_facts(TempTree *tree, BootFacts *facts);

/* Runs the part of the command before " && " on the files of the tree, without sudo. */
void run_command(TempTree *tree, const char *cure);

/* A line of the file is this one. */
void expect_line(TempTree *tree, const char *path, const char *line);

/* Makes the cure. Returns the only check. */
const Check *make_cure(TempTree *tree, bool adds, const char *parameter, CheckList *list);

/* Adds the parameter: the cure is this one; and if line is given, the command changes the file to have this line. Then the cure is made
 * again: it must not add the parameter twice. At last it is removed again. */
void expect_cure(const Host *host, const char *loader, const char *cure, const char *path, const char *line);
