/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "truth.h"
#include "slot.h"

#include <string.h>

static void device_free(void *p) {
        TruthDevice *device = p;

        g_free(device->interfaces);
        g_free(device->disks);
        g_free(device->all);
        g_free(device);
}

static void group_free(void *p) {
        TruthGroup *group = p;

        g_free(group->members);
        g_free(group);
}

/* The value of "KEY=VALUE", or NULL for another word. */
static const char *value_of(const char *word, const char *key) {
        size_t length = strlen(key);

        return g_str_has_prefix(word, key) && word[length] == '=' ? word + length + 1 : NULL;
}

static void append_name(char **list, const char *name) {
        char *longer = *list ? g_strconcat(*list, ",", name, NULL) : g_strdup(name);

        g_free(*list);
        *list = longer;
}

static bool is_yes(const char *text) {
        g_assert_true(g_str_equal(text, "yes") || g_str_equal(text, "no"));
        return g_str_equal(text, "yes");
}

/* "device ADDRESS IDS driver=X[(unbinding)] override=Y group=N ... net=A block=B" */
static TruthDevice *device_parse(const char *line) {
        g_auto(GStrv) words = g_strsplit(line, " ", -1);
        TruthDevice *device = g_new0(TruthDevice, 1);

        g_assert_cmpuint(g_strv_length(words), >=, 6);
        const char *control = "", *d3cold = "";

        (void)g_strlcpy(device->address, words[1], sizeof(device->address));
        (void)g_strlcpy(device->ids, words[2], sizeof(device->ids));
        for (char **word = words + 3; *word; word++) {
                const char *value;

                if ((value = value_of(*word, "driver")) && !g_str_equal(value, "none")) {
                        (void)g_strlcpy(device->driver, value, sizeof(device->driver));
                        device->is_leaving = g_str_has_suffix(value, "(unbinding)");
                        *strchrnul(device->driver, '(') = '\0';
                } else if ((value = value_of(*word, "override")) && !g_str_equal(value, "(null)"))
                        (void)g_strlcpy(device->override, value, sizeof(device->override));
                else if ((value = value_of(*word, "group")))
                        device->group = g_str_equal(value, "none") ? -1 : atoi(value);
                else if ((value = value_of(*word, "power/control")))
                        control = value;
                else if ((value = value_of(*word, "d3cold_allowed")))
                        d3cold = value;
                else if ((value = value_of(*word, "net")))
                        append_name(&device->interfaces, value);
                else if ((value = value_of(*word, "block")))
                        append_name(&device->disks, value);
        }
        /* The VFs themselves show how many there are. */
        g_autoptr(GString) all = g_string_new(NULL);
        for (char **word = words; *word; word++)
                if (!value_of(*word, "sriov_numvfs"))
                        g_string_append_printf(all, "%s%s", all->len > 0 ? " " : "", *word);
        device->all = g_strdup(all->str);
        (void)g_snprintf(device->power, sizeof(device->power), "%s %s", control, d3cold);
        return device;
}

/* "group N members=A,B node=yes held=no claimed=no" */
static TruthGroup *group_parse(const char *line) {
        g_auto(GStrv) words = g_strsplit(line, " ", -1);
        TruthGroup *group = g_new0(TruthGroup, 1);

        g_assert_cmpuint(g_strv_length(words), ==, 6);
        group->number = atoi(words[1]);
        group->members = g_strdup(value_of(words[2], "members"));
        group->has_node = is_yes(value_of(words[3], "node"));
        group->is_held = is_yes(value_of(words[4], "held"));
        group->is_claimed = is_yes(value_of(words[5], "claimed"));
        return group;
}

Truth *truth_read(FakeKernel *kernel) {
        g_autofree char *snapshot = fake_kernel_snapshot(kernel);
        g_auto(GStrv) lines = g_strsplit(snapshot, "\n", -1);
        Truth *truth = g_new0(Truth, 1);

        truth->devices = g_ptr_array_new_with_free_func(device_free);
        truth->groups = g_ptr_array_new_with_free_func(group_free);
        for (char **line = lines; *line; line++)
                if (g_str_has_prefix(*line, "device " SLOTLESS))
                        continue;
                else if (g_str_has_prefix(*line, "device "))
                        g_ptr_array_add(truth->devices, device_parse(*line));
                else if (g_str_has_prefix(*line, "group "))
                        g_ptr_array_add(truth->groups, group_parse(*line));
        return truth;
}

Truth *truth_free(Truth *truth) {
        if (!truth)
                return NULL;
        g_ptr_array_unref(truth->devices);
        g_ptr_array_unref(truth->groups);
        g_free(truth);
        return NULL;
}

const TruthDevice *truth_find(const Truth *truth, const char *address) {
        for (unsigned i = 0; i < truth->devices->len; i++) {
                const TruthDevice *device = truth->devices->pdata[i];

                if (g_str_equal(device->address, address))
                        return device;
        }
        return NULL;
}

const TruthGroup *truth_find_group(const Truth *truth, int number) {
        for (unsigned i = 0; i < truth->groups->len; i++) {
                const TruthGroup *group = truth->groups->pdata[i];

                if (group->number == number)
                        return group;
        }
        return NULL;
}

bool truth_is_on_vfio(const TruthDevice *device) {
        return g_str_equal(device->driver, "vfio-pci");
}
