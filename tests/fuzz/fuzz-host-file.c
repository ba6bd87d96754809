/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "host-file.h"
#include "rule-text.h"

/* The file of "vfioctl apply". */

/* What is accepted can be written, and says the same when it is read again. */
static void check(const HostFile *file) {
        HostFile again = {};
        _cleanup_free_ char *text = NULL, *same = NULL, *problem = NULL;

        g_assert_cmpint(host_file_format(file, &text), ==, 0);
        g_assert_cmpint(host_file_parse(text, &again, &problem), ==, 0);
        g_assert_null(problem);
        g_assert_cmpint(host_file_format(&again, &same), ==, 0);
        g_assert_cmpstr(same, ==, text);
        for (size_t i = 0; i < file->n_rules; i++) {
                g_assert_true(rule_text_name_is_valid(file->rules[i].name));
                g_assert_cmpstr(again.rules[i].text, ==, file->rules[i].text);
        }
        host_file_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = fuzz_text(data, size);
        _cleanup_free_ char *problem = NULL;
        HostFile file = {};

        int r = host_file_parse(text, &file, &problem);
        g_assert_true(r == 0 || r == -EINVAL);
        g_assert_true((r == 0) == (problem == NULL));
        if (r == 0)
                check(&file);
        host_file_clear(&file);
        return 0;
}
