/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "allocation-faults.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <jansson.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_MAX 24

static struct {
        unsigned n, fail_at; /* fail_at is 0 while nothing is to fail */
        bool fail_rest, paused, in_json;
        unsigned n_failed;
        void *frames[FRAMES_MAX]; /* the callers of the first that failed */
        int n_frames;
        GHashTable *memory; /* what was allocated and not freed */
        GHashTable *streams; /* open streams and folders; the value is where the text of open_memstream() goes, or NULL */
} faults;

static bool must_fail(void) {
        if (faults.fail_at == 0 || faults.paused)
                return false;
        faults.n++;
        if (faults.n != faults.fail_at && !(faults.fail_rest && faults.n > faults.fail_at))
                return false;
        if (faults.n_failed++ == 0)
                faults.n_frames = backtrace(faults.frames, FRAMES_MAX);
        errno = ENOMEM;
        return true;
}

static void *note(void *memory) {
        if (memory)
                (void)g_hash_table_add(faults.memory, memory);
        return memory;
}

static void forget(const void *memory) {
        (void)g_hash_table_remove(faults.memory, memory);
}

/* The wrappers. The linker gives them the calls of vfiod's code, and __real_...() is the function of the C library, or of the
 * address sanitizer. */

#define WRAP(type, name, ...) \
        type __real_##name(__VA_ARGS__); \
        type __wrap_##name(__VA_ARGS__); \
        type __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t size) {
        return must_fail() ? NULL : note(__real_malloc(size));
}

WRAP(void *, calloc, size_t n, size_t size) {
        return must_fail() ? NULL : note(__real_calloc(n, size));
}

static void *replace(void *old, void *new) {
        if (new) {
                forget(old);
                note(new);
        }
        return new;
}

WRAP(void *, realloc, void *memory, size_t size) {
        return must_fail() ? NULL : replace(memory, __real_realloc(memory, size));
}

WRAP(void *, reallocarray, void *memory, size_t n, size_t size) {
        return must_fail() ? NULL : replace(memory, __real_reallocarray(memory, n, size));
}

WRAP(void, free, void *memory) {
        forget(memory);
        __real_free(memory);
}

WRAP(char *, strdup, const char *text) {
        return must_fail() ? NULL : note(__real_strdup(text));
}

WRAP(char *, strndup, const char *text, size_t n) {
        return must_fail() ? NULL : note(__real_strndup(text, n));
}

WRAP(char *, realpath, const char *path, char *buffer) {
        char *found = must_fail() ? NULL : __real_realpath(path, buffer);

        return buffer ? found : note(found);
}

WRAP(int, vasprintf, char **ret, const char *format, va_list arguments) G_GNUC_PRINTF(2, 0);
int __wrap_vasprintf(char **ret, const char *format, va_list arguments) {
        int n = must_fail() ? -1 : __real_vasprintf(ret, format, arguments);

        if (n >= 0)
                note(*ret);
        return n;
}

int __wrap_asprintf(char **ret, const char *format, ...) G_GNUC_PRINTF(2, 3);
int __wrap_asprintf(char **ret, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        int n = __wrap_vasprintf(ret, format, arguments);
        va_end(arguments);
        return n;
}

/* The line is allocated by the first call, and may be allocated again by each. */
WRAP(ssize_t, __getdelim, char **line, size_t *size, int delimiter, FILE *stream) {
        char *old = *line;

        if (!old && must_fail())
                return -1;
        ssize_t n = __real___getdelim(line, size, delimiter, stream);
        if (*line != old)
                (void)replace(old, *line);
        return n;
}

/* Only a new node needs memory. */
WRAP(void *, tsearch, const void *key, void **root, __compar_fn_t compare) {
        return must_fail() ? NULL : __real_tsearch(key, root, compare);
}

/* Without memory, it would end the process, see state-file.c. */
json_t *__real_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error) {
        faults.paused = !faults.in_json;
        json_t *json = __real_json_loadb(text, length, flags, error);
        faults.paused = false;
        return json;
}

/* Streams and folders. */

static void *note_stream(void *stream, char **ret_text) {
        if (stream)
                (void)g_hash_table_insert(faults.streams, stream, ret_text);
        return stream;
}

WRAP(FILE *, open_memstream, char **ret, size_t *ret_size) {
        return must_fail() ? NULL : note_stream(__real_open_memstream(ret, ret_size), ret);
}

WRAP(FILE *, fdopen, int fd, const char *mode) {
        return must_fail() ? NULL : note_stream(__real_fdopen(fd, mode), NULL);
}

WRAP(FILE *, fopen64, const char *path, const char *mode) {
        return must_fail() ? NULL : note_stream(__real_fopen64(path, mode), NULL);
}

/* The text of open_memstream() that grows may find no memory: then fclose() says so, and the caller frees the text that there
 * is. */
WRAP(int, fclose, FILE *stream) {
        char **ret_text = g_hash_table_lookup(faults.streams, stream);
        bool fails = ret_text && must_fail();

        (void)g_hash_table_remove(faults.streams, stream);
        int r = __real_fclose(stream);
        if (ret_text)
                note(*ret_text);
        if (!fails)
                return r;
        errno = ENOMEM;
        return EOF;
}

WRAP(DIR *, fdopendir, int fd) {
        return must_fail() ? NULL : note_stream(__real_fdopendir(fd), NULL);
}

WRAP(int, closedir, DIR *folder) {
        (void)g_hash_table_remove(faults.streams, folder);
        return __real_closedir(folder);
}

static int note_entries(int n, struct dirent ***entries) {
        if (n < 0 || !*entries)
                return n;
        note(*entries);
        for (int i = 0; i < n; i++)
                note((*entries)[i]);
        return n;
}

typedef int (*filter_t)(const struct dirent64 *entry);
typedef int (*compare_t)(const struct dirent64 **a, const struct dirent64 **b);

WRAP(int, scandir64, const char *path, struct dirent64 ***ret, filter_t filter, compare_t compare) {
        return must_fail() ? -1 : note_entries(__real_scandir64(path, ret, filter, compare), (struct dirent ***)ret);
}

WRAP(int, scandirat64, int fd, const char *path, struct dirent64 ***ret, filter_t filter, compare_t compare) {
        return must_fail() ? -1
                           : note_entries(__real_scandirat64(fd, path, ret, filter, compare), (struct dirent ***)ret);
}

/* Instead of the function in base/log.c: each failure would write some lines. */
void log_event(const LogEvent *event, const char *format, ...) {
        (void)event, (void)format;
}

/* The check. */

/* Before the first allocation of the program. */
static void __attribute__((constructor)) begin(void) {
        faults.memory = g_hash_table_new(NULL, NULL);
        faults.streams = g_hash_table_new(NULL, NULL);
        json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

static guint count_descriptors(void) {
        g_autoptr(GDir) folder = g_dir_open("/proc/self/fd", 0, NULL);
        guint n = 0;

        while (g_dir_read_name(folder))
                n++;
        return n;
}

typedef struct Usage {
        guint n_memory, n_streams, n_descriptors;
} Usage;

static Usage measure(void) {
        return (Usage){g_hash_table_size(faults.memory), g_hash_table_size(faults.streams), count_descriptors()};
}

/* Addr2line finds the lines. */
static void G_GNUC_NORETURN G_GNUC_PRINTF(1, 2) fail(const char *format, ...) {
        va_list arguments;

        (void)fflush(stdout);
        backtrace_symbols_fd(faults.frames, faults.n_frames, STDERR_FILENO);
        va_start(arguments, format);
        g_autofree char *message = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        g_error("allocation %u%s: %s", faults.n, faults.fail_rest ? " and all after it" : "", message);
}

static void start(unsigned k, bool rest) {
        faults.n = faults.n_failed = 0;
        faults.fail_rest = rest;
        faults.fail_at = k;
}

void allocation_faults_begin(unsigned k) {
        start(k, false);
}

unsigned allocation_faults_end(void) {
        faults.fail_at = 0;
        return faults.n_failed;
}

void allocation_faults_spare_json(bool spare) {
        faults.in_json = !spare;
}

/* Runs the code while the k-th allocation fails. Returns false if there are fewer. */
static bool check_one(allocation_run_t run, void *userdata, bool may_succeed, int expected, unsigned k) {
        Usage before = measure();

        start(k, faults.fail_rest);
        int r = run(userdata);
        unsigned n_failed = allocation_faults_end();
        faults.n = k;
        if (n_failed == 0)
                g_assert_cmpint(r, ==, expected);
        else if (r != -ENOMEM && !(may_succeed && r == expected))
                fail("the result is %d, and without a failure %d", r, expected);
        Usage after = measure();
        if (after.n_memory != before.n_memory || after.n_streams != before.n_streams ||
                        after.n_descriptors != before.n_descriptors)
                fail("%u pieces of memory, %u streams and %u descriptors remain", after.n_memory - before.n_memory,
                                after.n_streams - before.n_streams, after.n_descriptors - before.n_descriptors);
        if (n_failed == 0)
                return false;
        if ((r = run(userdata)) != expected)
                fail("afterwards, the result is %d and not %d", r, expected);
        return true;
}

void allocation_faults_check(allocation_run_t run, void *userdata, bool may_succeed) {
        unsigned k = 1;

        int expected = run(userdata);
        g_assert_cmpint(expected, >=, 0);
        for (int rest = 0; rest < 2; rest++) {
                faults.fail_rest = rest;
                for (k = 1; check_one(run, userdata, may_succeed, expected, k); k++)
                        ;
        }
        /* A wrapper that gets no calls would find nothing. */
        g_assert_cmpuint(k, >, 1);
        g_test_message("%u allocations failed in turn", k - 1);
}
