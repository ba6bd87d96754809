/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/mounts.h"
#include "kernel/sysfs.h"

#include <limits.h>
#include <search.h>
#include <sys/sysmacros.h>

/* procfs says that a block has 1024 bytes, which would make a hundred reads of a long list. */
#define READ_BUFFER_SIZE (64 * 1024)

static void free_mount(void *item) {
        Mount *mount = item;

        free(mount->source);
        free(mount->target);
        free(mount);
}

void mount_table_done(MountTable *table) {
        tdestroy(table->by_number, free_mount);
        tdestroy(table->by_source, free_mount);
        tdestroy(table->namespaces, free);
        *table = (MountTable){};
}

static int compare_by_number(const void *a, const void *b) {
        const Mount *left = a, *right = b;
        return left->number < right->number ? -1 : left->number > right->number;
}

static int compare_by_source(const void *a, const void *b) {
        return strcmp(((const Mount *)a)->source, ((const Mount *)b)->source);
}

static int compare_namespaces(const void *a, const void *b) {
        const uint64_t *left = a, *right = b;
        return *left < *right ? -1 : *left > *right;
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

/* Keeps the first mount of each device: so the table grows with the devices of the host, not with the mounts that somebody makes. */
static int add_mount(MountTable *table, dev_t number, const char *source, const char *target) {
        void **root = source ? &table->by_source : &table->by_number;
        int (*compare)(const void *, const void *) = source ? compare_by_source : compare_by_number;
        Mount key = {.number = number, .source = (char *)source};

        if (tfind(&key, root, compare))
                return 0;
        Mount *mount = malloc(sizeof(Mount));
        if (!mount)
                return -ENOMEM;
        *mount = (Mount){.number = number, .source = source ? strdup(source) : NULL, .target = strdup(target)};
        if ((source && !mount->source) || !mount->target || !tsearch(mount, root, compare)) {
                free_mount(mount);
                return -ENOMEM;
        }
        table->n_mounts++;
        return 0;
}

/* A file system that lies on several disks: bcachefs names them all, "/dev/sda:/dev/sdb". */
static int add_by_source(MountTable *table, const char *type, char *source, const char *target) {
        int r = 0;

        if (streq(type, "btrfs"))
                return add_mount(table, 0, mount_unescape(source), target);
        char *state, *word = strtok_r(mount_unescape(source), ":", &state);
        for (; word && r >= 0; word = strtok_r(NULL, ":", &state))
                r = add_mount(table, 0, word, target);
        return r;
}

/* "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw": type and source stand behind the single dash. Returns 0; -EINVAL for a line of
 * another form; -ENOMEM. */
static int parse_line(MountTable *table, char *line, bool is_host) {
        unsigned major, minor;
        char *state, *words[5];

        char *behind = strstr(line, " - ");
        if (!behind)
                return -EINVAL;
        *behind = '\0';
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (!(words[i] = strtok_r(i == 0 ? line : NULL, " ", &state)))
                        return -EINVAL;
        const char *type = strtok_r(behind + 3, " ", &state);
        if (sscanf(words[2], "%u:%u", &major, &minor) != 2 || !type)
                return -EINVAL;
        if (major != 0)
                return add_mount(table, makedev(major, minor), NULL, mount_unescape(words[4]));
        char *source = strtok_r(NULL, " ", &state);
        if (!is_host || !source || (!streq(type, "btrfs") && !streq(type, "bcachefs")))
                return 0;
        return add_by_source(table, type, source, mount_unescape(words[4]));
}

/* Returns 1; 0 where the process has ended; -ENOMEM. */
static int read_mounts(const Kernel *kernel, const Process *process, size_t *budget, MountTable *table) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        char path[64];

        (void)snprintf(path, sizeof(path), "%d/mountinfo", (int)process->pid);
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, path);
        if (!file) {
                table->is_partial = table->is_partial || (errno != ENOENT && errno != ESRCH && errno != EINVAL);
                return 0;
        }
        (void)setvbuf(file, NULL, _IOFBF, READ_BUFFER_SIZE);
        while (getline(&line, &size, file) > 0) {
                if (*budget == 0) {
                        table->is_partial = true;
                        return 1;
                }
                (*budget)--;
                table->n_lines++;
                line[strcspn(line, "\n")] = '\0';
                int r = parse_line(table, line, process->rank != PROCESS_OF_OTHER_NAMESPACE);
                if (r == -ENOMEM)
                        return r;
                table->is_partial = table->is_partial || r < 0;
        }
        table->is_partial = table->is_partial || ferror(file);
        return 1;
}

static int mark_namespace(MountTable *table, uint64_t number) {
        uint64_t *copy = malloc(sizeof(uint64_t));
        if (!copy)
                return -ENOMEM;
        *copy = number;
        if (!tsearch(copy, &table->namespaces, compare_namespaces)) {
                free(copy);
                return -ENOMEM;
        }
        return 0;
}

int mount_table_read(const Kernel *kernel, const ProcessTable *processes, const UsageLimits *limits, MountTable *ret) {
        size_t budget_of_host = limits->mounts_of_host, budget_of_others = limits->mounts_of_others;
        int r = 0;

        *ret = (MountTable){.is_partial = processes->is_cut || processes->has_hidden_namespace};
        for (size_t i = 0; i < processes->n_processes && r >= 0; i++) {
                const Process *process = &processes->processes[i];
                bool is_host = process->rank != PROCESS_OF_OTHER_NAMESPACE;

                if (process->mount_namespace == 0 ||
                                tfind(&process->mount_namespace, &ret->namespaces, compare_namespaces))
                        continue;
                r = read_mounts(kernel, process, is_host ? &budget_of_host : &budget_of_others, ret);
                if (r > 0)
                        r = mark_namespace(ret, process->mount_namespace);
        }
        return r < 0 ? r : 0;
}

const Mount *mount_table_find(const MountTable *table, dev_t number, const char *node) {
        Mount key = {.number = number, .source = (char *)node};
        Mount *const *found = tfind(&key, &table->by_number, compare_by_number);

        if (!found)
                found = tfind(&key, &table->by_source, compare_by_source);
        return found ? *found : NULL;
}
