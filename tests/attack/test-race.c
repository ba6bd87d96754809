/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-facts.h"
#include "kernel/sysfs.h"
#include "planning.h"
#include "rule/boot-list.h"
#include "rule/early-file.h"
#include "rule/rule-book.h"
#include "state-folder.h"
#include "state/device-file.h"
#include "state/transaction-file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A second process swaps files, folders and links all the time, while the functions that read and write files run 100,000
 * times. Each link leads out of the tree, to files that would be valid. Nothing behind a link may be read or written, and each
 * call ends with a success or an error. */

#define ROUNDS 100000

#define NIC "0000:03:01.0"
#define INSIDE "inside"
#define OUTSIDE "outside"
#define RULE(driver) "[Match]\nAddress=" NIC "\nVendor=8086\nDevice=100e\n[Detach]\nDriver=" driver "_vfio_pci\n"

typedef struct Shared {
        guint64 n_swaps;
        gint end;
} Shared;

typedef struct Race {
        StateFolder *in, *out;
        int device_fd, folder_fd, lock_fd;
        RuleBook *book;
        Plan *plan;
        char *file; /* written by rename */
        Shared *shared;
        pid_t swapper;
} Race;

/* The swapper. */

static char *path_in(const StateFolder *folder, const char *name) {
        return temp_tree_path(folder->tree, "%s", name);
}

/* Places that are swapped: first there is a good thing, then a link, then a folder, then nothing. */
static const char *const places[] = {
                "state/" NIC,
                "state/" NIC ".new",
                "state/1",
                "state/1.new",
                "rules/nic.conf",
                "rules/.new.new",
                "rules/new.conf",
                "boot/10-vfiod.rules",
                "boot/10-vfiod.rules.new",
                "sys/devices/pci0000:00/" NIC "/driver_override",
                "sys/devices/pci0000:00/" NIC "/power_state",
                "sys/devices/pci0000:00/" NIC "/link",
};

typedef struct Swap {
        char *place, *kept, *link, *target, *folder;
} Swap;

static Swap make_swap(const Race *race, size_t i) {
        g_autofree char *target = path_in(race->out, places[i]), *place = path_in(race->in, places[i]),
                        *spare = temp_tree_path(race->in->tree, "spare-%zu", i);
        Swap swap = {.place = g_steal_pointer(&place)};

        swap.kept = g_strconcat(spare, "-kept", NULL);
        swap.link = g_strconcat(spare, "-link", NULL);
        swap.folder = g_strconcat(spare, "-folder", NULL);
        /* Where the tree has no file, the swapper brings a file. */
        if (!g_file_test(swap.place, G_FILE_TEST_EXISTS))
                g_assert_true(g_file_set_contents(swap.place, INSIDE "\n", -1, NULL));
        swap.target = g_steal_pointer(&target);
        return swap;
}

static void exchange(const char *a, const char *b, Shared *shared) {
        if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) >= 0)
                __atomic_add_fetch(&shared->n_swaps, 1, __ATOMIC_RELAXED);
}

/* The place is for a moment a link, and for a moment a folder. What was there comes back, so that the calls often succeed. The
 * calls remove and replace files meanwhile, so each step may find nothing. */
static void swap_once(const Swap *swap, Shared *shared) {
        /* A call may have replaced or removed them at the place. */
        (void)unlink(swap->link);
        (void)symlink(swap->target, swap->link);
        (void)unlink(swap->folder);
        (void)mkdir(swap->folder, 0700);
        exchange(swap->place, swap->link, shared);
        exchange(swap->place, swap->link, shared);
        exchange(swap->place, swap->folder, shared);
        exchange(swap->place, swap->folder, shared);
        if (rename(swap->place, swap->kept) >= 0) {
                (void)rename(swap->link, swap->place);
                (void)rename(swap->place, swap->link);
                (void)rename(swap->kept, swap->place);
        }
}

static pid_t fork_swapper(const Race *race) {
        Swap swaps[G_N_ELEMENTS(places)];

        for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
                swaps[i] = make_swap(race, i);
        pid_t pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (size_t i = 0; !g_atomic_int_get(&race->shared->end); i++)
                        swap_once(&swaps[i % G_N_ELEMENTS(places)], race->shared);
                _exit(EXIT_SUCCESS);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
                g_free(swaps[i].place);
                g_free(swaps[i].kept);
                g_free(swaps[i].link);
                g_free(swaps[i].target);
                g_free(swaps[i].folder);
        }
        return pid;
}

/* The operations. Each returns as the function that it calls does, and checks what it has read. */

static int read_attribute(Race *race, const char *name) {
        char text[SYSFS_TEXT_MAX];

        int r = sysfs_read_text(race->device_fd, name, text, sizeof(text));
        if (r >= 0)
                g_assert_cmpstr(text, !=, OUTSIDE);
        return r;
}

static int read_override(Race *race) {
        return read_attribute(race, "driver_override");
}

static int read_power(Race *race) {
        return read_attribute(race, "power_state");
}

static int write_override(Race *race) {
        return sysfs_write(race->device_fd, "driver_override", INSIDE "\n");
}

static int write_device_file(Race *race) {
        DeviceOrigin origin = {.binding = {.driver = INSIDE}};

        return device_file_write(race->in->fd, address_of(NIC), true, &origin);
}

static int read_device_file(Race *race) {
        _cleanup_device_file_ DeviceFile file = {};

        int r = device_file_read(race->in->fd, address_of(NIC), &file);
        if (r >= 0)
                g_assert_cmpstr(file.origin->binding.driver, ==, INSIDE);
        return r;
}

static int remove_device_file(Race *race) {
        return device_file_remove(race->in->fd, address_of(NIC));
}

static int write_transaction(Race *race) {
        int fd = -EBADF;

        int r = transaction_file_write(race->in->fd, 1, race->plan, &fd);
        (void)safe_close(fd);
        return r;
}

static int read_transaction(Race *race) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        pid_t owner;

        int r = transaction_file_read(race->in->fd, 1, &plan, &owner);
        if (r >= 0)
                g_assert_cmpuint(plan->n_members, ==, 1);
        return r;
}

/* A file that cannot be read is a rule that is off. */
static int load_rules(Race *race) {
        int r = rule_book_load(race->book, false);
        const RuleFile *file = r >= 0 ? rule_book_find(race->book, "nic") : NULL;

        if (!file || !file->rule)
                return r < 0 ? r : -ENOENT;
        g_assert_cmpstr(file->rule->driver, ==, INSIDE "_vfio_pci");
        return 0;
}

static int add_rule(Race *race) {
        int r = rule_book_add(race->book, "new", RULE(INSIDE));
        (void)rule_book_remove(race->book, "new");
        return r;
}

static int replace_boot_file(Race *race) {
        return early_file_replace(race->folder_fd, race->file, "# " INSIDE "\n");
}

static int read_boot_file(Race *race) {
        _cleanup_boot_list_ BootList list = {};

        int r = boot_list_read(race->file, &list);
        g_assert_cmpuint(list.n_devices, ==, 0);
        return r;
}

static const struct {
        const char *name;
        int (*run)(Race *race);
} operations[] = {
                {"read driver_override", read_override},
                {"read power_state", read_power},
                {"write driver_override", write_override},
                {"write a device's file", write_device_file},
                {"read a device's file", read_device_file},
                {"remove a device's file", remove_device_file},
                {"write a transaction", write_transaction},
                {"read a transaction", read_transaction},
                {"load rules", load_rules},
                {"add a rule", add_rule},
                {"replace the boot file", replace_boot_file},
                {"read the boot file", read_boot_file},
};

/* What a function may say of a thing that is something else by now. */
static bool is_clean(int error) {
        static const int clean[] = {
                        ENOENT, ELOOP, EPERM, EISDIR, EEXIST, ENOTDIR, EINVAL, ENOTEMPTY, EBADMSG, EROFS, ESTALE};

        for (size_t i = 0; i < G_N_ELEMENTS(clean); i++)
                if (error == -clean[i])
                        return true;
        return false;
}

/* The tree. */

static void fill(StateFolder *folder, const char *driver) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        TempTree *tree = folder->tree;
        DeviceOrigin origin = {};
        g_autofree char *line = g_strconcat(driver, "\n", NULL);
        int fd = -EBADF;

        (void)snprintf(origin.binding.driver, sizeof(origin.binding.driver), "%s", driver);
        temp_tree_device(tree, "pci0000:00/" NIC);
        temp_tree_attribute(tree, NIC, "driver_override", driver);
        temp_tree_attribute(tree, NIC, "power_state", driver);
        g_assert_cmpint(device_file_write(folder->fd, address_of(NIC), true, &origin), ==, 0);
        put_device(inventory, NIC, driver, 10);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, NIC, 0);
        g_assert_cmpint(transaction_file_write(folder->fd, 1, plan, &fd), ==, 0);
        close(fd);
        temp_tree_file(tree, line, "boot/10-vfiod.rules");
}

/* Outside, each place has a file. Returns the contents, the numbers and the times of all, which must not change. */
static char *describe_outside(const StateFolder *folder) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
                g_autofree char *path = path_in(folder, places[i]), *contents = NULL;
                struct stat status = {};

                if (stat(path, &status) < 0) {
                        g_string_append_printf(text, "%s: none\n", places[i]);
                        continue;
                }
                g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
                g_string_append_printf(text, "%s: %lu %o %ld.%09ld %s\n", places[i], (unsigned long)status.st_ino,
                                status.st_mode, (long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec, contents);
        }
        return g_string_free(text, FALSE);
}

static void race_begin(Race *race) {
        race->in = state_folder_new();
        race->out = state_folder_new();
        fill(race->in, INSIDE);
        fill(race->out, OUTSIDE);
        temp_tree_file(race->in->tree, RULE(INSIDE), "rules/nic.conf");
        temp_tree_file(race->out->tree, RULE(OUTSIDE), "rules/nic.conf");
        /* Places that a call makes, and where a link would lead a write out of the tree: some of them to a file. */
        temp_tree_file(race->out->tree, OUTSIDE "\n", "state/" NIC ".new");
        temp_tree_file(race->out->tree, OUTSIDE "\n", "rules/.new.new");
        temp_tree_file(race->out->tree, OUTSIDE "\n", "boot/10-vfiod.rules.new");

        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        put_device(inventory, NIC, INSIDE, 10);
        race->plan = make_detach_plan(inventory, NIC, 0);
        race->device_fd = pci_device_open(race->in->tree->kernel, address_of(NIC));
        g_assert_cmpint(race->device_fd, >=, 0);
        race->file = path_in(race->in, "boot/10-vfiod.rules");
        race->lock_fd = early_file_lock(race->file, &race->folder_fd);
        g_assert_cmpint(race->lock_fd, >=, 0);
        g_autofree char *rules = path_in(race->in, "rules");
        g_assert_cmpint(rule_book_new((const char *const[]){rules, NULL}, &race->book), ==, 0);
        race->shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        g_assert_true(race->shared != MAP_FAILED);
}

static void race_end(Race *race) {
        rule_book_free(race->book);
        plan_free(race->plan);
        close(race->device_fd);
        close(race->folder_fd);
        close(race->lock_fd);
        g_free(race->file);
        state_folder_free(race->in);
        state_folder_free(race->out);
        g_assert_cmpint(munmap(race->shared, sizeof(Shared)), ==, 0);
}

typedef struct Count {
        guint n_good, n_bad;
} Count;

static void run_operation(Race *race, size_t i, Count *count) {
        int r = operations[i].run(race);

        if (r < 0 && !is_clean(r))
                g_error("%s: %s", operations[i].name, g_strerror(-r));
        *(r < 0 ? &count->n_bad : &count->n_good) += 1;
}

/* Something to read and to remove. */
static void put_files(Race *race) {
        (void)write_device_file(race);
        (void)write_transaction(race);
        (void)replace_boot_file(race);
}

static void test_race(void) {
        Count counts[G_N_ELEMENTS(operations)] = {};
        Race race = {};
        guint n_bad = 0;

        race_begin(&race);
        g_autofree char *before = describe_outside(race.out);
        race.swapper = fork_swapper(&race);
        for (size_t n = 0; n < ROUNDS; n++) {
                if (n % 16 == 0)
                        put_files(&race);
                run_operation(&race, n % G_N_ELEMENTS(operations), &counts[n % G_N_ELEMENTS(operations)]);
        }
        g_atomic_int_set(&race.shared->end, 1);
        g_assert_cmpint(waitpid(race.swapper, NULL, 0), ==, race.swapper);
        for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
                g_test_message("%s: %u successes, %u errors", operations[i].name, counts[i].n_good, counts[i].n_bad);
                g_assert_cmpuint(counts[i].n_good, >, 0);
                n_bad += counts[i].n_bad;
        }
        g_test_message("%" G_GUINT64_FORMAT " swaps, %u errors", race.shared->n_swaps, n_bad);
        /* Otherwise there was no race. */
        g_assert_cmpuint(race.shared->n_swaps, >, ROUNDS / 100);
        g_assert_cmpuint(n_bad, >, ROUNDS / 1000);
        g_autofree char *after = describe_outside(race.out);
        g_assert_cmpstr(after, ==, before);
        race_end(&race);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/race", test_race);
        return g_test_run();
}
