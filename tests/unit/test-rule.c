/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "policy/rule.h"

/* The allowed and forbidden contents of a rule, and which devices it matches. */

#define NIC "0000:3b:00.0"
#define IDS "Vendor=8086\nDevice=100e\n"

static Rule *parse(const char *text) {
        RuleFault fault;
        Rule *rule;

        int r = rule_parse("test", "/etc/vfiod/rules.d/test.conf", text, &rule, &fault);
        if (r != 0)
                g_error("\"%s\" is refused in line %u: %s", text, fault.line, fault.message);
        g_assert_cmpstr(rule->name, ==, "test");
        g_assert_cmpstr(rule->file, ==, "/etc/vfiod/rules.d/test.conf");
        return rule;
}

static void assert_refused(const char *text, unsigned line, const char *pattern) {
        RuleFault fault;
        Rule *rule = NULL;

        int r = rule_parse("test", "test.conf", text, &rule, &fault);
        if (r != -EINVAL || rule)
                g_error("\"%s\" is not refused", text);
        if (fault.line != line || !g_pattern_match_simple(pattern, fault.message))
                g_error("\"%s\" is refused in line %u with \"%s\" instead of line %u with \"%s\"", text, fault.line,
                                fault.message, line, pattern);
        g_assert_true(g_utf8_validate(fault.message, -1, NULL));
        g_assert_false(g_str_has_suffix(fault.message, "."));
}

static void test_all_keys(void) {
        _cleanup_(rule_freep) Rule *rule = parse("# a comment; with all that = and [\n"
                                                 "\n"
                                                 "; another\n"
                                                 "[Match]\n"
                                                 "Address=" NIC "\n"
                                                 "Vendor = 0x8086\n"
                                                 "Device=10D3\n"
                                                 "Subsystem=8086:a01f\n"
                                                 "Class=0200\n"
                                                 "Path=0000:00:1c.4/00.0/1f.7\n"
                                                 "[Detach]\n"
                                                 "Driver=vfio-pci\n"
                                                 "Companions=0000:3b:00.1, 0000:3b:00.2\n"
                                                 "Companions=10000:00:00.3\n"
                                                 "Override=storage,network display\n"
                                                 "Override=firmware\n"
                                                 "VirtualFunctions=8");

        g_assert_true(rule->has_address);
        g_assert_true(pci_address_equal(rule->address, address_of(NIC)));
        g_assert_cmphex((unsigned)rule->vendor, ==, 0x8086);
        g_assert_cmphex((unsigned)rule->device, ==, 0x10d3);
        g_assert_cmphex((unsigned)rule->subsystem_vendor, ==, 0x8086);
        g_assert_cmphex((unsigned)rule->subsystem_device, ==, 0xa01f);
        g_assert_cmphex(rule->class, ==, 0x020000);
        g_assert_cmphex(rule->class_mask, ==, 0xffff00);
        g_assert_cmpstr(rule->path, ==, "0000:00:1c.4/00.0/1f.7");
        g_assert_false(rule->all_companions);
        g_assert_cmpuint(rule->n_companions, ==, 3);
        g_assert_true(rule_takes_along(rule, address_of("0000:3b:00.2")));
        g_assert_true(rule_takes_along(rule, address_of("10000:00:00.3")));
        g_assert_false(rule_takes_along(rule, address_of("0000:3b:00.3")));
        g_assert_cmphex(rule->overrides, ==,
                        1U << GUARD_STORAGE | 1U << GUARD_NETWORK | 1U << GUARD_DISPLAY | 1U << GUARD_FIRMWARE);
        g_assert_cmpuint(rule->virtual_functions, ==, 8);
}

static void test_minimal(void) {
        static const char *const enough[] = {"[Match]\nVendor=8086\n", "[Match]\nClass=02",
                        "[Match]\n" IDS "[Detach]\n", "[Match]\r\nVendor=8086\r\nDevice=100e\r\n",
                        "[Detach]\n[Match] \t\n" IDS, "[Match]\nAddress=" NIC "\nVendor=0x8086\nDevice=0x100E\n",
                        "[Match]\nPath=0000:00:1c.4\nVendor=0x8086\nDevice=0x100E\n",
                        "[Match]\nVendor=8086\nSubsystem=0x8086:0xa01f\n"};

        for (size_t i = 0; i < G_N_ELEMENTS(enough); i++) {
                _cleanup_(rule_freep) Rule *rule = parse(enough[i]);

                g_assert_false(rule->all_companions);
                g_assert_cmpuint(rule->n_companions, ==, 0);
                g_assert_cmphex(rule->overrides, ==, 0);
                g_assert_cmpuint(rule->virtual_functions, ==, 0);
                g_assert_false(rule_takes_along(rule, address_of(NIC)));
        }
}

/* Each value is refused in its line; the following lines change nothing. */
static void test_values(void) {
        static const struct {
                const char *line, *pattern;
        } wrong[] = {
                        {"Address=", "Address= must be like 0000:3b:00.0, not ''"},
                        {"Address=3b:00.0", "Address= must be like*"},
                        {"Address=0000:3B:00.0", "Address= must be like*"},
                        {"Address=0000:3b:20.0", "Address= must be like*"},
                        {"Address=0000:3b:00.0 0000:3b:00.1", "Address= must be like*"},
                        {"Vendor=", "Vendor= must have four hexadecimal digits, not ''"},
                        {"Vendor=808", "Vendor= must have*"},
                        {"Vendor=08086", "Vendor= must have*"},
                        {"Vendor=808g", "Vendor= must have*'808g'"},
                        {"Vendor=0x", "Vendor= must have*"},
                        {"Vendor=0x0x8086", "Vendor= must have*"},
                        {"Vendor=-086", "Vendor= must have*"},
                        {"Vendor=0X8086", "Vendor= must have*"},
                        {"Vendor=\"8086\"", "Vendor= must have*"},
                        {"Vendor=8086 10d3", "Vendor= must have*"},
                        {"Device=*", "Device= must have*"},
                        {"Subsystem=8086", "Subsystem= must be like*"},
                        {"Subsystem=8086:", "Subsystem= must be like*"},
                        {"Subsystem=:a01f", "Subsystem= must be like*"},
                        {"Subsystem=8086:a01f:0", "Subsystem= must be like*"},
                        {"Subsystem=80860000000:a01f", "Subsystem= must be like*"},
                        {"Class=020", "Class= must have*"},
                        {"Class=02000000", "Class= must have*"},
                        {"Class=network", "Class= must have*"},
                        {"Path=1c.4", "Path= must be like*"},
                        {"Path=0000:00:1c.4/", "Path= must be like*"},
                        {"Path=0000:00:1c.4//00.0", "Path= must be like*"},
                        {"Path=0000:00:1c.4/0.0", "Path= must be like*"},
                        {"Path=0000:00:1c.4/+0.0", "Path= must be like*"},
                        {"Path=0000:00:1c.4/20.0", "Path= must be like*"},
                        {"Path=0000:00:1c.4/1F.0", "Path= must be like*"},
                        {"Path=0000:00:1c.4/00.8", "Path= must be like*"},
                        {"Path=0000:00:1c.4/00.00", "Path= must be like*"},
                        {"Path=0000:00:1c.40000000000000000/00.0", "Path= must be like*"},
                        {"address=0000:3b:00.0", "[Match] has no key 'address'"},
                        {"Driver=vfio-pci", "Driver= must be in section [Detach]"},
                        {"Speed=1", "[Match] has no key 'Speed'"},
                        {"Vendor", "this is neither*'Vendor'"},
                        {"Vendor:8086", "this is neither*"},
                        {"Address 0000:3b:00.0", "this is neither*"},
                        {"=8086", "this is neither*"},
                        {"Vendor=8086 ; Intel", "a comment needs its own line"},
                        {"Vendor=8086 # Intel", "a comment needs its own line"},
                        {"Vendor=8086;", "a comment needs its own line"},
                        {"  Vendor=8086", "a line must not begin with a space or tab*"},
                        {"\tVendor=8086", "a line must not begin with a space or tab*"},
                        {"[Match", "a section needs its own line*"},
                        {"[Match]]", "a section needs its own line*"},
                        {"[Match] x", "a section needs its own line*"},
                        {"[Match] ; x", "a section needs its own line*"},
                        {"[Match]Vendor=8086", "a section needs its own line*"},
                        {"[Match]", "[Match] was given already in line 1"},
                        {"[]", "there is no section*"},
                        {"[match]", "there is no section [match]*"},
                        {"[Match ]", "there is no section*"},
                        {"[Mat]", "there is no section*"},
                        {"[Install]", "there is no section [Install]: they are [Match] and [Detach]"},
                        {"Vendor=80\x01"
                         "6",
                                        "column 10 has a control character or is not UTF-8"},
                        {"Vendor=8086\rDevice=100e", "column 12 has a control character or is not UTF-8"},
                        {"# \xff", "column 3 has a control character or is not UTF-8"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autofree char *text =
                                g_strdup_printf("[Match]\n# comment\n\n%s\n[Nonsense\nVendor=x\n", wrong[i].line);
                g_autofree char *dos = g_strdup_printf("[Match]\r\n\r\n%s\r\n", wrong[i].line);

                assert_refused(text, 4, wrong[i].pattern);
                assert_refused(dos, 3, wrong[i].pattern);
        }
}

static void test_detach_values(void) {
        static const struct {
                const char *line, *pattern;
        } wrong[] = {
                        {"Driver=", "Driver= must be a vfio driver like vfio-pci or mlx5_vfio_pci, not ''"},
                        {"Driver=e1000", "Driver= must be a vfio driver*"},
                        {"Companions=", "Companions= is empty*"},
                        {"Companions=,", "Companions= is empty*"},
                        {"Companions=some", "Companions= must be 'all', 'none' or addresses*'some'"},
                        {"Companions=all none", "Companions= must be 'all', 'none' or addresses*'all'"},
                        {"Companions=0000:3b:00.1 all", "Companions= must be 'all', 'none' or addresses*'all'"},
                        {"Companions=All", "Companions= must be*"},
                        {"Companions=3b:00.1", "Companions= must be*"},
                        {"Override=", "Override= is empty*"},
                        {"Override=all", "Override= can contain storage, network*not 'all'"},
                        {"Override=storage nonsense", "Override= can contain*'nonsense'"},
                        {"VirtualFunctions=", "VirtualFunctions= must be a number from 1 to 65535, not ''"},
                        {"VirtualFunctions=0", "VirtualFunctions= must be*"},
                        {"VirtualFunctions=-1", "VirtualFunctions= must be*"},
                        {"VirtualFunctions=+1", "VirtualFunctions= must be*"},
                        {"VirtualFunctions=0x8", "VirtualFunctions= must be*"},
                        {"VirtualFunctions=65536", "VirtualFunctions= must be*"},
                        {"VirtualFunctions=4294967297", "VirtualFunctions= must be*"},
                        {"VirtualFunctions=8 ", NULL},
                        {"VirtualFunctions=8 8", "VirtualFunctions= must be*"},
                        {"VirtualFunctions=65535", NULL},
                        {"Vendor=8086", "Vendor= must be in section [Match]"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autofree char *text = g_strdup_printf("[Match]\n" IDS "[Detach]\n%s\n", wrong[i].line);

                if (wrong[i].pattern)
                        assert_refused(text, 5, wrong[i].pattern);
                else
                        rule_free(parse(text));
        }
}

/* What is said twice. Lists add up. */
static void test_duplicates(void) {
        assert_refused("[Match]\nVendor=8086\nVendor=8086\n", 3, "Vendor= was given already in line 2");
        assert_refused("[Match]\nVendor=8086\n[Detach]\n[Match]\nDevice=100e\n", 4,
                        "[Match] was given already in line 1");
        assert_refused("[Match]\nClass=02\n[Detach]\nDriver=vfio-pci\nDriver=vfio-pci\n", 5,
                        "Driver= was given already*");
        assert_refused("[Match]\nClass=02\n[Detach]\nVirtualFunctions=8\nVirtualFunctions=8\n", 5,
                        "VirtualFunctions= was given already*");
        static const char *const pairs[][2] = {
                        {"all", "all"}, {"all", "none"}, {"none", NIC}, {NIC, "all"}, {NIC, "none"}, {"none", "none"}};
        for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
                g_autofree char *text = g_strdup_printf("[Match]\nClass=02\n[Detach]\nCompanions=%s\nCompanions=%s\n",
                                pairs[i][0], pairs[i][1]);

                assert_refused(text, 5, "Companions= was given already in line 4*");
        }
}

/* Each line is correct alone, but not together. */
static void test_incomplete(void) {
        assert_refused("", 0, "the section [Match] is missing");
        assert_refused("\n\n  \n", 0, "the section [Match] is missing");
        assert_refused("# nothing\n# at all\n", 0, "the section [Match] is missing");
        assert_refused("[Detach]\nDriver=vfio-pci\n", 0, "the section [Match] is missing");
        assert_refused("# x\n[Match]\n", 2, "[Match] needs at least Vendor= or Class=. *");
        assert_refused("[Match]\n\n[Detach]\nCompanions=all\n", 1, "[Match] needs*");
        assert_refused("[Match]\nSubsystem=8086:a01f\n", 1, "[Match] needs*");
        assert_refused("[Match]\nClass=02\nDevice=100e\n", 3, "Device= needs Vendor=");
        assert_refused("[Match]\nAddress=" NIC "\n", 2, "Address= also needs Vendor= and Device=*");
        assert_refused("[Match]\nClass=02\nAddress=" NIC "\nVendor=8086\n", 3,
                        "Address= also needs Vendor= and Device=*");
        assert_refused("[Match]\nPath=0000:00:1c.4\nVendor=8086\n", 2, "Path= also needs Vendor= and Device=*");
        assert_refused("Vendor=8086\n[Match]\n", 1, "'Vendor' is not in a section*");
        assert_refused("\xef\xbb\xbf[Match]\nVendor=8086\n", 1, "the file begins with a byte order mark*");
}

/* A line has at most 198 characters, but a comment any number. */
static void test_long_lines(void) {
        for (size_t n = 150; n < 260; n++) {
                g_autofree char *value = g_strnfill(n, ' ');
                g_autofree char *text = g_strdup_printf("[Match]\nVendor=%s8086\n", value);
                size_t length = strlen("Vendor=8086") + n;
                RuleFault fault;
                Rule *rule = NULL;

                int r = rule_parse("test", "test.conf", text, &rule, &fault);
                g_assert_cmpint(r, ==, length <= 198 ? 0 : -EINVAL);
                if (r < 0)
                        assert_refused(text, 2, "the line has more than 198 characters");
                else
                        g_assert_cmphex((unsigned)rule->vendor, ==, 0x8086);
                rule_free(rule);
        }
        g_autofree char *key = g_strnfill(190, 'K'), *section = g_strnfill(1000, 'S'), *comment = g_strnfill(5000, '#');
        g_autofree char *with_key = g_strdup_printf("[Match]\n%s=x\n", key);
        g_autofree char *with_section = g_strdup_printf("[%s]\nx=y\n", section);
        g_autofree char *with_comment = g_strdup_printf("%s\n[Match]\n%s\n" IDS, comment, comment);
        assert_refused(with_key, 2, "[Match] has no key 'KKK*");
        assert_refused(with_section, 1, "there is no section [SSS*");
        rule_free(parse(with_comment));

        /* a message that is cut does not end with half a character */
        for (size_t n = 0; n < 4; n++) {
                g_autofree char *pad = g_strnfill(n, 'x');
                g_autoptr(GString) text = g_string_new("[Match]\n");

                g_string_append(text, pad);
                while (text->len < 190)
                        g_string_append(text, "€");
                assert_refused(text->str, 2, "this is neither*");
                g_string_append(text, "=1€€");
                assert_refused(text->str, 2, "[Match] has no key*");
        }
        g_autoptr(GString) many = g_string_new("[Match]\nClass=02\n[Detach]\n");
        for (unsigned i = 0; i < RULE_COMPANIONS_MAX; i++)
                g_string_append_printf(many, "Companions=%04x:00:00.0\n", i);
        rule_free(parse(many->str));
        g_string_append(many, "Companions=ffff:00:00.0\n");
        assert_refused(many->str, 4 + RULE_COMPANIONS_MAX, "Companions= has more than 1024 addresses*");
}

/* Any text is at most refused: every prefix of a rule, and every changed byte. */
static void test_mutations(void) {
        static const char text[] =
                        "# c\n[Match]\nAddress=" NIC "\n" IDS "Subsystem=8086:a01f\nClass=02\n"
                        "Path=0000:00:1c.4/00.0\n[Detach]\nCompanions=0000:3b:00.1 " NIC "\nOverride=storage\n"
                        "VirtualFunctions=8\n";
        static const char bytes[] = "\n\r\t =:;#[]0xg\x7f\x80\xe2\xff";
        unsigned n_valid = 0, n_refused = 0;

        for (size_t i = 0; i < strlen(text); i++)
                for (size_t k = 0; k < sizeof(bytes); k++) {
                        g_autofree char *changed = g_strdup(text);
                        Rule *rule = NULL;
                        RuleFault fault;

                        changed[i] = bytes[k]; /* the last byte is NUL, which makes a prefix */
                        int r = rule_parse("test", "test.conf", changed, &rule, &fault);
                        if (r == 0)
                                n_valid++;
                        else {
                                g_assert_cmpint(r, ==, -EINVAL);
                                g_assert_null(rule);
                                g_assert_true(g_utf8_validate(fault.message, -1, NULL));
                                g_assert_cmpstr(fault.message, !=, "");
                                n_refused++;
                        }
                        rule_free(rule);
                }
        g_assert_cmpuint(n_valid, >, 20);
        g_assert_cmpuint(n_refused, >, 20 * n_valid);
}

static void assert_match(const char *text, const Device *device, const char *path, RuleMatch expected) {
        g_autofree char *whole = g_strconcat("[Match]\n", text, NULL);
        _cleanup_(rule_freep) Rule *rule = parse(whole);

        if (rule_match(rule, device, path) != expected)
                g_error("\"%s\" gives %d instead of %d", text, rule_match(rule, device, path), expected);
}

static void test_match(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(NIC, "e1000", 25);

        facts.ids.subsystem_vendor = 0x8086;
        facts.ids.subsystem_device = 0xa01f;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        const Device *device = get_device(inventory, NIC);

        static const char *const matching[] = {IDS, "Vendor=8086\n", "Class=02\n", "Class=0200\n", "Class=020000\n",
                        "Vendor=8086\nClass=02\n", "Address=" NIC "\n" IDS, "Path=0000:00:1c.4/00.0\n" IDS,
                        "Subsystem=8086:a01f\n" IDS, "Address=" NIC "\n" IDS "Class=02\nSubsystem=8086:a01f\n"};
        for (size_t i = 0; i < G_N_ELEMENTS(matching); i++)
                assert_match(matching[i], device, "0000:00:1c.4/00.0", RULE_MATCH);

        static const char *const others[] = {"Vendor=8087\n", "Vendor=8086\nDevice=100f\n", "Class=03\n",
                        "Class=0201\n", "Class=020001\n", "Vendor=8086\nClass=03\n",
                        "Vendor=8086\nSubsystem=8086:a020\n", "Vendor=8086\nSubsystem=8087:a01f\n",
                        "Address=0000:3b:00.1\n" IDS, "Path=0000:00:1c.4\n" IDS, "Path=0000:00:1c.4/00.0/00.0\n" IDS,
                        "Address=" NIC "\nPath=0000:00:1c.4\n" IDS};
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                assert_match(others[i], device, "0000:00:1c.4/00.0", RULE_NO_MATCH);

        static const char *const replaced[] = {"Address=" NIC "\nVendor=8086\nDevice=10d3\n",
                        "Address=" NIC "\n" IDS "Subsystem=8086:a020\n", "Address=" NIC "\n" IDS "Class=03\n",
                        "Path=0000:00:1c.4/00.0\nVendor=10de\nDevice=100e\n"};
        for (size_t i = 0; i < G_N_ELEMENTS(replaced); i++)
                assert_match(replaced[i], device, "0000:00:1c.4/00.0", RULE_OTHER_CARD);

        /* an unknown path matches nothing */
        assert_match("Path=0000:00:1c.4/00.0\n" IDS, device, "", RULE_NO_MATCH);

        /* neither bridges nor absent devices */
        put_bridge(inventory, "0000:00:01.0", "pcieport", 1);
        assert_match("Vendor=8086\n", get_device(inventory, "0000:00:01.0"), "", RULE_NO_MATCH);
        put_origin(inventory, NIC, "e1000", NULL);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_match("Address=" NIC "\n" IDS, get_device(inventory, NIC), "", RULE_NO_MATCH);
}

/* The text that vfiod writes has exactly the intended meaning. */
static void test_make_text(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(NIC, "e1000", 25);
        char *text;

        put_device(inventory, "0000:3b:00.1", "e1000", 25);
        facts.ids.subsystem_vendor = 0x1af4;
        facts.ids.subsystem_device = 0x0001;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        const Device *device = get_device(inventory, NIC);

        g_assert_cmpint(rule_make_text(device, &(Rule){}, &text), ==, 0);
        g_assert_cmpstr(text, ==,
                        "# Written by vfiod; see vfiod.rules(5).\n[Match]\nAddress=0000:3b:00.0\nVendor=8086\n"
                        "Device=100e\nSubsystem=1af4:0001\n\n[Detach]\nCompanions=none\n");
        rule_free(parse(text));
        free(text);

        PciAddress companions[RULE_COMPANIONS_MAX];
        for (unsigned i = 0; i < RULE_COMPANIONS_MAX; i++)
                companions[i] = (PciAddress){.domain = 0xfffffff0 + i % 8, .bus = (uint8_t)(i / 8)};
        for (size_t n = 1; n <= RULE_COMPANIONS_MAX; n += n < 40 ? 1 : 123) {
                Rule wish = {
                                .companions = companions,
                                .n_companions = n,
                                .overrides = (1U << _GUARD_MAX) - 1,
                                .virtual_functions = RULE_VIRTUAL_FUNCTIONS_MAX,
                };
                g_assert_cmpint(rule_make_text(get_device(inventory, "0000:3b:00.1"), &wish, &text), ==, 0);
                _cleanup_(rule_freep) Rule *rule = parse(text);
                g_assert_null(strstr(text, "Subsystem"));
                free(text);
                g_assert_cmpuint(rule->n_companions, ==, n);
                for (size_t i = 0; i < n; i++)
                        g_assert_true(pci_address_equal(rule->companions[i], companions[i]));
                g_assert_cmphex(rule->overrides, ==, wish.overrides);
                g_assert_cmpuint(rule->virtual_functions, ==, RULE_VIRTUAL_FUNCTIONS_MAX);
                g_assert_cmpint(rule_match(rule, device, ""), ==, RULE_NO_MATCH);
                g_assert_cmpint(rule_match(rule, get_device(inventory, "0000:3b:00.1"), ""), ==, RULE_MATCH);
        }

        Rule all = {.all_companions = true, .overrides = 1U << GUARD_NETWORK};
        g_assert_cmpint(rule_make_text(device, &all, &text), ==, 0);
        g_assert_nonnull(strstr(text, "\nCompanions=all\nOverride=network\n"));
        _cleanup_(rule_freep) Rule *rule = parse(text);
        free(text);
        g_assert_true(rule_takes_along(rule, address_of("0000:3b:00.1")));
        g_assert_cmpint(rule_match(rule, device, ""), ==, RULE_MATCH);
}

static void test_names(void) {
        static const char *const valid[] = {"a", "0000-3b-00.0", "50-gpu", "A_b.c", "-x"};
        static const char *const invalid[] = {
                        "", ".", "..", ".hidden", "a/b", "a b", "a\n", "a\tb", "\xc3\xa4", "a:b", "a*", "~"};
        g_autofree char *longest = g_strnfill(RULE_NAME_MAX - 1, 'x'), *longer = g_strnfill(RULE_NAME_MAX, 'x');

        for (size_t i = 0; i < G_N_ELEMENTS(valid); i++)
                g_assert_true(rule_name_is_valid(valid[i]));
        for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++)
                g_assert_false(rule_name_is_valid(invalid[i]));
        g_assert_true(rule_name_is_valid(longest));
        g_assert_false(rule_name_is_valid(longer));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/rule/all-keys", test_all_keys);
        g_test_add_func("/rule/minimal", test_minimal);
        g_test_add_func("/rule/values", test_values);
        g_test_add_func("/rule/detach-values", test_detach_values);
        g_test_add_func("/rule/duplicates", test_duplicates);
        g_test_add_func("/rule/incomplete", test_incomplete);
        g_test_add_func("/rule/long-lines", test_long_lines);
        g_test_add_func("/rule/mutations", test_mutations);
        g_test_add_func("/rule/match", test_match);
        g_test_add_func("/rule/make-text", test_make_text);
        g_test_add_func("/rule/names", test_names);
        return g_test_run();
}
