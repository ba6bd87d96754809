/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/sentence.h"

#include "client/language.h"

#include "po/sentences.h"

#include <glib.h>
#include <string.h>
#include <time.h>

/* The translation of sentences. This program has no catalog, so each text must come back as it was, in whatever parts it was divided. The
 * bus test vfioctl-language has real translations. */

static void expect_same(const char *text) {
        g_autofree char *translated = sentence_translate(text);

        g_assert_cmpstr(translated, ==, text);
}

static void test_texts(void) {
        static const char *const texts[] = {"", " ", "  ", ".", ". ", "; ", "a", "a ", " a", "a. B", "a. B.",
                        "A. B. C. D", "a; b; c", "a;  b", "a; b. C; d.", "%s", "%", "a %n b", "100 %% of", "a.\nB c",
                        "The driver vfio-pci is available.", "The driver vfio-pci is available. ", "x is swap space",
                        "x is swap space; y is swap space.",
                        "A b. x is swap space; y is swap space. If you are sure: z", "....  ; ; . A . B",
                        "\xe8\xae\xbe\xe5\xa4\x87 is swap space", "\xff is swap space",
                        "There is no PCI device at . 'vfioctl devices' lists all."};

        for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
                expect_same(texts[i]);
}

/* A text that the directive can have printed. */
static char *make_part(char conversion) {
        static const char *const parts[] = {"", "x", "ens1", "0000:03:01.0", "a b", "a; b", "a. B", ".", " ", "%s",
                        "x is swap space", "the device", ", and those of devices with an iommufd",
                        "A job changes x now."};

        switch (conversion) {
        case 'd':
        case 'i':
                return g_strdup_printf("%d", g_test_rand_int_range(-1000, 1000));
        case 'u':
                return g_strdup_printf("%u", (unsigned)g_test_rand_int_range(0, 100000));
        case 'x':
        case 'o':
                return g_strdup_printf("%04x", (unsigned)g_test_rand_int_range(0, 0x10000));
        default:
                return g_strdup(parts[g_test_rand_int_range(0, G_N_ELEMENTS(parts))]);
        }
}

/* Each format, with parts of all kinds. */
static void test_formats(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(sentence_formats); i++)
                for (unsigned round = 0; round < 20; round++) {
                        g_autoptr(GString) text = g_string_new(NULL);

                        for (const char *c = sentence_formats[i]; *c; c++) {
                                if (*c != '%') {
                                        g_string_append_c(text, *c);
                                        continue;
                                }
                                c += 1 + strspn(c + 1, "0123456789.-+# *lhzj");
                                g_autofree char *part = *c == '%' ? g_strdup("%") : make_part(*c);
                                g_string_append(text, part);
                        }
                        expect_same(text->str);
                }
}

/* Texts of others can have any form: none may take long. */
static void test_long_texts(void) {
        static const char *const units[] = {
                        "a ", "a. B ", "a; ", "The firmware reports ", ". A", "x is mounted on ", "  ", "aaaa"};

        for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
                g_autoptr(GString) text = g_string_new("The IOMMU is ");

                while (text->len < 5000)
                        g_string_append(text, units[i]);
                for (unsigned length = 4000; length <= 5000; length += 500) {
                        g_string_truncate(text, MIN(text->len, 5000));
                        g_autofree char *part = g_strndup(text->str, length);
                        clock_t start = clock();

                        expect_same(part);
                        g_assert_cmpint(clock() - start, <, 2 * CLOCKS_PER_SEC);
                }
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/sentence/texts", test_texts);
        g_test_add_func("/sentence/formats", test_formats);
        g_test_add_func("/sentence/long-texts", test_long_texts);
        return g_test_run();
}
