#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Module of dracut(8): copies the rules that keep host drivers away from the devices of vfiod, and the vfio drivers of these devices,
# into the initramfs. See vfiod.rules(5).

rules=/etc/udev/rules.d/10-vfiod.rules

# 255: only if another module needs it.
check() {
    [ -f "${dracutsysrootdir-}$rules" ] || return 255
}

depends() {
    echo udev-rules
}

# A line has: RUN{builtin}+="kmod load vfio-pci"
installkernel() {
    local driver drivers
    drivers=$(sed -n 's/.*"kmod load \([a-z0-9_-]*\)".*/\1/p' "${dracutsysrootdir-}$rules" | sort -u)
    for driver in $drivers; do
        hostonly='' instmods "$driver"
    done
}

install() {
    inst_simple "$rules"
}
