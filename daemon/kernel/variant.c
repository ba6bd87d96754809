/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/variant.h"
#include "kernel/modules.h"
#include "kernel/sysfs.h"

#include <fnmatch.h>

/* The file of a distribution's kernel has about 1.5 MB. */
#define ALIASES_MAX (32 * 1024 * 1024)
#define ALIAS "alias "
#define PREFIX "vfio_pci:"

void variant_list_done(VariantList *list) {
        for (size_t i = 0; i < list->n_variants; i++) {
                free(list->variants[i].pattern);
                free(list->variants[i].module);
        }
        free(list->variants);
        *list = (VariantList){};
}

int variant_list_add(VariantList *list, const char *pattern, const char *module, bool blacklisted) {
        if (list->n_variants >= VARIANTS_MAX || strlen(pattern) >= VARIANT_PATTERN_MAX ||
                        strlen(module) >= VARIANT_MODULE_MAX)
                return -E2BIG;
        Variant *grown = reallocarray(list->variants, list->n_variants + 1, sizeof(Variant));
        if (!grown)
                return -ENOMEM;
        list->variants = grown;
        Variant *variant = &grown[list->n_variants];
        *variant = (Variant){strdup(pattern), strdup(module), blacklisted};
        if (!variant->pattern || !variant->module) {
                free(variant->pattern);
                free(variant->module);
                return -ENOMEM;
        }
        list->n_variants++;
        return 0;
}

/* Adds the variant of the line "alias PATTERN MODULE". Changes the line. A wrong line is ignored. */
static int add_line(VariantList *list, char *line) {
        char *state, *pattern = strtok_r(line + strlen(ALIAS), " ", &state), *module = strtok_r(NULL, " ", &state);

        int r = pattern && module && !strtok_r(NULL, " ", &state) ? variant_list_add(list, pattern, module, false) : 0;
        return r == -ENOMEM ? r : 0;
}

/* Finds the next line of a variant in a text that begins with a line. Returns NULL if there is none. Nearly all lines are
 * about other buses: looking at the beginning of each line would take three times as many instructions. */
static char *find_line(char *text) {
        for (char *found = text; (found = strstr(found, PREFIX)); found++) {
                char *line = found - text >= (ptrdiff_t)strlen(ALIAS) ? found - strlen(ALIAS) : NULL;

                if (line && startswith(line, ALIAS) && (line == text || line[-1] == '\n'))
                        return line;
        }
        return NULL;
}

static int read_file(const Kernel *kernel, VariantList *list) {
        char release[KERNEL_RELEASE_MAX];
        _cleanup_free_ char *text = NULL;

        if (kernel->root_fd < 0 ||
                        sysfs_read_text(kernel->proc_fd, "sys/kernel/osrelease", release, sizeof(release)) <= 0 ||
                        strchr(release, '/'))
                return 0;
        int r = kernel_read_file(kernel, SYSFS_PATH("lib/modules/%s/modules.alias", release), ALIASES_MAX, &text);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (char *rest = text, *line; r >= 0 && rest && (line = find_line(rest));) {
                rest = strchr(line, '\n');
                if (rest)
                        *rest++ = '\0';
                r = add_line(list, line);
        }
        return r;
}

int variant_list_read(const Kernel *kernel, VariantList *ret) {
        *ret = (VariantList){};
        int r = kernel->list_variants ? kernel->list_variants(kernel, ret, kernel->load_module_userdata)
                                      : read_file(kernel, ret);
        if (r < 0)
                variant_list_done(ret);
        return r;
}

static size_t count_wildcards(const char *pattern) {
        size_t n = 0;

        for (; *pattern; pattern++)
                n += *pattern == '*' || *pattern == '?' || *pattern == '[';
        return n;
}

const Variant *variant_list_find(const VariantList *list, const PciIds *ids) {
        const Variant *best = NULL;
        size_t fewest = SIZE_MAX;
        char alias[96];

        /* As the kernel writes it in the attribute "modalias", with another prefix. */
        (void)snprintf(alias, sizeof(alias), PREFIX "v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", ids->vendor, ids->device,
                        ids->subsystem_vendor, ids->subsystem_device, ids->class >> 16 & 0xff, ids->class >> 8 & 0xff,
                        ids->class & 0xff);
        for (size_t i = 0; i < list->n_variants; i++) {
                const Variant *variant = &list->variants[i];
                size_t n = count_wildcards(variant->pattern);

                if (n >= fewest || fnmatch(variant->pattern, alias, 0) != 0)
                        continue;
                best = variant;
                fewest = n;
        }
        /* vfio-pci has an alias for all devices. */
        return best && !modules_names_equal(best->module, "vfio_pci") ? best : NULL;
}
