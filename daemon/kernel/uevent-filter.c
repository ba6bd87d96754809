/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/uevent-filter.h"

#include <linux/filter.h>
#include <sys/socket.h>

/* A message of the kernel (lib/kobject_uevent.c) begins with "ACTION@PATH", "ACTION=ACTION", "DEVPATH=PATH", "SUBSYSTEM=NAME"; each
 * string ends with a NUL byte. If the first string has n bytes, the fourth begins at 2 n + 17. Classic BPF has no loops, so the
 * program looks for the first NUL byte with three instructions for each byte. */

/* The shortest first string, "add@/x", and the longest that the program measures. Events with a longer one pass. */
#define FIRST_MIN 6
#define FIRST_MAX 512

/* A conditional jump reaches 255 instructions. So after each so many bytes there is a jump to the end. */
#define BYTES_PER_JUMP 64

#define PASS_ALL UINT32_MAX
#define INSTRUCTIONS_MAX BPF_MAXINSNS

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
                        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, if_equal, otherwise);
}

/* Jumps to the code behind it (see jumps), with the position of the first NUL byte in X. Falls through without one. */
static void add_search(Program *program, unsigned jumps[static FIRST_MAX / BYTES_PER_JUMP + 1], unsigned *n_jumps) {
        for (unsigned i = FIRST_MIN; i <= FIRST_MAX; i++) {
                unsigned left = (FIRST_MAX - i) % BYTES_PER_JUMP;

                add(program, BPF_LDX | BPF_IMM, i);
                add(program, BPF_LD | BPF_B | BPF_ABS, i);
                /* To the jump, which follows the one that skips it. */
                add_jump(program, 0, (uint8_t)(3 * left + 1), 0);
                if (left > 0)
                        continue;
                add(program, BPF_JMP | BPF_JA, 1);
                jumps[(*n_jumps)++] = program->n;
                add(program, BPF_JMP | BPF_JA, 0);
        }
}

/* Passes the message unless its fourth string names another subsystem. */
static void add_decision(Program *program) {
        static const uint32_t subsystems[] = {
                        WORD('p', 'c', 'i', '\0'), WORD('n', 'e', 't', '\0'), WORD('b', 'l', 'o', 'c'), /* "block" */
                        WORD('n', 'v', 'm', 'e'), /* "nvme", "nvme-subsystem" */
        };

        /* X: where the fourth string begins. M[0] is its copy. */
        add(program, BPF_MISC | BPF_TXA, 0);
        add(program, BPF_ALU | BPF_LSH | BPF_K, 1);
        add(program, BPF_ALU | BPF_ADD | BPF_K, 17);
        add(program, BPF_ST, 0);
        /* A load behind the end of the message would drop it. */
        add(program, BPF_ALU | BPF_ADD | BPF_K, strlen("SUBSYSTEM=") + 4);
        add(program, BPF_MISC | BPF_TAX, 0);
        add(program, BPF_LD | BPF_W | BPF_LEN, 0);
        program->code[program->n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0, 1, 0);
        add(program, BPF_RET | BPF_K, PASS_ALL);
        add(program, BPF_LDX | BPF_W | BPF_MEM, 0);
        add(program, BPF_LD | BPF_W | BPF_IND, 0);
        add_jump(program, WORD('S', 'U', 'B', 'S'), 1, 0);
        add(program, BPF_RET | BPF_K, PASS_ALL);
        add(program, BPF_LD | BPF_W | BPF_IND, strlen("SUBSYS"));
        add_jump(program, WORD('T', 'E', 'M', '='), 1, 0);
        add(program, BPF_RET | BPF_K, PASS_ALL);
        add(program, BPF_LD | BPF_W | BPF_IND, strlen("SUBSYSTEM="));
        for (size_t i = 0; i < ELEMENTSOF(subsystems); i++)
                add_jump(program, subsystems[i], (uint8_t)(ELEMENTSOF(subsystems) - i + 4), 0);
        add_jump(program, WORD('v', 'i', 'r', 't'), 1, 0); /* "virtio" */
        add_jump(program, WORD('p', 'l', 'a', 't'), 0, 2); /* "platform" */
        add(program, BPF_LD | BPF_W | BPF_ABS, 0);
        add_jump(program, WORD('b', 'i', 'n', 'd'), 1, 0);
        add(program, BPF_RET | BPF_K, 0);
        add(program, BPF_RET | BPF_K, PASS_ALL);
}

int uevent_filter_attach(int fd) {
        unsigned jumps[FIRST_MAX / BYTES_PER_JUMP + 1], n_jumps = 0;

        _cleanup_free_ struct sock_filter *code = calloc(INSTRUCTIONS_MAX, sizeof(struct sock_filter));
        if (!code)
                return -ENOMEM;
        Program program = {.code = code};
        add_search(&program, jumps, &n_jumps);
        add(&program, BPF_RET | BPF_K, PASS_ALL);
        for (unsigned i = 0; i < n_jumps; i++)
                code[jumps[i]].k = program.n - jumps[i] - 1;
        add_decision(&program);

        struct sock_fprog filter = {.len = (unsigned short)program.n, .filter = code};
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
}
