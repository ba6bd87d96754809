/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-names.h"

#include <pci/pci.h>
#include <setjmp.h>

struct PciNames {
        struct pci_access *access;
        bool broken;
};

/* The error handler of libpci must not return, and the default handler calls exit(). This handler jumps back into
 * the look-up. The daemon has only one thread, so one buffer is enough. */
static jmp_buf failed_lookup;

static void __attribute__((noreturn)) on_error(char *message, ...) {
        (void)message;
        longjmp(failed_lookup, 1);
}

static void on_message(char *message, ...) {
        (void)message;
}

int pci_names_new(PciNames **ret) {
        _cleanup_(pci_names_freep) PciNames *names = calloc(1, sizeof(PciNames));
        if (!names)
                return -ENOMEM;
        names->access = pci_alloc();
        if (!names->access)
                return -ENOMEM;
        names->access->error = on_error;
        names->access->warning = on_message;
        names->access->debug = on_message;
        *ret = TAKE_PTR(names);
        return 0;
}

PciNames *pci_names_free(PciNames *names) {
        if (!names)
                return NULL;
        if (names->access && !names->broken)
                pci_cleanup(names->access);
        free(names);
        return NULL;
}

const char *pci_names_lookup(PciNames *names, PciNameKind kind, const PciIds *ids, char buffer[static PCI_NAME_MAX]) {
        static const int flags[] = {
                        [PCI_NAME_VENDOR] = PCI_LOOKUP_VENDOR,
                        [PCI_NAME_DEVICE] = PCI_LOOKUP_DEVICE,
                        [PCI_NAME_SUBSYSTEM] = PCI_LOOKUP_SUBSYSTEM | PCI_LOOKUP_DEVICE,
                        [PCI_NAME_CLASS] = PCI_LOOKUP_CLASS,
        };

        buffer[0] = '\0';
        if (names->broken)
                return buffer;
        if (setjmp(failed_lookup) != 0) {
                /* The handle may be inconsistent now. It is never used or freed again. */
                names->broken = true;
                buffer[0] = '\0';
                return buffer;
        }
        /* Each kind of look-up takes as many of these numbers as it needs. */
        const char *name = pci_lookup_name(names->access, buffer, PCI_NAME_MAX,
                        flags[kind] | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB,
                        kind == PCI_NAME_CLASS ? (int)(ids->class >> 8) : ids->vendor, ids->device,
                        ids->subsystem_vendor, ids->subsystem_device);
        if (!name)
                buffer[0] = '\0';
        else if (name != buffer)
                (void)snprintf(buffer, PCI_NAME_MAX, "%s", name);
        return buffer;
}
