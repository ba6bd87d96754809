/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-bed.h"
#include "state-text.h"

/* Who asked for a plan: what is kept of it, and the file of the transaction. */

#define NIC "0000:03:01.0"
#define CALLER "uid 1000, process 4711 (vfioctl)"

static char *repeat(char c, size_t n) {
        return g_strnfill(n, c);
}

/* Any bytes become texts that can be stored, and long texts are cut. */
static void test_set(void) {
        _cleanup_(plan_caller_done) PlanCaller caller = {};
        _cleanup_log_fields_ LogFields fields = {};
        g_autofree char *large = repeat('x', 5000);

        log_fields_add(&fields, "VFIOD_CALLER_UID", "%d", 1000);
        log_fields_add(&fields, "VFIOD_OPTIONS", "%s", large);
        log_fields_add(&fields, "VFIOD_CALLER_COMMAND", "%s", "a\nb\xff");
        log_fields_add(&fields, "MESSAGE", "%s", "of another kind");
        g_assert_cmpint(plan_caller_set(&caller, "c\x1b d\xff", &fields), ==, 0);
        g_assert_cmpstr(caller.text, ==, "c\\x1b d\\xff");
        g_assert_cmpuint(caller.fields.n_texts, ==, 3);
        g_assert_cmpstr(caller.fields.texts[0], ==, "VFIOD_CALLER_UID=1000");
        g_assert_cmpuint(strlen(caller.fields.texts[1]), ==, PLAN_CALLER_TEXT_MAX - 1);
        g_assert_cmpstr(caller.fields.texts[2], ==, "VFIOD_CALLER_COMMAND=a\\x0ab\\xff");

        for (unsigned i = 0; i < PLAN_CALLER_FIELDS_MAX; i++)
                log_fields_add(&fields, "VFIOD_RULE", "%u", i);
        g_assert_cmpint(plan_caller_set(&caller, CALLER, &fields), ==, 0);
        g_assert_cmpuint(caller.fields.n_texts, ==, PLAN_CALLER_FIELDS_MAX);
        g_assert_cmpint(plan_caller_set(&caller, NULL, NULL), ==, 0);
        g_assert_null(caller.text);
        g_assert_cmpuint(caller.fields.n_texts, ==, 0);
}

/* What a file or a message may not have. */
static void test_read(void) {
        static const char *const fields[] = {"", "VFIOD_", "VFIOD_=", "VFIOD_X=", "MESSAGE=x", "VFIOD_x=y",
                        "xVFIOD_X=y", "VFIOD_X Y=z", "VFIOD_X=a\nMESSAGE=b", "VFIOD_X=\xff"};
        _cleanup_(plan_caller_done) PlanCaller caller = {};
        g_autofree char *large = repeat('x', PLAN_CALLER_TEXT_MAX), *fits = repeat('x', PLAN_CALLER_TEXT_MAX - 1),
                        *name = repeat('X', 100);
        g_autofree char *long_name = g_strdup_printf("VFIOD_%s=y", name);

        g_assert_cmpint(plan_caller_read_text(&caller, ""), ==, -EBADMSG);
        g_assert_cmpint(plan_caller_read_text(&caller, "a\nb"), ==, -EBADMSG);
        g_assert_cmpint(plan_caller_read_text(&caller, large), ==, -EBADMSG);
        g_assert_cmpint(plan_caller_read_text(&caller, fits), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
                g_assert_cmpint(plan_caller_read_field(&caller, fields[i]), ==, -EBADMSG);
        g_assert_cmpint(plan_caller_read_field(&caller, long_name), ==, -EBADMSG);
        g_assert_cmpuint(caller.fields.n_texts, ==, 0);
        for (unsigned i = 0; i < PLAN_CALLER_FIELDS_MAX; i++)
                g_assert_cmpint(plan_caller_read_field(&caller, "VFIOD_X=%s"), ==, 0);
        g_assert_cmpstr(caller.fields.texts[0], ==, "VFIOD_X=%s");
        g_assert_cmpint(plan_caller_read_field(&caller, "VFIOD_X=y"), ==, -EBADMSG);
}

/* The file of the transaction has it. */
static void test_file(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        _cleanup_log_fields_ LogFields fields = {};
        _cleanup_(plan_freep) Plan *found = NULL;
        _cleanup_close_ int lock = -EBADF;
        pid_t owner;

        put_device(bed->inventory, NIC, "e1000", 10);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(bed->inventory, NIC, 0);
        log_fields_add(&fields, "VFIOD_CALLER_UID", "%d", 1000);
        log_fields_add(&fields, "VFIOD_CALLER_UNIT", "%s", "a\"b\\\xc3\xa4.service");
        g_assert_cmpint(plan_caller_set(&plan->caller, CALLER, &fields), ==, 0);
        g_assert_cmpint(transaction_file_write(bed->state->transactions_fd, 5, plan, &lock), ==, 0);
        g_assert_cmpint(transaction_file_read(bed->state->transactions_fd, 5, &found, &owner), ==, 0);
        g_autofree char *text = plan_to_text(plan), *found_text = plan_to_text(found);
        g_assert_cmpstr(found_text, ==, text);
        g_assert_cmpstr(found->caller.text, ==, CALLER);
        g_assert_cmpuint(found->caller.fields.n_texts, ==, 2);
}

#define FILE_TEXT(caller) \
        "{\"verb\":\"detach\",\"group\":10,\"force\":false,\"by_rule\":false,\"selected\":\"" NIC "\",\"vf_count\":0," \
        "\"vf_fate\":0," caller "\"members\":[{\"address\":\"" NIC \
        "\",\"ids\":[1,2,3,4,5,6],\"group\":10,\"parent\":-1," \
        "\"before\":{\"driver\":\"e1000\"},\"target\":{\"driver\":\"vfio-pci\",\"override\":\"vfio-pci\"}," \
        "\"recorded\":false,\"virtual_function\":false,\"unknown_origin\":false,\"created\":false}]," \
        "\"steps\":[[\"record\",0,0,0]]}"

static int read_file(StateBed *bed, const char *json, Plan **ret) {
        pid_t owner;

        state_folder_write_json(bed->folder, "transactions/6", "transaction", json);
        return transaction_file_read(bed->state->transactions_fd, 6, ret, &owner);
}

/* An earlier version wrote no caller. */
static void test_earlier_file(void) {
        static const char *const malformed[] = {FILE_TEXT("\"caller\":1,"), FILE_TEXT("\"caller\":{},"),
                        FILE_TEXT("\"caller\":{\"text\":\"a\"},"),
                        FILE_TEXT("\"caller\":{\"text\":\"\",\"fields\":[]},"),
                        FILE_TEXT("\"caller\":{\"text\":\"a\",\"fields\":[\"MESSAGE=x\"]},"),
                        FILE_TEXT("\"caller\":{\"text\":\"a\",\"fields\":[1]},"),
                        FILE_TEXT("\"caller\":{\"text\":\"a\\nb\",\"fields\":[]},")};
        g_autoptr(StateBed) bed = state_bed_new();
        _cleanup_(plan_freep) Plan *earlier = NULL, *plan = NULL, *none = NULL;

        g_assert_cmpint(read_file(bed, FILE_TEXT(""), &earlier), ==, 0);
        g_assert_null(earlier->caller.text);
        g_assert_cmpuint(earlier->caller.fields.n_texts, ==, 0);
        g_assert_cmpint(read_file(bed, FILE_TEXT("\"caller\":{\"text\":\"a\",\"fields\":[\"VFIOD_X=y\"]},"), &plan), ==,
                        0);
        g_assert_cmpstr(plan->caller.text, ==, "a");
        g_assert_cmpstr(plan->caller.fields.texts[0], ==, "VFIOD_X=y");
        for (size_t i = 0; i < G_N_ELEMENTS(malformed); i++)
                g_assert_cmpint(read_file(bed, malformed[i], &none), ==, -EBADMSG);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/plan-caller/set", test_set);
        g_test_add_func("/plan-caller/read", test_read);
        g_test_add_func("/plan-caller/file", test_file);
        g_test_add_func("/plan-caller/earlier-file", test_earlier_file);
        return g_test_run();
}
