/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-category.h"
#include "base/util.h"

/* The first row whose bits match decides. A subclass of zero bits in the mask means all subclasses. */
static const struct {
        uint32_t mask, class;
        PciCategory category;
} rows[] = {
                {0xffff00, 0x000100, {"display", "video-display"}}, /* before PCI 2.0 */
                {0xff0000, 0x010000, {"storage", "drive-harddisk"}},
                {0xffff00, 0x028000,
                                {"wireless", "network-wireless"}}, /* Most of these "other" controllers are Wi-Fi cards. */
                {0xff0000, 0x020000, {"network", "network-wired"}},
                {0xff0000, 0x030000, {"display", "video-display"}},
                {0xffff00, 0x040000, {"multimedia", "camera-video"}},
                {0xffff00, 0x048000, {"multimedia", "camera-video"}},
                {0xff0000, 0x040000, {"audio", "audio-card"}},
                {0xffff00, 0x050000, {"system", "computer"}}, /* the memory controller of the chipset */
                {0xff0000, 0x050000, {"memory", "media-flash"}},
                {0xff0000, 0x060000, {"bridge", "computer"}},
                {0xffff00, 0x070300, {"modem", "modem"}},
                {0xff0000, 0x070000, {"serial", "modem"}},
                {0xffff00, 0x080500, {"storage", "media-flash"}}, /* SD host controller */
                {0xff0000, 0x080000, {"system", "computer"}},
                {0xff0000, 0x090000, {"input", "input-keyboard"}},
                {0xffff00, 0x0c0000, {"firewire", "drive-removable-media"}},
                {0xffff00, 0x0c0300, {"usb", "drive-removable-media"}},
                {0xffff00, 0x0c0400, {"storage", "drive-harddisk"}}, /* Fibre Channel */
                {0xffff00, 0x0c0600, {"network", "network-wired"}},  /* InfiniBand */
                {0xff0000, 0x0c0000, {"system", "computer"}},
                {0xffff00, 0x0d1100, {"bluetooth", "network-wireless"}},
                {0xff0000, 0x0d0000, {"wireless", "network-wireless"}},
                {0xff0000, 0x100000, {"crypto", "computer"}},
                {0xff0000, 0x110000, {"accelerator", "computer"}}, /* signal processing */
                {0xff0000, 0x120000, {"accelerator", "computer"}},
                {0xff0000, 0x400000, {"accelerator", "computer"}}, /* co-processor */
                {0xffff00, 0x0b4000, {"accelerator", "computer"}}, /* co-processor, too */
                {0xff0000, 0x0b0000, {"system", "computer"}},      /* processor */
                {0xff0000, 0x130000, {"system", "computer"}},      /* instrumentation */
                {0, 0, {"other", "computer"}},
};

const PciCategory *pci_category(uint32_t class) {
        size_t i = 0;

        while ((class & rows[i].mask) != rows[i].class)
                i++;
        return &rows[i].category;
}
