/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "fixture.h"
#include "stub.h"
#include "terminal.h"

#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

/* vfioctl in other languages. German and Simplified Chinese are those of the catalogs; "he" is a catalog with Hebrew letters, which only
 * this test has. */

static const char *const languages[] = {"de", "zh_CN", "he"};

/* The folder with the locale, and with links to the catalogs. */
static char *folder;

static void run(const char *const *argv) {
        g_autoptr(GError) error = NULL;
        int status;

        g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                        NULL, &status, &error));
        g_assert_no_error(error);
        /* 1: localedef has warnings */
        g_assert_cmpint(WEXITSTATUS(status), <=, 1);
}

/* A locale that is not C, because gettext ignores LANGUAGE in that one. The system may have none. */
static void set_up(void) {
        folder = g_dir_make_tmp("language-XXXXXX", NULL);
        g_assert_nonnull(folder);
        g_autofree char *locale = g_build_filename(folder, "de_DE.UTF-8", NULL),
                        *latin = g_build_filename(folder, "de_DE.ISO-8859-1", NULL);

        run((const char *const[]){"localedef", "--inputfile=de_DE", "--charmap=UTF-8", locale, NULL});
        run((const char *const[]){"localedef", "--inputfile=de_DE", "--charmap=ISO-8859-1", latin, NULL});
        run((const char *const[]){"python3", "-B", PSEUDO, folder, NULL});
        for (unsigned i = 0; i < 2; i++) {
                g_autofree char *link = g_build_filename(folder, languages[i], NULL),
                                *target = g_build_filename(CATALOGS, languages[i], NULL);

                g_assert_cmpint(symlink(target, link), ==, 0);
        }
}

static void tear_down(void) {
        run((const char *const[]){"rm", "-r", folder, NULL});
        g_free(folder);
}

/* The environment for a language; NULL for that of all other tests. Free with g_strfreev(). */
static char **environment_for(const char *language) {
        GStrvBuilder *builder = g_strv_builder_new();

        g_strv_builder_add_many(builder, "TERM=xterm", "TZ=UTC", NULL);
        if (language) {
                g_autofree char *own = g_strdup_printf("LANGUAGE=%s", language),
                                *locales = g_strdup_printf("LOCPATH=%s", folder),
                                *catalogs = g_strdup_printf("TEXTDOMAINDIR=%s", folder);

                g_strv_builder_add_many(builder, "LC_ALL=de_DE.UTF-8", own, locales, catalogs, NULL);
        } else
                g_strv_builder_add(builder, "LC_ALL=C.UTF-8");
        char **environment = g_strv_builder_end(builder);
        g_strv_builder_unref(builder);
        return environment;
}

static ProgramResult run_in(const char *language, const char *arguments) {
        g_auto(GStrv) argv = vfioctl_argv(arguments), environment = environment_for(language);

        return program_run((const char *const *)argv,
                        &(ProcessOptions){.environment = (const char *const *)environment}, NULL);
}

static void expect_in(const char *language, const char *arguments, int status, const char *output, const char *errors) {
        g_auto(ProgramResult) result = run_in(language, arguments);

        g_test_message("%s: vfioctl %s", language, arguments);
        g_assert_cmpint(result.status, ==, status);
        if (!g_pattern_match_simple(output, result.output))
                g_error("\"%s\" is not like \"%s\"", result.output, output);
        if (!g_pattern_match_simple(errors, result.errors))
                g_error("\"%s\" is not like \"%s\"", result.errors, errors);
}

/* Texts of vfioctl, and sentences of vfiod. */
static void test_texts(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_in("de", "bind", 2, "",
                        "vfioctl: unbekannter Befehl 'bind': Meinen Sie 'detach'?\nVersuchen Sie 'vfioctl --help'.\n");
        expect_in("zh_CN", "bind", 2, "",
                        "vfioctl: 未知命令 'bind'：您是指 'detach' 吗？\n请运行 'vfioctl --help'。\n");
        expect_in("he", "bind", 2, "", "vfioctl: * 'bind': * 'detach'?\n* 'vfioctl --help'.\n");
        expect_in("de", "detach nosuch", 3, "", "vfioctl: Kein PCI-Gerät hat den Namen 'nosuch', *\n");
        expect_in("zh_CN", "detach nosuch", 3, "", "vfioctl: 没有名为 'nosuch' 的 PCI 设备，*\n");
        expect_in("zh_CN", "detach ens1", 5, "",
                        "vfioctl: 0000:03:01.0 与 0000:03:02.0 (e1000, ens2) 同在 IOMMU 组 "
                        "10。虚拟机只能使用整个组。*\n");
        expect_in("de", "leases", 0, "", "vfioctl: Es gibt keine Leihen\n");
        expect_in("de", "--no-such-option", 2, "", "vfioctl: unbekannte Option '--no-such-option'\n*");
        /* a sentence with parts that are sentences: the reason, and the state of the host */
        expect_in("zh_CN", "status", 0, "*原因: 内核使用 1 个 IOMMU 单元，建立了 16 个组。\n*", "");
        expect_in("de", "plan ens1", 5,
                        "*nur dieser Treiber darf binden: vfio-pci\n*Ergebnis: verweigert von consent\n*", "");
        /* The states, columns and drivers are those that the options take. */
        expect_in("zh_CN", "list --state available -o ADDRESS,STATE ens1", 0, "ADDRESS      STATE\n0000:03:01.0 host\n",
                        "");
        fixture_stop(fixture);
}

/* A newer vfiod may send sentences that the catalogs do not have; and vfiod sends several sentences in one text. */
static void test_sentences(void) {
        static const struct {
                const char *sentence, *translated;
        } cases[] = {
                        {"The driver vfio-pci is available.", "Der Treiber vfio-pci ist verfügbar."},
                        {"A later vfiod says that.", "A later vfiod says that."},
                        {"A later vfiod. The driver vfio-pci is available.",
                                        "A later vfiod. Der Treiber vfio-pci ist verfügbar."},
                        {"The driver vfio-pci is available. KVM is available.",
                                        "Der Treiber vfio-pci ist verfügbar. KVM ist verfügbar."},
                        /* two findings of guards, with the names before them */
                        {"The host uses a device that would be detached: ens1 carries the default route; sda is swap "
                         "space. If you are sure: vfioctl detach 0000:03:01.0 --group --override=network",
                                        "Der Host benutzt ein Gerät, das abgetrennt würde: ens1 trägt die "
                                        "Standardroute; sda ist Auslagerungsspeicher. Wenn Sie sicher sind: "
                                        "vfioctl detach 0000:03:01.0 --group --override=network"},
                        /* the finding of a rule: its sentence is a part, ends in a blank, and has two names before it */
                        {"x: sda is swap space. If you are sure, write 'Override=y' into the rule.",
                                        "x: sda ist Auslagerungsspeicher. Wenn Sie sicher sind, schreiben Sie "
                                        "'Override=y' in die Regel."},
                        /* A translation can leave out a part: the plural of English. */
                        {"The kernel uses 2 IOMMU units and made 30 groups.",
                                        "Der Kernel benutzt IOMMU-Einheiten: 2, und hat Gruppen gemacht: 30."},
                        /* An argument that looks like a directive is only a name. */
                        {"There is no PCI device at %s%n%5$s. 'vfioctl devices' lists all.",
                                        "An %s%n%5$s ist kein PCI-Gerät. 'vfioctl devices' nennt alle."},
        };
        Stub *stub = stub_start();

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GVariant) sentence = g_variant_ref_sink(g_variant_new_string(cases[i].sentence));
                g_autofree char *quoted = g_variant_print(sentence, FALSE),
                                *rows = g_strdup_printf("([('x', 'ok', %s, '', {'area': <'boot'>})],)", quoted);

                stub_answer(stub, "Diagnose", rows);
                g_auto(ProgramResult) result = run_in("de", "doctor");
                /* the text in one line again */
                g_auto(GStrv) words = g_strsplit_set(result.output, " \n", -1);
                g_autoptr(GString) line = g_string_new(NULL);
                for (char **word = words; *word; word++)
                        if (**word)
                                g_string_append_printf(line, "%s ", *word);
                g_autofree char *expected = g_strdup_printf("Start ok %s Alles in Ordnung. ", cases[i].translated);
                g_assert_cmpstr(line->str, ==, expected);
        }
        stub_stop(stub);
}

/* Errors of vfiod: the most frequent ones, and names, quoted texts and commands, which stay as they are. */
static void test_errors(void) {
        static const struct {
                const char *language, *sentence, *translated;
        } cases[] = {
                        {"de",
                                        "/dev/vfio/11 is held by process 18179 (bash): end it, or take the device out "
                                        "of it, first.",
                                        "/dev/vfio/11 wird gehalten von Prozess 18179 (bash): Beenden Sie zuerst den "
                                        "Prozess, oder nehmen Sie ihm das Gerät."},
                        {"zh_CN",
                                        "/dev/vfio/11 is held by process 18179 (bash): end it, or take the device out "
                                        "of "
                                        "it, first.",
                                        "/dev/vfio/11 被进程 18179 (bash)占用：请先结束该进程，或从中移除该设备。"},
                        {"zh_CN",
                                        "0000:06:10.0 cannot leave its driver: /dev/vfio/devices/vfio0 of 0000:06:10.0 "
                                        "is "
                                        "held by process 7 (qemu) of machine-qemu\\x2d1.scope: end it, or take the "
                                        "device "
                                        "out of it, first.",
                                        "0000:06:10.0 无法离开其驱动：0000:06:10.0 的 /dev/vfio/devices/vfio0 被进程 7 "
                                        "(qemu，单元 "
                                        "machine-qemu\\x2d1.scope)占用：请先结束该进程，或从中移除该设备。"},
                        {"de",
                                        "/dev/vfio/12 is held by a process of another user: end it, or take the device "
                                        "out "
                                        "of it, first.",
                                        "/dev/vfio/12 wird gehalten von Prozess eines anderen Benutzers: Beenden Sie "
                                        "zuerst den Prozess, oder nehmen Sie ihm das Gerät."},
                        {"de",
                                        "vfiod may not examine process 5 (x), which could have /dev/vfio/devices/vfio0 "
                                        "of "
                                        "0000:06:10.0 open: end it first, or give vfiod-census the capability "
                                        "CAP_SYS_PTRACE.",
                                        "vfiod darf Prozess 5 (x) nicht untersuchen, der /dev/vfio/devices/vfio0 von "
                                        "0000:06:10.0 offen haben könnte: Beenden Sie ihn zuerst, oder geben Sie "
                                        "vfiod-census die Capability CAP_SYS_PTRACE."},
                        {"zh_CN",
                                        "process 5 (x) could have /dev/vfio/devices/vfio0 of 0000:06:10.0 open: it and "
                                        "others have more files open than vfiod reads. End it first.",
                                        "进程 5 (x) 可能打开了 0000:06:10.0 的 "
                                        "/dev/vfio/devices/vfio0：它和其他进程打开的文"
                                        "件多于 vfiod 读取的数量。请先结束它。"},
                        {"zh_CN",
                                        "The kernel did not return from the step 'unbind' of 0000:06:10.0 within 30000 "
                                        "ms: "
                                        "it waits for process 5 (x). The job continues when the kernel returns. Other "
                                        "devices are not affected.",
                                        "0000:06:10.0 的步骤 'unbind' 在 30000 毫秒内没有从内核返回：正在等待 进程 5 "
                                        "(x)。内核返回后作业会继续。 其他设备不受影响。"},
                        /* what a process calls itself */
                        {"de",
                                        "/dev/vfio/11 is held by process 5 (a is held by b): end it, or take the "
                                        "device "
                                        "out of it, first.",
                                        "/dev/vfio/11 wird gehalten von Prozess 5 (a is held by b): Beenden Sie zuerst "
                                        "den "
                                        "Prozess, oder nehmen Sie ihm das Gerät."},
                        {"de",
                                        "/dev/vfio/11 is held by process 5 () of x is on y): end it, or take the "
                                        "device "
                                        "out of it, first.",
                                        "/dev/vfio/11 wird gehalten von Prozess 5 () of x is on y): Beenden Sie zuerst "
                                        "den "
                                        "Prozess, oder nehmen Sie ihm das Gerät."},
                        {"de",
                                        "process 5 (x could have y) of a.service could have /dev/vfio/devices/vfio0 of "
                                        "0000:06:10.0 open: it and others have more files open than vfiod reads. End "
                                        "it "
                                        "first.",
                                        "Prozess 5 (x could have y) von a.service könnte /dev/vfio/devices/vfio0 von "
                                        "0000:06:10.0 offen haben: Er und andere haben mehr Dateien offen, als vfiod "
                                        "liest. Beenden Sie ihn zuerst."},
                        /* quoted texts, and texts in parentheses */
                        {"zh_CN", "No PCI device is in the slot 'my disk.'. 'vfioctl devices' lists all.",
                                        "插槽 'my disk.' 中没有 PCI 设备。'vfioctl devices' 列出全部。"},
                        {"de", "The kernel can reset 0000:06:10.0 alone (x is swap space).",
                                        "Der Kernel kann 0000:06:10.0 allein zurücksetzen (x is swap space)."},
                        {"de", "No PCI device is in the slot 'sda is swap space'. 'vfioctl devices' lists all.",
                                        "In dem Steckplatz 'sda is swap space' ist kein PCI-Gerät. 'vfioctl devices' "
                                        "nennt "
                                        "alle."},
                        /* commands */
                        {"zh_CN", "If you are sure: vfioctl is swap space.", "如果您确定：vfioctl is swap space."},
                        {"zh_CN", "sudo is swap space.", "sudo is swap space."},
                        /* The full stop belongs to the language of the sentence. */
                        {"zh_CN", "A later vfiod says that.", "A later vfiod says that."},
                        {"zh_CN", "ens1 carries the default route.", "ens1 承载默认路由。"},
        };
        Stub *stub = stub_start();

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *answer = g_strdup_printf("!" BUS_NAME ".Error.Held %s", cases[i].sentence),
                                *expected = g_strdup_printf("vfioctl: %s\n", cases[i].translated);

                stub_answer(stub, "Diagnose", answer);
                g_auto(ProgramResult) result = run_in(cases[i].language, "doctor");
                g_assert_cmpstr(result.errors, ==, expected);
        }
        stub_stop(stub);
}

/* vfiod sends the sentence that the catalogs have. */
static void test_held(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT(0, "", "detach ens3");
        g_autofree char *script = g_strdup_printf(
                        "exec 9<>%s/dev/vfio/12 && echo open && kill -STOP $$", fake_kernel_get_root(fixture->kernel));
        Process *holder = process_start((const char *const[]){"sh", "-c", script, NULL}, NULL);
        process_expect_line(holder, "open");
        fake_kernel_do(fixture->kernel, "claim 12");
        expect_in("de", "reattach ens3", 5, "",
                        "vfioctl: /dev/vfio/12 wird gehalten von Prozess * (sh)*: Beenden Sie zuerst den Prozess, oder "
                        "nehmen Sie ihm das Gerät.\n");
        expect_in("zh_CN", "reattach ens3", 5, "",
                        "vfioctl: /dev/vfio/12 被进程 * (sh*)占用：请先结束该进程，或从中移除该设备。\n");
        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        fixture_stop(fixture);
}

/* A long text that fits no format must not take long: the search is not exponential. */
static void test_long_sentence(void) {
        g_autofree char *many = g_strnfill(4000, 'a');
        Stub *stub = stub_start();

        for (unsigned i = 5; i < 4000; i += 5)
                many[i] = i % 2 ? ' ' : '.';
        g_autofree char *rows =
                        g_strdup_printf("([('x', 'ok', 'The firmware reports %s', '', {'area': <'boot'>})],)", many);
        stub_answer(stub, "Diagnose", rows);
        gint64 start = g_get_monotonic_time();
        expect_in("de", "doctor", 0, "Start\n*", "");
        g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
        stub_stop(stub);
}

/* What programs read is the same in every language, and so are the exit codes. */
static void test_programs(void) {
        static const char *const commands[] = {"--json list", "--json list --all", "--json list ens1 nosuch",
                        "--json groups", "--json devices", "--json show ens1", "--json show group:10",
                        "--json show nosuch", "--json plan ens1", "--json plan ens1 --group",
                        "--json plan ens1 --group --revert-after 2m", "--json detach ens1",
                        "--json detach ens1 --dry-run", "--json detach nosuch", "--json detach ens1 --no-such-option",
                        "--json detach", "--json reattach ens1", "--json reset ens1", "--json vfs ens3",
                        "--json vfs ens4", "--json vfs ens4 2 --dry-run", "--json vfs ens4 99", "--json lease ens1",
                        "--json leases", "--json release 7", "--json release 7 --dry-run", "--json jobs",
                        "--json cancel 7", "--json cancel 7 --dry-run", "--json rule list", "--json rule show nosuch",
                        "--json rule add ens3 --dry-run", "--json rule remove nosuch",
                        "--json rule enable nosuch --dry-run", "--json rule check", "--json rule check /dev/null",
                        "--json export", "--json apply /dev/null", "--json confirm", "--json confirm --dry-run",
                        "--json status", "--json metrics", "--json explain ens1", "--json explain nosuch",
                        "--json doctor", "--json doctor ens1", "--json nodedev-list", "--json import driverctl /nosuch",
                        "--js status", "export", "metrics", "nodedev-list", "nodedev-list --tree",
                        "--no-legend list -o ADDRESS,STATE,AVAILABILITY,GROUP,DRIVER", "--no-legend groups",
                        "show ens3 --qemu -q", "nodedev-dumpxml ens3", "show ens3 --cdi", "show ens3 --libvirt",
                        "--version", "nosuch", "show nosuch", "detach ens1", "rule check /dev/null"};
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
                g_auto(ProgramResult) english = run_in(NULL, commands[i]);
                bool is_for_programs = english.output[0] || !english.errors[0] || strstr(commands[i], "--js");

                for (unsigned k = 0; k < G_N_ELEMENTS(languages); k++) {
                        g_auto(ProgramResult) result = run_in(languages[k], commands[i]);

                        g_test_message("%s: vfioctl %s", languages[k], commands[i]);
                        g_assert_cmpint(result.status, ==, english.status);
                        g_assert_cmpstr(result.output, ==, english.output);
                        if (is_for_programs)
                                g_assert_cmpstr(result.errors, ==, english.errors);
                        else
                                g_assert_cmpstr(result.errors, !=, english.errors);
                }
        }
        fixture_stop(fixture);
}

/* The same for changes. */
static void test_changes(void) {
        static const char *const commands[] = {"--json detach ens1 --group", "--json reattach ens1",
                        "--json rule add ens3 --no-apply", "--json rule disable 0000-05-00.0",
                        "--json rule remove 0000-05-00.0"};
        Fixture *fixture = fixture_start(NULL);
        g_auto(GStrv) english = g_new0(char *, G_N_ELEMENTS(commands) + 1);

        for (unsigned k = 0; k <= G_N_ELEMENTS(languages); k++)
                for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
                        g_auto(ProgramResult) result = run_in(k == 0 ? NULL : languages[k - 1], commands[i]);

                        g_test_message("%s: vfioctl %s: %s", k == 0 ? "C" : languages[k - 1], commands[i],
                                        result.errors);
                        g_assert_cmpint(result.status, ==, 0);
                        if (k == 0)
                                english[i] = g_strdup(result.output);
                        g_assert_cmpstr(result.output, ==, english[i]);
                }
        fixture_stop(fixture);
}

/* In a character set other than UTF-8, all is English, and ASCII. */
static void test_character_set(void) {
        g_auto(GStrv) environment = environment_for("de"), argv = vfioctl_argv("bind");

        for (char **variable = environment; *variable; variable++)
                if (g_str_has_prefix(*variable, "LC_ALL=")) {
                        g_free(*variable);
                        *variable = g_strdup("LC_ALL=de_DE.ISO-8859-1");
                }
        g_auto(ProgramResult) result = program_run((const char *const *)argv,
                        &(ProcessOptions){.environment = (const char *const *)environment}, NULL);

        g_assert_cmpstr(result.errors, ==,
                        "vfioctl: unknown command 'bind': do you mean 'detach'?\nTry 'vfioctl --help'.\n");
}

static size_t width_of(const char *text) {
        size_t n = mbstowcs(NULL, text, 0);
        g_assert_cmpuint(n, !=, (size_t)-1);
        g_autofree wchar_t *wide = g_new(wchar_t, n + 1);

        mbstowcs(wide, text, n + 1);
        int width = wcswidth(wide, n);
        g_assert_cmpint(width, >=, 0);
        return (size_t)width;
}

/* No line of the help is wider than a terminal. */
static void test_help_layout(void) {
        for (unsigned k = 0; k < G_N_ELEMENTS(languages); k++) {
                g_auto(ProgramResult) result = run_in(languages[k], "--help"), english = run_in(NULL, "--help");
                g_auto(GStrv) lines = g_strsplit(result.output, "\n", -1);

                g_assert_cmpstr(result.output, !=, english.output);
                g_assert_cmpuint(g_strv_length(lines), >, 100);
                for (char **line = lines; *line; line++)
                        if (width_of(*line) > 80)
                                g_error("%s: %zu columns: \"%s\"", languages[k], width_of(*line), *line);
        }
}

/* All values of show and status begin in the same column, and the columns of a table are below their headings. */
static void test_layout(void) {
        static const char *const commands[] = {"status", "show ens1", "show ens4"};
        Fixture *fixture = fixture_start(NULL);

        for (unsigned k = 0; k < G_N_ELEMENTS(languages); k++) {
                for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
                        g_auto(ProgramResult) result = run_in(languages[k], commands[i]);
                        g_auto(GStrv) lines = g_strsplit(result.output, "\n", -1);

                        for (char **line = lines; *line; line++) {
                                const char *colon = strstr(*line, ": ");

                                if (!**line || g_str_has_prefix(*line, "                    "))
                                        continue;
                                g_assert_nonnull(colon);
                                g_autofree char *key = g_strndup(*line, (size_t)(colon - *line));
                                if (width_of(key) != 18)
                                        g_error("%s: \"%s\" has %zu columns", languages[k], key, width_of(key));
                        }
                }
                g_auto(ProgramResult) list = run_in(languages[k], "list -o ADDRESS,HOLDER,STATE");
                g_auto(GStrv) rows = g_strsplit(list.output, "\n", -1);
                g_assert_cmpuint(g_strv_length(rows), >, 5);
                g_autofree char *before = g_strndup(rows[0], (size_t)(strstr(rows[0], "STATE") - rows[0]));
                /* the row with a text in the language */
                const char *state = strstr(rows[1], "host");
                g_assert_nonnull(state);
                while (strstr(state + 1, "host"))
                        state = strstr(state + 1, "host");
                g_autofree char *cells = g_strndup(rows[1], (size_t)(state - rows[1]));
                if (k > 0) /* the German text is ASCII */
                        g_assert_cmpuint(strlen(cells), >, width_of(cells));
                g_assert_cmpuint(width_of(cells), ==, width_of(before));
        }
        fixture_stop(fixture);
}

/* The answer can be in both languages. */
static void test_question(void) {
        static const struct {
                const char *language, *keys, *question;
                int status;
        } cases[] = {{"de", "n\n", "Alle 2 Geräte abtrennen? [j/N] ", 5},
                        {"de", "nein\n", "Alle 2 Geräte abtrennen? [j/N] ", 5},
                        {"de", "\n", "Alle 2 Geräte abtrennen? [j/N] ", 5},
                        {"zh_CN", "否\n", "要分离全部 2 个设备吗？ [y/N] ", 5},
                        {"zh_CN", "好\n\n", "要分离全部 2 个设备吗？ [y/N] ", 5},
                        {"de", "j\n", "Alle 2 Geräte abtrennen? [j/N] ", 0},
                        {"de", "Ja\n", "Alle 2 Geräte abtrennen? [j/N] ", 0},
                        {"de", "yes\n", "Alle 2 Geräte abtrennen? [j/N] ", 0},
                        {"zh_CN", "y\n", "要分离全部 2 个设备吗？ [y/N] ", 0},
                        {"zh_CN", "是\n", "要分离全部 2 个设备吗？ [y/N] ", 0}};

        Fixture *fixture = fixture_start(NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) argv = vfioctl_argv("detach ens1"), environment = environment_for(cases[i].language);
                Terminal *terminal = terminal_open(100);

                g_test_message("%s: %s", cases[i].language, cases[i].keys);
                Process *client = terminal_start(terminal, (const char *const *)argv, (const char *const *)environment);
                g_free(terminal_expect(terminal, cases[i].question));
                terminal_type(terminal, cases[i].keys);
                g_free(terminal_read_rest(terminal));
                g_assert_cmpint(process_finish(client), ==, cases[i].status);
                terminal_close(terminal);
                if (cases[i].status == 0)
                        EXPECT(0, "", "reattach ens1");
        }
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_assert_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
        g_test_init(&argc, &argv, NULL);
        set_up();
        g_test_add_func("/vfioctl-language/texts", test_texts);
        g_test_add_func("/vfioctl-language/sentences", test_sentences);
        g_test_add_func("/vfioctl-language/errors", test_errors);
        g_test_add_func("/vfioctl-language/held", test_held);
        g_test_add_func("/vfioctl-language/long-sentence", test_long_sentence);
        g_test_add_func("/vfioctl-language/programs", test_programs);
        g_test_add_func("/vfioctl-language/changes", test_changes);
        g_test_add_func("/vfioctl-language/character-set", test_character_set);
        g_test_add_func("/vfioctl-language/help-layout", test_help_layout);
        g_test_add_func("/vfioctl-language/layout", test_layout);
        g_test_add_func("/vfioctl-language/question", test_question);
        int status = g_test_run();
        tear_down();
        return status;
}
