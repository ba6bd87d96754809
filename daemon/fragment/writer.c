/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/writer.h"
#include "base/text.h"
#include "kernel/vfio-node.h"

#include <stdarg.h>

int fragment_begin(Fragment *ret) {
        *ret = (Fragment){};
        ret->stream = open_memstream(&ret->text, &ret->size);
        return ret->stream ? 0 : -ENOMEM;
}

int fragment_finish(Fragment *fragment) {
        for (size_t i = 0; i < fragment->n_arguments; i++)
                (void)fprintf(fragment->stream, "%s%s", fragment->arguments[i],
                                i + 1 < fragment->n_arguments ? " " : "\n");
        bool failed = ferror(fragment->stream);
        /* The stream is in memory: the only possible error is a lack of memory. */
        failed |= fclose(TAKE_PTR(fragment->stream)) != 0;
        return failed ? -ENOMEM : 0;
}

static void free_texts(char **texts, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(texts[i]);
        free(texts);
}

void fragment_done(Fragment *fragment) {
        fclosep(&fragment->stream);
        free(fragment->text);
        free_texts(fragment->arguments, fragment->n_arguments);
        free_texts(fragment->nodes, fragment->n_nodes);
        free(fragment->devices);
        *fragment = (Fragment){};
}

int fragment_add_argument(Fragment *fragment, const char *format, ...) {
        va_list values;
        char *word;

        if (!ARRAY_GROW(fragment->arguments, fragment->n_arguments))
                return -ENOMEM;
        va_start(values, format);
        int r = vasprintf(&word, format, values);
        va_end(values);
        if (r < 0)
                return -ENOMEM;
        fragment->arguments[fragment->n_arguments++] = word;
        return 0;
}

int fragment_add_device(Fragment *fragment, const Device *device) {
        if (!ARRAY_GROW(fragment->devices, fragment->n_devices))
                return -ENOMEM;
        fragment->devices[fragment->n_devices++] = device;
        return 0;
}

/* Devices of one group have the same node, which is listed once. */
static int add_node(Fragment *fragment, const char *path) {
        if (fragment->n_nodes > 0 && streq(fragment->nodes[fragment->n_nodes - 1], path))
                return 0;
        if (!ARRAY_GROW(fragment->nodes, fragment->n_nodes))
                return -ENOMEM;
        char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        fragment->nodes[fragment->n_nodes++] = copy;
        return 0;
}

int fragment_add_selected(Fragment *fragment, const Selection *selection) {
        if (selection->device)
                return fragment_add_device(fragment, selection->device);
        int r = 0;
        for (size_t i = 0; i < selection->group->n_members && r >= 0; i++)
                if (selection->group->members[i]->endpoint)
                        r = fragment_add_device(fragment, selection->group->members[i]);
        return r;
}

/* A device has a node only while it is on a vfio driver. */
static bool is_usable(const Device *device) {
        return device->endpoint && (device->group_node || device->has_cdev);
}

static int refuse_group(const Group *group, Problem *problem) {
        _cleanup_free_ char *blockers = NULL;
        size_t size, n = 0;

        FILE *stream = open_memstream(&blockers, &size);
        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < group->n_members && n < 16; i++) {
                const Device *device = group->members[i];

                if (!device_blocks_group(device) && !group->no_iommu)
                        continue;
                (void)fprintf(stream, "%s%s, driver %s: ", n++ == 0 ? "" : "; ", PCI_ADDRESS_TEXT(device->address),
                                isempty(device->driver) ? "none" : TEXT_NAME(device->driver));
                if (group->no_iommu)
                        (void)fputs("no IOMMU handles it", stream);
                else
                        (void)fprintf(stream, "%s does DMA for the host", TEXT_NAME(device->driver));
        }
        if (fclose(stream) != 0)
                return -ENOMEM;
        return problem_set(problem, OUTCOME_NOT_VIABLE, "Group %d is not viable, so no virtual machine can use it: %s.",
                        group->number, blockers);
}

int fragment_add_usable(Fragment *fragment, const FragmentQuestion *question, Problem *problem) {
        const Group *group = question->selection->group;
        bool has_cdevs = true, needs_cdevs = false;
        int r = 0;

        for (size_t i = 0; i < group->n_members && r >= 0; i++) {
                const Device *device = group->members[i];

                if (!is_usable(device))
                        continue;
                has_cdevs &= device->has_cdev;
                needs_cdevs |= !device->group_node;
                r = fragment_add_device(fragment, device);
        }
        if (r < 0)
                return r;
        if (fragment->n_devices == 0)
                return problem_set(problem, OUTCOME_NOT_DETACHED,
                                "No device of group %d is on a vfio driver: detach it first.", group->number);
        if (!group_is_viable(group))
                return refuse_group(group, problem);
        if (question->iommufd && !has_cdevs)
                return problem_set(problem, OUTCOME_NOT_VIABLE,
                                "The running kernel has no nodes for single devices (CONFIG_VFIO_DEVICE_CDEV), which "
                                "an "
                                "iommufd needs. Use group %d without an iommufd.",
                                group->number);
        fragment->iommufd = question->iommufd || needs_cdevs;
        for (size_t i = 0; i < fragment->n_devices && r >= 0; i++)
                r = add_node(fragment,
                                fragment->iommufd ? VFIO_CDEV_TEXT(fragment->devices[i]->cdev)
                                                  : VFIO_NODE_TEXT(group->number, group->no_iommu));
        return r;
}

void fragment_write_xml(FILE *stream, const char *text) {
        for (const char *c = strempty(text); *c; c++)
                switch (*c) {
                case '&':
                        (void)fputs("&amp;", stream);
                        break;
                case '<':
                        (void)fputs("&lt;", stream);
                        break;
                case '>':
                        (void)fputs("&gt;", stream);
                        break;
                case '\'':
                        (void)fputs("&apos;", stream);
                        break;
                case '"':
                        (void)fputs("&quot;", stream);
                        break;
                default:
                        (void)fputc(*c, stream);
                }
}
