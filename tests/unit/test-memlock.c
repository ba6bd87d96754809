/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/memlock.h"

#include <glib.h>
#include <string.h>

#define KIB (G_GUINT64_CONSTANT(1) << 10)
#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define TIB (G_GUINT64_CONSTANT(1) << 40)

static void test_sizes(void) {
        static const struct {
                const char *text;
                guint64 bytes;
        } good[] = {
                        {"512M", 512 * MIB},
                        {"512m", 512 * MIB},
                        {"4G", 4 * GIB},
                        {"4g", 4 * GIB},
                        {"4096", 4 * GIB},
                        {"1.5G", 1536 * MIB},
                        {"0.25G", 256 * MIB},
                        {"1T", TIB},
                        {"131072K", 128 * MIB},
                        {"1048576B", MIB},
                        {"0", 0},
                        {"16777215T", 16777215 * TIB},
        };
        static const char *const bad[] = {"", "G", "-1", "+1", " 1", "1 ", "4GB", "4GiB", "4X", "0x10", "four", ".5G",
                        "1.5.5G", "16777216T", "99999999999999999999", "4G,slots=2"};
        guint64 bytes;

        for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
                g_assert_cmpint(memlock_parse_size(good[i].text, &bytes), ==, 0);
                g_assert_cmpuint(bytes, ==, good[i].bytes);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
                if (memlock_parse_size(bad[i], &bytes) != -EINVAL)
                        g_error("'%s' is parsed", bad[i]);
}

static void test_commands(void) {
        static const struct {
                const char *line;
                guint64 memory;
                bool virtual_iommu;
                size_t n_devices;
        } cases[] = {
                        {"qemu-system-x86_64 -m 4G", 4 * GIB, false, 0},
                        {"qemu-system-x86_64 -m 4096", 4 * GIB, false, 0},
                        {"qemu-system-x86_64 -m size=4096", 4 * GIB, false, 0},
                        {"qemu-system-x86_64 -m size=4G,slots=2,maxmem=8G", 4 * GIB, false, 0},
                        {"qemu-system-x86_64 -m slots=2,size=3G", 3 * GIB, false, 0},
                        {"qemu-system-x86_64 -m 2G,maxmem=8G,slots=2", 2 * GIB, false, 0},
                        {"/opt/bin/qemu-system-aarch64 --m 1G", GIB, false, 0},
                        {"qemu-kvm -display none -m 1G -nodefaults", GIB, false, 0},
                        /* QEMU takes the last one, and its default if there is none */
                        {"qemu-system-x86_64 -m 1G -m 2G", 2 * GIB, false, 0},
                        {"qemu-system-x86_64 -m 1G -m maxmem=4G,slots=1", GIB, false, 0},
                        {"qemu-system-x86_64 -display none", 128 * MIB, false, 0},
                        /* a value that looks like an option */
                        {"qemu-system-x86_64 -device -m 1G", 128 * MIB, false, 0},
                        {"qemu-system-x86_64 -m", 128 * MIB, false, 0},
                        /* unknown: QEMU refuses it, or vfioctl does not know it */
                        {"qemu-system-x86_64 -m lots", 0, false, 0},
                        {"qemu-system-x86_64 -m size=lots", 0, false, 0},
                        {"env -m 4G", 0, false, 0},
                        {"sh -c qemu-image", 0, false, 0},
                        /* after another program */
                        {"taskset -c 3 qemu-system-x86_64 -m 1G", GIB, false, 0},
                        {"nice -m 5G qemu-system-x86_64 -m 1G", GIB, false, 0},
                        {"qemu-system-x86_64 -m 1G -device intel-iommu,caching-mode=on @qemu@", GIB, true, 0},
                        {"qemu-system-x86_64 -m 1G -device virtio-iommu-pci -device vfio-pci,host=1:0.0", GIB, true, 1},
                        {"qemu-system-x86_64 -m 1G -M virt,iommu=smmuv3", GIB, true, 0},
                        {"qemu-system-x86_64 -m 1G -machine q35,default_bus_bypass_iommu=on", GIB, false, 0},
                        {"qemu-system-x86_64 -device vfio-pci,host=1:0.0 -device vfio-pci,host=2:0.0 -device VGA",
                                        128 * MIB, false, 2},
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) words = g_strsplit(cases[i].line, " ", -1);
                MemlockGuest guest = memlock_read_command(words);

                if (guest.memory != cases[i].memory || guest.virtual_iommu != cases[i].virtual_iommu ||
                                guest.n_devices != cases[i].n_devices)
                        g_error("%s: memory %" G_GUINT64_FORMAT ", IOMMU %d, devices %zu", cases[i].line, guest.memory,
                                        guest.virtual_iommu, guest.n_devices);
        }
}

static void test_need(void) {
        g_assert_cmpuint(memlock_need(4 * GIB, false, 1), ==, 4 * GIB + 64 * MIB);
        g_assert_cmpuint(memlock_need(4 * GIB, false, 3), ==, 4 * GIB + 64 * MIB);
        g_assert_cmpuint(memlock_need(4 * GIB, true, 0), ==, 4 * GIB + 64 * MIB);
        g_assert_cmpuint(memlock_need(4 * GIB, true, 1), ==, 4 * GIB + 64 * MIB);
        g_assert_cmpuint(memlock_need(4 * GIB, true, 3), ==, 12 * GIB + 64 * MIB);
        g_assert_cmpuint(memlock_need(MIB + 1, false, 1), ==, 66 * MIB);
        g_assert_cmpuint(memlock_need(G_MAXUINT64, false, 1), ==, G_MAXUINT64);
        g_assert_cmpuint(memlock_need(G_MAXUINT64 / 2, true, 3), ==, G_MAXUINT64);
}

static void test_verdict(void) {
        const struct rlimit low = {8 * MIB, 64 * MIB}, none = {RLIM_INFINITY, RLIM_INFINITY},
                            soft = {8 * MIB, RLIM_INFINITY};

        g_assert_cmpint(memlock_judge(8 * MIB, &low, false), ==, MEMLOCK_ENOUGH);
        g_assert_cmpint(memlock_judge(8 * MIB + 1, &low, false), ==, MEMLOCK_RAISE);
        g_assert_cmpint(memlock_judge(64 * MIB, &low, false), ==, MEMLOCK_RAISE);
        g_assert_cmpint(memlock_judge(64 * MIB + 1, &low, false), ==, MEMLOCK_TOO_LOW);
        g_assert_cmpint(memlock_judge(64 * MIB + 1, &low, true), ==, MEMLOCK_ENOUGH);
        g_assert_cmpint(memlock_judge(G_MAXUINT64, &none, false), ==, MEMLOCK_ENOUGH);
        g_assert_cmpint(memlock_judge(TIB, &soft, false), ==, MEMLOCK_RAISE);
        g_assert_cmpint(memlock_judge(0, &low, false), ==, MEMLOCK_ENOUGH);
}

/* The text has the numbers, in the unit of each place. */
static void test_explanation(void) {
        g_autofree char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        memlock_explain(stream, 4 * GIB + 64 * MIB, 8 * MIB + 4 * KIB, "alice", "group:7");
        g_assert_cmpint(fclose(stream), ==, 0);
        g_assert_nonnull(strstr(text, "needs 4160 MiB of locked memory, but the limit of user alice is 8 MiB"));
        g_assert_nonnull(strstr(text,
                        "systemd-run --uid=alice --pty --property=LimitMEMLOCK=4160M -- vfioctl lease group:7 ...\n"));
        g_assert_nonnull(strstr(text, " alice - memlock 4259840\n"));
        g_assert_nonnull(strstr(text, " LimitMEMLOCK=4160M\n"));
        g_assert_nonnull(strstr(text, "--force-memlock"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/memlock/sizes", test_sizes);
        g_test_add_func("/memlock/commands", test_commands);
        g_test_add_func("/memlock/need", test_need);
        g_test_add_func("/memlock/verdict", test_verdict);
        g_test_add_func("/memlock/explanation", test_explanation);
        return g_test_run();
}
