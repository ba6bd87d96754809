/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/subject.h"

/* What is known on disk of virtual functions while their number is changed: enough to go back. */

typedef enum FunctionPhase {
        FUNCTIONS_MAKING, /* to be undone, unless the work is going on */
        FUNCTIONS_MADE, /* all are there, and where that was asked for on vfio-pci: only the host's setting is not restored */
        FUNCTIONS_DONE, /* nothing is left but to forget those that were there before */
        FUNCTIONS_KEPT, /* the same, but the host's setting stays off: the next change restores it */
        _FUNCTION_PHASE_MAX,
        _FUNCTION_PHASE_INVALID = -EINVAL,
} FunctionPhase;

/* A virtual function as it was. */
typedef struct FunctionBefore {
        PciAddress address;
        PciIds ids;
        Binding binding;
        VirtualFunctionLink link;
} FunctionBefore;

typedef struct FunctionRecord {
        PciAddress physical;
        PciIds ids;
        FunctionPhase phase;
        unsigned count; /* that there shall be: so many numbers after the record's own are for records of the new functions */
        bool autoprobe_known, autoprobe; /* as the host had it */
        FunctionBefore *before;
        size_t n_before;
} FunctionRecord;

int function_record_copy(const FunctionRecord *functions, FunctionRecord **ret);
FunctionRecord *function_record_free(FunctionRecord *functions);
DEFINE_TRIVIAL_CLEANUP_FUNC(FunctionRecord *, function_record_free)

/* Whether it is about this device, the physical function or one that was there before. */
bool function_record_is_about(const FunctionRecord *functions, PciAddress address);
