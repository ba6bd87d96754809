/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/check-message.h"

/* Three numbers, and texts that each end in a NUL byte: code, finding, cure, and key and value of each detail. */
#define NUMBERS 3
#define TEXTS_MAX (3 + 2 * CHECK_DETAILS_MAX)

#define CODE_MAX 64

static bool put(char **position, char *end, const char *text) {
        size_t length = strlen(strempty(text)) + 1;

        if ((size_t)(end - *position) < length)
                return false;
        memcpy(*position, strempty(text), length);
        *position += length;
        return true;
}

ssize_t check_message_write(const Check *check, void *buffer, size_t size) {
        char *position = (char *)buffer + NUMBERS, *end = (char *)buffer + size;
        uint8_t numbers[NUMBERS] = {check->area, check->severity, (uint8_t)check->n_details};
        bool fits = size >= NUMBERS;

        if (fits)
                memcpy(buffer, numbers, NUMBERS);
        fits = fits && put(&position, end, check->code) && put(&position, end, check->finding) &&
                        put(&position, end, check->cure);
        for (size_t i = 0; i < check->n_details && fits; i++)
                fits = put(&position, end, check->details[i].key) && put(&position, end, check->details[i].value);
        return fits ? position - (char *)buffer : -E2BIG;
}

/* A code, or the key of a detail. */
static bool is_kebab(const char *text) {
        size_t length = strlen(text);

        return length > 0 && length <= CODE_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz-") == length;
}

int check_message_read(const void *packet, size_t size, CheckList *list) {
        const uint8_t *numbers = packet;
        const char *texts[TEXTS_MAX] = {"", "", ""}, *position = (const char *)packet + NUMBERS,
                   *end = (const char *)packet + size;

        if (size <= NUMBERS || end[-1] != '\0' || numbers[0] >= _CHECK_AREA_MAX || numbers[1] >= _CHECK_SEVERITY_MAX ||
                        numbers[2] > CHECK_DETAILS_MAX)
                return -EBADMSG;
        size_t n = 3 + 2 * (size_t)numbers[2];
        for (size_t i = 0; i < n; i++) {
                if (position >= end)
                        return -EBADMSG;
                texts[i] = position;
                position += strlen(position) + 1;
        }
        if (position != end || !is_kebab(texts[0]))
                return -EBADMSG;
        for (size_t i = 3; i < n; i += 2)
                if (!is_kebab(texts[i]))
                        return -EBADMSG;
        check_add(list, numbers[0], texts[0], numbers[1], "%s", texts[1]);
        if (*texts[2])
                check_cure(list, "%s", texts[2]);
        for (size_t i = 3; i < n; i += 2)
                check_detail(list, texts[i], "%s", texts[i + 1]);
        return list->error;
}
