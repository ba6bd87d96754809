/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/boot-facts.h"
#include "base/file.h"
#include "kernel/sysfs.h"

#include <fcntl.h>

#define TEXT_MAX (64 * 1024)

/* The variables of a boot loader that follows the Boot Loader Interface (systemd.io). */
#define LOADER_GUID "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define EFI_VARIABLE_MAX 1024
#define EFI_ATTRIBUTES_SIZE 4

/* Below the root directory. */
static const char *const files[_BOOT_FILE_MAX][3] = {
                [BOOT_FILE_OSTREE] = {"run/ostree-booted"},
                [BOOT_FILE_RPM_OSTREE] = {"usr/bin/rpm-ostree"},
                [BOOT_FILE_GRUBBY] = {"usr/sbin/grubby", "usr/bin/grubby", "sbin/grubby"},
                [BOOT_FILE_UPDATE_GRUB] = {"usr/sbin/update-grub", "usr/bin/update-grub", "sbin/update-grub"},
                [BOOT_FILE_GRUB_MKCONFIG] = {"usr/sbin/grub-mkconfig", "usr/bin/grub-mkconfig"},
                [BOOT_FILE_GRUB2_MKCONFIG] = {"usr/sbin/grub2-mkconfig", "usr/bin/grub2-mkconfig"},
                [BOOT_FILE_KERNELSTUB] = {"usr/bin/kernelstub"},
                [BOOT_FILE_KERNELSTUB_SETTINGS] = {"etc/kernelstub/configuration"},
                [BOOT_FILE_KERNEL_INSTALL] = {"usr/bin/kernel-install", "bin/kernel-install"},
                [BOOT_FILE_SDBOOTUTIL] = {"usr/bin/sdbootutil"},
                [BOOT_FILE_MKINITCPIO] = {"usr/bin/mkinitcpio"},
                [BOOT_FILE_UPDATE_INITRAMFS] = {"usr/sbin/update-initramfs", "usr/bin/update-initramfs"},
                [BOOT_FILE_DRACUT] = {"usr/bin/dracut", "usr/sbin/dracut"},
                [BOOT_FILE_PROXMOX_BOOT_UUIDS] = {"etc/kernel/proxmox-boot-uuids"},
                [BOOT_FILE_LIMINE_SETTINGS] = {"etc/default/limine"},
                [BOOT_FILE_REFIND_SETTINGS] = {"boot/refind_linux.conf"},
                [BOOT_FILE_EXTLINUX_SETTINGS] = {"etc/update-extlinux.conf"},
                [BOOT_FILE_SDBOOT_MANAGE_SETTINGS] = {"etc/sdboot-manage.conf"},
};

static void find_files(const Kernel *kernel, BootFacts *facts) {
        if (faccessat(kernel->sys_fd, "firmware/efi", F_OK, 0) >= 0)
                facts->files |= 1U << BOOT_FILE_EFI;
        for (BootHint file = 0; file < _BOOT_FILE_MAX; file++)
                for (size_t i = 0; i < ELEMENTSOF(files[file]) && files[file][i]; i++)
                        if (faccessat(kernel->root_fd, files[file][i], F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                                facts->files |= 1U << file;
}

/* Reads a text. Without the file, *ret stays NULL. Returns 0 or -ENOMEM. */
static int read_file(const Kernel *kernel, const char *path, char **ret) {
        return kernel_read_file(kernel, path, TEXT_MAX, ret) == -ENOMEM ? -ENOMEM : 0;
}

/* The value of a variable is UTF-16. What is not ASCII becomes '?'. */
static int read_variable(const Kernel *kernel, const char *name, char **ret) {
        char bytes[EFI_VARIABLE_MAX], text[EFI_VARIABLE_MAX / 2];
        size_t length = 0;

        _cleanup_close_ int fd = openat(kernel->sys_fd, SYSFS_PATH("firmware/efi/efivars/%s-" LOADER_GUID, name),
                        O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return 0;
        ssize_t n = read(fd, bytes, sizeof(bytes));
        for (ssize_t i = EFI_ATTRIBUTES_SIZE; i + 1 < n && (bytes[i] || bytes[i + 1]); i += 2)
                text[length++] = bytes[i + 1] == 0 && bytes[i] > 0 ? bytes[i] : '?';
        text[length] = '\0';
        return free_and_strdup(ret, text) < 0 ? -ENOMEM : 0;
}

static int read_machine(const Kernel *kernel, BootFacts *facts) {
        char text[128];

        int r = sysfs_read_text(kernel->proc_fd, "device-tree/model", text, sizeof(text));
        return r < 0 || free_and_strdup(&facts->machine, text) >= 0 ? 0 : -ENOMEM;
}

/* Takes the text over. */
static int add_grub(BootFacts *facts, const char *path, char *text) {
        char *copy = strdup(path);

        if (!copy) {
                free(text);
                return -ENOMEM;
        }
        facts->grub[facts->n_grub++] = (BootText){copy, text};
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists the names that end in ".cfg", sorted. Returns their number, or -ENOMEM. */
static int list_grub_folder(const Kernel *kernel, char *names[static BOOT_GRUB_FILES_MAX]) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;
        int n = 0;

        int r = sysfs_open_folder(kernel->root_fd, "etc/default/grub.d", &folder);
        while (r >= 0 && n < BOOT_GRUB_FILES_MAX && (r = sysfs_next(folder, &name)) > 0) {
                size_t length = strlen(name);

                if (length <= 4 || !streq(name + length - 4, ".cfg"))
                        continue;
                if (!(names[n] = strdup(name))) {
                        r = -ENOMEM;
                        break;
                }
                n++;
        }
        if (r == -ENOMEM) {
                while (n > 0)
                        free(names[--n]);
                return r;
        }
        qsort(names, (size_t)n, sizeof(char *), compare_names);
        return n;
}

static int read_grub(const Kernel *kernel, BootFacts *facts) {
        char *names[BOOT_GRUB_FILES_MAX] = {}, *text = NULL;

        int r = read_file(kernel, "etc/default/grub", &text);
        if (r < 0 || !text || (r = add_grub(facts, "/etc/default/grub", text)) < 0)
                return r;
        int n = list_grub_folder(kernel, names);
        if (n < 0)
                return n;
        for (int i = 0; i < n; i++) {
                const char *path = SYSFS_PATH("/etc/default/grub.d/%s", names[i]);

                text = NULL;
                if (r >= 0 && facts->n_grub < BOOT_GRUB_FILES_MAX && (r = read_file(kernel, path + 1, &text)) >= 0 &&
                                text)
                        r = add_grub(facts, path, text);
                free(names[i]);
        }
        return r;
}

static int read_raspberry_pi(const Kernel *kernel, BootFacts *facts) {
        static const char *const paths[] = {"/boot/firmware/cmdline.txt", "/boot/cmdline.txt"};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(paths) && r >= 0 && !facts->rpi_cmdline; i++) {
                r = read_file(kernel, paths[i] + 1, &facts->rpi_cmdline);
                facts->rpi_path = paths[i];
        }
        return r;
}

int boot_facts_read(const Kernel *kernel, BootFacts *ret) {
        int r;

        *ret = (BootFacts){};
        if (kernel->root_fd < 0)
                return 0;
        find_files(kernel, ret);
        if ((r = read_file(kernel, "etc/os-release", &ret->os_release)) < 0 ||
                        (r = read_file(kernel, "etc/kernel/cmdline", &ret->kernel_cmdline)) < 0 ||
                        (r = read_variable(kernel, "LoaderInfo", &ret->loader)) < 0 ||
                        (r = read_variable(kernel, "LoaderEntrySelected", &ret->loader_entry)) < 0 ||
                        (r = read_variable(kernel, "StubInfo", &ret->stub)) < 0 ||
                        (r = read_machine(kernel, ret)) < 0 || (r = read_grub(kernel, ret)) < 0 ||
                        (r = read_raspberry_pi(kernel, ret)) < 0)
                boot_facts_done(ret);
        return r < 0 ? r : 0;
}

void boot_facts_done(BootFacts *facts) {
        for (size_t i = 0; i < facts->n_grub; i++) {
                free(facts->grub[i].path);
                free(facts->grub[i].text);
        }
        free(facts->os_release);
        free(facts->loader);
        free(facts->loader_entry);
        free(facts->stub);
        free(facts->machine);
        free(facts->kernel_cmdline);
        free(facts->rpi_cmdline);
        *facts = (BootFacts){};
}
