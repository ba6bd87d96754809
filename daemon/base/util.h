/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Common idioms. A destructor x_free() accepts NULL and returns NULL, so that callers can write x = x_free(x). */

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(text, arguments) __attribute__((__format__(__printf__, text, arguments)))

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))

/* Returns the value of a variable and sets the variable to empty, which transfers the ownership. */
#define TAKE_GENERIC(variable, type, empty) \
        ({ \
                type *_variable = &(variable); \
                type _value = *_variable; \
                *_variable = (empty); \
                _value; \
        })
#define TAKE_PTR(pointer) TAKE_GENERIC(pointer, typeof(pointer), NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, int, -EBADF)

/* Defines function##p() for _cleanup_(): it calls the destructor if the variable is not NULL. */
#define DEFINE_TRIVIAL_CLEANUP_FUNC(type, function) \
        static inline void function##p(type *pointer) { \
                if (*pointer) \
                        *pointer = function(*pointer); \
        }

static inline void freep(void *pointer) {
        free(*(void **)pointer);
}
#define _cleanup_free_ _cleanup_(freep)

/* Closes the file descriptor if it is not negative. Preserves errno. Returns -EBADF, so that callers can write fd =
 * safe_close(fd). */
static inline int safe_close(int fd) {
        if (fd >= 0) {
                int saved_errno = errno;
                (void)close(fd);
                errno = saved_errno;
        }
        return -EBADF;
}

static inline void closep(int *fd) {
        (void)safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

static inline void fclosep(FILE **file) {
        if (*file)
                (void)fclose(*file);
}
#define _cleanup_fclose_ _cleanup_(fclosep)

static inline void closedirp(DIR **directory) {
        if (*directory)
                (void)closedir(*directory);
}
#define _cleanup_closedir_ _cleanup_(closedirp)

/* Makes room for one more element in an array of n elements, which starts as NULL and doubles whenever n is a power of two. Returns the
 * array, which may have moved; NULL without memory, and then the old array stays valid. */
static inline void *array_grow(void *array, size_t n, size_t size) {
        return (n & (n - 1)) != 0 ? array : reallocarray(array, n > 0 ? 2 * n : 1, size);
}

/* The same for a typed pointer, which is updated. Returns false without memory. */
#define ARRAY_GROW(array, n) \
        ({ \
                void *_grown = array_grow((array), (n), sizeof(typeof(*(array)))); \
                if (_grown) \
                        (array) = _grown; \
                _grown != NULL; \
        })

/* The result of a comparison function for qsort(). The arguments are evaluated twice. */
#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b))

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

static inline bool streq_ptr(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

static inline const char *strempty(const char *string) {
        return string ? string : "";
}

static inline bool isempty(const char *string) {
        return !string || string[0] == '\0';
}

/* Returns the part of the string after the prefix, or NULL if the string does not begin with the prefix. */
static inline const char *startswith(const char *string, const char *prefix) {
        size_t length = strlen(prefix);
        return strncmp(string, prefix, length) == 0 ? string + length : NULL;
}

/* Replaces the string that *target owns with a copy of value. NULL and "" become NULL. Returns 1 if the string
 * changed, 0 if it was equal, or -ENOMEM, which leaves *target unchanged. */
static inline int free_and_strdup(char **target, const char *value) {
        if (isempty(value))
                value = NULL;
        if (streq_ptr(*target, value))
                return 0;

        char *copy = NULL;
        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*target);
        *target = copy;
        return 1;
}

/* Reads a clock, for example CLOCK_MONOTONIC, in microseconds. */
static inline uint64_t clock_us(clockid_t clock) {
        struct timespec now;
        (void)clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
