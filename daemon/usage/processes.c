/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/processes.h"
#include "kernel/sysfs.h"

#include <ctype.h>
#include <limits.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>

#define NAMESPACE_MAX 64

/* (uint32_t)-1: the process was not started in a login session. */
#define NO_SESSION "4294967295"

/* The file is longer only if a process is in thousands of groups. The ids are at its beginning. */
#define STATUS_MAX 8192

void process_table_done(ProcessTable *table) {
        free(table->processes);
        *table = (ProcessTable){};
}

bool process_error_is_refusal(int error) {
        return error == EACCES || error == EPERM;
}

bool process_has_ended(const Kernel *kernel, pid_t pid) {
        char text[1024];

        int r = sysfs_read_text(kernel->proc_fd, SYSFS_PATH("%d/stat", (int)pid), text, sizeof(text));
        if (r < 0)
                return r == -ENOENT || r == -ESRCH;
        /* "324 (name) S ...": the name may contain any bytes. */
        const char *state = strrchr(text, ')');
        return state && state[1] == ' ' && state[2] != '\0' && strchr("ZXx", state[2]);
}

const char *process_read_command(const Kernel *kernel, pid_t pid, char buffer[static PROCESS_COMMAND_MAX]) {
        if (pid <= 0 ||
                        sysfs_read_text(kernel->proc_fd, SYSFS_PATH("%d/comm", (int)pid), buffer, PROCESS_COMMAND_MAX) <
                                        0)
                buffer[0] = '\0';
        return buffer;
}

void process_read_place(const Kernel *kernel, pid_t pid, char unit[static PROCESS_UNIT_MAX],
                char session[static PROCESS_SESSION_MAX]) {
        _cleanup_free_ char *of_unit = NULL, *of_session = NULL;

        unit[0] = session[0] = '\0';
        if (pid <= 0)
                return;
        if (sd_pid_get_unit(pid, &of_unit) >= 0)
                (void)snprintf(unit, PROCESS_UNIT_MAX, "%s", of_unit);
        if (sd_pid_get_session(pid, &of_session) >= 0)
                (void)snprintf(session, PROCESS_SESSION_MAX, "%s", of_session);
        else if (sysfs_read_text(kernel->proc_fd, SYSFS_PATH("%d/sessionid", (int)pid), session, PROCESS_SESSION_MAX) <
                                        0 ||
                        streq(session, NO_SESSION))
                session[0] = '\0';
}

/* Finds the value of a line "Uid:\t1000\t...". Returns NULL if there is none. */
static const char *find_field(const char *status, const char *name) {
        const char *found = strstr(status, name);
        return found ? found + strlen(name) : NULL;
}

/* Returns 0; -ENAMETOOLONG if buffer holds only the beginning; or another negative errno. */
static int read_status(const Kernel *kernel, pid_t pid, char buffer[static STATUS_MAX]) {
        int r = sysfs_read_text(kernel->proc_fd, SYSFS_PATH("%d/status", (int)pid), buffer, STATUS_MAX);
        return r > 0 ? 0 : r;
}

/* A thread of the kernel is a child of process 2 and has no memory of its own. It has no files open. A helper program that
 * the kernel starts has the same parent. */
static bool is_kernel_thread(const char *status) {
        const char *parent = find_field(status, "\nPPid:");
        return parent && strtoul(parent, NULL, 10) == 2 && !find_field(status, "\nVmSize:");
}

/* Tells whether the user is known, and is root. */
static bool parse_owner(Process *process, const char *status) {
        unsigned uid;

        const char *value = find_field(status, "\nUid:");
        if (!value || sscanf(value, "%u", &uid) != 1)
                return false;
        process->uid = uid;
        process->rank = uid == 0 ? PROCESS_OF_ROOT : PROCESS_OF_USER;
        return uid == 0;
}

/* Root's processes are sorted by their ids, whatever they have open. */
static void count_descriptors(const Kernel *kernel, Process *process, const char *status) {
        struct stat folder;

        if (process->rank == PROCESS_OF_ROOT)
                return;
        if (fstatat(kernel->proc_fd, SYSFS_PATH("%d/fd", (int)process->pid), &folder, 0) >= 0)
                process->n_descriptors = (uint64_t)folder.st_size;
        /* Before Linux 6.2, the kernel does not count the descriptors: then the size of the table is used. */
        const char *size = find_field(status, "\nFDSize:");
        if (size && process->n_descriptors == 0)
                process->n_descriptors = strtoull(size, NULL, 10);
}

/* Reads "mnt:[4026531840]". Returns 0 or a negative errno. */
static int read_namespace(const Kernel *kernel, pid_t pid, const char *kind, char buffer[static NAMESPACE_MAX]) {
        return sysfs_read_target(kernel->proc_fd, SYSFS_PATH("%d/ns/%s", (int)pid, kind), buffer, NAMESPACE_MAX);
}

/* Returns 0 if the number could not be read: *ret_error tells why. */
static uint64_t read_mount_namespace(const Kernel *kernel, pid_t pid, int *ret_error) {
        char text[NAMESPACE_MAX];

        *ret_error = read_namespace(kernel, pid, "mnt", text);
        const char *number = *ret_error >= 0 ? strchr(text, '[') : NULL;
        return number ? strtoull(number + 1, NULL, 10) : 0;
}

/* Those of process 1. */
typedef struct HostNamespaces {
        uint64_t mount;           /* 0 if it is not known */
        char user[NAMESPACE_MAX]; /* "" if it is not known */
} HostNamespaces;

static void read_host_namespaces(const Kernel *kernel, HostNamespaces *ret) {
        int error;

        *ret = (HostNamespaces){.mount = read_mount_namespace(kernel, 1, &error)};
        if (read_namespace(kernel, 1, "user", ret->user) < 0)
                ret->user[0] = '\0';
}

static void read_namespaces(ProcessTable *table, const Kernel *kernel, Process *process, bool is_of_root,
                const HostNamespaces *host) {
        char text[NAMESPACE_MAX];
        int error;

        process->mount_namespace = read_mount_namespace(kernel, process->pid, &error);
        if (process_error_is_refusal(-error) && !process_has_ended(kernel, process->pid))
                table->has_hidden_namespace = true;
        /* Only root can put a process of root into another user namespace. One that sees the mounts of the host is in no
         * container, so its user namespace makes no difference. */
        if (is_of_root && host->mount != 0 && process->mount_namespace == host->mount)
                return;
        /* If the user namespace is not known, the process counts as a process of the host. */
        if (host->user[0] != '\0' && read_namespace(kernel, process->pid, "user", text) >= 0 &&
                        !streq(text, host->user))
                process->rank = PROCESS_OF_OTHER_NAMESPACE;
}

/* Returns 0 if the text is not a process id. */
static pid_t parse_pid(const char *text) {
        char *end;

        long pid = strtol(text, &end, 10);
        return isdigit((unsigned char)text[0]) && *end == '\0' && pid <= INT_MAX ? (pid_t)pid : 0;
}

static int compare_users(const void *a, const void *b) {
        const Process *left = a, *right = b;
        return left->rank != right->rank ? COMPARE(left->rank, right->rank) : COMPARE(left->uid, right->uid);
}

static int compare_places(const void *a, const void *b) {
        const Process *left = a, *right = b;

        if (left->rank != right->rank)
                return COMPARE(left->rank, right->rank);
        /* Root's processes are sorted by their ids: so the mounts of process 1 are read first. */
        if (left->rank == PROCESS_OF_ROOT)
                return COMPARE(left->pid, right->pid);
        if (left->n_of_user != right->n_of_user)
                return COMPARE(left->n_of_user, right->n_of_user);
        if (left->uid != right->uid)
                return COMPARE(left->uid, right->uid);
        if (left->n_descriptors != right->n_descriptors)
                return COMPARE(left->n_descriptors, right->n_descriptors);
        return COMPARE(left->pid, right->pid);
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
        _cleanup_closedir_ DIR *folder = NULL;
        char status[STATUS_MAX];
        HostNamespaces host;
        const char *name;

        *ret = (ProcessTable){};
        read_host_namespaces(kernel, &host);
        int r = sysfs_open_folder(kernel->proc_fd, ".", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                pid_t pid = parse_pid(name);
                if (pid <= 0)
                        continue;
                if ((r = usage_limits_check_time(limits)) < 0)
                        return r;
                int has_status = read_status(kernel, pid, status);
                if (has_status < 0 && has_status != -ENAMETOOLONG)
                        status[0] = '\0';
                if (is_kernel_thread(status))
                        continue;
                if (ret->n_processes >= limits->processes) {
                        ret->is_cut = true;
                        break;
                }
                if (!ARRAY_GROW(ret->processes, ret->n_processes))
                        return -ENOMEM;
                Process *process = &ret->processes[ret->n_processes++];
                *process = (Process){.pid = pid, .rank = PROCESS_OF_ROOT};
                bool is_of_root = parse_owner(process, status);
                read_namespaces(ret, kernel, process, is_of_root, &host);
                count_descriptors(kernel, process, status);
        }
        if (r < 0)
                return r;
        sort_processes(ret);
        return 0;
}

int process_read_groups(const Kernel *kernel, pid_t pid, gid_t *groups, size_t max) {
        char status[STATUS_MAX], *end;
        size_t n = 0;
        unsigned gid;

        int r = read_status(kernel, pid, status);
        if (r < 0)
                return r == -ENAMETOOLONG ? -EOVERFLOW : r;
        const char *value = find_field(status, "\nGid:");
        if (value && sscanf(value, "%u", &gid) == 1)
                groups[n++] = gid;
        /* The list ends with a space and a line break. */
        for (value = find_field(status, "\nGroups:"); value; value = end) {
                value += strspn(value, " \t");
                unsigned long number = strtoul(value, &end, 10);
                if (*value == '\n' || end == value)
                        break;
                if (n == max)
                        return -EOVERFLOW;
                groups[n++] = (gid_t)number;
        }
        return (int)n;
}
