/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/guard.h"

static const struct {
        const char *name;
        Outcome outcome;
} guards[_GUARD_MAX] = {
                [GUARD_STORAGE] = {"storage", OUTCOME_IN_USE_STORAGE},
                [GUARD_NETWORK] = {"network", OUTCOME_IN_USE_NETWORK},
                [GUARD_DISPLAY] = {"display", OUTCOME_IN_USE_DISPLAY},
                [GUARD_PROCESS] = {"process", OUTCOME_IN_USE_PROCESS},
                [GUARD_VIRTUAL_FUNCTIONS] = {"virtual-functions", OUTCOME_VIRTUAL_FUNCTIONS_IN_USE},
                [GUARD_FIRMWARE] = {"firmware", OUTCOME_FIRMWARE_MAPPING},
};

const char *guard_to_string(Guard guard) {
        return guards[guard].name;
}

Guard guard_from_string(const char *text) {
        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if (streq(text, guards[guard].name))
                        return guard;
        return _GUARD_INVALID;
}

Guard guard_of_usage(UsageKind kind) {
        static const Guard table[_USAGE_KIND_MAX] = {
                        [USAGE_STORAGE] = GUARD_STORAGE,
                        [USAGE_NETWORK] = GUARD_NETWORK,
                        [USAGE_DISPLAY] = GUARD_DISPLAY,
                        [USAGE_PROCESS] = GUARD_PROCESS,
        };
        return table[kind];
}

int finding_list_add(FindingList *list, Guard guard, PciAddress address, const char *evidence) {
        if (list->n_findings >= FINDINGS_MAX)
                return -E2BIG;
        Finding *grown = reallocarray(list->findings, list->n_findings + 1, sizeof(Finding));
        if (!grown)
                return -ENOMEM;
        list->findings = grown;
        char *copy = strdup(evidence);
        if (!copy)
                return -ENOMEM;
        grown[list->n_findings++] = (Finding){guard, address, copy};
        return 0;
}

int finding_list_copy(const FindingList *list, FindingList *ret) {
        FindingList copy = {};

        for (size_t i = 0; i < list->n_findings; i++) {
                const Finding *finding = &list->findings[i];
                int r = finding_list_add(&copy, finding->guard, finding->address, finding->evidence);
                if (r < 0) {
                        finding_list_done(&copy);
                        return r;
                }
        }
        *ret = copy;
        return 0;
}

void finding_list_done(FindingList *list) {
        for (size_t i = 0; i < list->n_findings; i++)
                free(list->findings[i].evidence);
        free(list->findings);
        *list = (FindingList){};
}

int guard_decide(const FindingList *list, unsigned overrides, PciAddress selected, Problem *problem) {
        _cleanup_free_ char *text = NULL;
        const Finding *first = NULL;
        unsigned refusing = 0;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_findings; i++) {
                const Finding *finding = &list->findings[i];

                if (overrides & 1U << finding->guard)
                        continue;
                fprintf(stream, "%s%s: %s", first ? "; " : "", PCI_ADDRESS_TEXT(finding->address), finding->evidence);
                refusing |= 1U << finding->guard;
                first = first ? first : finding;
        }
        fputs(". If you are sure: vfioctl detach ", stream);
        fprintf(stream, "%s --group --override=", PCI_ADDRESS_TEXT(selected));
        const char *separator = "";
        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if ((refusing | overrides) & 1U << guard) {
                        fprintf(stream, "%s%s", separator, guards[guard].name);
                        separator = ",";
                }
        if (fclose(stream) != 0)
                return -ENOMEM;
        if (!first)
                return 0;
        return problem_set(problem, guards[first->guard].outcome, "The host uses what would be taken: %s", text);
}
