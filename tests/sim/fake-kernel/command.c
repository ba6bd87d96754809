/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <errno.h>
#include <string.h>

#include "device.h"
#include "driver.h"
#include "group.h"
#include "injection.h"

typedef struct Call {
        Machine *machine;
        Filesystem *filesystem;
        char **words;   /* after the name of the command */
        char *rest;     /* the same as one string */
        GString *reply; /* data lines */
        char *text;     /* after "ok", or the text of the error */
} Call;

static bool call_fail(Call *c, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool call_fail(Call *c, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        g_free(c->text);
        c->text = g_strdup_vprintf(format, ap);
        va_end(ap);
        return false;
}

static Device *call_get_device(Call *c, const char *address) {
        Device *d = device_find(c->machine, address);

        if (!d)
                call_fail(c, "no such device: %s", address);
        return d;
}

static Group *call_get_group(Call *c, const char *number) {
        guint64 value;
        Group *g = NULL;

        if (g_ascii_string_to_unsigned(number, 10, 0, 65535, &value, NULL))
                g = group_find(c->machine, (unsigned)value);
        if (!g)
                call_fail(c, "no such group: %s", number);
        return g;
}

static bool command_device(Call *c) {
        DeviceSpec *spec = spec_new(c->words[0]);

        if (!spec_apply(spec, c->words + 1, &c->text)) {
                spec_free(spec);
                return false;
        }
        return (spec->behind ? device_add_behind(c->machine, spec, &c->text)
                             : device_add(c->machine, spec, &c->text)) == 0;
}

static bool command_driver(Call *c) {
        return driver_add(c->machine, c->words[0], c->words + 1, &c->text);
}

static bool command_modprobe(Call *c) {
        return module_load(c->machine, c->words[0], &c->text);
}

static bool command_rmmod(Call *c) {
        return module_unload(c->machine, c->words[0], &c->text);
}

static bool command_blacklist(Call *c) {
        module_blacklist(c->machine, c->words[0]);
        return true;
}

static bool command_use(Call *c) {
        if (disk_claim(c->machine, c->words[0], true) < 0)
                return call_fail(c, "no such disk");
        return true;
}

static bool command_unuse(Call *c) {
        if (disk_claim(c->machine, c->words[0], false) < 0)
                return call_fail(c, "no such disk");
        return true;
}

static bool command_unplug(Call *c) {
        bool behind = device_pull_behind(c->machine, c->words[0]);
        Device *d = device_find(c->machine, c->words[0]);

        if (!d)
                return behind || call_get_device(c, c->words[0]);
        if (device_remove(d) == NODE_WAIT)
                c->text = g_strdup("pending");
        return true;
}

static bool command_swap(Call *c) {
        return device_swap(c->machine, c->words[0], c->words + 1, &c->text);
}

static bool call_group(Call *c, int (*action)(Group *g)) {
        Group *g = call_get_group(c, c->words[0]);
        int r;

        if (!g)
                return false;
        r = action(g);
        switch (r) {
        case 0:
                return true;
        case -ENOENT:
                return call_fail(c, action == group_release ? "group is not held" : "group has no node");
        case -EPERM:
                return call_fail(c, "group is not viable");
        default:
                return call_fail(c, "group is held");
        }
}

static bool command_claim(Call *c) {
        return call_group(c, group_claim);
}

static bool command_hold(Call *c) {
        return call_group(c, group_hold);
}

static bool command_release(Call *c) {
        return call_group(c, group_release);
}

static bool command_reserved(Call *c) {
        Group *g = call_get_group(c, c->words[0]);

        if (g)
                g_string_append_printf(g->reserved, "%s %s %s\n", c->words[1], c->words[2], c->words[3]);
        return g;
}

static bool command_netrename(Call *c) {
        Device *d = call_get_device(c, c->words[0]);
        int r = d ? device_rename_net(d, c->words[1]) : 0;

        if (r < 0)
                return call_fail(c, "name is taken");
        return d;
}

static bool command_set(Call *c) {
        Device *d = call_get_device(c, c->words[0]);
        const char *value = c->rest + strcspn(c->rest, " ");
        Node *n;

        if (!d)
                return false;
        value += strspn(value, " ");
        value += strcspn(value, " ");
        value += strspn(value, " ");

        n = node_find(d->folder, c->words[1]);
        if (strcmp(c->words[1], "driver_override") == 0)
                device_set_override(d, strcmp(value, "(null)") == 0 ? "" : value);
        else if (n && n->type == NODE_ATTRIBUTE && n->text)
                node_set_text(n, value);
        else
                return call_fail(c, "no attribute that can be set: %s", c->words[1]);
        return true;
}

static bool errno_parse(const char *text, int *ret_error) {
        guint64 value;

        if (g_ascii_string_to_unsigned(text, 10, 1, 4095, &value, NULL)) {
                *ret_error = (int)value;
                return true;
        }
        for (int i = 1; i < 134; i++)
                if (g_strcmp0(strerrorname_np(i), text) == 0) {
                        *ret_error = i;
                        return true;
                }
        return false;
}

static bool call_inject(Call *c, Verdict kind) {
        guint64 k;
        int error = 0;

        if (!g_ascii_string_to_unsigned(c->words[0], 10, 1, 1000000, &k, NULL))
                return call_fail(c, "not a count: %s", c->words[0]);
        if ((kind == VERDICT_FAIL || kind == VERDICT_FAIL_AFTER) && !errno_parse(c->words[1], &error))
                return call_fail(c, "not an errno: %s", c->words[1]);
        if (kind == VERDICT_SWAP) {
                DeviceSpec *spec = spec_new(c->words[1]);
                bool valid = spec_apply(spec, c->words + 2, &c->text);

                spec_free(spec);
                if (!valid)
                        return false;
        }
        if ((kind == VERDICT_VANISH || kind == VERDICT_SWAP) && !call_get_device(c, c->words[1]))
                return false;
        injections_add(c->machine->injections, kind, (unsigned)k, error, c->words + 1);
        return true;
}

static bool command_fail(Call *c) {
        return call_inject(c, VERDICT_FAIL);
}

static bool command_fail_after(Call *c) {
        return call_inject(c, VERDICT_FAIL_AFTER);
}

static bool command_ignore(Call *c) {
        return call_inject(c, VERDICT_IGNORE);
}

static bool command_stall(Call *c) {
        return call_inject(c, VERDICT_STALL);
}

static bool command_stall_after(Call *c) {
        return call_inject(c, VERDICT_STALL_AFTER);
}

/* Lets reads of an attribute wait, as for a device that is asleep or does not respond. */
static bool call_stall_reads(Call *c, bool stalls) {
        Device *d = call_get_device(c, c->words[0]);
        Node *n = d ? node_find(d->folder, c->words[1]) : NULL;

        if (!n)
                return d ? call_fail(c, "no such attribute: %s", c->words[1]) : false;
        n->read_stalls = stalls;
        if (!stalls)
                filesystem_resume(c->filesystem);
        return true;
}

static bool command_stall_read(Call *c) {
        return call_stall_reads(c, true);
}

static bool command_resume_read(Call *c) {
        return call_stall_reads(c, false);
}

static bool command_vanish(Call *c) {
        return call_inject(c, VERDICT_VANISH);
}

static bool command_swapat(Call *c) {
        return call_inject(c, VERDICT_SWAP);
}

static bool command_noprobe(Call *c) {
        Device *d = call_get_device(c, c->words[0]);

        if (d)
                d->probe_nothing = true;
        return d;
}

static bool command_clear(Call *c) {
        injections_clear(c->machine->injections);
        for (unsigned i = 0; i < c->machine->devices->len; i++)
                ((Device *)c->machine->devices->pdata[i])->probe_nothing = false;
        return true;
}

static bool command_resume(Call *c) {
        filesystem_resume(c->filesystem);
        return true;
}

static bool command_pending(Call *c) {
        c->text = g_strdup_printf("%u", filesystem_count_pending(c->filesystem));
        return true;
}

static bool call_list_writes(Call *c, bool writers) {
        injections_list_writes(c->machine->injections, writers, c->reply);
        c->text = g_strdup_printf("%u", injections_count_writes(c->machine->injections));
        return true;
}

static bool command_writes(Call *c) {
        return call_list_writes(c, false);
}

static bool command_writers(Call *c) {
        return call_list_writes(c, true);
}

static bool command_reset_writes(Call *c) {
        injections_reset_writes(c->machine->injections);
        return true;
}

static bool command_snapshot(Call *c) {
        machine_snapshot(c->machine, c->reply);
        return true;
}

static bool call_get_switch(Call *c, bool *ret) {
        *ret = strcmp(c->words[0], "on") == 0;
        return *ret || strcmp(c->words[0], "off") == 0 || call_fail(c, "on or off?");
}

/* Settings of the kernel or its command line: they cannot change while a device is on a vfio driver. */
static bool call_set_switch(Call *c, int (*set)(Machine *m, bool on)) {
        bool on;

        if (!call_get_switch(c, &on))
                return false;
        if (set(c->machine, on) < 0)
                return call_fail(c, "a device is on a vfio driver");
        return true;
}

static bool command_iommu(Call *c) {
        return call_set_switch(c, machine_set_iommu);
}

static bool command_interrupts(Call *c) {
        return machine_set_interrupts(c->machine, c->words[0]) || call_fail(c, "remapped or plain?");
}

static bool command_group_nodes(Call *c) {
        return call_set_switch(c, machine_set_group_nodes);
}

static bool command_cdevs(Call *c) {
        bool on;

        if (!call_get_switch(c, &on))
                return false;
        c->machine->cdevs = on;
        return true;
}

static bool call_get_count(Call *c, unsigned *ret) {
        guint64 value;

        if (!g_ascii_string_to_unsigned(c->words[0], 10, 0, 1000000, &value, NULL))
                return call_fail(c, "not a count: %s", c->words[0]);
        *ret = (unsigned)value;
        return true;
}

static bool command_lose(Call *c) {
        unsigned n = 0;

        if (!call_get_count(c, &n))
                return false;
        machine_lose(c->machine, n);
        return true;
}

static bool command_storm(Call *c) {
        unsigned n = 0;

        if (!call_get_count(c, &n))
                return false;
        machine_storm(c->machine, n, c->words[1]);
        return true;
}

static const struct {
        const char *name;
        unsigned n_min, n_max; /* number of words */
        bool live;             /* not allowed in a topology file */
        bool (*run)(Call *c);
} commands[] = {
                {"device", 1, 99, false, command_device},
                {"plug", 1, 99, false, command_device},
                {"unplug", 1, 1, false, command_unplug},
                {"swap", 1, 99, false, command_swap},
                {"driver", 1, 99, false, command_driver},
                {"modprobe", 1, 1, false, command_modprobe},
                {"rmmod", 1, 1, false, command_rmmod},
                {"blacklist", 1, 1, false, command_blacklist},
                {"use", 1, 1, false, command_use},
                {"unuse", 1, 1, false, command_unuse},
                {"claim", 1, 1, false, command_claim},
                {"hold", 1, 1, false, command_hold},
                {"release", 1, 1, false, command_release},
                {"reserved", 4, 4, false, command_reserved},
                {"netrename", 2, 2, false, command_netrename},
                {"set", 3, 99, false, command_set},
                {"lose", 1, 1, true, command_lose},
                {"storm", 2, 2, true, command_storm},
                {"iommu", 1, 1, false, command_iommu},
                {"interrupts", 1, 1, false, command_interrupts},
                {"group-nodes", 1, 1, false, command_group_nodes},
                {"cdevs", 1, 1, false, command_cdevs},
                {"fail", 2, 2, true, command_fail},
                {"fail-after", 2, 2, true, command_fail_after},
                {"ignore", 1, 1, true, command_ignore},
                {"stall", 1, 1, true, command_stall},
                {"stall-after", 1, 1, true, command_stall_after},
                {"stall-read", 2, 2, true, command_stall_read},
                {"resume-read", 2, 2, true, command_resume_read},
                {"vanish", 2, 2, true, command_vanish},
                {"swapat", 2, 99, true, command_swapat},
                {"noprobe", 1, 1, true, command_noprobe},
                {"clear", 0, 0, true, command_clear},
                {"resume", 0, 0, true, command_resume},
                {"pending", 0, 0, true, command_pending},
                {"writes", 0, 0, true, command_writes},
                {"writers", 0, 0, true, command_writers},
                {"reset-writes", 0, 0, true, command_reset_writes},
                {"snapshot", 0, 0, true, command_snapshot},
};

static bool call_dispatch(Call *c, const char *name) {
        for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
                unsigned n = g_strv_length(c->words);

                if (strcmp(commands[i].name, name) != 0)
                        continue;
                if (n < commands[i].n_min || n > commands[i].n_max)
                        return call_fail(c, "wrong number of words for %s", name);
                if (commands[i].live && !c->filesystem)
                        return call_fail(c, "not in a topology: %s", name);
                return commands[i].run(c);
        }
        return call_fail(c, "unknown command: %s", name);
}

/* Splits at runs of spaces. In a word, "\377" stands for a byte and "\\" for a backslash: names may contain any byte
 * except the space. */
static char **line_split(const char *line) {
        GPtrArray *words = g_ptr_array_new();
        g_auto(GStrv) parts = g_strsplit_set(line, " \t", -1);

        for (char **p = parts; *p; p++)
                if (**p)
                        g_ptr_array_add(words, g_strcompress(*p));
        g_ptr_array_add(words, NULL);
        return (char **)g_ptr_array_free(words, FALSE);
}

bool command_run(Machine *m, Filesystem *f, const char *line, char **ret_reply) {
        g_auto(GStrv) words = line_split(line);
        g_autoptr(GString) reply = g_string_new(NULL);
        g_autofree char *rest = NULL;
        Call c = {.machine = m, .filesystem = f, .reply = reply};
        bool ok;

        if (!words[0]) {
                *ret_reply = g_strdup("error empty command\n");
                return false;
        }
        line += strspn(line, " \t");
        line += strlen(words[0]);
        rest = g_strdup(line + strspn(line, " \t"));
        c.words = words + 1;
        c.rest = rest;

        ok = call_dispatch(&c, words[0]);
        if (!ok)
                g_string_truncate(reply, 0);
        g_string_append_printf(reply, "%s%s%s\n", ok ? "ok" : "error", c.text ? " " : "", c.text ?: "");
        g_free(c.text);
        *ret_reply = g_strdup(reply->str);
        return ok;
}

bool command_run_file(Machine *m, const char *path, char **ret_error) {
        g_autofree char *content = NULL;
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) lines = NULL;

        if (!g_file_get_contents(path, &content, NULL, &error)) {
                *ret_error = g_strdup(error->message);
                return false;
        }
        lines = g_strsplit(content, "\n", -1);
        for (unsigned i = 0; lines[i]; i++) {
                g_autofree char *reply = NULL;

                g_strstrip(lines[i]);
                if (!*lines[i] || *lines[i] == '#')
                        continue;
                if (!command_run(m, NULL, lines[i], &reply)) {
                        *ret_error = g_strdup_printf("%s:%u: %s", path, i + 1, g_strchomp(reply));
                        return false;
                }
        }
        return true;
}
