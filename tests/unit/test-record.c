/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/record.h"
#include "model.h"
#include "temp-tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <zlib.h>

/* A folder for records. */
typedef struct Folder {
        TempTree *tree;
        int fd;
} Folder;

static Folder folder_new(void) {
        Folder folder = {.tree = temp_tree_new()};
        g_autofree char *path = temp_tree_path(folder.tree, "state");

        temp_tree_folder(folder.tree, "state");
        folder.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(folder.fd, >=, 0);
        return folder;
}

static void folder_done(Folder *folder) {
        close(folder->fd);
        temp_tree_free(folder->tree);
}
#define _cleanup_folder_ __attribute__((cleanup(folder_done)))

static Record *make_record(unsigned long number) {
        DeviceOrigin full = {
                        .driver = (char *)"e1000",
                        .override = (char *)"none \"quoted\" \\ \xc3\xa4",
                        .module = (char *)"e1000",
                        .ids = {0x8086, 0x100e, 0xffff, 0xfffe, 0xffffff, 0xff},
        };
        DeviceOrigin empty = {};
        Record *record;

        g_assert_cmpint(host_name_list_add(&full.names, HOST_NAME_NETWORK, "ens1", 0), ==, 1);
        g_assert_cmpint(host_name_list_add(&full.names, HOST_NAME_BLOCK, "nvme0n1", 0), ==, 1);
        g_assert_cmpint(record_new(number, 25, 3, &record), ==, 0);
        g_assert_cmpint(record_add(record, address_of("0000:03:01.0"), RECORD_DETACHING, &full), ==, 0);
        g_assert_cmpint(record_add(record, address_of("0000:03:02.0"), RECORD_DETACHED, &empty), ==, 0);
        g_assert_cmpint(record_add(record, address_of("ffffffff:ff:1f.7"), RECORD_REATTACHING, &full), ==, 0);
        host_name_list_free(full.names);
        return record;
}

static void assert_equal(const Record *a, const Record *b) {
        g_assert_cmpuint(a->number, ==, b->number);
        g_assert_cmpint(a->group, ==, b->group);
        g_assert_cmpuint(a->n_members, ==, b->n_members);
        for (size_t i = 0; i < a->n_members; i++) {
                g_assert_true(pci_address_equal(a->members[i].address, b->members[i].address));
                g_assert_cmpint(a->members[i].phase, ==, b->members[i].phase);
                g_assert_true(device_origin_equal(a->members[i].origin, b->members[i].origin));
        }
}

static void test_round_trip(void) {
        _cleanup_folder_ Folder folder = folder_new();
        _cleanup_(record_freep) Record *record = make_record(7), *found = NULL;
        bool locked = false;

        g_assert_cmpint(record_read(folder.fd, 7, &found, &locked), ==, -ENOENT);
        g_assert_cmpint(record_write(folder.fd, record), ==, 0);
        g_assert_cmpint(record_read(folder.fd, 7, &found, &locked), ==, 0);
        g_assert_true(locked);
        assert_equal(record, found);
        g_assert_cmpint(found->lock_fd, <, 0);
        g_assert_cmpint(record_read(folder.fd, 8, &found, &locked), ==, -ENOENT);

        /* Written anew in its place; then the lock goes with the writer. */
        record_remove_member(record, &record->members[1]);
        record->members[0].phase = RECORD_DETACHED;
        g_assert_cmpint(record_write(folder.fd, record), ==, 0);
        record_freep(&found);
        g_assert_cmpint(record_read(folder.fd, 7, &found, &locked), ==, 0);
        g_assert_true(locked);
        assert_equal(record, found);
        g_assert_null(record_find(found, address_of("0000:03:02.0")));
        g_assert_nonnull(record_find(found, address_of("ffffffff:ff:1f.7")));
        record_freep(&record);
        record_freep(&found);
        g_assert_cmpint(record_read(folder.fd, 7, &found, &locked), ==, 0);
        g_assert_false(locked);

        g_assert_cmpint(record_delete(folder.fd, 7), ==, 0);
        g_assert_cmpint(record_delete(folder.fd, 7), ==, 0);
        record_freep(&found);
        g_assert_cmpint(record_read(folder.fd, 7, &found, &locked), ==, -ENOENT);
}

static char *read_text(Folder *folder, gsize *ret_length) {
        _cleanup_(record_freep) Record *record = make_record(1);
        g_autofree char *path = temp_tree_path(folder->tree, "state/1.record");
        char *text;

        g_assert_cmpint(record_write(folder->fd, record), ==, 0);
        g_assert_true(g_file_get_contents(path, &text, ret_length, NULL));
        return text;
}

static int read_as(Folder *folder, const char *text, size_t length) {
        _cleanup_(record_freep) Record *record = NULL;
        g_autofree char *path = temp_tree_path(folder->tree, "state/1.record");
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        bool locked;

        g_assert_cmpint(write(fd, text, length), ==, (ssize_t)length);
        return record_read(folder->fd, 1, &record, &locked);
}

/* Cut at every byte, and every byte changed: it is recognised as no record. */
static void test_torn(void) {
        _cleanup_folder_ Folder folder = folder_new();
        gsize length;
        g_autofree char *text = read_text(&folder, &length);

        g_assert_cmpint(read_as(&folder, text, length), ==, 0);
        for (gsize n = 0; n < length; n++)
                g_assert_cmpint(read_as(&folder, text, n), ==, -EBADMSG);
        for (gsize i = 0; i < length; i++) {
                char kept = text[i];

                text[i] = (char)(kept ^ 0x01);
                int r = read_as(&folder, text, length);
                /* In the boot id it is another boot's. */
                g_assert_true(r == -EBADMSG || r == -ESTALE);
                text[i] = '\0';
                r = read_as(&folder, text, length);
                g_assert_true(r == -EBADMSG || r == -ESTALE);
                text[i] = kept;
        }
        g_autofree char *longer = g_strconcat(text, "x", NULL);
        g_assert_cmpint(read_as(&folder, longer, length + 1), ==, -EBADMSG);
}

static void test_header(void) {
        _cleanup_folder_ Folder folder = folder_new();
        gsize length;
        g_autofree char *text = read_text(&folder, &length);
        g_auto(GStrv) parts = g_strsplit(text, "\n", 2);
        g_auto(GStrv) words = g_strsplit(parts[0], " ", -1);
        static const char other_boot[] = "0123456789abcdef0123456789abcdef";
        const struct {
                const char *name, *version, *checksum, *boot;
                int result;
        } cases[] = {
                        {words[0], words[1], words[2], words[3], 0},
                        {words[0], "2", words[2], words[3], -EBADMSG},
                        {words[0], "", words[2], words[3], -EBADMSG},
                        {"other-record", words[1], words[2], words[3], -EBADMSG},
                        {words[0], words[1], "00000000", words[3], -EBADMSG},
                        {words[0], words[1], "", words[3], -EBADMSG},
                        {words[0], words[1], words[2], other_boot, -ESTALE},
                        {words[0], words[1], words[2], "", -EBADMSG},
                        {words[0], words[1], words[2], "XYZ", -EBADMSG},
        };

        g_assert_cmpstr(words[0], ==, "vfiod-record");
        g_assert_cmpuint(g_strv_length(words), ==, 4);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *changed = g_strdup_printf("%s %s %s %s\n%s", cases[i].name, cases[i].version,
                                cases[i].checksum, cases[i].boot, parts[1]);

                if (read_as(&folder, changed, strlen(changed)) != cases[i].result)
                        g_error("%s", changed);
        }
}

/* The same header with its checksum over other JSON. */
static int read_json(Folder *folder, const char *header_end, const char *json) {
        g_autofree char *text = g_strdup_printf("vfiod-record 1 %08lx %s\n%s",
                        crc32(0, (const Bytef *)json, (uInt)strlen(json)), header_end, json);

        return read_as(folder, text, strlen(text));
}

#define MEMBER \
        "{\"address\": \"0000:03:01.0\", \"phase\": \"detached\", \"ids\": [1, 2, 3, 4, 5, 6], \"driver\": " \
        "\"e1000\", " \
        "\"override\": null, \"module\": null, \"names\": [[\"net\", \"ens1\"]]}"

static void test_json(void) {
        _cleanup_folder_ Folder folder = folder_new();
        static const char *const good[] = {
                        "{\"group\": 1, \"members\": []}",
                        "{\"group\": 1, \"members\": [" MEMBER "]}",
        };
        static const char *const junk[] = {
                        "",
                        "[]",
                        "{}",
                        "null",
                        "1",
                        "{",
                        "{\"group\": \"x\", \"members\": []}",
                        "{\"group\": 1}",
                        "{\"group\": 1, \"members\": {}}",
                        "{\"group\": 1, \"members\": [1]}",
                        "{\"group\": 1, \"members\": [{}]}",
                        "{\"group\": 1, \"group\": 1, \"members\": []}",
        };
        static const char *const wrong[][2] = {
                        {"0000:03:01.0", "0000:03:01"},
                        {"0000:03:01.0", "../../etc"},
                        {"detached", "somewhere"},
                        {"[1, 2, 3, 4, 5, 6]", "[1, 2]"},
                        {"[1, 2, 3, 4, 5, 6]", "7"},
                        {"[1, 2, 3, 4, 5, 6]", "[\"1\"]"},
                        {"[[\"net\", \"ens1\"]]", "\"ens1\""},
                        {"[[\"net\", \"ens1\"]]", "[[\"usb\", \"x\"]]"},
                        {"[[\"net\", \"ens1\"]]", "[[\"net\"]]"},
                        {"[[\"net\", \"ens1\"]]", "[1]"},
                        {"\"driver\"", "\"chauffeur\""},
                        {"\"override\"", "\"any_driver\": 1, \"override\""},
                        {"\"override\"", "\"any_driver\": null, \"override\""},
        };
        gsize length;
        g_autofree char *text = read_text(&folder, &length);
        g_auto(GStrv) words = g_strsplit_set(text, " \n", 5);

        for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
                g_assert_cmpint(read_json(&folder, words[3], good[i]), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++)
                g_assert_cmpint(read_json(&folder, words[3], junk[i]), ==, -EBADMSG);
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_auto(GStrv) parts = g_strsplit(good[1], wrong[i][0], 2);
                g_autofree char *changed = g_strjoinv(wrong[i][1], parts);

                g_assert_nonnull(parts[1]);
                if (read_json(&folder, words[3], changed) != -EBADMSG)
                        g_error("%s", changed);
        }
}

/* An older daemon of the same boot wrote no "any_driver". */
static void test_any_driver(void) {
        _cleanup_folder_ Folder folder = folder_new();
        static const char *const fields[] = {"", "\"any_driver\": false, ", "\"any_driver\": true, "};
        gsize length;
        g_autofree char *text = read_text(&folder, &length);
        g_auto(GStrv) words = g_strsplit_set(text, " \n", 5);

        for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
                g_auto(GStrv) parts = g_strsplit("{\"group\": 1, \"members\": [" MEMBER "]}", "\"driver\"", 2);
                g_autofree char *json = g_strconcat(parts[0], fields[i], "\"driver\"", parts[1], NULL);
                _cleanup_(record_freep) Record *record = NULL;
                bool locked;

                g_assert_cmpint(read_json(&folder, words[3], json), ==, 0);
                g_assert_cmpint(record_read(folder.fd, 1, &record, &locked), ==, 0);
                g_assert_cmpint(record->members[0].origin->binding.any_driver, ==, i == 2);

                /* And again when it is written. */
                g_assert_cmpint(record_write(folder.fd, record), ==, 0);
                record_freep(&record);
                g_assert_cmpint(record_read(folder.fd, 1, &record, &locked), ==, 0);
                g_assert_cmpint(record->members[0].origin->binding.any_driver, ==, i == 2);
        }
}

static void test_large(void) {
        _cleanup_folder_ Folder folder = folder_new();
        g_autofree char *megabytes = g_strnfill(3 << 20, 'x');
        _cleanup_(record_freep) Record *record = NULL, *found = NULL;
        DeviceOrigin origin = {.driver = (char *)"e1000"};
        bool locked;

        g_assert_cmpint(read_as(&folder, megabytes, 3 << 20), ==, -EBADMSG);
        g_assert_cmpint(record_new(2, 1, 1000, &record), ==, 0);
        for (unsigned i = 0; i < 1000; i++)
                g_assert_cmpint(record_add(record, (PciAddress){.domain = i}, RECORD_DETACHED, &origin), ==, 0);
        g_assert_cmpint(record_write(folder.fd, record), ==, 0);
        g_assert_cmpint(record_read(folder.fd, 2, &found, &locked), ==, 0);
        assert_equal(record, found);
}

/* What cannot be written leaves what was there. */
static void test_unwritable(void) {
        _cleanup_folder_ Folder folder = folder_new();
        _cleanup_(record_freep) Record *record = make_record(3), *found = NULL;
        bool locked;

        g_assert_cmpint(record_write(folder.fd, record), ==, 0);
        temp_tree_folder(folder.tree, "state/3.new");
        g_assert_cmpint(record_write(folder.fd, record), <, 0);
        g_assert_cmpint(record_read(folder.fd, 3, &found, &locked), ==, 0);
        assert_equal(record, found);
        /* A file that a writer who died left is in nobody's way. */
        temp_tree_remove(folder.tree, "state/3.new");
        temp_tree_file(folder.tree, "torn", "state/3.new");
        g_assert_cmpint(record_write(folder.fd, record), ==, 0);
        /* Nor is a link followed, in reading or writing. */
        temp_tree_file(folder.tree, "keep", "state/target");
        temp_tree_link(folder.tree, "target", "state/4.record");
        temp_tree_link(folder.tree, "target", "state/4.new");
        record_freep(&found);
        g_assert_cmpint(record_read(folder.fd, 4, &found, &locked), ==, -ELOOP);
        record->number = 4;
        g_assert_cmpint(record_write(folder.fd, record), ==, 0);
        g_assert_cmpint(record_read(folder.fd, 4, &found, &locked), ==, 0);
        g_autofree char *path = temp_tree_path(folder.tree, "state/target"), *text = NULL;
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "keep");
}

/* Another process writes it and lives; then it dies. */
static void test_lock(void) {
        _cleanup_folder_ Folder folder = folder_new();
        _cleanup_(record_freep) Record *found = NULL;
        bool locked = false;
        int ends[2];
        char ready;

        g_assert_cmpint(pipe(ends), ==, 0);
        pid_t pid = fork();
        if (pid == 0) {
                Record *record = make_record(5);

                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (record_write(folder.fd, record) == 0 && write(ends[1], "r", 1) == 1)
                        for (;;)
                                (void)pause();
                _exit(1);
        }
        close(ends[1]);
        g_assert_cmpint(read(ends[0], &ready, 1), ==, 1);
        close(ends[0]);

        g_assert_cmpint(record_read(folder.fd, 5, &found, &locked), ==, 0);
        g_assert_true(locked);
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        record_freep(&found);
        g_assert_cmpint(record_read(folder.fd, 5, &found, &locked), ==, 0);
        g_assert_false(locked);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/record/round-trip", test_round_trip);
        g_test_add_func("/record/torn", test_torn);
        g_test_add_func("/record/header", test_header);
        g_test_add_func("/record/json", test_json);
        g_test_add_func("/record/any-driver", test_any_driver);
        g_test_add_func("/record/large", test_large);
        g_test_add_func("/record/unwritable", test_unwritable);
        g_test_add_func("/record/lock", test_lock);
        return g_test_run();
}
