/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/isolation.h"
#include "kernel/pci-names.h"
#include "policy/selector.h"

/* What all formats of fragments have in common. */

/* What a caller asked for. All is borrowed. */
typedef struct FragmentQuestion {
        const Kernel *kernel;
        const Inventory *inventory;
        PciNames *names;
        const Selection *selection;
        const IsolationSpaces *spaces; /* configuration spaces that the caller has read; NULL for none */
        bool iommufd;                  /* the form for an iommufd, also if the kernel has nodes of groups */
} FragmentQuestion;

/* A fragment while it is written. */
typedef struct Fragment {
        FILE *stream;           /* writes the text; NULL once it is finished */
        char *text;             /* owned; complete after fragment_finish() */
        size_t size;            /* of the text */
        char **arguments;       /* owned: the words of a command line, which are also the text */
        size_t n_arguments;     /* 0 for a format that is no command line */
        const Device **devices; /* the array is owned, the devices are not: those that the text is about */
        size_t n_devices;
        char **nodes; /* owned: what the program opens */
        size_t n_nodes;
        bool iommufd; /* The program uses an iommufd, and not the node of the group. */
} Fragment;

/* Opens the text. The caller frees the fragment with fragment_done(). Returns 0 or -ENOMEM. */
int fragment_begin(Fragment *ret);

/* Closes the text. A list of arguments becomes a line. Returns 0 or -ENOMEM. */
int fragment_finish(Fragment *fragment);

/* Frees all parts. */
void fragment_done(Fragment *fragment);
#define _cleanup_fragment_ _cleanup_(fragment_done)

/* Append a copy of a word of the command line, or a device. Return 0 or -ENOMEM. */
int fragment_add_argument(Fragment *fragment, const char *format, ...) _printf_(2, 3);
int fragment_add_device(Fragment *fragment, const Device *device);

/* Lists the selected device; of a group, the devices that a virtual machine can use. Returns 0 or -ENOMEM. */
int fragment_add_selected(Fragment *fragment, const Selection *selection);

/* Lists the devices of the selected group that a virtual machine can use now, with their nodes, and finds out whether the program uses
 * an iommufd: if the caller wants that, or if the kernel has only nodes of single devices. Returns 0; NOT_DETACHED if there is no such
 * device; NOT_VIABLE if the kernel would not let a virtual machine have the group, or has no nodes of single devices although the caller
 * wants an iommufd; or -ENOMEM. */
int fragment_add_usable(Fragment *fragment, const FragmentQuestion *question, Problem *problem);

/* Writes a text into an XML document: its special characters become entities. NULL counts as "". */
void fragment_write_xml(FILE *stream, const char *text);
