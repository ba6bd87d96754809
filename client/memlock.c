/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "memlock.h"
#include "language.h"

#include "daemon/base/util.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#define MIB (UINT64_C(1) << 20)

/* QEMU 7 was measured: exactly the memory of the virtual machine, and 16 MiB with a VGA card. UEFI needs less than that. */
#define EXTRA (64 * MIB)

#define QEMU_DEFAULT (128 * MIB)

/* Returns 0 for a letter that is no unit. */
static uint64_t unit_of(char letter) {
        switch (letter) {
        case 'b':
        case 'B':
                return 1;
        case 'k':
        case 'K':
                return UINT64_C(1) << 10;
        case '\0':
        case 'm':
        case 'M':
                return MIB;
        case 'g':
        case 'G':
                return UINT64_C(1) << 30;
        case 't':
        case 'T':
                return UINT64_C(1) << 40;
        default:
                return 0;
        }
}

/* Returns what the digits of a fraction are of the unit. Uses at most six digits. */
static uint64_t parse_fraction(const char *digits, uint64_t unit) {
        uint64_t numerator = 0, denominator = 1;

        for (; *digits >= '0' && *digits <= '9' && denominator < 1000000; digits++) {
                numerator = numerator * 10 + (uint64_t)(*digits - '0');
                denominator *= 10;
        }
        return unit * numerator / denominator;
}

/* Parses the beginning of the text, up to the end or a comma. */
static int parse_size(const char *text, uint64_t *ret_bytes) {
        size_t n_digits = strspn(text, "0123456789"), n_number = n_digits;
        uint64_t whole = 0, unit, part = 0;
        const char *fraction = NULL;

        if (n_digits == 0)
                return -EINVAL;
        for (size_t i = 0; i < n_digits; i++)
                if (__builtin_mul_overflow(whole, UINT64_C(10), &whole) ||
                                __builtin_add_overflow(whole, (uint64_t)(text[i] - '0'), &whole))
                        return -EINVAL;
        if (text[n_digits] == '.') {
                fraction = text + n_digits + 1;
                n_number = n_digits + 1 + strspn(fraction, "0123456789");
        }
        char letter = text[n_number] == ',' ? '\0' : text[n_number];
        const char *end = text + n_number + (letter != '\0');

        unit = unit_of(letter);
        if (unit == 0 || (*end != '\0' && *end != ','))
                return -EINVAL;
        if (fraction)
                part = parse_fraction(fraction, unit);
        if (__builtin_mul_overflow(whole, unit, &whole) || __builtin_add_overflow(whole, part, ret_bytes))
                return -EINVAL;
        return 0;
}

int memlock_parse_size(const char *text, uint64_t *ret_bytes) {
        return strchr(text, ',') ? -EINVAL : parse_size(text, ret_bytes);
}

static bool is_qemu(const char *word) {
        const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;

        return startswith(name, "qemu-system-") || streq(name, "qemu-kvm") || streq(name, "kvm");
}

/* QEMU accepts one dash or two. */
static bool is_option(const char *word, const char *name) {
        if (word[0] != '-')
                return false;
        word += word[1] == '-' ? 2 : 1;
        return streq(word, name);
}

/* Reads the value of -m: "4G", "4096,slots=2,maxmem=8G" or "slots=2,size=4G". Without a size, QEMU takes its default,
 * or that of an earlier -m. Returns 0 for a size that is not understood. */
static uint64_t read_memory(const char *value, uint64_t before) {
        const char *size = NULL;
        uint64_t bytes = 0;

        for (const char *item = value; item; item = strchr(item, ',') ? strchr(item, ',') + 1 : NULL) {
                const char *named = startswith(item, "size=");

                if (named)
                        size = named;
                else if (item == value && !memchr(item, '=', strcspn(item, ",")))
                        size = item;
        }
        if (!size)
                return before;
        return parse_size(size, &bytes) < 0 ? 0 : bytes;
}

static bool is_virtual_iommu(const char *device) {
        return startswith(device, "intel-iommu") || startswith(device, "amd-iommu") ||
                        startswith(device, "virtio-iommu") || startswith(device, "arm-smmuv3");
}

MemlockGuest memlock_read_command(char *const *command) {
        MemlockGuest guest = {.memory = QEMU_DEFAULT};

        while (*command && !is_qemu(*command))
                command++;
        if (!*command)
                return (MemlockGuest){0};
        for (command++; command[0] && command[1]; command++) {
                const char *value = command[1];

                if (is_option(command[0], "m"))
                        guest.memory = read_memory(value, guest.memory);
                else if (is_option(command[0], "device")) {
                        guest.virtual_iommu |= is_virtual_iommu(value);
                        guest.n_devices += startswith(value, "vfio-pci") != NULL;
                } else if (is_option(command[0], "machine") || is_option(command[0], "M"))
                        guest.virtual_iommu |= strstr(value, ",iommu=") || startswith(value, "iommu=");
                else
                        continue;
                command++;
        }
        return guest;
}

uint64_t memlock_need(uint64_t memory, bool virtual_iommu, size_t n_devices) {
        uint64_t factor = virtual_iommu && n_devices > 1 ? n_devices : 1, need;

        if (__builtin_mul_overflow(memory, factor, &need) || __builtin_add_overflow(need, EXTRA + MIB - 1, &need))
                return UINT64_MAX;
        return need / MIB * MIB;
}

MemlockVerdict memlock_judge(uint64_t need, const struct rlimit *limit, bool privileged) {
        if (privileged || need <= limit->rlim_cur)
                return MEMLOCK_ENOUGH;
        return need <= limit->rlim_max ? MEMLOCK_RAISE : MEMLOCK_TOO_LOW;
}

bool memlock_is_privileged(void) {
        /* A program of root gets all capabilities of the bounding set; one of another user only the ambient ones. */
        if (geteuid() == 0)
                return prctl(PR_CAPBSET_READ, CAP_IPC_LOCK, 0, 0, 0) == 1;
        return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_IPC_LOCK, 0, 0) == 1;
}

void memlock_explain(FILE *stream, uint64_t need, rlim_t limit, const char *user, const char *selector) {
        uint64_t mib = need / MIB;

        fprintf(stream,
                        _("The virtual machine needs %" PRIu64 " MiB of locked memory, but the limit of user %s is "
                          "%" PRIu64 " MiB (ulimit -H -l). Nothing was changed.\n"
                          "The kernel locks all memory of a virtual machine that has a PCI device. To raise the limit, "
                          "do one of "
                          "these:\n"
                          "  - Once, as an administrator:\n"
                          "      sudo systemd-run --uid=%s --pty --property=LimitMEMLOCK=%" PRIu64
                          "M -- vfioctl lease %s ...\n"
                          "  - For all sessions of the user, from the next login on: write this line into "
                          "/etc/security/limits.d/vfiod.conf:\n"
                          "      %s - memlock %" PRIu64 "\n"
                          "  - If a systemd unit runs vfioctl: write this line into its section [Service]:\n"
                          "      LimitMEMLOCK=%" PRIu64 "M\n"
                          "If the virtual machine needs less than this, use --memory or --force-memlock.\n"),
                        mib, user, (uint64_t)limit / MIB, user, mib, selector, user, need / 1024, mib);
}
