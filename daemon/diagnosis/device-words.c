/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/device-words.h"
#include "base/text.h"

#include <stdarg.h>

#define NAMED_MAX 8
#define DRIVER_SHOWN_MAX 40

static void append(DeviceWords *words, const char *format, ...) _printf_(2, 3);
static void append(DeviceWords *words, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        int n = vsnprintf(words->text + words->length, sizeof(words->text) - words->length, format, arguments);
        va_end(arguments);
        if (n > 0)
                words->length += (size_t)n;
        if (words->length >= sizeof(words->text))
                words->length = sizeof(words->text) - 1;
}

void device_words_add(DeviceWords *words, const Device *device) {
        if (words->n++ >= NAMED_MAX)
                return;
        append(words, "%s%s", words->n > 1 ? ", " : "", PCI_ADDRESS_TEXT(device->address));
        if (device->driver)
                append(words, " (%.*s)", DRIVER_SHOWN_MAX, TEXT_NAME(device->driver));
}

const char *device_words_end(DeviceWords *words) {
        if (words->n > NAMED_MAX)
                append(words, " and %u more", words->n - NAMED_MAX);
        return words->text;
}
