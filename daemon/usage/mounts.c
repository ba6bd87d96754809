/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/mounts.h"
#include "kernel/sysfs.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>

typedef struct Search {
        const Kernel *kernel;
        MountTable table;
} Search;

void mount_table_done(MountTable *table) {
        for (size_t i = 0; i < table->n_mounts; i++) {
                free(table->mounts[i].source);
                free(table->mounts[i].target);
                free(table->mounts[i].namespace);
        }
        free(table->mounts);
        *table = (MountTable){};
}

/* The value of "040", or -1. */
static int octal_value(const char *digits) {
        int value = 0;

        for (size_t i = 0; i < 3; i++) {
                if (digits[i] < '0' || digits[i] > '7')
                        return -1;
                value = value * 8 + (digits[i] - '0');
        }
        return value > 0 && value <= UCHAR_MAX ? value : -1;
}

char *mount_unescape(char *text) {
        char *end = text;

        for (const char *c = text; *c; c++) {
                int value = *c == '\\' ? octal_value(c + 1) : -1;

                *end++ = value < 0 ? *c : (char)value;
                c += value < 0 ? 0 : 3;
        }
        *end = '\0';
        return text;
}

static int add_mount(
                MountTable *table, const Mount *mount, const char *source, const char *target, const char *namespace) {
        if (table->n_mounts == table->n_allocated) {
                size_t wanted = table->n_allocated ? table->n_allocated * 2 : 64;
                Mount *grown = reallocarray(table->mounts, wanted, sizeof(Mount));
                if (!grown)
                        return -ENOMEM;
                table->mounts = grown;
                table->n_allocated = wanted;
        }

        Mount *added = &table->mounts[table->n_mounts++];
        *added = *mount;
        added->source = strdup(source);
        added->target = strdup(target);
        added->namespace = strdup(namespace);
        return added->source && added->target && added->namespace ? 0 : -ENOMEM;
}

/* "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw": the source stands behind the lone dash. */
static int parse_line(MountTable *table, char *line, const char *namespace) {
        Mount mount = {};
        char *state, *words[5];

        char *behind = strstr(line, " - ");
        if (!behind)
                return 0;
        *behind = '\0';
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (!(words[i] = strtok_r(i == 0 ? line : NULL, " ", &state)))
                        return 0;
        if (sscanf(words[2], "%u:%u", &mount.major, &mount.minor) != 2 || !strtok_r(behind + 3, " ", &state))
                return 0;
        char *source = strtok_r(NULL, " ", &state);
        return add_mount(table, &mount, source ? mount_unescape(source) : "", mount_unescape(words[4]), namespace);
}

static bool has_namespace(const MountTable *table, const char *namespace) {
        for (size_t i = table->n_mounts; i > 0; i--)
                if (streq(table->mounts[i - 1].namespace, namespace))
                        return true;
        return false;
}

/* An entry of /proc. */
static int read_process(int proc_fd, const char *name, void *userdata) {
        char path[64], namespace[64] = "";
        Search *search = userdata;
        size_t size = 0;
        int r = 0;

        if (!isdigit((unsigned char)name[0]))
                return 0;
        (void)snprintf(path, sizeof(path), "%.20s/ns/mnt", name);
        ssize_t n = readlinkat(proc_fd, path, namespace, sizeof(namespace) - 1);
        if (n < 0 || has_namespace(&search->table, namespace))
                return 0;

        (void)snprintf(path, sizeof(path), "%.20s/mountinfo", name);
        _cleanup_fclose_ FILE *file = sysfs_open_lines(proc_fd, path);
        if (!file)
                return 0;
        _cleanup_free_ char *line = NULL;
        while (r >= 0 && getline(&line, &size, file) > 0) {
                line[strcspn(line, "\n")] = '\0';
                r = parse_line(&search->table, line, namespace);
        }
        return r;
}

int mount_table_read(const Kernel *kernel, MountTable *ret) {
        Search search = {.kernel = kernel};

        int r = sysfs_for_each(kernel->proc_fd, ".", read_process, &search);
        if (r < 0) {
                mount_table_done(&search.table);
                return r;
        }
        *ret = search.table;
        return 0;
}

const Mount *mount_table_find(const MountTable *table, unsigned major, unsigned minor, const char *node) {
        for (size_t i = 0; i < table->n_mounts; i++) {
                const Mount *mount = &table->mounts[i];
                if ((mount->major == major && mount->minor == minor) || streq(mount->source, node))
                        return mount;
        }
        return NULL;
}
