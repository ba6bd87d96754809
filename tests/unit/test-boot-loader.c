/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot-host.h"

/* Which boot loader a distribution has, and how a parameter of its kernel is added and removed. Each command that changes a file is
 * also run. */

static void test_debian(void) {
        Host host = {
                        .os_release = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian "
                                      "GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
                        .grub = grub_debian,
                        .files = FILES("usr/sbin/update-grub", "", "usr/sbin/grub-mkconfig", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo update-grub",
                        "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"");
}

static void test_ubuntu(void) {
        Host host = {
                        .os_release = "NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\n",
                        .grub = grub_ubuntu,
                        .files = FILES("usr/sbin/update-grub", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo update-grub",
                        "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash intel_iommu=on\"");
        /* A cloud image overrides the line. */
        host.files = FILES("usr/sbin/update-grub", "", "etc/default/grub.d/50-cloudimg-settings.cfg",
                        "# Cloud Image specific Grub settings for Generic Cloud Images\n"
                        "GRUB_RECORDFAIL_TIMEOUT=0\nGRUB_TIMEOUT=0\n"
                        "GRUB_CMDLINE_LINUX_DEFAULT=\"console=tty1 console=ttyS0\"\n",
                        "etc/default/grub.d/notes.txt", "GRUB_CMDLINE_LINUX_DEFAULT=\"no\"\n");
        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub.d/50-cloudimg-settings.cfg && sudo update-grub",
                        "etc/default/grub.d/50-cloudimg-settings.cfg",
                        "GRUB_CMDLINE_LINUX_DEFAULT=\"console=tty1 console=ttyS0 intel_iommu=on\"");
}

static void test_fedora(void) {
        Host host = {
                        .os_release = "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=42\n",
                        .grub = "GRUB_CMDLINE_LINUX=\"rhgb quiet\"\nGRUB_ENABLE_BLSCFG=true\n",
                        .files = FILES("usr/sbin/grubby", "", "usr/sbin/grub2-mkconfig", ""),
                        .loader = "GRUB 2.12",
        };
        const char *cure = "sudo grubby --update-kernel=ALL --args=\"intel_iommu=on\"";

        expect_cure(&host, "grubby", cure, NULL, NULL);
        host.os_release = "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
        expect_cure(&host, "grubby", cure, NULL, NULL);
        host.os_release = "NAME=\"Red Hat Enterprise Linux\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"8.10\"\n";
        expect_cure(&host, "grubby", cure, NULL, NULL);
        host.files = FILES("usr/sbin/grubby", "", "run/ostree-booted", "", "usr/bin/rpm-ostree", "");
        expect_cure(&host, "ostree", "sudo rpm-ostree kargs --append-if-missing=intel_iommu=on", NULL, NULL);
}

static void test_centos_7(void) {
        Host host = {
                        .os_release = "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel "
                                      "fedora\"\nVERSION_ID=\"7\"\n",
                        .grub = grub_centos7,
                        .files = FILES("sbin/grubby", "", "usr/sbin/grub2-mkconfig", "", "sys/firmware/efi/vars", ""),
        };
        const char *line = "GRUB_CMDLINE_LINUX=\"crashkernel=auto spectre_v2=retpoline rd.lvm.lv=centos/root "
                           "rd.lvm.lv=centos/swap rhgb quiet intel_iommu=on\"";

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX=\"[^\"]*)\"/\\1 intel_iommu=on\"/' /etc/default/grub "
                        "&& "
                        "sudo grub2-mkconfig -o /boot/efi/EFI/centos/grub.cfg",
                        "etc/default/grub", line);
        host.files = FILES("sbin/grubby", "", "usr/sbin/grub2-mkconfig", "");
        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX=\"[^\"]*)\"/\\1 intel_iommu=on\"/' /etc/default/grub "
                        "&& "
                        "sudo grub2-mkconfig -o /boot/grub2/grub.cfg",
                        "etc/default/grub", line);
}

static void test_arch(void) {
        Host host = {
                        .os_release = "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n",
                        .grub = grub_arch,
                        .files = FILES("usr/bin/grub-mkconfig", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo grub-mkconfig -o /boot/grub/grub.cfg",
                        "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"loglevel=3 quiet intel_iommu=on\"");
        /* systemd-boot, with an entry that somebody wrote. */
        host.grub = NULL;
        host.loader = "systemd-boot 257.8-2-arch";
        host.entry = "arch.conf";
        expect_cure(&host, "systemd-boot",
                        "sudo sed -i -E '/^options/{/[[:blank:]]intel_iommu=on([[:blank:]]|$)/!s/$/ intel_iommu=on/}' "
                        "\"$(sudo bootctl --print-boot-path)/loader/entries/arch.conf\"",
                        NULL, NULL);
        /* A name that would be a program. */
        host.entry = "a$(reboot).conf";
        expect_cure(&host, "systemd-boot",
                        "Add intel_iommu=on to the line 'options' of the entry in loader/entries on the boot "
                        "partition, and "
                        "reboot.",
                        NULL, NULL);
        host.entry = "arch-linux.efi";
        host.stub = "systemd-stub 257.8-2-arch";
        host.files = FILES("usr/bin/mkinitcpio", "", "etc/kernel/cmdline", "root=UUID=0a rw\n");
        expect_cure(&host, "unified-kernel-image",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo mkinitcpio -P",
                        "etc/kernel/cmdline", "root=UUID=0a rw intel_iommu=on");
}

static void test_suse(void) {
        Host host = {
                        .os_release = "NAME=\"openSUSE Leap\"\nID=\"opensuse-leap\"\nID_LIKE=\"suse "
                                      "opensuse\"\nVERSION_ID=\"15.6\"\n",
                        .grub = grub_suse,
                        .files = FILES("usr/sbin/grub2-mkconfig", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo grub2-mkconfig -o /boot/grub2/grub.cfg",
                        "etc/default/grub",
                        "GRUB_CMDLINE_LINUX_DEFAULT=\"splash=silent mitigations=auto quiet security=apparmor "
                        "intel_iommu=on\"");
        host.loader = "systemd-boot 257.7+suse";
        host.files = FILES("usr/bin/sdbootutil", "", "usr/bin/kernel-install", "", "etc/kernel/cmdline", "quiet\n");
        expect_cure(&host, "sdbootutil",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo sdbootutil update-all-entries",
                        "etc/kernel/cmdline", "quiet intel_iommu=on");
}

static void test_others(void) {
        expect_cure(&(Host){.os_release = "NAME=\"Pop!_OS\"\nID=pop\nID_LIKE=\"ubuntu debian\"\n",
                                    .loader = "systemd-boot 249.11",
                                    .files = FILES("usr/bin/kernelstub", "", "etc/kernelstub/configuration", "{}")},
                        "kernelstub", "sudo kernelstub --add-options \"intel_iommu=on\"", NULL, NULL);
        expect_cure(&(Host){.os_release = "ID=debian\nVERSION_ID=\"13\"\n",
                                    .loader = "systemd-boot 257.8-1~deb13u2",
                                    .files = FILES("usr/bin/kernel-install", "", "etc/kernel/cmdline",
                                                    "root=/dev/sda1\n")},
                        "kernel-install",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo kernel-install add "
                        "\"$(uname -r)\" \"/boot/vmlinuz-$(uname -r)\"",
                        "etc/kernel/cmdline", "root=/dev/sda1 intel_iommu=on");
        /* Proxmox. */
        expect_cure(&(Host){.os_release = "ID=debian\n",
                                    .loader = "systemd-boot 252.38-1~deb12u1",
                                    .files = FILES("etc/kernel/proxmox-boot-uuids", "7A7D-7F3C\n", "etc/kernel/cmdline",
                                                    "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n")},
                        "proxmox-boot-tool",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo proxmox-boot-tool refresh",
                        "etc/kernel/cmdline", "root=ZFS=rpool/ROOT/pve-1 boot=zfs intel_iommu=on");
        expect_cure(&(Host){.os_release = "ID=debian\n",
                                    .machine = "Raspberry Pi 5 Model B Rev 1.0",
                                    .files = FILES("boot/firmware/cmdline.txt", "console=serial0,115200 rootwait\n")},
                        "raspberry-pi", "sudo sed -i '1s/$/ intel_iommu=on/' /boot/firmware/cmdline.txt",
                        "boot/firmware/cmdline.txt", "console=serial0,115200 rootwait intel_iommu=on");
        expect_cure(&(Host){.os_release = "ID=nixos\n"}, "nixos",
                        "Add intel_iommu=on to boot.kernelParams in the configuration of NixOS, run 'sudo "
                        "nixos-rebuild "
                        "boot', and reboot.",
                        NULL, NULL);
        expect_cure(&(Host){.os_release = "ID=alpine\n", .files = FILES("etc/update-extlinux.conf", "")}, "extlinux",
                        "Add intel_iommu=on to default_kernel_opts in /etc/update-extlinux.conf, run 'sudo "
                        "update-extlinux', and reboot.",
                        NULL, NULL);
        expect_cure(&(Host){}, "unknown",
                        "Add intel_iommu=on to the kernel command line in the configuration of the boot loader, and "
                        "reboot.",
                        NULL, NULL);
        expect_cure(&(Host){.os_release = "ID=arch\n", .loader = "Limine 9.2.0"}, "limine",
                        "Add intel_iommu=on to KERNEL_CMDLINE[default] in /etc/default/limine, run 'sudo "
                        "limine-update', "
                        "and reboot.",
                        NULL, NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/boot-loader/debian", test_debian);
        g_test_add_func("/boot-loader/ubuntu", test_ubuntu);
        g_test_add_func("/boot-loader/fedora", test_fedora);
        g_test_add_func("/boot-loader/centos-7", test_centos_7);
        g_test_add_func("/boot-loader/arch", test_arch);
        g_test_add_func("/boot-loader/suse", test_suse);
        g_test_add_func("/boot-loader/others", test_others);
        return g_test_run();
}
