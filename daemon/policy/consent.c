/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/consent.h"

static int compare_devices(const void *a, const void *b) {
        const Device *x = *(const Device *const *)a, *y = *(const Device *const *)b;
        return (x > y) - (x < y);
}

/* Copies the pointers of all companions but "*". Returns how many. */
static size_t list_selectors(const char *const *companions, const char **selectors, Consent *consent) {
        size_t n = 0;

        for (; companions && *companions; companions++)
                if (streq(*companions, "*"))
                        consent->all = true;
                else
                        selectors[n++] = *companions;
        return n;
}

int consent_read(const Inventory *inventory, const Selection *selection, const char *const *companions,
                Consent *consent, Problem *problem) {
        size_t n = 0;

        *consent = (Consent){};
        while (companions && companions[n])
                n++;
        if (n == 0)
                return 0;
        _cleanup_free_ const char **selectors = calloc(n, sizeof(char *));
        _cleanup_free_ Selection *selected = calloc(n, sizeof(Selection));
        consent->named = calloc(n, sizeof(Device *));
        if (!selectors || !selected || !consent->named)
                return -ENOMEM;

        n = list_selectors(companions, selectors, consent);
        int r = selector_resolve_all(inventory, selectors, n, selected, problem);
        if (r != 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                /* A companion that is not in the group was meant to be another device. */
                if (selected[i].group != selection->group)
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                        "'%s' is no companion: it is not in IOMMU group %d.", selectors[i],
                                        selection->group->number);
                if (selected[i].device)
                        consent->named[consent->n_named++] = selected[i].device;
                else
                        consent->all = true;
        }
        if (consent->n_named > 0)
                qsort(consent->named, consent->n_named, sizeof(Device *), compare_devices);
        return 0;
}

void consent_done(Consent *consent) {
        free(consent->named);
        *consent = (Consent){};
}

bool consent_covers(const Consent *consent, const Device *device) {
        if (consent->all)
                return true;
        return consent->n_named > 0 &&
                        bsearch(&device, consent->named, consent->n_named, sizeof(Device *), compare_devices);
}
