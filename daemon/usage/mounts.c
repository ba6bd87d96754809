/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/mounts.h"
#include "kernel/sysfs.h"

#include <limits.h>
#include <search.h>

/* procfs reports a block size of 1024 bytes, and stdio would use it: a long list would take a hundred reads. */
#define READ_BUFFER_SIZE (64 * 1024)

static void free_mount(void *item) {
        Mount *mount = item;

        free(mount->device);
        free(mount->target);
        free(mount);
}

void mount_table_done(MountTable *table) {
        tdestroy(table->mounts, free_mount);
        *table = (MountTable){};
}

static int compare_mounts(const void *a, const void *b) {
        return strcmp(((const Mount *)a)->device, ((const Mount *)b)->device);
}

static int compare_namespaces(const void *a, const void *b) {
        const uint64_t *left = a, *right = b;
        return COMPARE(*left, *right);
}

char *mount_unescape(char *text) {
        char *end = text;

        for (const char *c = text; *c; c++) {
                long value = *c == '\\' && strspn(c + 1, "01234567") >= 3
                                ? strtol((char[]){c[1], c[2], c[3], '\0'}, NULL, 8)
                                : 0;
                bool is_escape = value > 0 && value <= UCHAR_MAX;

                *end++ = is_escape ? (char)value : *c;
                c += is_escape ? 3 : 0;
        }
        *end = '\0';
        return text;
}

/* Keeps only the first mount of each device: so the table grows with the devices of the host, and not with the
 * mounts that a user makes. */
int mount_table_add(MountTable *table, const char *device, const char *target) {
        Mount key = {.device = (char *)device};

        if (tfind(&key, &table->mounts, compare_mounts))
                return 0;
        Mount *mount = malloc(sizeof(Mount));
        if (!mount)
                return -ENOMEM;
        *mount = (Mount){strdup(device), strdup(target)};
        if (!mount->device || !mount->target || !tsearch(mount, &table->mounts, compare_mounts)) {
                free_mount(mount);
                return -ENOMEM;
        }
        table->n_mounts++;
        return 0;
}

/* Parses "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw". The type and the source follow the single
 * dash. Returns 0; -EINVAL for a line of another form; or -ENOMEM. */
static int parse_line(MountTable *table, char *line, bool is_host) {
        unsigned major, minor;
        char *state, *words[5];
        int r = 0;

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
        const char *target = mount_unescape(words[4]);
        if (major != 0)
                return mount_table_add(table, words[2], target);
        char *source = strtok_r(NULL, " ", &state);
        if (!is_host || !source || (!streq(type, "btrfs") && !streq(type, "bcachefs")))
                return 0;
        /* btrfs names one of its disks, bcachefs names all: "/dev/sda:/dev/sdb". */
        const char *separator = streq(type, "btrfs") ? "" : ":";
        for (char *word = strtok_r(mount_unescape(source), separator, &state); word && r >= 0;
                        word = strtok_r(NULL, separator, &state))
                r = mount_table_add(table, word, target);
        return r;
}

/* Reads the mounts of the namespace of a process. Returns 1; 0 if the process has ended or its mounts cannot be
 * read; or -ENOMEM. */
static int read_mounts(const Kernel *kernel, const Process *process, const UsageLimits *limits, size_t *budget,
                MountTable *table) {
        _cleanup_free_ char *line = NULL, *buffer = NULL;
        size_t size = 0;
        int r;

        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, SYSFS_PATH("%d/mountinfo", (int)process->pid));
        if (!file) {
                if (errno == ENOMEM)
                        return -ENOMEM;
                table->is_partial = table->is_partial || (errno != ENOENT && errno != ESRCH && errno != EINVAL);
                return 0;
        }
        /* Without a buffer, glibc ignores the size. */
        if (!(buffer = malloc(READ_BUFFER_SIZE)))
                return -ENOMEM;
        (void)setvbuf(file, buffer, _IOFBF, READ_BUFFER_SIZE);
        while ((r = sysfs_next_line(file, &line, &size)) > 0) {
                if (*budget == 0 || usage_limits_check_time(limits) < 0) {
                        table->is_partial = true;
                        return 1;
                }
                (*budget)--;
                table->n_lines++;
                line[strcspn(line, "\n")] = '\0';
                r = parse_line(table, line, process->rank != PROCESS_OF_OTHER_NAMESPACE);
                if (r == -ENOMEM)
                        return r;
                table->is_partial = table->is_partial || r < 0;
        }
        table->is_partial = table->is_partial || r < 0;
        return r == -ENOMEM ? r : 1;
}

/* The nodes of the tree point into the process table. */
static void keep_node(void *node) {
        (void)node;
}

int mount_table_read(const Kernel *kernel, const ProcessTable *processes, const UsageLimits *limits, MountTable *ret) {
        size_t budget_of_host = limits->mounts_of_host, budget_of_others = limits->mounts_of_others;
        void *namespaces = NULL;
        int r = 0;

        *ret = (MountTable){.is_partial = processes->is_cut || processes->has_hidden_namespace};
        for (size_t i = 0; i < processes->n_processes && r >= 0; i++) {
                const Process *process = &processes->processes[i];
                bool is_host = process->rank != PROCESS_OF_OTHER_NAMESPACE;

                if (process->mount_namespace == 0 || tfind(&process->mount_namespace, &namespaces, compare_namespaces))
                        continue;
                r = read_mounts(kernel, process, limits, is_host ? &budget_of_host : &budget_of_others, ret);
                if (r > 0 && !tsearch(&process->mount_namespace, &namespaces, compare_namespaces))
                        r = -ENOMEM;
        }
        tdestroy(namespaces, keep_node);
        return r < 0 ? r : 0;
}

typedef struct Iteration {
        int (*callback)(const Mount *mount, void *userdata);
        void *userdata;
        int result;
} Iteration;

static void visit(const void *node, VISIT which, void *userdata) {
        Iteration *iteration = userdata;

        if (iteration->result == 0 && (which == postorder || which == leaf))
                iteration->result = iteration->callback(*(Mount *const *)node, iteration->userdata);
}

int mount_table_for_each(const MountTable *table, int (*callback)(const Mount *mount, void *userdata), void *userdata) {
        Iteration iteration = {callback, userdata, 0};

        twalk_r(table->mounts, visit, &iteration);
        return iteration.result;
}

const Mount *mount_table_find(const MountTable *table, const char *device) {
        Mount *const *found = tfind(&(Mount){.device = (char *)device}, &table->mounts, compare_mounts);
        return found ? *found : NULL;
}
