/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slot.h"

#include <stdio.h>
#include <string.h>

static const char *const drivers[] = {
                "pcieport ids=1b36:000c",
                "e1000 module=e1000 ids=8086:100e kind=net",
                "e1000e module=e1000e ids=8086:10d3,8086:1533 kind=net",
                "igb module=igb ids=8086:10c9 kind=net",
                "igbvf module=igbvf ids=8086:10ca kind=net",
                "nvme module=nvme ids=1b36:0010 kind=nvme",
                "nouveau module=nouveau ids=10de:2484",
                "snd_hda_intel module=snd_hda_intel ids=10de:228b",
                "vfio-pci module=vfio_pci ids=",
                "sync ids=1b36:00ff kind=net",
};

const char *const modules[] = {"e1000", "e1000e", "nvme", "nouveau", "vfio-pci"};
const unsigned n_modules = G_N_ELEMENTS(modules);

/* Each has its own interface name, in case a network driver binds it. */
#define OTHER_NIC "vendor=8086 device=1533 class=020000 subsystem=1af4:0001 totalvfs=0 net="
#define OTHER_SILENT_CARD "vendor=1af4 device=1005 class=00ff00 subsystem=1af4:0001 totalvfs=0 net="

const Slot slots[] = {
                {"0000:00:02.0", 2, NULL, "vendor=1b36 device=000c class=060400 subsystem=1af4:1100 secondary=02", NULL,
                                NULL, NULL, true},
                /* a device for which there is no driver */
                {"0000:00:07.0", 7, NULL, "vendor=1234 device=11e8 class=00ff00 subsystem=1af4:1100 net=ens7", NULL,
                                OTHER_NIC "ens7s", NULL, false},
                /* two ports behind a bridge; the bridge is in their group */
                {"0000:02:00.0", 10, "0000:00:02.0",
                                "vendor=1b36 device=000e class=060400 subsystem=1af4:1100 secondary=03", NULL, NULL,
                                NULL, true},
                {"0000:03:01.0", 10, "0000:02:00.0",
                                "vendor=8086 device=100e class=020000 subsystem=1af4:1100 net=ens1", NULL,
                                OTHER_NIC "ens1s", "e1000", false},
                {"0000:03:02.0", 10, "0000:02:00.0",
                                "vendor=8086 device=100e class=020000 subsystem=1af4:1100 net=ens2", NULL,
                                OTHER_SILENT_CARD "ens21s", "e1000", false},
                {"0000:05:00.0", 12, NULL, "vendor=8086 device=10d3 class=020000 subsystem=1af4:1100 net=ens3", NULL,
                                OTHER_SILENT_CARD "ens22s", "e1000e", false},
                {"0000:06:00.0", 13, NULL, "vendor=1b36 device=0010 class=010802 subsystem=1af4:1100 block=nvme0n1",
                                NULL, OTHER_NIC "ens6s", "nvme", false},
                /* two PCI functions of one card */
                {"0000:07:00.0", 14, NULL,
                                "vendor=10de device=2484 class=030000 subsystem=1af4:1100 reset=bus net=ens8a", NULL,
                                OTHER_SILENT_CARD "ens23s", "nouveau", false},
                {"0000:07:00.1", 14, NULL, "vendor=10de device=228b class=040300 subsystem=1af4:1100 net=ens8b", NULL,
                                OTHER_NIC "ens8s", "snd_hda_intel", false},
                /* an administrator has set its driver_override */
                {"0000:08:00.0", 15, NULL, "vendor=8086 device=10d3 class=020000 subsystem=1af4:1100 net=ens9",
                                "override=e1000e", OTHER_SILENT_CARD "ens24s", "e1000e", false},
                /* another program has bound it to vfio-pci */
                {"0000:09:00.0", 16, NULL, "vendor=8086 device=10d3 class=020000 subsystem=1af4:1100 net=ens10",
                                "driver=vfio-pci", OTHER_NIC "ens10s", "e1000e", false},
                /* one of two PCI functions is on vfio-pci */
                {"0000:0a:00.0", 17, NULL, "vendor=1b36 device=0010 class=010802 subsystem=1af4:1100 block=nvme1n1",
                                NULL, OTHER_SILENT_CARD "ens25s", "nvme", false},
                {"0000:0a:00.1", 17, NULL, "vendor=8086 device=10d3 class=020000 subsystem=1af4:1100 net=ens11",
                                "driver=vfio-pci", OTHER_SILENT_CARD "ens26s", "e1000e", false},
                /* a card without an IOMMU group */
                {"0000:0b:00.0", -1, NULL, "vendor=8086 device=10d3 class=020000 subsystem=1af4:1100 net=ens12", NULL,
                                NULL, "e1000e", false},
                /* a PF and its VFs; the VFs get the lowest free group numbers */
                {SLOT_PF, 18, NULL,
                                "vendor=8086 device=10c9 class=020000 subsystem=1af4:1100 totalvfs=2 vfdevice=10ca "
                                "net=ens13",
                                NULL, OTHER_SILENT_CARD "ens27s", "igb", false},
                {"0000:0c:10.0", 0, NULL, NULL, NULL, NULL, "igbvf", false},
                {"0000:0c:10.1", 1, NULL, NULL, NULL, NULL, "igbvf", false},
};
const unsigned n_slots = G_N_ELEMENTS(slots);

const Slot *slot_find(const char *address) {
        for (unsigned i = 0; i < n_slots; i++)
                if (g_str_equal(slots[i].address, address))
                        return &slots[i];
        return NULL;
}

const char *card_ids(const char *card, char buffer[IDS_MAX]) {
        unsigned vendor, device;

        g_assert_cmpint(sscanf(card, "vendor=%x device=%x", &vendor, &device), ==, 2);
        (void)snprintf(buffer, IDS_MAX, "%04x:%04x", vendor, device);
        return buffer;
}

void slot_plug(FakeKernel *kernel, const Slot *slot, const char *card) {
        g_autofree char *group = slot->group < 0 ? g_strdup("none") : g_strdup_printf("%d", slot->group);

        fake_kernel_do(kernel, "plug %s %s group=%s%s%s", slot->address, card, group, slot->parent ? " parent=" : "",
                        slot->parent ?: "");
}

void slots_fill(FakeKernel *kernel) {
        for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++)
                fake_kernel_do(kernel, "driver %s", drivers[i]);
        fake_kernel_do(kernel, "plug " SLOTLESS " vendor=1b36 device=00ff class=020000 group=none net=sync0");
        for (unsigned i = 0; i < n_slots; i++) {
                const Slot *slot = &slots[i];

                if (!slot->card)
                        continue;
                if (!slot->boot) {
                        slot_plug(kernel, slot, slot->card);
                } else if (g_str_has_prefix(slot->boot, "override=")) {
                        slot_plug(kernel, slot, slot->card);
                        fake_kernel_do(kernel, "set %s driver_override %s", slot->address,
                                        slot->boot + strlen("override="));
                } else {
                        g_autofree char *card = g_strconcat(slot->card, " ", slot->boot, NULL);

                        slot_plug(kernel, slot, card);
                }
        }
}
