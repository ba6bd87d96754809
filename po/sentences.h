/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Made by po/update.py: do not edit. The formats of the sentences of vfiod, the most specific first. */
/* clang-format off */
#pragma once

static const char *const sentence_formats[] = {
                /* xgettext:no-c-format */
                N_("%s cannot leave its driver: %s"),
                /* xgettext:no-c-format */
                N_("Interrupt remapping is off. So QEMU fails to start with a device of the host, with the error EPERM (Operation not permitted). %s Without interrupt remapping, QEMU starts only if the parameter allow_unsafe_interrupts of the module %s is Y. That is a risk: the guest can then send any interrupt to the host, and may crash it or take control of it."),
                /* xgettext:no-c-format */
                N_("Interrupt remapping is off, and the parameter allow_unsafe_interrupts lets virtual machines use devices nevertheless. So the program that gets the lease could send any interrupt to the host, and crash it or take control of it. Turn interrupt remapping on; or override this with --override=%s."),
                /* xgettext:no-c-format */
                N_("vfio-pci refuses %s%s (%04x:%04x, %s): it is on its denylist, because an untrusted guest could harm the host with such a device. If you trust the guest, set the parameter disable_denylist: write 'options vfio-pci disable_denylist=1' to a file in /etc/modprobe.d, and load vfio-pci again."),
                /* xgettext:no-c-format */
                N_("%s has no reset of its own. A reset of its bus also resets %s, in another IOMMU group. The kernel does that only for a virtual machine that has all of these devices. Otherwise the device is not reset, and may fail when a virtual machine starts again."),
                /* xgettext:no-c-format */
                N_("The kernel was started with %s. An unpatched kernel ignores that. A patched one splits groups although their devices can reach each other past the IOMMU: a virtual machine may then read and change the memory of the host or of another one."),
                /* xgettext:no-c-format */
                N_("vfiod could not find out within %llu ms what uses the devices of %s: the kernel does not answer, because another program is changing a device of the group, or because a disk does not answer. Nothing was changed. Try again when that is over."),
                /* xgettext:no-c-format */
                N_("Cannot load the module '%s' for the driver %s: it is on disk, but it needs something that the running kernel %s does not have. Probably the kernel was upgraded since the machine was started: reboot. 'journalctl -k -g symbol' says more."),
                /* xgettext:no-c-format */
                N_("Another program bound %s to %s. Detach the others with the tool that bound it (virsh, driverctl); or return it to the host with 'sudo vfioctl reattach --adopt %s', and detach the group with 'sudo vfioctl detach %s --group'."),
                /* xgettext:no-c-format */
                N_("The kernel found no SMMU: there is no table IORT, and no SMMU that the kernel uses. The machine needs an SMMU for its PCI bus, and the firmware must describe it. 'journalctl -k -g smmu' says what the kernel found."),
                /* xgettext:no-c-format */
                N_("%s does not answer: its configuration space reads as ones only%s%s. The card has crashed, has no power, or has come off the bus, so no virtual machine can use it. Shut the machine down completely, and start it again."),
                /* xgettext:no-c-format */
                N_("there are no addresses (MMIO) or no bus numbers for them (ENOMEM). Enable SR-IOV and \"Above 4G Decoding\" in the firmware set-up, or start the kernel with pci=realloc (for bus numbers, with pci=assign-busses)"),
                /* xgettext:no-c-format */
                N_("There are no descriptors for group %d: they need /dev/iommu and device nodes in /dev/vfio/devices, which this kernel does not have, or which the drivers did not make. Ask for a lease without descriptors."),
                /* xgettext:no-c-format */
                N_("If every user should be able to: remove MODE and GROUP from the udev rule for vfio/vfio in /etc/udev/rules.d, and run 'sudo udevadm control --reload' and 'sudo udevadm trigger --name-match=vfio/vfio'."),
                /* xgettext:no-c-format */
                N_("Write '@kvm - memlock unlimited' to a file in /etc/security/limits.d, for the users in the group kvm, and log in again; or start QEMU with 'sudo systemd-run --uid=NAME -p LimitMEMLOCK=infinity'."),
                /* xgettext:no-c-format */
                N_("No virtual machine could use group %d: its bridge %s is on the driver %s, which does DMA for the host. Unbind the bridge first (write its address to %s), or prevent at boot that the driver binds to it."),
                /* xgettext:no-c-format */
                N_("%s gives every device with the ids %s to vfio-pci, but these are on another driver or on none: %s. Another driver was faster, or vfiod has reattached them, or the setting is not in the initramfs."),
                /* xgettext:no-c-format */
                N_("the card or the machine has no interrupts (MSI-X) or no bus numbers left for them (ENOSPC). Ask for fewer, give the card fewer queues on the host, or start the kernel with pci=assign-busses"),
                /* xgettext:no-c-format */
                N_("Your limit of locked memory is %llu MiB%s. With a device, the kernel locks all memory of a virtual machine. If the limit is lower, QEMU fails with \"VFIO_MAP_DMA failed: Cannot allocate memory\"."),
                /* xgettext:no-c-format */
                N_("Cannot load the module '%s' for the driver %s: the running kernel %s does not have it on disk, but the kernel %s has: reboot into that kernel, or install the extra modules of the running kernel."),
                /* xgettext:no-c-format */
                N_("The firmware reports %s. %s has intel_iommu=on, but the running kernel was started without it: reboot, or find out where the boot loader has its configuration (for GRUB, run update-grub)."),
                /* xgettext:no-c-format */
                N_("The kernel cannot reset %s: there is no reset method, and no bridge above it. After a virtual machine has used such a device, it may fail in the next one until the host is rebooted."),
                /* xgettext:no-c-format */
                N_("%s has no reset of its own. A reset of its bus would also reset %s, so vfiod does not do that. The kernel resets the bus when a virtual machine that has all of these devices starts."),
                /* xgettext:no-c-format */
                N_("Cannot load the module '%s' for the driver %s: it is blacklisted in /etc/modprobe.d, or the kernel lockdown (%s) refuses it because it is not signed. See 'journalctl -k -g lockdown'."),
                /* xgettext:no-c-format */
                N_("No IOMMU handles the devices of group %d: vfio made this group in its no-IOMMU mode (enable_unsafe_noiommu_mode). Programs such as DPDK can use it, but no virtual machine can."),
                /* xgettext:no-c-format */
                N_("Interrupt remapping is off, and allow_unsafe_interrupts is set: a virtual machine with a device can send any interrupt to the host, and may crash it or take control of it."),
                /* xgettext:no-c-format */
                N_("The kernel cannot reset %s: there is no reset method, and no bridge above it. After a virtual machine has used it, it may fail in the next one until the host is rebooted."),
                /* xgettext:no-c-format */
                N_("The kernel has no method to reset %s. So data and settings that one user leaves in the device reach the next user and the host. To lease it nevertheless, add --override=%s."),
                /* xgettext:no-c-format */
                N_("The virtual function %s is in IOMMU group %d together with devices that the host keeps, so no virtual machine could use it. Put the card into a slot whose bridges have ACS."),
                /* xgettext:no-c-format */
                N_("There is nothing to confirm for %s: no revert is pending. If it was detached for a trial, the deadline has passed and it is with the host again, or somebody confirmed it."),
                /* xgettext:no-c-format */
                N_("Cannot load the module '%s' for the driver %s: the running kernel %s has no modules in /lib/modules. Probably the kernel was upgraded since the machine was started: reboot%s%s."),
                /* xgettext:no-c-format */
                N_("%s is not the node that the kernel made: it has another device number. It may be left over from an earlier boot, or somebody made it by hand. Remove it and try again."),
                /* xgettext:no-c-format */
                N_("Cannot let user %u open the nodes of group %d, because vfiod-worker ended without an answer, twice. Read its log with 'journalctl -u vfiod-worker', and ask again."),
                /* xgettext:no-c-format */
                N_("There is no guard '%s' to override: they are storage, network, display, console, memory, process, virtual-functions, firmware, unsafe-interrupts and no-reset."),
                /* xgettext:no-c-format */
                N_("The driver %s of %s cannot create virtual functions: use another driver, or load the driver with an option. See the driver's documentation and 'journalctl -k'."),
                /* xgettext:no-c-format */
                N_("This machine is virtual, and its hypervisor gives it no IOMMU. Add a virtual IOMMU to the configuration of this virtual machine, if its hypervisor has one."),
                /* xgettext:no-c-format */
                N_("the firmware has reserved memory for a device of the group, or the reservations cannot be read: the kernel does not give such a group to a virtual machine"),
                /* xgettext:no-c-format */
                N_("%s has no reset of its own. A reset of its bus also resets %s, in another IOMMU group. The kernel does that only for a virtual machine that has all of them."),
                /* xgettext:no-c-format */
                N_("%s is in IOMMU group %d together with %s. A virtual machine can use only the whole group. To detach them too, use the option 'companions' (vfioctl: --group)."),
                /* xgettext:no-c-format */
                N_("/dev/vfio/vfio has the mode %04o, so %s can start a virtual machine with a device. The node itself gives access to no device, and udev sets its mode to 0666%s."),
                /* xgettext:no-c-format */
                N_("%s, which is in the same group, is detached already, and would go back to the host at the deadline, too. Reattach it first, or detach without a revert."),
                /* xgettext:no-c-format */
                N_("Devices below %s share a group, because these bridges do not have, or do not use, all of ACS: %s. Devices below them can reach each other past the IOMMU."),
                /* xgettext:no-c-format */
                N_("The kernel was started with %s, which changes the ACS settings of bridges. Devices behind them may share a group, or reach each other past the IOMMU."),
                /* xgettext:no-c-format */
                N_("libvirt runs. For a device that vfiod has detached, its machines need <hostdev managed='no'>: with managed='yes', libvirt binds the device itself."),
                /* xgettext:no-c-format */
                N_("Kernel lockdown is on (%s), usually because of Secure Boot: the kernel loads only signed modules. The vfio modules of the distribution are signed."),
                /* xgettext:no-c-format */
                N_("An earlier plan for %s still waits for the kernel: another program is changing a device, or a disk does not answer. Try again when that is over."),
                /* xgettext:no-c-format */
                N_("Another program bound %s to %s. Only the host driver can create virtual functions. Reattach the device with that program first (virsh, driverctl)."),
                /* xgettext:no-c-format */
                N_("%s is a bridge to conventional PCI. For the IOMMU, everything behind it is one device, because the bridge sends requests under its own address."),
                /* xgettext:no-c-format */
                N_("%s is not there now: it disappeared after vfiod detached it, or together with another device that vfiod detached. To see more: 'vfioctl show %s'."),
                /* xgettext:no-c-format */
                N_("Another program bound %s to %s. vfiod does not touch it. Use the tool that bound it (virsh, driverctl), or the option 'adopt' (vfioctl: --adopt)."),
                /* xgettext:no-c-format */
                N_("Linux runs as dom0 of Xen, and Xen uses the IOMMU itself. Give devices to Xen guests with 'xl pci-assignable-add', or boot Linux without Xen."),
                /* xgettext:no-c-format */
                N_("A lease cannot be bound to process %d, which is %s. Name the process of the program that uses the devices, or ask for a lease without a process."),
                /* xgettext:no-c-format */
                N_("/etc/modprobe.d has an 'install' command for it, and vfiod does not run such commands. Load the module with 'modprobe', or remove that line"),
                /* xgettext:no-c-format */
                N_("If you trust the guest: echo 'options vfio-pci disable_denylist=1' | sudo tee /etc/modprobe.d/vfio-denylist.conf, and load vfio-pci again."),
                /* xgettext:no-c-format */
                N_("%s: the host's own devices use memory directly. That makes no difference for a device of a virtual machine, which the IOMMU still confines."),
                /* xgettext:no-c-format */
                N_("other virtual functions exist, or a virtual machine has one (EBUSY). Stop the virtual machine, or the program that also sets this number"),
                /* xgettext:no-c-format */
                N_("Start QEMU with -object iommufd,id=iommufd0 -device vfio-pci,host=ADDRESS,iommufd=iommufd0; 'vfioctl show SELECTOR --qemu' prints that."),
                /* xgettext:no-c-format */
                N_("The running kernel has no nodes for single devices (CONFIG_VFIO_DEVICE_CDEV), which an iommufd needs. Use group %d without an iommufd."),
                /* xgettext:no-c-format */
                N_("%s does not answer after its reset: its configuration space reads as ones only. Shut the machine down completely, and start it again."),
                /* xgettext:no-c-format */
                N_("User %u is not authorized %s (%s). Try it with sudo. An administrator can permit it by a rule of polkit: see \"AUTHORIZATION\" in vfiod(8)."),
                /* xgettext:no-c-format */
                N_("The bridge %s is on the driver %s, which does DMA for the host. Write its address to %s, or prevent at boot that the driver binds to it."),
                /* xgettext:no-c-format */
                N_("The firmware reports %s, and the kernel was started with intel_iommu=on, but it made no IOMMU groups: 'journalctl -k -g %s' says why."),
                /* xgettext:no-c-format */
                N_("The firmware reports no AMD-Vi (there is no table IVRS): enable the IOMMU (AMD-Vi) in the firmware set-up, if the machine has it."),
                /* xgettext:no-c-format */
                N_("The firmware reports no IOMMU (neither table DMAR nor IVRS): enable VT-d or AMD-Vi in the firmware set-up, if the machine has it."),
                /* xgettext:no-c-format */
                N_("Job %lu is cancelled, but it is stuck in the kernel: the step '%s' of %s has not returned%s%s. When it returns, the job undoes what it did."),
                /* xgettext:no-c-format */
                N_("%s goes back to the host at the deadline of an earlier detach. Confirm that with 'vfioctl confirm', or reattach the device first."),
                /* xgettext:no-c-format */
                N_("The firmware uses %s for the screen of the host. A detach takes the screen away, and the guest may need a copy of the card's ROM."),
                /* xgettext:no-c-format */
                N_("Only the caller and root get the reason, because it can name processes and mounts of other users. Plan tells what you may see."),
                /* xgettext:no-c-format */
                N_("The firmware has reserved memory for %s or its group (for example an RMRR), so the kernel does not give it to a virtual machine."),
                /* xgettext:no-c-format */
                N_("the driver does not accept this number (EINVAL). Try a smaller number; some cards need another setting in their firmware first"),
                /* xgettext:no-c-format */
                N_("%s is on %s, but vfiod did not detach it. It has no driver_override, so probably somebody wrote its ids to new_id of the driver."),
                /* xgettext:no-c-format */
                N_("Install the package with the extra modules of the kernel (on Ubuntu: linux-modules-extra), or a kernel with CONFIG_VFIO_PCI."),
                /* xgettext:no-c-format */
                N_("Only root can open the nodes of detached devices, unless an administrator permits it: 'vfioctl lease' gives them to a user."),
                /* xgettext:no-c-format */
                N_("User %u has detached group %d for a trial: only root and this user may confirm that, or set another deadline. Try it with sudo."),
                /* xgettext:no-c-format */
                N_("%s does not answer: its configuration space reads as ones only%s%s. The card has crashed, has no power, or has come off the bus."),
                /* xgettext:no-c-format */
                N_("vfio is in its no-IOMMU mode: programs can make a device write to any memory of the host. It is not for virtual machines."),
                /* xgettext:no-c-format */
                N_("%s is not detached: it %s%s. vfiod resets only devices that it has detached from the host. Detach it first: 'vfioctl detach %s'."),
                /* xgettext:no-c-format */
                N_("An earlier job on %s is stuck in the kernel. It ends when the process that holds the device closes it: see 'vfioctl jobs'."),
                /* xgettext:no-c-format */
                N_("Nothing separates devices behind such a bridge. Use cards for PCI Express, or slots that are not behind the same bridge."),
                /* xgettext:no-c-format */
                N_("The kernel could not reset %s: %s. The device may not work any more: see the messages of the kernel ('journalctl --dmesg')."),
                /* xgettext:no-c-format */
                N_("The worker process for %s died, and the devices are gone from their slots: list the devices again with 'vfioctl devices'."),
                /* xgettext:no-c-format */
                N_("the kernel refuses it, because it has no trusted signature. Sign the module, or install the module of your distribution"),
                /* xgettext:no-c-format */
                N_("The running kernel has no driver and no module '%s', which was asked for %s. See 'modinfo %s', or leave the driver to vfiod."),
                /* xgettext:no-c-format */
                N_("Cannot find out whether a process has a vfio character device open (the host has more processes than vfiod examines)."),
                /* xgettext:no-c-format */
                N_("The firmware reports %s, but the kernel made no IOMMU groups: add intel_iommu=on to the kernel command line and reboot."),
                /* xgettext:no-c-format */
                N_("vfiod may not examine %s, which could have %s of %s open: end it first, or give vfiod-census the capability CAP_SYS_PTRACE."),
                /* xgettext:no-c-format */
                N_("Cannot find out whether a process has a vfio character device open (the host has more processes than vfiod examines)"),
                /* xgettext:no-c-format */
                N_("Look in the firmware set-up for a setting that turns this off, for example shared memory of a management controller."),
                /* xgettext:no-c-format */
                N_("Put one of the cards into a slot at another root port; or turn on ACS in the firmware set-up, if the machine has it."),
                /* xgettext:no-c-format */
                N_("The group is detached now, which it was not when the plan was made. Nothing was changed: try again without the plan."),
                /* xgettext:no-c-format */
                N_("%s is detached, and only its driver on the host can create virtual functions. Reattach it first: 'vfioctl reattach %s'."),
                /* xgettext:no-c-format */
                N_("Not all checks were made: a file or a device of this host did not answer in time, or there was not enough memory."),
                /* xgettext:no-c-format */
                N_("The firmware reports no VT-d (there is no table DMAR): enable VT-d in the firmware set-up, if the machine has it."),
                /* xgettext:no-c-format */
                N_("The worker process for %s died, and vfiod could not undo its changes%s%s See 'vfioctl show %s', then reattach the device."),
                /* xgettext:no-c-format */
                N_("This kernel has no nodes of groups, and the module iommufd is not loaded, so no virtual machine can use a device."),
                /* xgettext:no-c-format */
                N_("Another program bound %s to %s. vfiod does not touch it. Reset it with the tool that bound it (virsh nodedev-reset)."),
                /* xgettext:no-c-format */
                N_("The devices have so many interfaces and disks that vfiod cannot save all of their names, so nothing was changed."),
                /* xgettext:no-c-format */
                N_("The kernel has no method to reset %s. Shut the machine down completely and start it again: that resets the device."),
                /* xgettext:no-c-format */
                N_("The module %s cannot be loaded by vfiod: line %u of %s replaces its loading with a command. No device can be detached."),
                /* xgettext:no-c-format */
                N_("vfiod cannot remove %s, because its name is no valid name of a rule. Remove it by hand, and call 'vfioctl rescan'."),
                /* xgettext:no-c-format */
                N_("The devices, drivers or guards have changed since the plan for %s was made. Nothing was changed. Make a new plan."),
                /* xgettext:no-c-format */
                N_("To change the number of virtual functions, the kernel must first remove those that exist, and they are in use: %s"),
                /* xgettext:no-c-format */
                N_("vfio-pci refuses %s (%s): it is on its denylist, because an untrusted guest could harm the host with such a device."),
                /* xgettext:no-c-format */
                N_("This machine is virtual, and its hypervisor gives it no %s. A virtual machine in it is emulated, which is slow."),
                /* xgettext:no-c-format */
                N_("A process holds IOMMU group %d (%s is busy), and vfiod cannot find out which one. End the virtual machine first."),
                /* xgettext:no-c-format */
                N_("A change of a rule is \"write\", with the detail Text, or \"delete\", \"mask\", \"enable\" or \"disable\" without it."),
                /* xgettext:no-c-format */
                N_("The running kernel %s has no module vfio-pci on disk, but the installed kernel %s has: the kernel was upgraded."),
                /* xgettext:no-c-format */
                N_("Virtual functions are either detached or driverless: use only one of the options 'detach' and 'driverless'."),
                /* xgettext:no-c-format */
                N_("%s is on %s, but vfiod did not detach it: its driver_override is %s, which driverctl, libvirt or a script wrote."),
                /* xgettext:no-c-format */
                N_("'%s' is no vfio driver: only a driver like vfio-pci or mlx5_vfio_pci can give a device to a virtual machine."),
                /* xgettext:no-c-format */
                N_("No PCI device has the name '%s', and none has such a network interface or disk. 'vfioctl devices' lists all.%s%s%s"),
                /* xgettext:no-c-format */
                N_("vfiod could not finish an interrupted reattach: %s 'vfioctl devices' shows which devices are still detached."),
                /* xgettext:no-c-format */
                N_("%s appeared, but its driver '%s', its driver_override '%s' or its power settings are not as they were written."),
                /* xgettext:no-c-format */
                N_("%s is longer than %d KiB, or not everybody may read it: write 'Enabled=' into it, and call 'vfioctl rescan'."),
                /* xgettext:no-c-format */
                N_("Something other than vfiod gave these devices to vfio, for example new_id, driver_override or libvirt: %s."),
                /* xgettext:no-c-format */
                N_("supergfxd is installed. In its mode Vfio, it binds the graphics card itself, and undoes what vfiod does."),
                /* xgettext:no-c-format */
                N_("%s and %s are functions of one card without ACS: they may reach each other inside the card, past the IOMMU."),
                /* xgettext:no-c-format */
                N_("The kernel found no IOMMU that it can use for PCI devices. 'journalctl -k -g iommu' says what it found."),
                /* xgettext:no-c-format */
                N_("There is no process %d to which the lease could be bound. The number of a thread does not name a process."),
                /* xgettext:no-c-format */
                N_("vfiod could not find out in time what uses the devices: the kernel did not answer. Nothing was changed."),
                /* xgettext:no-c-format */
                N_("Cannot read which vfio character device %s has (%s): look into the folder vfio-dev of the device in sysfs."),
                /* xgettext:no-c-format */
                N_("The driver %s of %s could not set the number of virtual functions to %u: %s. 'journalctl -k -g %s' may say more."),
                /* xgettext:no-c-format */
                N_("Cannot read which vfio character device %s has (%s): look into the folder vfio-dev of the device in sysfs"),
                /* xgettext:no-c-format */
                N_("The parameter amd_iommu=on has no effect: the kernel knows no such value, and uses AMD-Vi without it."),
                /* xgettext:no-c-format */
                N_("Another program has just taken %s from its vfio driver: list the devices again with 'vfioctl devices'."),
                /* xgettext:no-c-format */
                N_("it is CXL memory, but not on its driver cxl_pci: vfiod cannot find out whether it is RAM of the host"),
                /* xgettext:no-c-format */
                N_("the driver does not allow it in the present mode of the card (EPERM). See the driver's documentation"),
                /* xgettext:no-c-format */
                N_("%s is on a vfio driver, but no virtual machine can use the group %d: %s. QEMU says \"group is not viable\"."),
                /* xgettext:no-c-format */
                N_("A rule's name has letters, digits, '-', '_' and '.', does not begin with '.', and is shorter than %d."),
                /* xgettext:no-c-format */
                N_("Another program bound %s to %s. vfiod does not touch it. Use the tool that bound it (virsh, driverctl)."),
                /* xgettext:no-c-format */
                N_("The devices of group %d have changed while vfiod prepared the revert. Nothing was changed: try again."),
                /* xgettext:no-c-format */
                N_("User %u may not call %s of %s, because polkit did not answer in time whether this user is authorized %s (%s)."),
                /* xgettext:no-c-format */
                N_("%s is in its slot again, so vfiod does not forget it: list the devices again with 'vfioctl devices'."),
                /* xgettext:no-c-format */
                N_("A program has just begun to use a disk of %s, or the disk cannot be claimed (%s): see 'vfioctl plan %s'."),
                /* xgettext:no-c-format */
                N_("Enable interrupt remapping (with VT-d: also x2APIC) in the firmware set-up, if the machine has it."),
                /* xgettext:no-c-format */
                N_("The devices, drivers or rules changed while polkit decided about %s. Nothing was changed: try again.%s%s"),
                /* xgettext:no-c-format */
                N_("%s has no driver, and only its driver can create virtual functions: load the driver's module first."),
                /* xgettext:no-c-format */
                N_("Only root may call %s of %s: polkit, which could permit it to others, does not run. Try it with sudo."),
                /* xgettext:no-c-format */
                N_("Job %lu is cancelled: it has undone everything, and waits until the devices have their names again."),
                /* xgettext:no-c-format */
                N_("The deadline of group %d has passed: vfiod searches for processes that use its devices. Try again."),
                /* xgettext:no-c-format */
                N_("The module %s must not be loaded, because the kernel was started with %s. No device can be detached."),
                /* xgettext:no-c-format */
                N_("the card is not ready, for example because it is being reset. Set its interface up and try again"),
                /* xgettext:no-c-format */
                N_("vfiod-modules, which loads modules, does not answer. See 'systemctl status vfiod-modules.socket'"),
                /* xgettext:no-c-format */
                N_("vfiod-worker has not answered: %s. Either all rules were changed or none: see 'vfioctl rule list'."),
                /* xgettext:no-c-format */
                N_("%s exists: give the rule another name (--name), or remove that rule first (vfioctl rule remove %s%s)."),
                /* xgettext:no-c-format */
                N_("Cannot let user %u open the nodes of group %d: the file system of /dev has no access control lists."),
                /* xgettext:no-c-format */
                N_("The worker process for %s died before it changed anything, or after it had undone all: try again."),
                /* xgettext:no-c-format */
                N_("User %u must authenticate %s (%s). Call it from a terminal or a desktop session, or try it with sudo."),
                /* xgettext:no-c-format */
                N_("can contain storage, network, display, console, memory, process, virtual-functions and firmware"),
                /* xgettext:no-c-format */
                N_("%s shares the IOMMU group %d with %s: a virtual machine can use it only if all of them are detached."),
                /* xgettext:no-c-format */
                N_("The devices of the group %d are parts of the root complex, which the kernel does not tell apart."),
                /* xgettext:no-c-format */
                N_("%s is leased to user %u (lease %u, %s). Wait until the lease ends, or end it with 'vfioctl release %u'."),
                /* xgettext:no-c-format */
                N_("The module %s must not be loaded: line %u of %s has it on the blacklist. No device can be detached."),
                /* xgettext:no-c-format */
                N_("Turn the controller (for example VMD) off in the firmware set-up, if the disks need no RAID."),
                /* xgettext:no-c-format */
                N_("the module on disk does not fit the running kernel. Probably the kernel was upgraded: reboot"),
                /* xgettext:no-c-format */
                N_("Another program has just changed the virtual functions of %s. Nothing was changed: try again."),
                /* xgettext:no-c-format */
                N_("The kernel did not return from the step '%s' of %s within %llu ms%s%s. %s Other devices are not affected."),
                /* xgettext:no-c-format */
                N_("another process may have a device node open: too many files are open to examine all of them"),
                /* xgettext:no-c-format */
                N_("Select another graphics card for the first screen in the firmware set-up, if there is one."),
                /* xgettext:no-c-format */
                N_("vfiod detached the card %04x:%04x at %s, but another card is there now (%04x:%04x). vfiod does not touch it."),
                /* xgettext:no-c-format */
                N_("%s could have %s of %s open: it and others have more files open than vfiod reads. End it first."),
                /* xgettext:no-c-format */
                N_("%s is behind the controller %s, which sends its requests. For the IOMMU, both are one device."),
                /* xgettext:no-c-format */
                N_("Nothing separates functions of such a card. Give all of them to the same virtual machine."),
                /* xgettext:no-c-format */
                N_("The firmware reports %s, but the kernel made no IOMMU groups: 'journalctl -k -g %s' says why.%s"),
                /* xgettext:no-c-format */
                N_("User %u may not call %s of %s, because polkit cannot tell whether this user is authorized %s (%s): %s"),
                /* xgettext:no-c-format */
                N_("vfiod cannot write the file that keeps the deadline of the revert: %s. Nothing was changed."),
                /* xgettext:no-c-format */
                N_("The worker process for %s died. Nobody knows whether the device was reset: reset it again."),
                /* xgettext:no-c-format */
                N_("the host has more than %zu processes: one that was not examined may have a device node open"),
                /* xgettext:no-c-format */
                N_("it is blacklisted in /etc/modprobe.d, or vfiod may not load it. Load it with 'modprobe'"),
                /* xgettext:no-c-format */
                N_("'%s' is a slot, which can have several functions. Give the address with its function: %s."),
                /* xgettext:no-c-format */
                N_("Remove the udev rule that sets this mode; 'vfioctl lease' gives a device to one user."),
                /* xgettext:no-c-format */
                N_("is open exclusively, and vfiod cannot find out by whom (ZFS, iSCSI, a virtual machine%s"),
                /* xgettext:no-c-format */
                N_("others than root can write it: it must belong to root, and have the mode 0644 or less"),
                /* xgettext:no-c-format */
                N_("%s was changed by somebody else since you read it. Nothing was changed: read it again."),
                /* xgettext:no-c-format */
                N_("its name is too long, or has other characters than letters, digits, '-', '_' and '.'"),
                /* xgettext:no-c-format */
                N_("%s has no virtual functions: the card has no SR-IOV, or the firmware has disabled it."),
                /* xgettext:no-c-format */
                N_("%s is on %s, but vfiod did not detach it. %s gives every device with its ids to vfio-pci."),
                /* xgettext:no-c-format */
                N_("%s shows no network interface here: it may be in the network namespace of a container"),
                /* xgettext:no-c-format */
                N_("The detach of %s still runs ('vfioctl jobs'): wait until it has ended, and try again."),
                /* xgettext:no-c-format */
                N_("a line must not begin with a space or tab; a value cannot continue on the next line"),
                /* xgettext:no-c-format */
                N_("vfiod is ending. The job continues by itself, and the next start of vfiod finds it."),
                /* xgettext:no-c-format */
                N_("%s has no IOMMU group, because no IOMMU handles it. A virtual machine cannot use it."),
                /* xgettext:no-c-format */
                N_("%s is detached and gone from its slot. It has no group until it is plugged in again."),
                /* xgettext:no-c-format */
                N_("Devices below %s share a group, because a bridge between them does not isolate them%s."),
                /* xgettext:no-c-format */
                N_("%s has a network interface in another network namespace, for example of a container"),
                /* xgettext:no-c-format */
                N_("A change of %s does not return from the kernel: a process may have the device open."),
                /* xgettext:no-c-format */
                N_("Another program changed %s while vfiod examined it. Nothing was changed: try again."),
                /* xgettext:no-c-format */
                N_("Another program has just bound %s to %s: list the groups again with 'vfioctl groups'."),
                /* xgettext:no-c-format */
                N_("Job %lu has told the kernel to reset the device, so it cannot be cancelled any more."),
                /* xgettext:no-c-format */
                N_("The kernel did not reset %s: none of its reset methods works without other devices."),
                /* xgettext:no-c-format */
                N_("Too many calls already wait for an answer: wait for some of them, then try again."),
                /* xgettext:no-c-format */
                N_("Job %lu has done all its work, or is undoing it already, so it cannot be cancelled."),
                /* xgettext:no-c-format */
                N_("The kernel was started with %s: remove it from the kernel command line and reboot."),
                /* xgettext:no-c-format */
                N_("carries something, for example the macvlan of a container, with the MAC address %s"),
                /* xgettext:no-c-format */
                N_("Too many answers wait until this program reads them: read them, then try again."),
                /* xgettext:no-c-format */
                N_("[Match] needs at least Vendor= or Class=. Otherwise it would match every device"),
                /* xgettext:no-c-format */
                N_("another process may have a device node open: vfiod is not allowed to examine it"),
                /* xgettext:no-c-format */
                N_("%s has an error in line %u, so it is off: %s. Correct it first (vfioctl rule edit %s%s)."),
                /* xgettext:no-c-format */
                N_("The mediated device %s has just appeared below %s. Nothing was changed: try again."),
                /* xgettext:no-c-format */
                N_("User %u already has %zu running %s, which is the maximum: try again when one is done."),
                /* xgettext:no-c-format */
                N_("it is a symbolic link: only a link to /dev/null is allowed, which masks a rule"),
                /* xgettext:no-c-format */
                N_("the rule is not applied before the device is plugged in again, or vfiod starts"),
                /* xgettext:no-c-format */
                N_("vfiod refuses %s of %s, because the bus did not tell who the caller is: try again."),
                /* xgettext:no-c-format */
                N_("The virtual function %s has no IOMMU group, so a virtual machine cannot use it."),
                /* xgettext:no-c-format */
                N_("vfiod has not detached any device of group %d, so there is nothing to reattach."),
                /* xgettext:no-c-format */
                N_("%s is in IOMMU group %d, too, and a virtual machine can use only the whole group"),
                /* xgettext:no-c-format */
                N_("Job %lu is cancelled: it undoes what it did as soon as the step '%s' of %s is over."),
                /* xgettext:no-c-format */
                N_("The module vfio-pci is not loaded. vfiod loads it when it detaches a device."),
                /* xgettext:no-c-format */
                N_("Too many calls of user %u already wait: wait for some of them, then try again."),
                /* xgettext:no-c-format */
                N_("%s is no longer in IOMMU group %d: list the groups again with 'vfioctl groups'."),
                /* xgettext:no-c-format */
                N_("Another job is changing %s, the physical function: try again when it is done."),
                /* xgettext:no-c-format */
                N_("The devices of group %d go back to the host already: the deadline has passed."),
                /* xgettext:no-c-format */
                N_("The kernel can reset %s with its bus, on which only devices of its group are."),
                /* xgettext:no-c-format */
                N_("Turn on nested virtualization in the configuration of this virtual machine."),
                /* xgettext:no-c-format */
                N_("may have a device node open: too many files are open to examine all of them"),
                /* xgettext:no-c-format */
                N_("vfiod cannot start a worker (%s): see 'systemctl status vfiod-worker.socket'."),
                /* xgettext:no-c-format */
                N_(" The parameter amd_iommu=on has no effect: the kernel knows no such value."),
                /* xgettext:no-c-format */
                N_("%s could have %s of %s open: it and others have more files open than vfiod reads"),
                /* xgettext:no-c-format */
                N_("'%s' belongs to more than one PCI device. Give the address of one of them: %s."),
                /* xgettext:no-c-format */
                N_("Every user may open /dev/vfio/%s, so every user may use its devices (mode %04o)."),
                /* xgettext:no-c-format */
                N_("The firmware reports no IOMMU: there is no table DMAR, IVRS, IORT or VIOT."),
                /* xgettext:no-c-format */
                N_("its memory %s is in the address space of the host%s%s: it may be RAM of the host"),
                /* xgettext:no-c-format */
                N_("its memory has the framebuffer of the firmware (%s): it may show the console"),
                /* xgettext:no-c-format */
                N_("vfiod-modules does not answer. See 'systemctl status vfiod-modules.socket'"),
                /* xgettext:no-c-format */
                N_("%s is gone from its slot: plug it in first, because the rule needs its ids."),
                /* xgettext:no-c-format */
                N_("/dev/vfio/%s is no device node. Somebody has put another file in its place."),
                /* xgettext:no-c-format */
                N_("If they should return to the host: sudo vfioctl reattach --adopt SELECTOR"),
                /* xgettext:no-c-format */
                N_("The option 'driver' names a vfio driver, so it needs the option 'detach'."),
                /* xgettext:no-c-format */
                N_("This kernel has no nodes of groups: virtual machines must use an iommufd."),
                /* xgettext:no-c-format */
                N_("its driver was unbound. The rule is applied again when a driver is bound."),
                /* xgettext:no-c-format */
                N_("the running kernel has no such module. Install the kernel's extra modules"),
                /* xgettext:no-c-format */
                N_("vfiod cannot find out whether there is a variant driver for %s, so it uses %s"),
                /* xgettext:no-c-format */
                N_("The file is not in the directory that vfiod writes. Nothing was changed."),
                /* xgettext:no-c-format */
                N_("There is no rule %s that can be changed so. 'vfioctl rule list' lists all."),
                /* xgettext:no-c-format */
                N_("the kernel does not show whether %s is RAM of the host: it has no endpoint"),
                /* xgettext:no-c-format */
                N_("A change of a rule has no detail '%s' of this type, or it is given twice."),
                /* xgettext:no-c-format */
                N_("Driver %s did not bind to %s. The device %s%s (%s). The kernel's log may say why."),
                /* xgettext:no-c-format */
                N_("Group %d has %u devices, and at most %d are described at once: name a device."),
                /* xgettext:no-c-format */
                N_("the line 'options' of the entry in loader/entries on the boot partition"),
                /* xgettext:no-c-format */
                N_("%s is gone from its slot: list the devices again with 'vfioctl devices'."),
                /* xgettext:no-c-format */
                N_("'%s' is no companion: it is not another endpoint in the IOMMU group of %s."),
                /* xgettext:no-c-format */
                N_("Cannot find out whether a process has a vfio character device open (%s)."),
                /* xgettext:no-c-format */
                N_("The job was cancelled: when the kernel returns, it undoes what it did."),
                /* xgettext:no-c-format */
                N_("There is a variant driver for %s%s, the module '%s', which can do more than %s"),
                /* xgettext:no-c-format */
                N_("There is no such object: no object path of %s has more than %d characters."),
                /* xgettext:no-c-format */
                N_("Too many answers of vfiod are not read yet: read them, then try again."),
                /* xgettext:no-c-format */
                N_("%s also needs Vendor= and Device=: another card may be plugged in there"),
                /* xgettext:no-c-format */
                N_("%s has an error, so it is off: %s. Correct it first (vfioctl rule edit %s%s)."),
                /* xgettext:no-c-format */
                N_("Another program changed %s meanwhile: it has driver '%s' and override '%s'."),
                /* xgettext:no-c-format */
                N_("Cannot find out whether a process has a vfio character device open (%s)"),
                /* xgettext:no-c-format */
                N_("Option '%s' is a value of the property VersionId (t), which is never 0."),
                /* xgettext:no-c-format */
                N_("%s It stays detached: a revert undoes only what its own call has done."),
                /* xgettext:no-c-format */
                N_("%s could not be examined in time: try again when the host is less busy"),
                /* xgettext:no-c-format */
                N_("A plan for all groups has only the options 'override' and 'inspect'."),
                /* xgettext:no-c-format */
                N_("Option '%s' is a time in microseconds, from one second to one day (t)."),
                /* xgettext:no-c-format */
                N_("The IOMMU is %s, so no virtual machine can use a device of this host. %s"),
                /* xgettext:no-c-format */
                N_("These devices are on a driver of DPDK, so a program may use them: %s."),
                /* xgettext:no-c-format */
                N_("driverctl binds %s to %s at each boot, also if vfiod has a rule for it."),
                /* xgettext:no-c-format */
                N_("has too many layers of devices on it: vfiod cannot examine them all"),
                /* xgettext:no-c-format */
                N_("%s is a bridge or a part of the host: no virtual machine can use it."),
                /* xgettext:no-c-format */
                N_("%s is right already. Run '%s' if you have not done so yet, and reboot."),
                /* xgettext:no-c-format */
                N_("The CPU reports no %s. A virtual machine is emulated, which is slow."),
                /* xgettext:no-c-format */
                N_("%s has %zu virtual function%s. A reset would also reset %s. Remove %s first."),
                /* xgettext:no-c-format */
                N_("Add a virtual IOMMU to the configuration of this virtual machine."),
                /* xgettext:no-c-format */
                N_("The parameter intel_iommu=on has no effect: this CPU is from AMD."),
                /* xgettext:no-c-format */
                N_("There is no rule of that name in %s. 'vfioctl rule list' lists all."),
                /* xgettext:no-c-format */
                N_("There is no verb '%s' to plan: they are detach, reattach and reset."),
                /* xgettext:no-c-format */
                N_("vfio is in its no-IOMMU mode, which is not for virtual machines. %s"),
                /* xgettext:no-c-format */
                N_("%s has driver '%s' (before: '%s') and driver_override '%s' (before: '%s')"),
                /* xgettext:no-c-format */
                N_("At %s, there is another card now, not %04x:%04x. vfiod does not touch it."),
                /* xgettext:no-c-format */
                N_("If it should return to the host: sudo vfioctl reattach --adopt %s"),
                /* xgettext:no-c-format */
                N_("Option '%s' has the configuration space of each address (a{say})."),
                /* xgettext:no-c-format */
                N_("may have a device node open: vfiod is not allowed to examine it"),
                /* xgettext:no-c-format */
                N_("the kernel command line in the configuration of the boot loader"),
                /* xgettext:no-c-format */
                N_("vfiod cannot remove %s. Mask it: ln -s /dev/null %s; vfioctl rescan"),
                /* xgettext:no-c-format */
                N_("%s is a bridge: it stays with the host. Name a device behind it."),
                /* xgettext:no-c-format */
                N_("%s of %s is held by %s: end it, or take the device out of it, first."),
                /* xgettext:no-c-format */
                N_("'%s' are ids, which several devices can have. Give an address: %s."),
                /* xgettext:no-c-format */
                N_("Another call changes the revert of group %d just now: try again."),
                /* xgettext:no-c-format */
                N_("Job %lu is changing the same devices: try again when it is done."),
                /* xgettext:no-c-format */
                N_("No PCI device is in the slot '%s'. 'vfioctl devices' lists all."),
                /* xgettext:no-c-format */
                N_("The file is empty, or a link to /dev/null: it masks the rule."),
                /* xgettext:no-c-format */
                N_("The worker process for %s died. Everything is as it was before."),
                /* xgettext:no-c-format */
                N_("vfiod is ending. Ask for the lease again when it has started."),
                /* xgettext:no-c-format */
                N_("%s is a virtual function itself. Name its physical function, %s."),
                /* xgettext:no-c-format */
                N_("%s is the framebuffer of the firmware: it may show the console"),
                /* xgettext:no-c-format */
                N_("No device can be given to a virtual machine: the IOMMU is %s. %s"),
                /* xgettext:no-c-format */
                N_("The state folder cannot be written, so nothing was changed: %s"),
                /* xgettext:no-c-format */
                N_("is in promiscuous mode: something receives all packets on it"),
                /* xgettext:no-c-format */
                N_("its physical function %s is %s, and this device vanishes with it"),
                /* xgettext:no-c-format */
                N_("%s has %u virtual functions already, and they are as asked for."),
                /* xgettext:no-c-format */
                N_("%s has just appeared behind %s. Nothing was changed: try again."),
                /* xgettext:no-c-format */
                N_("Another program bound the devices of group %d to vfio drivers"),
                /* xgettext:no-c-format */
                N_("KVM is not loaded, so QEMU emulates the CPU, which is slow."),
                /* xgettext:no-c-format */
                N_("new virtual functions get drivers as the host is configured"),
                /* xgettext:no-c-format */
                N_("the file begins with a byte order mark: save it without one"),
                /* xgettext:no-c-format */
                N_(" If these are equal cards, the host can keep none of them."),
                /* xgettext:no-c-format */
                N_("%s is held by %s: end it, or take the device out of it, first."),
                /* xgettext:no-c-format */
                N_("No PCI device has the ids '%s'. 'vfioctl devices' lists all."),
                /* xgettext:no-c-format */
                N_("%s has no IOMMU group, so no program can get a lease of it."),
                /* xgettext:no-c-format */
                N_("%u of %u IOMMU groups are in passthrough mode (type identity)"),
                /* xgettext:no-c-format */
                N_("An entry of option '%s' may have at most %d characters, not %zu."),
                /* xgettext:no-c-format */
                N_("Group %d has only bridges: give the address of one of them."),
                /* xgettext:no-c-format */
                N_("Group %d is not viable, so no virtual machine can use it: %s."),
                /* xgettext:no-c-format */
                N_("No device of group %d is on a vfio driver: detach it first."),
                /* xgettext:no-c-format */
                N_("Turn it on in the firmware set-up, if the machine has it."),
                /* xgettext:no-c-format */
                N_("is used by the kernel, which receives packets on it with %s"),
                /* xgettext:no-c-format */
                N_("%s does not have the MAC address and VLAN that vfiod set: %s"),
                /* xgettext:no-c-format */
                N_("%s lies below it and is on %s: a virtual machine may have it"),
                /* xgettext:no-c-format */
                N_("Cannot determine which processes hold the device nodes: %s"),
                /* xgettext:no-c-format */
                N_("Job %lu has just ended, so it cannot be cancelled any more."),
                /* xgettext:no-c-format */
                N_("Start QEMU with 'vfioctl lease', which raises the limit."),
                /* xgettext:no-c-format */
                N_("There is no PCI device at %s. 'vfioctl devices' lists all."),
                /* xgettext:no-c-format */
                N_("Without a selector, only the verb detach can be planned."),
                /* xgettext:no-c-format */
                N_("the mediated device %s lies below it, and vanishes with it"),
                /* xgettext:no-c-format */
                N_("this is neither a section like [Match] nor KEY=VALUE: '%s'"),
                /* xgettext:no-c-format */
                N_("vfiod is ending: see 'vfioctl rule list', and try again."),
                /* xgettext:no-c-format */
                N_("vfiod leaves %s on %s, because a virtual machine may use it."),
                /* xgettext:no-c-format */
                N_("Group %d has %zu endpoints: give the address of one of them."),
                /* xgettext:no-c-format */
                N_("no driver of the host may bind to new virtual functions"),
                /* xgettext:no-c-format */
                N_("Enable %s in the firmware set-up, if the machine has it."),
                /* xgettext:no-c-format */
                N_("Group %d has %zu devices, but a revert can have from 1 to %d."),
                /* xgettext:no-c-format */
                N_("Interrupt remapping is on, or this machine needs none."),
                /* xgettext:no-c-format */
                N_("The job was cancelled. Everything is as it was before."),
                /* xgettext:no-c-format */
                N_("it is leased. The rule is applied when the lease ends."),
                /* xgettext:no-c-format */
                N_("may have been reset, or not: the reset was interrupted"),
                /* xgettext:no-c-format */
                N_("the rule names the card %04x:%04x%s, but %04x:%04x (%04x:%04x, class %06x) is there."),
                /* xgettext:no-c-format */
                N_(" unless a rule of the administrator sets another mode"),
                /* xgettext:no-c-format */
                N_("Lease %u is just starting: try again when it has begun."),
                /* xgettext:no-c-format */
                N_("Shut the machine down completely, and start it again."),
                /* xgettext:no-c-format */
                N_("There is no IOMMU group %s. 'vfioctl groups' lists all."),
                /* xgettext:no-c-format */
                N_("it gets the MAC address and VLAN that were set for it"),
                /* xgettext:no-c-format */
                N_("it is loaded, but it does not provide this PCI driver"),
                /* xgettext:no-c-format */
                N_("power/control and d3cold_allowed are set as they were"),
                /* xgettext:no-c-format */
                N_("%s gives the ids %s to vfio-pci, but no device has them."),
                /* xgettext:no-c-format */
                N_("'group:%s' is no group: write 'group:' and the number."),
                /* xgettext:no-c-format */
                N_(". Only root can read the ACS settings of the bridges"),
                /* xgettext:no-c-format */
                N_(": only lists of addresses can be given several times"),
                /* xgettext:no-c-format */
                N_("Another job is changing %s: try again when it is done."),
                /* xgettext:no-c-format */
                N_("Another program has bound the virtual function %s to %s."),
                /* xgettext:no-c-format */
                N_("The power settings of %s are not as they were written."),
                /* xgettext:no-c-format */
                N_("must be 'all', 'none' or addresses like 0000:3b:00.1"),
                /* xgettext:no-c-format */
                N_("must be a vfio driver like vfio-pci or mlx5_vfio_pci"),
                /* xgettext:no-c-format */
                N_("'%s' is no fingerprint of a plan: make one with Plan."),
                /* xgettext:no-c-format */
                N_("All devices of group %d are already on a vfio driver%s."),
                /* xgettext:no-c-format */
                N_("Group %d has %zu devices, but a lease can have at most %zu."),
                /* xgettext:no-c-format */
                N_("The running kernel %s has no module vfio-pci on disk."),
                /* xgettext:no-c-format */
                N_("the options of each line in /boot/refind_linux.conf"),
                /* xgettext:no-c-format */
                N_("there is no section %s: they are [Match] and [Detach]"),
                /* xgettext:no-c-format */
                N_("vfiod waits until the network of the host is online"),
                /* xgettext:no-c-format */
                N_("%zu %s are already running%s: try again when one is done."),
                /* xgettext:no-c-format */
                N_("All devices of group %d are already on a vfio driver"),
                /* xgettext:no-c-format */
                N_("Enable %s in the firmware set-up, if the CPU has it."),
                /* xgettext:no-c-format */
                N_("There is nothing to confirm: no revert is pending."),
                /* xgettext:no-c-format */
                N_("VT-x (often named Intel Virtualization Technology)"),
                /* xgettext:no-c-format */
                N_("is used by a process that receives all its packets"),
                /* xgettext:no-c-format */
                N_("vfiod may not examine %s, which could have %s of %s open"),
                /* xgettext:no-c-format */
                N_("%.*sIf you are sure, write 'Override=%s' into the rule."),
                /* xgettext:no-c-format */
                N_("Another worker is ending the transaction already."),
                /* xgettext:no-c-format */
                N_("Group %d has only bridges: they stay with the host."),
                /* xgettext:no-c-format */
                N_("if it has disks, no program may start to use them"),
                /* xgettext:no-c-format */
                N_("no virtual machine may hold a device that leaves %s"),
                /* xgettext:no-c-format */
                N_("not every user, but only its owner and its group,"),
                /* xgettext:no-c-format */
                N_("%s cannot be examined: the mounts cannot be read: %s"),
                /* xgettext:no-c-format */
                N_("%s gives every device with the ids %s to vfio-pci: %s.%s"),
                /* xgettext:no-c-format */
                N_("Job %lu is about to end, so it cannot be cancelled."),
                /* xgettext:no-c-format */
                N_("Remove %s from the kernel command line and reboot."),
                /* xgettext:no-c-format */
                N_("The names of the host's devices cannot be read: %s"),
                /* xgettext:no-c-format */
                N_("default_kernel_opts in /etc/update-extlinux.conf"),
                /* xgettext:no-c-format */
                N_("it would vanish, and another tool has put it on %s"),
                /* xgettext:no-c-format */
                N_("no virtual machine may have the device meanwhile"),
                /* xgettext:no-c-format */
                N_("what its last user left in the device is cleared"),
                /* xgettext:no-c-format */
                N_("Cannot change the rules: %s. Nothing was changed."),
                /* xgettext:no-c-format */
                N_("The host uses a device that would be detached: %s"),
                /* xgettext:no-c-format */
                N_("boot.kernelParams in the configuration of NixOS"),
                /* xgettext:no-c-format */
                N_("column %zu has a control character or is not UTF-8"),
                /* xgettext:no-c-format */
                N_("driver_override of %s is '%s' after '%s' was written."),
                /* xgettext:no-c-format */
                N_("sriov_drivers_autoprobe of %s cannot be set to %d: %s"),
                /* xgettext:no-c-format */
                N_("%s is the display that the host was started with"),
                /* xgettext:no-c-format */
                N_("'%s' is no companion: it is not in IOMMU group %d."),
                /* xgettext:no-c-format */
                N_(", run 'sudo kernel-install add' for the kernel"),
                /* xgettext:no-c-format */
                N_("Group %d has no device that a program could use."),
                /* xgettext:no-c-format */
                N_("KERNEL_CMDLINE[default] in /etc/default/limine"),
                /* xgettext:no-c-format */
                N_("Option '%s' may have at most %d entries of %d bytes."),
                /* xgettext:no-c-format */
                N_("Rule %s is too large: a rule has at most 64 KiB."),
                /* xgettext:no-c-format */
                N_("The authentication of user %u %s (%s) was cancelled."),
                /* xgettext:no-c-format */
                N_("The cancel came too late: the device is reset."),
                /* xgettext:no-c-format */
                N_("The vfio character device of %s did not appear: %s"),
                /* xgettext:no-c-format */
                N_("the first process of the host and does not end"),
                /* xgettext:no-c-format */
                N_("the kernel command line in /etc/kernel/cmdline"),
                /* xgettext:no-c-format */
                N_("to see the processes and mounts of other users"),
                /* xgettext:no-c-format */
                N_("%s was changed, but the rules cannot be read: %s."),
                /* xgettext:no-c-format */
                N_("End the process, or take the device out of it"),
                /* xgettext:no-c-format */
                N_("The rules were changed, but cannot be read: %s."),
                /* xgettext:no-c-format */
                N_("Virtual machines can use the nodes of groups%s."),
                /* xgettext:no-c-format */
                N_("cannot be examined: it shows no device number"),
                /* xgettext:no-c-format */
                N_("it is not a text file: it contains a NUL byte"),
                /* xgettext:no-c-format */
                N_("must have two, four or six hexadecimal digits"),
                /* xgettext:no-c-format */
                N_("sriov_drivers_autoprobe of %s is %u instead of %u; %s"),
                /* xgettext:no-c-format */
                N_("the line in cmdline.txt on the boot partition"),
                /* xgettext:no-c-format */
                N_("Cannot load the module '%s' for the driver %s: %s."),
                /* xgettext:no-c-format */
                N_("Remove %s from the parameter %s in %s%s, and reboot."),
                /* xgettext:no-c-format */
                N_("The kernel uses %u IOMMU unit%s and made %u group%s."),
                /* xgettext:no-c-format */
                N_("There are %zu rules already: remove some first."),
                /* xgettext:no-c-format */
                N_("the running kernel does not have it on disk."),
                /* xgettext:no-c-format */
                N_("vfiod cannot remove %s: it can only be masked."),
                /* xgettext:no-c-format */
                N_("vfiod deletes what it saved about the device"),
                /* xgettext:no-c-format */
                N_("%s can have %u virtual functions at most, not %u."),
                /* xgettext:no-c-format */
                N_(", or a mount: not all mounts could be read)"),
                /* xgettext:no-c-format */
                N_("Cannot let user %u open the nodes of group %d: %s"),
                /* xgettext:no-c-format */
                N_("Find out what made the file, and remove it."),
                /* xgettext:no-c-format */
                N_("Option '%s' is the fingerprint of a plan (s)."),
                /* xgettext:no-c-format */
                N_("Process %d has ended, so the lease ends, too."),
                /* xgettext:no-c-format */
                N_("The IOMMU is in passthrough mode (iommu=pt)"),
                /* xgettext:no-c-format */
                N_("has the queueing discipline for tc filters %s"),
                /* xgettext:no-c-format */
                N_("the NVMe targets (/sys/kernel/config/nvmet)"),
                /* xgettext:no-c-format */
                N_("vfiod is ending and did nothing: try again."),
                /* xgettext:no-c-format */
                N_(" Until then, intel_iommu=on has no effect."),
                /* xgettext:no-c-format */
                N_("%s is a framebuffer: it may show the console"),
                /* xgettext:no-c-format */
                N_("'%s' is not in a section: begin with [Match]"),
                /* xgettext:no-c-format */
                N_(", run 'sudo sdbootutil update-all-entries'"),
                /* xgettext:no-c-format */
                N_("End process %d, or take the device out of it"),
                /* xgettext:no-c-format */
                N_("The job continues when the kernel returns."),
                /* xgettext:no-c-format */
                N_("There are no IOMMU groups: the IOMMU is %s. %s"),
                /* xgettext:no-c-format */
                N_("a section needs its own line, like [Match]"),
                /* xgettext:no-c-format */
                N_("has an XDP program, which gets its packets"),
                /* xgettext:no-c-format */
                N_("is used by a next hop of the routing table"),
                /* xgettext:no-c-format */
                N_("it is too large: a rule has at most 64 KiB"),
                /* xgettext:no-c-format */
                N_("Option '%s' is the number of a process (u)."),
                /* xgettext:no-c-format */
                N_("The format '%s' has no form for an iommufd."),
                /* xgettext:no-c-format */
                N_("The transaction's file cannot be opened: %s"),
                /* xgettext:no-c-format */
                N_("another user started it. Try it with sudo"),
                /* xgettext:no-c-format */
                N_("LINUX_OPTIONS in /etc/sdboot-manage.conf"),
                /* xgettext:no-c-format */
                N_("%s shares its group with no other device%s."),
                /* xgettext:no-c-format */
                N_("%s= has more than %d addresses: write 'all'"),
                /* xgettext:no-c-format */
                N_("GRUB_CMDLINE_LINUX in /etc/default/grub"),
                /* xgettext:no-c-format */
                N_("the host has no other keyboard than %s (%s)"),
                /* xgettext:no-c-format */
                N_("the kernel command line with kernelstub"),
                /* xgettext:no-c-format */
                N_(", and those of devices with an iommufd"),
                /* xgettext:no-c-format */
                N_(", but you may raise it without a limit"),
                /* xgettext:no-c-format */
                N_(", run 'sudo proxmox-boot-tool refresh'"),
                /* xgettext:no-c-format */
                N_("Cannot set driver_override of %s to '%s': %s"),
                /* xgettext:no-c-format */
                N_("another process has a device node open"),
                /* xgettext:no-c-format */
                N_("the kernel arguments of the deployment"),
                /* xgettext:no-c-format */
                N_("%s has %u virtual functions instead of %u; %s"),
                /* xgettext:no-c-format */
                N_("%s is detached, and gone from its slot."),
                /* xgettext:no-c-format */
                N_("%s is detached, but gone from its slot."),
                /* xgettext:no-c-format */
                N_(", and d3cold_allowed '%d' instead of '%d'"),
                /* xgettext:no-c-format */
                N_("Option '%s' is a number from 1 to %d (u)."),
                /* xgettext:no-c-format */
                N_("The state folder cannot be written: %s."),
                /* xgettext:no-c-format */
                N_("it is blacklisted in /etc/modprobe.d."),
                /* xgettext:no-c-format */
                N_("its memory %s is RAM of the host (%s in %s)"),
                /* xgettext:no-c-format */
                N_("%s has %zu virtual functions instead of %u."),
                /* xgettext:no-c-format */
                N_("%s is detached, for a virtual machine."),
                /* xgettext:no-c-format */
                N_(", and power/control '%s' instead of '%s'"),
                /* xgettext:no-c-format */
                N_("; another program bound some of them"),
                /* xgettext:no-c-format */
                N_("Option '%s' is a list of strings (as)."),
                /* xgettext:no-c-format */
                N_("Option '%s' may have at most %d entries."),
                /* xgettext:no-c-format */
                N_("You may lock memory without a limit."),
                /* xgettext:no-c-format */
                N_("another attempt: the last one failed"),
                /* xgettext:no-c-format */
                N_("vfiod saves how the device was bound"),
                /* xgettext:no-c-format */
                N_("%s can have %u virtual functions, not %u."),
                /* xgettext:no-c-format */
                N_("%svfiod could not undo all changes: %s.%s%s"),
                /* xgettext:no-c-format */
                N_(", and the rest is reserved for root"),
                /* xgettext:no-c-format */
                N_("The kernel has no method to reset %s."),
                /* xgettext:no-c-format */
                N_("is passed through by an NVMe target"),
                /* xgettext:no-c-format */
                N_("it was unbound from its vfio driver"),
                /* xgettext:no-c-format */
                N_("nobody confirmed the detach in time"),
                /* xgettext:no-c-format */
                N_("the kernel command line with grubby"),
                /* xgettext:no-c-format */
                N_("to read the devices and rules again"),
                /* xgettext:no-c-format */
                N_("A second worker process died, too."),
                /* xgettext:no-c-format */
                N_("The CPU supports virtualization, %s."),
                /* xgettext:no-c-format */
                N_("the driver that the kernel chooses"),
                /* xgettext:no-c-format */
                N_("the line has more than %d characters"),
                /* xgettext:no-c-format */
                N_("The driver vfio-pci is available."),
                /* xgettext:no-c-format */
                N_("The host's disks cannot be read: %s"),
                /* xgettext:no-c-format */
                N_("must have four hexadecimal digits"),
                /* xgettext:no-c-format */
                N_("the caller has no name on the bus"),
                /* xgettext:no-c-format */
                N_("Cannot list the devices below %s: %s"),
                /* xgettext:no-c-format */
                N_("The texts may have at most %d KiB."),
                /* xgettext:no-c-format */
                N_("There is no format '%s': they are %s"),
                /* xgettext:no-c-format */
                N_("a virtual machine can use group %d"),
                /* xgettext:no-c-format */
                N_("must be a number from 1 to 65535"),
                /* xgettext:no-c-format */
                N_("%s is still on %s after its unbind."),
                /* xgettext:no-c-format */
                N_("%sEverything is as it was before."),
                /* xgettext:no-c-format */
                N_(", run 'sudo nixos-rebuild boot'"),
                /* xgettext:no-c-format */
                N_(", some of them on other devices"),
                /* xgettext:no-c-format */
                N_("Option '%s' is true or false (b)."),
                /* xgettext:no-c-format */
                N_("The kernel can reset %s alone (%s)."),
                /* xgettext:no-c-format */
                N_("%s %s%s vanishes with it, and is on %s"),
                /* xgettext:no-c-format */
                N_("%s In a rule, use 'Companions='."),
                /* xgettext:no-c-format */
                N_("%s is alone in the IOMMU group %d."),
                /* xgettext:no-c-format */
                N_(", but you may raise it to %llu MiB"),
                /* xgettext:no-c-format */
                N_(", run 'sudo sdboot-manage gen'"),
                /* xgettext:no-c-format */
                N_(": the IOMMU does not handle it"),
                /* xgettext:no-c-format */
                N_("At most %d rules can be changed."),
                /* xgettext:no-c-format */
                N_("Try again when the job is done"),
                /* xgettext:no-c-format */
                N_("each driver may bind as before"),
                /* xgettext:no-c-format */
                N_("is used by a packet socket of %s"),
                /* xgettext:no-c-format */
                N_("it gets %s when it appears again"),
                /* xgettext:no-c-format */
                N_("must be like 0000:00:1c.4/00.0"),
                /* xgettext:no-c-format */
                N_("the section [Match] is missing"),
                /* xgettext:no-c-format */
                N_("'%s' is no address of a device."),
                /* xgettext:no-c-format */
                N_(", make the kernel image again"),
                /* xgettext:no-c-format */
                N_(", which 'vfioctl plan %s' lists"),
                /* xgettext:no-c-format */
                N_("; bridges in it do not matter"),
                /* xgettext:no-c-format */
                N_("Cannot determine what uses %s: %s"),
                /* xgettext:no-c-format */
                N_("is exported as an NVMe target"),
                /* xgettext:no-c-format */
                N_("%s= was given already in line %u%s"),
                /* xgettext:no-c-format */
                N_(", run 'sudo update-extlinux'"),
                /* xgettext:no-c-format */
                N_("a comment needs its own line"),
                /* xgettext:no-c-format */
                N_("a file has changed meanwhile"),
                /* xgettext:no-c-format */
                N_("it disappears together with %s"),
                /* xgettext:no-c-format */
                N_("nobody has said who else may"),
                /* xgettext:no-c-format */
                N_("the card did not accept them"),
                /* xgettext:no-c-format */
                N_("the kernel needs the driver %s"),
                /* xgettext:no-c-format */
                N_("the kernel reported no error"),
                /* xgettext:no-c-format */
                N_("%s is a console of the kernel"),
                /* xgettext:no-c-format */
                N_("%s was given already in line %u"),
                /* xgettext:no-c-format */
                N_("only this driver may bind: %s"),
                /* xgettext:no-c-format */
                N_("vfiod is ending: try again."),
                /* xgettext:no-c-format */
                N_("%s has %zu virtual function%s now%s"),
                /* xgettext:no-c-format */
                N_(", run 'sudo limine-update'"),
                /* xgettext:no-c-format */
                N_("Add %s to %s in %s, then run '%s'."),
                /* xgettext:no-c-format */
                N_("Only root may call %s of %s: %s."),
                /* xgettext:no-c-format */
                N_("Option '%s' is a string (s)."),
                /* xgettext:no-c-format */
                N_("Reboot: %s is right already."),
                /* xgettext:no-c-format */
                N_("Remove %s from %s%s, and reboot."),
                /* xgettext:no-c-format */
                N_("a call to an earlier vfiod"),
                /* xgettext:no-c-format */
                N_("a device is still detached"),
                /* xgettext:no-c-format */
                N_("carries a PPPoE connection"),
                /* xgettext:no-c-format */
                N_("it gets %u virtual functions"),
                /* xgettext:no-c-format */
                N_("(a path that is too long)"),
                /* xgettext:no-c-format */
                N_("Cannot examine the host: %s"),
                /* xgettext:no-c-format */
                N_("Cannot list the devices: %s"),
                /* xgettext:no-c-format */
                N_("Option '%s' is given twice."),
                /* xgettext:no-c-format */
                N_("The file says Enabled=no."),
                /* xgettext:no-c-format */
                N_("a process of another user"),
                /* xgettext:no-c-format */
                N_("carries the default route"),
                /* xgettext:no-c-format */
                N_("must be like 0000:3b:00.0"),
                /* xgettext:no-c-format */
                N_("the virtual functions of %s"),
                /* xgettext:no-c-format */
                N_("%s= is empty: leave it out"),
                /* xgettext:no-c-format */
                N_("'%s' is no name of a rule."),
                /* xgettext:no-c-format */
                N_("authorizations by polkit"),
                /* xgettext:no-c-format */
                N_("clearing driver_override"),
                /* xgettext:no-c-format */
                N_("is on the host's driver %s"),
                /* xgettext:no-c-format */
                N_("it is not a regular file"),
                /* xgettext:no-c-format */
                N_("somebody removed its VFs"),
                /* xgettext:no-c-format */
                N_("to set virtual functions"),
                /* xgettext:no-c-format */
                N_("%s is gone from its slot."),
                /* xgettext:no-c-format */
                N_("AMD-V (often named SVM)"),
                /* xgettext:no-c-format */
                N_("The kernel command line"),
                /* xgettext:no-c-format */
                N_("its answer is not valid"),
                /* xgettext:no-c-format */
                N_("to add and remove rules"),
                /* xgettext:no-c-format */
                N_(" No other was pending."),
                /* xgettext:no-c-format */
                N_("%s did not appear again."),
                /* xgettext:no-c-format */
                N_("%s does DMA for the host"),
                /* xgettext:no-c-format */
                N_("%s is not detached: it %s%s."),
                /* xgettext:no-c-format */
                N_("%s: an interrupted %s was %s"),
                /* xgettext:no-c-format */
                N_("The firmware reports %s."),
                /* xgettext:no-c-format */
                N_("The job was cancelled."),
                /* xgettext:no-c-format */
                N_("has a device node open"),
                /* xgettext:no-c-format */
                N_("must be like 8086:a01f"),
                /* xgettext:no-c-format */
                N_("somebody reattached it"),
                /* xgettext:no-c-format */
                N_("%s cannot be examined: %s"),
                /* xgettext:no-c-format */
                N_("%s= must be in section %s"),
                /* xgettext:no-c-format */
                N_(", make grub.cfg again"),
                /* xgettext:no-c-format */
                N_("Add %s to %s%s, and reboot."),
                /* xgettext:no-c-format */
                N_("Device= needs Vendor="),
                /* xgettext:no-c-format */
                N_("Rule %s is given twice."),
                /* xgettext:no-c-format */
                N_("authentication needed"),
                /* xgettext:no-c-format */
                N_("carries the route to %s"),
                /* xgettext:no-c-format */
                N_("is gone from its slot"),
                /* xgettext:no-c-format */
                N_("%s has no IOMMU group%s."),
                /* xgettext:no-c-format */
                N_("%s has no IOMMU group."),
                /* xgettext:no-c-format */
                N_("%s is with the host, %s%s."),
                /* xgettext:no-c-format */
                N_("%s%s is on %s now, was on %s"),
                /* xgettext:no-c-format */
                N_("cannot be examined: %s"),
                /* xgettext:no-c-format */
                N_("it leaves its driver%s%s"),
                /* xgettext:no-c-format */
                N_("its virtual function"),
                /* xgettext:no-c-format */
                N_("searches for holders"),
                /* xgettext:no-c-format */
                N_("to reattach by force"),
                /* xgettext:no-c-format */
                N_("A job changes %s now."),
                /* xgettext:no-c-format */
                N_("no IOMMU handles it"),
                /* xgettext:no-c-format */
                N_("to reattach devices"),
                /* xgettext:no-c-format */
                N_("%s has no option '%s'."),
                /* xgettext:no-c-format */
                N_("it keeps its value"),
                /* xgettext:no-c-format */
                N_("the end of a lease"),
                /* xgettext:no-c-format */
                N_("to override guards"),
                /* xgettext:no-c-format */
                N_(" Confirmed: group"),
                /* xgettext:no-c-format */
                N_(" into the kernel %s"),
                /* xgettext:no-c-format */
                N_("%s did not appear: %s"),
                /* xgettext:no-c-format */
                N_(". But vfiod uses %s"),
                /* xgettext:no-c-format */
                N_("If you are sure: %s"),
                /* xgettext:no-c-format */
                N_("KVM is available."),
                /* xgettext:no-c-format */
                N_("Remove line %u of %s%s%s%s."),
                /* xgettext:no-c-format */
                N_("The IOMMU is on. %s"),
                /* xgettext:no-c-format */
                N_("has no driver now"),
                /* xgettext:no-c-format */
                N_("must be yes or no"),
                /* xgettext:no-c-format */
                N_("to detach devices"),
                /* xgettext:no-c-format */
                N_("uid %u, process %d (%s)"),
                /* xgettext:no-c-format */
                N_("%s of %s is held by %s"),
                /* xgettext:no-c-format */
                N_("%s shows a picture"),
                /* xgettext:no-c-format */
                N_(", on the driver %s"),
                /* xgettext:no-c-format */
                N_("has the address %s"),
                /* xgettext:no-c-format */
                N_("the end of a job"),
                /* xgettext:no-c-format */
                N_("the loop devices"),
                /* xgettext:no-c-format */
                N_("to lease devices"),
                /* xgettext:no-c-format */
                N_("without a driver"),
                /* xgettext:no-c-format */
                N_(": it waits for %s"),
                /* xgettext:no-c-format */
                N_("; it waits for %s"),
                /* xgettext:no-c-format */
                N_("Not confirmed: %s"),
                /* xgettext:no-c-format */
                N_("Rule %s, line %u: %s."),
                /* xgettext:no-c-format */
                N_("an unknown user"),
                /* xgettext:no-c-format */
                N_("process %d (%s) of %s"),
                /* xgettext:no-c-format */
                N_("%s has no key '%s'"),
                /* xgettext:no-c-format */
                N_(", power state %s"),
                /* xgettext:no-c-format */
                N_("Cannot open %s: %s"),
                /* xgettext:no-c-format */
                N_("cannot be read"),
                /* xgettext:no-c-format */
                N_("is mounted on %s"),
                /* xgettext:no-c-format */
                N_("lease %u of uid %u"),
                /* xgettext:no-c-format */
                N_("on the driver %s"),
                /* xgettext:no-c-format */
                N_("only its owner"),
                /* xgettext:no-c-format */
                N_("revert of uid %u"),
                /* xgettext:no-c-format */
                N_(" And %zu others."),
                /* xgettext:no-c-format */
                N_("has no driver"),
                /* xgettext:no-c-format */
                N_("is a port of %s"),
                /* xgettext:no-c-format */
                N_("is swap space"),
                /* xgettext:no-c-format */
                N_(" and %zu others"),
                /* xgettext:no-c-format */
                N_("%s is held by %s"),
                /* xgettext:no-c-format */
                N_("over already"),
                /* xgettext:no-c-format */
                N_("vfiod itself"),
                /* xgettext:no-c-format */
                N_("; and %u more%s"),
                /* xgettext:no-c-format */
                N_("caller gone"),
                /* xgettext:no-c-format */
                N_("other users"),
                /* xgettext:no-c-format */
                N_("process %d (%s)"),
                /* xgettext:no-c-format */
                N_(" and %u more"),
                /* xgettext:no-c-format */
                N_(" and %zu more"),
                /* xgettext:no-c-format */
                N_(" behind it"),
                /* xgettext:no-c-format */
                N_("%s has %s open"),
                /* xgettext:no-c-format */
                N_("all groups"),
                /* xgettext:no-c-format */
                N_("is missing"),
                /* xgettext:no-c-format */
                N_("is mounted"),
                /* xgettext:no-c-format */
                N_("the device"),
                /* xgettext:no-c-format */
                N_("Line %u of %s"),
                /* xgettext:no-c-format */
                N_("a dry run"),
                /* xgettext:no-c-format */
                N_("and %u more%s"),
                /* xgettext:no-c-format */
                N_("no device"),
                /* xgettext:no-c-format */
                N_("no driver"),
                /* xgettext:no-c-format */
                N_("not known"),
                /* xgettext:no-c-format */
                N_("timed out"),
                /* xgettext:no-c-format */
                N_("was reset"),
                /* xgettext:no-c-format */
                N_("it gets %s"),
                /* xgettext:no-c-format */
                N_("is on %s"),
};
