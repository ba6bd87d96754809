/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/guard.h"

static const Outcome outcomes[_GUARD_MAX] = {
                [GUARD_STORAGE] = OUTCOME_IN_USE_STORAGE,
                [GUARD_NETWORK] = OUTCOME_IN_USE_NETWORK,
                [GUARD_DISPLAY] = OUTCOME_IN_USE_DISPLAY,
                [GUARD_CONSOLE] = OUTCOME_IN_USE_CONSOLE,
                [GUARD_MEMORY] = OUTCOME_IN_USE_MEMORY,
                [GUARD_PROCESS] = OUTCOME_IN_USE_PROCESS,
                [GUARD_VIRTUAL_FUNCTIONS] = OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                [GUARD_FIRMWARE] = OUTCOME_FIRMWARE_MAPPING,
                [GUARD_UNSAFE_INTERRUPTS] = OUTCOME_UNSAFE_INTERRUPTS,
                [GUARD_NO_RESET] = OUTCOME_NO_RESET,
};

Outcome guard_outcome(Guard guard) {
        return outcomes[guard];
}

Guard guard_of_usage(UsageKind kind) {
        static const Guard table[_USAGE_KIND_MAX] = {
                        [USAGE_STORAGE] = GUARD_STORAGE,
                        [USAGE_NETWORK] = GUARD_NETWORK,
                        [USAGE_DISPLAY] = GUARD_DISPLAY,
                        [USAGE_CONSOLE] = GUARD_CONSOLE,
                        [USAGE_MEMORY] = GUARD_MEMORY,
                        [USAGE_PROCESS] = GUARD_PROCESS,
                        [USAGE_CHILD] = GUARD_VIRTUAL_FUNCTIONS,
        };
        return table[kind];
}

static void finding_done(Finding *finding) {
        free(finding->evidence);
        free(finding->command);
        free(finding->unit);
}

static int append(FindingList *list, const Finding *finding) {
        Finding *grown = reallocarray(list->findings, list->n_findings + 1, sizeof(Finding));
        if (!grown)
                return -ENOMEM;
        list->findings = grown;
        Finding copy = *finding;
        copy.evidence = strdup(finding->evidence);
        copy.command = finding->command ? strdup(finding->command) : NULL;
        copy.unit = finding->unit ? strdup(finding->unit) : NULL;
        if (!copy.evidence || !copy.command != !finding->command || !copy.unit != !finding->unit) {
                finding_done(&copy);
                return -ENOMEM;
        }
        grown[list->n_findings++] = copy;
        return 0;
}

int finding_list_append(FindingList *list, const Finding *finding) {
        return list->n_findings >= FINDINGS_MAX + _GUARD_MAX ? -E2BIG : append(list, finding);
}

/* Counts one more finding in folded, or in a new one. */
static int fold(FindingList *list, Finding *folded, Guard guard, PciAddress address, const char *where) {
        unsigned n = folded ? folded->n_folded + 1 : 1;
        char text[80];

        (void)snprintf(text, sizeof(text), "and %u more%s", n, where);
        if (!folded)
                return append(list, &(Finding){.guard = guard, .address = address, .evidence = text, .n_folded = n});
        char *copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        free(folded->evidence);
        folded->evidence = copy;
        folded->n_folded = n;
        return 0;
}

int finding_list_add_process(
                FindingList *list, Guard guard, PciAddress address, const char *evidence, const Holder *holder) {
        Finding *of_device = NULL, *of_guard = NULL;
        size_t n_of_device = 0;

        /* From the end: the findings of a device come one after the other. */
        for (size_t i = list->n_findings; i > 0 && !of_device; i--) {
                Finding *finding = &list->findings[i - 1];

                if (finding->guard != guard)
                        continue;
                if (i > FINDINGS_MAX)
                        of_guard = finding;
                else if (pci_address_equal(finding->address, address)) {
                        n_of_device++;
                        of_device = finding->n_folded > 0 ? finding : NULL;
                }
        }
        if (of_device)
                return fold(list, of_device, guard, address, "");
        if (list->n_findings >= FINDINGS_MAX)
                return fold(list, of_guard, guard, address, ", some of them on other devices");
        if (n_of_device >= FINDINGS_PER_DEVICE_MAX)
                return fold(list, NULL, guard, address, "");
        bool is_known = holder && holder->pid > 0;
        const char *command = TEXT_NAME(is_known ? holder->command : ""),
                   *unit = TEXT_NAME(is_known ? holder->unit : "");
        return append(list,
                        &(Finding){
                                        .guard = guard,
                                        .address = address,
                                        .evidence = (char *)evidence,
                                        .pid = is_known ? holder->pid : 0,
                                        .command = is_known ? (char *)command : NULL,
                                        .unit = is_known ? (char *)unit : NULL,
                        });
}

int finding_list_add(FindingList *list, Guard guard, PciAddress address, const char *evidence) {
        return finding_list_add_process(list, guard, address, evidence, NULL);
}

int finding_list_copy(const FindingList *list, FindingList *ret) {
        FindingList copy = {};

        for (size_t i = 0; i < list->n_findings; i++) {
                int r = append(&copy, &list->findings[i]);
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
                finding_done(&list->findings[i]);
        free(list->findings);
        *list = (FindingList){};
}

int finding_list_describe(const FindingList *list, unsigned overrides, size_t max, const char *rest,
                const char *command, Guard *ret_first, char **ret) {
        unsigned refusing = 0, n_untold = 0;
        const Finding *first = NULL;
        size_t size, n_told = 0;

        FILE *stream = open_memstream(ret, &size);
        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_findings; i++) {
                const Finding *finding = &list->findings[i];

                if (overrides & 1U << finding->guard)
                        continue;
                if (n_told++ < max)
                        fprintf(stream, "%s%s: %s", first ? "; " : "", PCI_ADDRESS_TEXT(finding->address),
                                        finding->evidence);
                else
                        n_untold += finding->n_folded > 0 ? finding->n_folded : 1;
                refusing |= 1U << finding->guard;
                first = first ? first : finding;
        }
        if (n_untold > 0)
                fprintf(stream, "; and %u more%s", n_untold, rest);
        fprintf(stream, ". If you are sure: %s --override=", command);
        const char *separator = "";
        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if ((refusing | overrides) & 1U << guard) {
                        fprintf(stream, "%s%s", separator, guard_to_string(guard));
                        separator = ",";
                }
        if (fclose(stream) != 0)
                return -ENOMEM;
        *ret_first = first ? first->guard : _GUARD_INVALID;
        return first != NULL;
}

int guard_decide(const FindingList *list, unsigned overrides, PciAddress selected, Problem *problem) {
        const char *address = PCI_ADDRESS_TEXT(selected);
        _cleanup_free_ char *text = NULL;
        char rest[64], command[64];
        Guard first;

        (void)snprintf(rest, sizeof(rest), ", which 'vfioctl plan %s' lists", address);
        (void)snprintf(command, sizeof(command), "vfioctl detach %s --group", address);
        int r = finding_list_describe(list, overrides, FINDINGS_TOLD_MAX, rest, command, &first, &text);
        return r <= 0 ? r
                      : problem_set(problem, outcomes[first], "The host uses a device that would be detached: %s",
                                        text);
}
