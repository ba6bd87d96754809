/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/processes.h"
#include "kernel/sysfs.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#define NAMESPACE_MAX 64

/* The file is longer only where a process is in thousands of groups: the ids come first. */
#define STATUS_MAX 8192

typedef struct Reading {
        const Kernel *kernel;
        size_t limit;
        char user_namespace[NAMESPACE_MAX]; /* the host's, "" where it cannot be told */
        ProcessTable *table;
} Reading;

void process_table_done(ProcessTable *table) {
        free(table->processes);
        *table = (ProcessTable){};
}

bool process_error_is_refusal(int error) {
        return error == EACCES || error == EPERM;
}

bool process_has_ended(int proc_fd, pid_t pid) {
        char path[64], text[1024];

        (void)snprintf(path, sizeof(path), "%d/stat", (int)pid);
        int r = sysfs_read_text(proc_fd, path, text, sizeof(text));
        if (r < 0)
                return r == -ENOENT || r == -ESRCH;
        /* "324 (name) S ...", where the name may be anything. */
        const char *state = strrchr(text, ')');
        return state && state[1] == ' ' && state[2] != '\0' && strchr("ZXx", state[2]);
}

/* The value of a line "Uid:\t1000\t...", or NULL. */
static const char *find_field(const char *status, const char *name) {
        const char *found = strstr(status, name);
        return found ? found + strlen(name) : NULL;
}

static int read_status(int proc_fd, pid_t pid, char buffer[static STATUS_MAX]) {
        char path[64];
        ssize_t n;

        (void)snprintf(path, sizeof(path), "%d/status", (int)pid);
        _cleanup_close_ int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        do
                n = read(fd, buffer, STATUS_MAX - 1);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        buffer[n] = '\0';
        return 0;
}

static void read_owner(int proc_fd, Process *process) {
        char status[STATUS_MAX];
        unsigned uid;

        if (read_status(proc_fd, process->pid, status) < 0)
                return;
        /* The name of the process is in the first line, with its line breaks escaped. */
        const char *value = find_field(status, "\nUid:");
        if (value && sscanf(value, "%u", &uid) == 1) {
                process->uid = uid;
                process->rank = uid == 0 ? PROCESS_OF_ROOT : PROCESS_OF_USER;
        }
        /* The size of the table, where the kernel does not count the descriptors (before 6.2). */
        value = find_field(status, "\nFDSize:");
        if (value && process->n_descriptors == 0)
                process->n_descriptors = strtoull(value, NULL, 10);
}

/* Reads "mnt:[4026531840]". Returns 0 or a negative errno. */
static int read_namespace(int proc_fd, pid_t pid, const char *kind, char buffer[static NAMESPACE_MAX]) {
        char path[64];

        (void)snprintf(path, sizeof(path), "%d/ns/%s", (int)pid, kind);
        ssize_t n = readlinkat(proc_fd, path, buffer, NAMESPACE_MAX - 1);
        if (n < 0)
                return -errno;
        buffer[n] = '\0';
        return 0;
}

static void read_namespaces(const Reading *reading, int proc_fd, Process *process) {
        char text[NAMESPACE_MAX];

        int r = read_namespace(proc_fd, process->pid, "mnt", text);
        const char *number = r >= 0 ? strchr(text, '[') : NULL;
        if (number)
                process->mount_namespace = strtoull(number + 1, NULL, 10);
        else if (process_error_is_refusal(-r) && !process_has_ended(proc_fd, process->pid))
                reading->table->has_hidden_namespace = true;
        /* Where it cannot be told, the process counts as one of the host. */
        if (reading->user_namespace[0] != '\0' && read_namespace(proc_fd, process->pid, "user", text) >= 0 &&
                        !streq(text, reading->user_namespace))
                process->rank = PROCESS_OF_OTHER_NAMESPACE;
}

/* An entry of /proc. */
static int on_entry(int proc_fd, const char *name, void *userdata) {
        const Reading *reading = userdata;
        ProcessTable *table = reading->table;
        struct stat status;
        char path[64], *end;

        long pid = strtol(name, &end, 10);
        if (!isdigit((unsigned char)name[0]) || *end != '\0' || pid <= 0 || pid > INT_MAX)
                return 0;
        if (table->n_processes >= reading->limit) {
                table->is_cut = true;
                return 1;
        }
        if (table->n_processes == table->n_allocated) {
                size_t wanted = table->n_allocated ? table->n_allocated * 2 : 256;
                Process *grown = reallocarray(table->processes, wanted, sizeof(Process));
                if (!grown)
                        return -ENOMEM;
                table->processes = grown;
                table->n_allocated = wanted;
        }
        Process *process = &table->processes[table->n_processes++];
        *process = (Process){.pid = (pid_t)pid, .rank = PROCESS_OF_ROOT};
        (void)snprintf(path, sizeof(path), "%ld/fd", pid);
        if (fstatat(proc_fd, path, &status, 0) >= 0)
                process->n_descriptors = (uint64_t)status.st_size;
        read_owner(proc_fd, process);
        read_namespaces(reading, proc_fd, process);
        return 0;
}

static int compare_numbers(uint64_t a, uint64_t b) {
        return a < b ? -1 : a > b;
}

static int compare_users(const void *a, const void *b) {
        const Process *left = a, *right = b;
        int r = compare_numbers(left->rank, right->rank);
        return r != 0 ? r : compare_numbers(left->uid, right->uid);
}

static int compare_places(const void *a, const void *b) {
        const Process *left = a, *right = b;
        int r = compare_numbers(left->rank, right->rank);

        /* Root's by their numbers: so the mounts of process 1 are the first to be read. */
        if (r == 0 && left->rank != PROCESS_OF_ROOT && (r = compare_numbers(left->n_of_user, right->n_of_user)) == 0 &&
                        (r = compare_numbers(left->uid, right->uid)) == 0)
                r = compare_numbers(left->n_descriptors, right->n_descriptors);
        return r != 0 ? r : compare_numbers((uint64_t)left->pid, (uint64_t)right->pid);
}

static void sort_processes(ProcessTable *table) {
        Process *processes = table->processes;

        if (table->n_processes == 0)
                return;
        qsort(processes, table->n_processes, sizeof(Process), compare_users);
        for (size_t begin = 0, end; begin < table->n_processes; begin = end) {
                uint64_t sum = 0;

                for (end = begin; end < table->n_processes && compare_users(&processes[begin], &processes[end]) == 0;
                                end++)
                        sum += processes[end].n_descriptors;
                for (size_t i = begin; i < end; i++)
                        processes[i].n_of_user = sum;
        }
        qsort(processes, table->n_processes, sizeof(Process), compare_places);
}

int process_table_read(const Kernel *kernel, const UsageLimits *limits, ProcessTable *ret) {
        Reading reading = {.kernel = kernel, .limit = limits->processes, .table = ret};

        *ret = (ProcessTable){};
        if (read_namespace(kernel->proc_fd, 1, "user", reading.user_namespace) < 0)
                reading.user_namespace[0] = '\0';
        int r = sysfs_for_each(kernel->proc_fd, ".", on_entry, &reading);
        if (r < 0)
                return r;
        sort_processes(ret);
        return 0;
}

int process_read_groups(const Kernel *kernel, pid_t pid, gid_t *groups, size_t max) {
        char status[STATUS_MAX], *end;
        size_t n = 0;
        unsigned gid;

        int r = read_status(kernel->proc_fd, pid, status);
        if (r < 0)
                return r;
        const char *value = find_field(status, "\nGid:");
        if (value && n < max && sscanf(value, "%u", &gid) == 1)
                groups[n++] = gid;
        value = find_field(status, "\nGroups:");
        while (value && n < max) {
                while (*value == ' ' || *value == '\t')
                        value++;
                unsigned long number = strtoul(value, &end, 10);
                if (end == value)
                        break;
                groups[n++] = (gid_t)number;
                value = end;
        }
        return (int)n;
}
