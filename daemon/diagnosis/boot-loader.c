/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/boot-loader.h"
#include "diagnosis/grub-line.h"

#define ID_MAX 64
#define LINE_SHOWN_MAX 1024

/* For a boot loader without a command: where the parameter belongs, and what to do then. */
static const struct {
        const char *name, *where, *then;
} loaders[_BOOT_LOADER_MAX] = {
                [BOOT_LOADER_UNKNOWN] = {"unknown", "the kernel command line in the configuration of the boot loader",
                                ""},
                [BOOT_LOADER_GRUB] = {"grub", "GRUB_CMDLINE_LINUX in /etc/default/grub", ", make grub.cfg again"},
                [BOOT_LOADER_GRUBBY] = {"grubby", "the kernel command line with grubby", ""},
                [BOOT_LOADER_SYSTEMD_BOOT] = {"systemd-boot",
                                "the line 'options' of the entry in loader/entries on the boot partition", ""},
                [BOOT_LOADER_KERNEL_INSTALL] = {"kernel-install", "the kernel command line in /etc/kernel/cmdline",
                                ", run 'sudo kernel-install add' for the kernel"},
                [BOOT_LOADER_SDBOOTUTIL] = {"sdbootutil", "the kernel command line in /etc/kernel/cmdline",
                                ", run 'sudo sdbootutil update-all-entries'"},
                [BOOT_LOADER_SDBOOT_MANAGE] = {"sdboot-manage", "LINUX_OPTIONS in /etc/sdboot-manage.conf",
                                ", run 'sudo sdboot-manage gen'"},
                [BOOT_LOADER_UKI] = {"unified-kernel-image", "the kernel command line in /etc/kernel/cmdline",
                                ", make the kernel image again"},
                [BOOT_LOADER_PROXMOX] = {"proxmox-boot-tool", "the kernel command line in /etc/kernel/cmdline",
                                ", run 'sudo proxmox-boot-tool refresh'"},
                [BOOT_LOADER_KERNELSTUB] = {"kernelstub", "the kernel command line with kernelstub", ""},
                [BOOT_LOADER_OSTREE] = {"ostree", "the kernel arguments of the deployment", ""},
                [BOOT_LOADER_RASPBERRY_PI] = {"raspberry-pi", "the line in cmdline.txt on the boot partition", ""},
                [BOOT_LOADER_LIMINE] = {"limine", "KERNEL_CMDLINE[default] in /etc/default/limine",
                                ", run 'sudo limine-update'"},
                [BOOT_LOADER_REFIND] = {"refind", "the options of each line in /boot/refind_linux.conf", ""},
                [BOOT_LOADER_EXTLINUX] = {"extlinux", "default_kernel_opts in /etc/update-extlinux.conf",
                                ", run 'sudo update-extlinux'"},
                [BOOT_LOADER_NIXOS] = {"nixos", "boot.kernelParams in the configuration of NixOS",
                                ", run 'sudo nixos-rebuild boot'"},
};

const char *boot_loader_to_string(BootLoader loader) {
        return loaders[loader].name;
}

/* Reads a value of os-release(5), without its quotes. Returns buffer; "" if there is none. */
static const char *read_release(const BootFacts *facts, const char *key, char buffer[static ID_MAX]) {
        buffer[0] = '\0';
        for (const char *line = facts->os_release; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                const char *value = startswith(line, key);

                if (!value || *value != '=')
                        continue;
                value += 1 + (value[1] == '"' || value[1] == '\'');
                (void)snprintf(buffer, ID_MAX, "%.*s", (int)strcspn(value, "\"'\n"), value);
        }
        return buffer;
}

/* Tells whether a word of the value is this one, or the beginning of a word before a dash: "opensuse" of "opensuse-leap". */
static bool release_has(const BootFacts *facts, const char *key, const char *id) {
        char buffer[ID_MAX], *state;

        (void)read_release(facts, key, buffer);
        for (char *word = strtok_r(buffer, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
                const char *rest = startswith(word, id);
                if (rest && (*rest == '\0' || *rest == '-'))
                        return true;
        }
        return false;
}

static bool is_distribution(const BootFacts *facts, const char *id) {
        return release_has(facts, "ID", id) || release_has(facts, "ID_LIKE", id);
}

/* RHEL 7 and its relatives: grubby does not change /etc/default/grub there, so the next grub2-mkconfig would lose the parameter. */
static bool is_rhel_7(const BootFacts *facts) {
        char version[ID_MAX];

        (void)read_release(facts, "VERSION_ID", version);
        return (is_distribution(facts, "rhel") || is_distribution(facts, "centos") || is_distribution(facts, "ol")) &&
                        version[0] == '7' && (version[1] == '\0' || version[1] == '.');
}

static bool loader_is(const BootFacts *facts, const char *name) {
        return facts->loader && strncasecmp(facts->loader, name, strlen(name)) == 0;
}

static BootLoader find_systemd_boot(const BootFacts *facts) {
        if (boot_facts_have(facts, BOOT_FILE_PROXMOX_BOOT_UUIDS))
                return BOOT_LOADER_PROXMOX;
        if (boot_facts_have(facts, BOOT_FILE_SDBOOTUTIL))
                return BOOT_LOADER_SDBOOTUTIL;
        if (boot_facts_have(facts, BOOT_FILE_SDBOOT_MANAGE_SETTINGS))
                return BOOT_LOADER_SDBOOT_MANAGE;
        return facts->stub ? BOOT_LOADER_UKI
                        : facts->kernel_cmdline && boot_facts_have(facts, BOOT_FILE_KERNEL_INSTALL)
                        ? BOOT_LOADER_KERNEL_INSTALL
                        : BOOT_LOADER_SYSTEMD_BOOT;
}

BootLoader boot_loader_find(const BootFacts *facts) {
        if (is_distribution(facts, "nixos"))
                return BOOT_LOADER_NIXOS;
        if (boot_facts_have(facts, BOOT_FILE_OSTREE))
                return BOOT_LOADER_OSTREE;
        if (boot_facts_have(facts, BOOT_FILE_KERNELSTUB) && boot_facts_have(facts, BOOT_FILE_KERNELSTUB_SETTINGS))
                return BOOT_LOADER_KERNELSTUB;
        if (facts->machine && startswith(facts->machine, "Raspberry Pi") && facts->rpi_cmdline)
                return BOOT_LOADER_RASPBERRY_PI;
        if (loader_is(facts, "systemd-boot"))
                return find_systemd_boot(facts);
        if (loader_is(facts, "rEFInd"))
                return BOOT_LOADER_REFIND;
        if (loader_is(facts, "Limine"))
                return BOOT_LOADER_LIMINE;
        if (facts->stub && facts->kernel_cmdline)
                return BOOT_LOADER_UKI;
        if (boot_facts_have(facts, BOOT_FILE_GRUBBY) && !is_rhel_7(facts))
                return BOOT_LOADER_GRUBBY;
        if (facts->n_grub > 0)
                return BOOT_LOADER_GRUB;
        /* Without a name of the boot loader, its settings tell. */
        if (boot_facts_have(facts, BOOT_FILE_PROXMOX_BOOT_UUIDS))
                return BOOT_LOADER_PROXMOX;
        if (boot_facts_have(facts, BOOT_FILE_LIMINE_SETTINGS))
                return BOOT_LOADER_LIMINE;
        if (boot_facts_have(facts, BOOT_FILE_EXTLINUX_SETTINGS))
                return BOOT_LOADER_EXTLINUX;
        if (boot_facts_have(facts, BOOT_FILE_REFIND_SETTINGS))
                return BOOT_LOADER_REFIND;
        if (facts->kernel_cmdline && boot_facts_have(facts, BOOT_FILE_KERNEL_INSTALL))
                return BOOT_LOADER_KERNEL_INSTALL;
        return BOOT_LOADER_UNKNOWN;
}

/* openSUSE MicroOS and its relatives: only transactional-update changes the system. */
static bool is_transactional(const BootFacts *facts) {
        return release_has(facts, "ID", "opensuse-microos") || release_has(facts, "ID", "sle-micro") ||
                        release_has(facts, "ID", "opensuse-leap-micro");
}

const char *boot_initramfs_command(const BootFacts *facts) {
        if (boot_facts_have(facts, BOOT_FILE_OSTREE))
                return "";
        if (is_transactional(facts))
                return "sudo transactional-update initrd";
        /* On Debian, update-initramfs works with dracut, too. */
        if (boot_facts_have(facts, BOOT_FILE_UPDATE_INITRAMFS))
                return "sudo update-initramfs -u -k all";
        if (boot_facts_have(facts, BOOT_FILE_MKINITCPIO))
                return "sudo mkinitcpio -P";
        return boot_facts_have(facts, BOOT_FILE_DRACUT) ? "sudo dracut --force --regenerate-all" : "";
}

/* The command that makes the configuration of GRUB from its settings. */
static const char *grub_command(const BootFacts *facts) {
        if (boot_facts_have(facts, BOOT_FILE_UPDATE_GRUB))
                return "sudo update-grub";
        if (!boot_facts_have(facts, BOOT_FILE_GRUB2_MKCONFIG))
                return "sudo grub-mkconfig -o /boot/grub/grub.cfg";
        if (is_transactional(facts))
                return "sudo transactional-update grub.cfg";
        if (!is_rhel_7(facts) || !boot_facts_have(facts, BOOT_FILE_EFI))
                return "sudo grub2-mkconfig -o /boot/grub2/grub.cfg";
        return release_has(facts, "ID", "centos") ? "sudo grub2-mkconfig -o /boot/efi/EFI/centos/grub.cfg"
                                                  : "sudo grub2-mkconfig -o /etc/grub2-efi.cfg";
}

static const char *cmdline_command(const BootFacts *facts, BootLoader loader) {
        switch (loader) {
        case BOOT_LOADER_PROXMOX:
                return "sudo proxmox-boot-tool refresh";
        case BOOT_LOADER_SDBOOTUTIL:
                return "sudo sdbootutil update-all-entries";
        case BOOT_LOADER_UKI:
                if (boot_facts_have(facts, BOOT_FILE_MKINITCPIO))
                        return "sudo mkinitcpio -P";
                break;
        default:
                break;
        }
        if (!boot_facts_have(facts, BOOT_FILE_KERNEL_INSTALL))
                return NULL;
        return is_distribution(facts, "debian")
                        ? "sudo kernel-install add \"$(uname -r)\" \"/boot/vmlinuz-$(uname -r)\""
                        : "sudo kernel-install add \"$(uname -r)\" \"/lib/modules/$(uname -r)/vmlinuz\"";
}

/* The text is one line, whose words are parameters. */
static bool text_has(const char *text, const char *parameter) {
        size_t n = strlen(parameter);

        for (const char *c = text; (c = strstr(c, parameter)); c += n)
                if ((c == text || c[-1] == ' ' || c[-1] == '\n') && (c[n] == '\0' || c[n] == ' ' || c[n] == '\n'))
                        return true;
        return false;
}

/* The file is right already, so perhaps only the reboot is missing. */
static void cure_apply(CheckList *list, const char *path, const char *command) {
        if (*command == '\0')
                check_cure(list, "Reboot: %s is right already.", path);
        else
                check_cure(list, "%s is right already. Run '%s' if you have not done so yet, and reboot.", path,
                                command);
}

/* A file that has the whole kernel command line in its first line. */
static bool cure_cmdline_file(CheckList *list, const char *path, const char *text, const char *command, bool adds,
                const char *parameter) {
        if (!text || !command)
                return false;
        if (text_has(text, parameter) == adds) {
                cure_apply(list, path, command);
                return true;
        }
        check_detail(list, "file", "%s", path);
        if (adds)
                check_cure(list, "sudo sed -i '1s/$/ %s/' %s%s%s", parameter, path, *command ? " && " : "", command);
        else
                check_cure(list, "sudo sed -i -E 's/(^| )%s( |$)/ /' %s%s%s", parameter, path, *command ? " && " : "",
                                command);
        return true;
}

static bool cure_grub_add(CheckList *list, const BootFacts *facts, const char *parameter) {
        const char *command = grub_command(facts);
        GrubLine line;

        const BootText *present = grub_find_parameter(facts, parameter);
        if (present) {
                cure_apply(list, present->path, command);
                return true;
        }
        grub_line_find(facts, &line);
        if (!line.file) {
                check_detail(list, "file", "%s", facts->grub[0].path);
                check_detail(list, "new-line", "%s=\"%s\"", line.variable, parameter);
                check_cure(list, "echo '%s=\"%s\"' | sudo tee -a %s && %s", line.variable, parameter,
                                facts->grub[0].path, command);
                return true;
        }
        check_detail(list, "file", "%s", line.file->path);
        check_detail(list, "old-line", "%.*s", (int)(line.length < LINE_SHOWN_MAX ? line.length : LINE_SHOWN_MAX),
                        line.text);
        if (!line.is_simple || !check_text_is_plain(line.file->path, "/")) {
                check_cure(list, "Add %s to %s in %s, then run '%s'.", parameter, line.variable, line.file->path,
                                command);
                return true;
        }
        _cleanup_free_ char *new_line = grub_line_add(&line, parameter);
        check_detail(list, "new-line", "%.*s", LINE_SHOWN_MAX, strempty(new_line));
        if (line.value_length == 0)
                check_cure(list, "sudo sed -i \"s/^%s=[\\\"'][\\\"']/%s='%s'/\" %s && %s", line.variable, line.variable,
                                parameter, line.file->path, command);
        else if (line.quote == '"')
                check_cure(list, "sudo sed -i -E 's/^(%s=\"[^\"]*)\"/\\1 %s\"/' %s && %s", line.variable, parameter,
                                line.file->path, command);
        else
                check_cure(list, "sudo sed -i -E \"s/^(%s='[^']*)'/\\1 %s'/\" %s && %s", line.variable, parameter,
                                line.file->path, command);
        return true;
}

static bool cure_grub_remove(CheckList *list, const BootFacts *facts, const char *parameter) {
        const BootText *file = grub_find_parameter(facts, parameter);

        if (!file)
                cure_apply(list, "/etc/default/grub", grub_command(facts));
        else if (!check_text_is_plain(file->path, "/"))
                return false;
        else {
                check_detail(list, "file", "%s", file->path);
                /* Behind a blank, behind a quote, and as an unquoted value. */
                check_cure(list,
                                "sudo sed -i -E \"/^[^#]/{s/[[:blank:]]+%s([[:blank:]\\\"']|$)/\\1/g;"
                                "s/([\\\"'])%s([[:blank:]]+|([\\\"'])|$)/\\1\\3/g;"
                                "s/^([[:blank:]]*(export[[:blank:]]+)?[A-Z_]+[+]?=)%s([[:blank:]]|$)/\\1\\3/}\" %s "
                                "&& %s",
                                parameter, parameter, parameter, file->path, grub_command(facts));
        }
        return true;
}

static bool cure_entry(CheckList *list, const BootFacts *facts, bool adds, const char *parameter) {
        static const char folder[] = "\"$(sudo bootctl --print-boot-path)/loader/entries";

        if (!facts->loader_entry || !check_text_is_plain(facts->loader_entry, ""))
                return false;
        if (adds)
                /* The entry cannot be read here, so the command tells whether the parameter is missing. */
                check_cure(list, "sudo sed -i -E '/^options/{/[[:blank:]]%s([[:blank:]]|$)/!s/$/ %s/}' %s/%s\"",
                                parameter, parameter, folder, facts->loader_entry);
        else
                check_cure(list, "sudo sed -i -E '/^options/s/ %s( |$)/\\1/' %s/%s\"", parameter, folder,
                                facts->loader_entry);
        return true;
}

/* Sets a cure that is a command. Returns false if there is none. */
static bool cure_by_command(
                CheckList *list, const BootFacts *facts, BootLoader loader, bool adds, const char *parameter) {
        switch (loader) {
        case BOOT_LOADER_GRUB:
                return adds ? cure_grub_add(list, facts, parameter) : cure_grub_remove(list, facts, parameter);
        case BOOT_LOADER_GRUBBY:
                check_cure(list, "sudo grubby --update-kernel=ALL --%s=\"%s\"", adds ? "args" : "remove-args",
                                parameter);
                return true;
        case BOOT_LOADER_KERNELSTUB:
                check_cure(list, "sudo kernelstub --%s \"%s\"", adds ? "add-options" : "delete-options", parameter);
                return true;
        case BOOT_LOADER_OSTREE:
                if (!boot_facts_have(facts, BOOT_FILE_RPM_OSTREE))
                        return false;
                check_cure(list, "sudo rpm-ostree kargs --%s=%s", adds ? "append-if-missing" : "delete-if-present",
                                parameter);
                return true;
        case BOOT_LOADER_KERNEL_INSTALL:
        case BOOT_LOADER_SDBOOTUTIL:
        case BOOT_LOADER_UKI:
        case BOOT_LOADER_PROXMOX:
                return cure_cmdline_file(list, "/etc/kernel/cmdline", facts->kernel_cmdline,
                                cmdline_command(facts, loader), adds, parameter);
        case BOOT_LOADER_RASPBERRY_PI:
                return cure_cmdline_file(list, facts->rpi_path, facts->rpi_cmdline, "", adds, parameter);
        case BOOT_LOADER_SYSTEMD_BOOT:
                return cure_entry(list, facts, adds, parameter);
        default:
                return false;
        }
}

static void cure(CheckList *list, const BootFacts *facts, bool adds, const char *parameter) {
        BootLoader loader = boot_loader_find(facts);

        check_detail(list, "boot-loader", "%s", boot_loader_to_string(loader));
        if (check_text_is_plain(parameter, "") && cure_by_command(list, facts, loader, adds, parameter))
                return;
        check_cure(list, adds ? "Add %s to %s%s, and reboot." : "Remove %s from %s%s, and reboot.", parameter,
                        loaders[loader].where, loaders[loader].then);
}

void boot_loader_cure_add(CheckList *list, const BootFacts *facts, const char *parameter) {
        cure(list, facts, true, parameter);
}

void boot_loader_cure_remove(CheckList *list, const BootFacts *facts, const char *parameter) {
        cure(list, facts, false, parameter);
}

void boot_loader_cure_remove_entry(CheckList *list, const BootFacts *facts, const char *parameter, const char *entry) {
        BootLoader loader = boot_loader_find(facts);

        check_detail(list, "boot-loader", "%s", boot_loader_to_string(loader));
        check_cure(list, "Remove %s from the parameter %s in %s%s, and reboot.", entry, parameter,
                        loaders[loader].where, loaders[loader].then);
}
