/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/driver.h"
#include "helper/modules-service.h"
#include "kernel/variant.h"
#include "process/modules-client.h"
#include "temp-tree.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Why a driver cannot be loaded, and what to do about it. */

#define RUNNING "6.1.0-18-amd64"
#define NEWER "6.1.0-27-amd64"
#define LIST \
        "kernel/drivers/vfio/vfio.ko.xz:\nkernel/drivers/vfio/pci/vfio-pci-core.ko: kernel/drivers/vfio/vfio.ko.xz\n"
#define VFIO_PCI "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/pci/vfio-pci-core.ko\n"

static void assert_says(TempTree *tree, int error, const char *says) {
        _cleanup_problem_ Problem problem = {};

        tree->load_result = error;
        g_assert_cmpint(driver_ensure(tree->kernel, "vfio-pci", NULL, &problem), ==, OUTCOME_DRIVER_UNAVAILABLE);
        if (!strstr(problem.message, says))
                g_error("\"%s\" does not say \"%s\"", problem.message, says);
        g_assert_true(g_str_has_suffix(problem.message, "."));
}

static void test_upgraded(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        /* Nothing is known. */
        assert_says(tree, -ENOENT, "Install the kernel's extra modules");
        temp_tree_file(tree, RUNNING "\n", "proc/sys/kernel/osrelease");
        assert_says(tree, -ENOENT,
                        "the running kernel " RUNNING
                        " has no modules in /lib/modules. Probably the kernel was upgraded since "
                        "the machine was started: reboot.");
        temp_tree_file(tree, LIST VFIO_PCI, "lib/modules/" NEWER "/modules.dep");
        temp_tree_file(tree, LIST VFIO_PCI, "lib/modules/6.1.0-9-amd64/modules.dep");
        temp_tree_file(tree, LIST, "lib/modules/6.9.0-1-amd64/modules.dep");
        assert_says(tree, -ENOENT, "reboot into the kernel " NEWER ".");
        /* What a DKMS module leaves behind. */
        temp_tree_file(tree, "x", "lib/modules/" RUNNING "/updates/dkms/nvidia.ko");
        assert_says(tree, -ENOENT, "reboot into the kernel " NEWER ".");

        temp_tree_file(tree, LIST, "lib/modules/" RUNNING "/modules.dep");
        assert_says(tree, -ENOENT,
                        "does not have it on disk, but the kernel " NEWER " has: reboot into that kernel, or install");
        temp_tree_remove(tree, "lib/modules/" NEWER);
        temp_tree_remove(tree, "lib/modules/6.1.0-9-amd64");
        assert_says(tree, -ENOENT, "Install the kernel's extra modules.");
        temp_tree_file(tree, LIST VFIO_PCI, "lib/modules/" RUNNING "/modules.dep");
        assert_says(tree, -ENOENT,
                        "it is on disk, but it needs something that the running kernel " RUNNING " does not have.");
        assert_says(tree, -ELIBBAD, "does not fit the running kernel. Probably the kernel was upgraded: reboot.");
        assert_says(tree, -ENOEXEC, "'install' command");
}

static void assert_search(TempTree *tree, const char *module, ModuleFile expected) {
        ModuleSearch search;

        modules_search(tree->kernel, module, &search);
        g_assert_cmpint(search.file, ==, expected);
        g_assert_cmpstr(search.release, ==, RUNNING);
}

static void test_search(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        static const char *const missing[] = {
                        "vfio-pc", "pci", "vfio", "vfio-pci-x", "drivers", "ko", "kernel/drivers"};

        temp_tree_file(tree, RUNNING "\n", "proc/sys/kernel/osrelease");
        temp_tree_file(tree, VFIO_PCI "extra/first_last.ko.gz:\ntop.ko:", "lib/modules/" RUNNING "/modules.dep");
        temp_tree_file(tree, "kernel/drivers/pci/pci-stub.ko\n", "lib/modules/" RUNNING "/modules.builtin");
        assert_search(tree, "vfio-pci", MODULE_FILE_EXISTS);
        assert_search(tree, "vfio_pci", MODULE_FILE_EXISTS);
        assert_search(tree, "first-last", MODULE_FILE_EXISTS);
        assert_search(tree, "top", MODULE_FILE_EXISTS);
        assert_search(tree, "pci_stub", MODULE_FILE_EXISTS);
        for (size_t i = 0; i < G_N_ELEMENTS(missing); i++)
                assert_search(tree, missing[i], MODULE_FILE_MISSING);
}

/* A worker does not see the modules on disk: vfiod-modules searches for it. */
static void test_other_process(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autofree char *path = temp_tree_path(tree, "socket");
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_variants_ VariantList list = {};
        ModuleSearch search;

        temp_tree_file(tree, RUNNING "\n", "proc/sys/kernel/osrelease");
        temp_tree_file(tree, LIST, "lib/modules/" RUNNING "/modules.dep");
        temp_tree_file(tree, VFIO_PCI, "lib/modules/" NEWER "/modules.dep");
        temp_tree_file(tree, "alias vfio_pci:v1* a_vfio_pci\nalias vfio_pci:v2* a_vfio_pci\n",
                        "lib/modules/" RUNNING "/modules.alias");
        Kernel asking = *tree->kernel;
        asking.search_module = modules_client_search;
        asking.list_variants = modules_client_list_variants;
        asking.load_module_userdata = path;
        modules_search(&asking, "vfio-pci", &search);
        g_assert_cmpint(search.file, ==, MODULE_FILE_UNKNOWN);
        g_assert_cmpint(variant_list_read(&asking, &list), ==, -ECONNREFUSED);

        g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof(address.sun_path)), <, sizeof(address.sun_path));
        int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(listen_fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(listen_fd, 1), ==, 0);
        pid_t pid = fork();
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                /* The first connection ends like that of a process that is killed. */
                close(accept(listen_fd, NULL, NULL));
                modules_serve(accept(listen_fd, NULL, NULL), tree->kernel);
                modules_serve(accept(listen_fd, NULL, NULL), tree->kernel);
                _exit(EXIT_SUCCESS);
        }
        modules_search(&asking, "vfio-pci", &search);
        g_assert_cmpint(search.file, ==, MODULE_FILE_MISSING);
        g_assert_cmpstr(search.release, ==, RUNNING);
        g_assert_cmpstr(search.other, ==, NEWER);
        g_assert_cmpint(variant_list_read(&asking, &list), ==, 0);
        g_assert_cmpuint(list.n_variants, ==, 2);
        g_assert_cmpstr(list.variants[1].pattern, ==, "vfio_pci:v2*");
        g_assert_cmpstr(list.variants[1].module, ==, "a_vfio_pci");
        g_assert_false(list.variants[1].blacklisted);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        close(listen_fd);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/driver/upgraded", test_upgraded);
        g_test_add_func("/driver/search", test_search);
        g_test_add_func("/driver/other-process", test_other_process);
        return g_test_run();
}
