/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pager.h"

#include "command.h"
#include "strv.h"

#include "daemon/base/util.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>

/* F: exit if the text fits; R: colours; S: no wrapping; X: do not clear the screen; M: long prompt; K: Ctrl-C ends less */
#define LESS_OPTIONS "FRSXMK"

bool pager_is_needed(const char *text) {
        struct winsize size;
        unsigned n_lines = 0;

        if (!isatty(STDOUT_FILENO) || streq_ptr(getenv("TERM"), "dumb") ||
                        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
                return false;
        for (const char *c = text; *c; c++)
                n_lines += *c == '\n';
        return n_lines >= size.ws_row;
}

/* Whether the process has the rights of another user than the one who uses the terminal. */
static bool is_for_other_user(void) {
        uid_t owner;

        if (geteuid() != getuid() || getenv("SUDO_UID") || getenv("PKEXEC_UID"))
                return true;
        return sd_pid_get_owner_uid(0, &owner) >= 0 && owner != geteuid();
}

/* Splits the command at blanks. Returns 0 or -ENOMEM. */
static int split(const char *command, char ***ret_words) {
        _cleanup_free_ char *copy = strdup(command);
        _cleanup_(strv_freep) char **words = NULL;
        char *rest = copy;

        if (!copy)
                return -ENOMEM;
        for (char *word; (word = strsep(&rest, " \t"));)
                if (!isempty(word) && strv_push(&words, word) < 0)
                        return -ENOMEM;
        *ret_words = TAKE_PTR(words);
        return 0;
}

/* Runs in the child. Becomes the pager, or tells the errno and ends. */
static void become_pager(const char *program, char *const *words, bool secure, int input, int errors, pid_t parent) {
        sigset_t none;

        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        (void)signal(SIGPIPE, SIG_DFL);
        (void)signal(SIGINT, SIG_DFL);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (setenv("LESS", getenv("VFIOCTL_LESS") ?: LESS_OPTIONS, 1) == 0 &&
                        (!secure || setenv("LESSSECURE", "1", 1) == 0) && dup2(input, STDIN_FILENO) >= 0)
                (void)execv(program, words);
        int error = errno;
        (void)!write(errors, &error, sizeof(error));
        _exit(EXIT_FAILURE);
}

static void write_all(int fd, const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) /* the user has left the pager */
                        return;
                text += n;
                size -= (size_t)n;
        }
}

/* Runs the pager. Returns 0 or a negative errno. */
static int run(const char *program, char *const *words, bool secure, const char *text, size_t size) {
        int input[2], errors[2], error;
        pid_t parent = getpid();

        if (pipe2(input, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_close_ int input_read = input[0];
        _cleanup_close_ int input_write = input[1];
        if (pipe2(errors, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_close_ int errors_read = errors[0];
        _cleanup_close_ int errors_write = errors[1];
        (void)fflush(NULL);
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become_pager(program, words, secure, input_read, errors_write, parent);
        (void)safe_close(TAKE_FD(errors_write));
        (void)safe_close(TAKE_FD(input_read));
        /* The pipe closes without a word when the pager runs. */
        bool failed = read(errors_read, &error, sizeof(error)) == sizeof(error);
        void (*before)(int) = signal(SIGINT, SIG_IGN);
        if (!failed)
                write_all(input_write, text, size);
        (void)safe_close(TAKE_FD(input_write));
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        (void)signal(SIGINT, before);
        return failed ? -error : 0;
}

int pager_show(const char *text, size_t size) {
        const char *wanted = getenv("VFIOCTL_PAGER") ?: getenv("PAGER");
        bool secure = is_for_other_user();
        const char *const commands[] = {secure || isempty(wanted) ? "less" : wanted, secure ? "less" : "more"};
        int r = -ENOENT;

        if (wanted && (isempty(wanted) || streq(wanted, "cat")))
                return -ENOENT;
        for (size_t i = 0; i < ELEMENTSOF(commands) && r < 0; i++) {
                _cleanup_(strv_freep) char **words = NULL;
                _cleanup_free_ char *program = NULL;

                r = split(commands[i], &words);
                if (r >= 0)
                        r = words ? command_find(words[0], &program) : -ENOENT;
                if (r >= 0)
                        r = run(program, words, secure, text, size);
        }
        return r;
}
