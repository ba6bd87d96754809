/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/uevent-filter.h"

#include <linux/filter.h>
#include <sys/socket.h>

/* A message of the kernel (lib/kobject_uevent.c) begins with "ACTION@PATH", "ACTION=ACTION", "DEVPATH=PATH", "SUBSYSTEM=NAME"; each
 * string ends with a NUL byte. If the first string has n bytes, the fourth begins at 2 n + 17. Classic BPF has no loops, so the
 * program looks for the first NUL byte with a few instructions for each four bytes. */

/* Where the search begins and ends. Messages with a longer first string pass. A kernel before 6.7 accepts programs of 20 KiB
 * (net.core.optmem_max), after it has made about 20 instructions of eight bytes out of the few for each four bytes. */
#define SEARCH_BEGIN 4
#define SEARCH_END 256

#define PASS_ALL UINT32_MAX
#define INSTRUCTIONS_MAX 1024

/* Four bytes as BPF loads them. */
#define WORD(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

typedef struct Program {
        struct sock_filter *code;
        unsigned n;
} Program;

static void add(Program *program, uint16_t code, uint32_t value) {
        program->code[program->n++] = (struct sock_filter)BPF_STMT(code, value);
}

static void add_jump(Program *program, uint32_t value, uint8_t if_equal, uint8_t otherwise) {
        program->code[program->n++] =
                        (struct sock_filter)BPF_JUMP(BPF_JMP + BPF_JEQ + BPF_K, value, if_equal, otherwise);
}

/* Finds the four bytes with the first NUL byte, and then jumps to the code behind this one, with their position in X. */
static void add_search(Program *program) {
        static const unsigned size = 6, n = (SEARCH_END - SEARCH_BEGIN) / 4;

        for (unsigned i = 0; i < n; i++) {
                uint32_t position = SEARCH_BEGIN + 4 * i;

                /* Subtracts one from each byte. The highest bit of a byte is set now if it was zero, or not ASCII. */
                add(program, BPF_LD + BPF_W + BPF_ABS, position);
                add(program, BPF_ALU + BPF_SUB + BPF_K, 0x01010101);
                add(program, BPF_ALU + BPF_AND + BPF_K, 0x80808080);
                add_jump(program, 0, 2, 0);
                add(program, BPF_LDX + BPF_IMM, position);
                /* Over the rest of the search, and the instruction behind it. */
                add(program, BPF_JMP + BPF_JA, (n - i - 1) * size + 1);
        }
        add(program, BPF_RET + BPF_K, PASS_ALL);
}

/* Loads the position of the first NUL byte, which is one of the four bytes at X, into A. Without one, the message passes. */
static void add_position(Program *program) {
        for (uint32_t i = 0; i < 4; i++) {
                add(program, BPF_LD + BPF_B + BPF_IND, i);
                add_jump(program, 0, 0, 3);
                add(program, BPF_MISC + BPF_TXA, 0);
                add(program, BPF_ALU + BPF_ADD + BPF_K, i);
                /* Over the rest, and the instruction behind it. */
                add(program, BPF_JMP + BPF_JA, (3 - i) * 5 + 1);
        }
        add(program, BPF_RET + BPF_K, PASS_ALL);
}

/* For a message about an interface or a disk: drops it if the path is that of a virtual device. These events come in masses on a host with
 * containers. Disks of an NVMe subsystem are no such devices. */
static void add_real_only(Program *program) {
        /* Where '@' is after "add", "move" and "bind", "remove" and "change", "offline". */
        static const uint32_t ends[] = {3, 4, 6, 7};

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                uint32_t path = ends[i] + 1;

                add(program, BPF_LD + BPF_B + BPF_ABS, ends[i]);
                add_jump(program, '@', 0, 9);
                add(program, BPF_LD + BPF_W + BPF_ABS, path + (uint32_t)strlen("/devices/"));
                add_jump(program, WORD('v', 'i', 'r', 't'), 0, 7);
                add(program, BPF_LD + BPF_W + BPF_ABS, path + (uint32_t)strlen("/devices/virt"));
                add_jump(program, WORD('u', 'a', 'l', '/'), 0, 5);
                add(program, BPF_LD + BPF_W + BPF_ABS, path + (uint32_t)strlen("/devices/virtual/"));
                add_jump(program, WORD('n', 'e', 't', '/'), 1, 0);
                add_jump(program, WORD('b', 'l', 'o', 'c'), 0, 1);
                add(program, BPF_RET + BPF_K, 0);
                add(program, BPF_RET + BPF_K, PASS_ALL);
        }
        add(program, BPF_RET + BPF_K, PASS_ALL);
}

/* Passes the message unless its fourth string names another subsystem. */
static void add_decision(Program *program) {
        static const uint32_t subsystems[] = {
                        WORD('p', 'c', 'i', '\0'), WORD('n', 'v', 'm', 'e'), /* "nvme", "nvme-subsystem" */
        };

        /* A: where the fourth string begins. M[0] is its copy. */
        add(program, BPF_ALU + BPF_LSH + BPF_K, 1);
        add(program, BPF_ALU + BPF_ADD + BPF_K, 17);
        add(program, BPF_ST, 0);
        /* A load behind the end of the message would drop it. */
        add(program, BPF_ALU + BPF_ADD + BPF_K, strlen("SUBSYSTEM=") + 4);
        add(program, BPF_MISC + BPF_TAX, 0);
        add(program, BPF_LD + BPF_W + BPF_LEN, 0);
        program->code[program->n++] = (struct sock_filter)BPF_JUMP(BPF_JMP + BPF_JGE + BPF_X, 0, 1, 0);
        add(program, BPF_RET + BPF_K, PASS_ALL);
        add(program, BPF_LDX + BPF_W + BPF_MEM, 0);
        add(program, BPF_LD + BPF_W + BPF_IND, 0);
        add_jump(program, WORD('S', 'U', 'B', 'S'), 1, 0);
        add(program, BPF_RET + BPF_K, PASS_ALL);
        add(program, BPF_LD + BPF_W + BPF_IND, strlen("SUBSYS"));
        add_jump(program, WORD('T', 'E', 'M', '='), 1, 0);
        add(program, BPF_RET + BPF_K, PASS_ALL);
        add(program, BPF_LD + BPF_W + BPF_IND, strlen("SUBSYSTEM="));
        for (size_t i = 0; i < ELEMENTSOF(subsystems); i++)
                add_jump(program, subsystems[i], (uint8_t)(ELEMENTSOF(subsystems) - i + 6), 0);
        add_jump(program, WORD('n', 'e', 't', '\0'), 7, 0);
        add_jump(program, WORD('b', 'l', 'o', 'c'), 6, 0); /* "block" */
        add_jump(program, WORD('v', 'i', 'r', 't'), 1, 0); /* "virtio" */
        add_jump(program, WORD('p', 'l', 'a', 't'), 0, 2); /* "platform" */
        add(program, BPF_LD + BPF_W + BPF_ABS, 0);
        add_jump(program, WORD('b', 'i', 'n', 'd'), 1, 0);
        add(program, BPF_RET + BPF_K, 0);
        add(program, BPF_RET + BPF_K, PASS_ALL);
        add_real_only(program);
}

int uevent_filter_attach(int fd) {
        _cleanup_free_ struct sock_filter *code = calloc(INSTRUCTIONS_MAX, sizeof(struct sock_filter));
        if (!code)
                return -ENOMEM;
        Program program = {.code = code};
        add_search(&program);
        add_position(&program);
        add_decision(&program);

        struct sock_fprog filter = {.len = (unsigned short)program.n, .filter = code};
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
}
