/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/uevent-socket.h"

#include <glib.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Messages of the kernel, and messages that only look like it. */

#define HEADER "move@/devices/a\0"
#define GOOD "ACTION=move\0DEVPATH=/devices/a\0SUBSYSTEM=net\0"

/* The literal, without the NUL byte that C adds. It fills its memory, except for the NUL byte behind it. */
static int parse(const char *text, size_t length, Uevent *ret, char **ret_text) {
        *ret_text = g_malloc(length + 1);
        memcpy(*ret_text, text, length);
        (*ret_text)[length] = '\0';
        return uevent_parse(*ret_text, length, ret);
}
#define PARSE(literal, event, copy) parse(literal, sizeof(literal) - 1, event, copy)

static void assert_parsed(const Uevent *event, const char *action, const char *devpath, const char *subsystem,
                const char *devpath_old) {
        g_assert_cmpstr(event->action, ==, action);
        g_assert_cmpstr(event->devpath, ==, devpath);
        g_assert_cmpstr(event->subsystem, ==, subsystem);
        g_assert_cmpstr(event->devpath_old, ==, devpath_old);
}

static void test_good(void) {
        g_autofree char *a = NULL, *b = NULL, *c = NULL, *d = NULL;
        Uevent event;

        g_assert_cmpint(PARSE(HEADER GOOD "SEQNUM=1\0", &event, &a), ==, 1);
        assert_parsed(&event, "move", "/devices/a", "net", NULL);
        g_assert_cmpint(PARSE(HEADER "DEVPATH_OLD=/devices/old\0" GOOD, &event, &b), ==, 1);
        assert_parsed(&event, "move", "/devices/a", "net", "/devices/old");
        /* Values may be empty, have any bytes, or look like variables. */
        g_assert_cmpint(PARSE(HEADER "ACTION=\0DEVPATH=ACTION=x\0SUBSYSTEM=\xff\n\0", &event, &c), ==, 1);
        assert_parsed(&event, "", "ACTION=x", "\xff\n", NULL);
        /* Empty strings between the variables. */
        g_assert_cmpint(PARSE("\0\0" GOOD "\0\0", &event, &d), ==, 1);
        assert_parsed(&event, "move", "/devices/a", "net", NULL);
}

static void check_refused(const char *text, size_t length) {
        g_autofree char *copy = NULL;
        Uevent event;

        g_assert_cmpint(parse(text, length, &event, &copy), ==, -EBADMSG);
}
#define REFUSED(literal) check_refused(literal, sizeof(literal) - 1)

static void test_missing(void) {
        REFUSED("");
        REFUSED("\0");
        REFUSED(HEADER);
        REFUSED(HEADER "DEVPATH=/devices/a\0SUBSYSTEM=net\0");
        REFUSED(HEADER "ACTION=move\0SUBSYSTEM=net\0");
        REFUSED(HEADER "ACTION=move\0DEVPATH=/devices/a\0");
        REFUSED(HEADER "ACTION=move\0DEVPATH_OLD=/devices/a\0SUBSYSTEM=net\0");
        REFUSED(HEADER "action=move\0DEVPATH=/devices/a\0SUBSYSTEM=net\0");
        REFUSED(HEADER "XACTION=move\0DEVPATH=/devices/a\0SUBSYSTEM=net\0");
        REFUSED(HEADER "ACTION\0DEVPATH=/devices/a\0SUBSYSTEM=net\0");
        /* A message of udevd. */
        REFUSED("libudev\0\xfe\xed\xca\xfe(\0\0\0");
}

/* The last one counts, as in libudev. */
static void test_repeated(void) {
        g_autofree char *a = NULL;
        Uevent event;

        g_assert_cmpint(PARSE(GOOD "ACTION=add\0SUBSYSTEM=pci\0", &event, &a), ==, 1);
        assert_parsed(&event, "add", "/devices/a", "pci", NULL);
}

/* The message ends within each of its bytes. */
static void test_unterminated(void) {
        static const char text[] = "ACTION=move\0SUBSYSTEM=net\0DEVPATH=/devices/a";
        const size_t value = sizeof(text) - 1 - strlen("/devices/a");

        for (size_t length = 0; length < sizeof(text); length++) {
                g_autofree char *copy = NULL;
                Uevent event;

                int r = parse(text, length, &event, &copy);
                g_assert_cmpint(r, ==, length >= value ? 1 : -EBADMSG);
                if (r < 0)
                        continue;
                g_autofree char *path = g_strndup("/devices/a", length - value);
                assert_parsed(&event, "move", path, "net", NULL);
        }
}

/* A socket in a network namespace of its own, which its messages do not leave. */

typedef struct Bed {
        UeventSource *source;
        int sender_fd;
        uint32_t port; /* of the source */
} Bed;

static Bed open_bed_with_filter(bool credentials) {
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
        socklen_t length = sizeof(address);
        Bed bed = {};

        g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){credentials}, sizeof(int)), ==, 0);
        g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &length), ==, 0);
        bed.port = address.nl_pid;
        bed.sender_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
        g_assert_cmpint(bed.sender_fd, >=, 0);
        g_assert_cmpint(uevent_source_new_socket(fd, &bed.source), ==, 0);
        g_assert_cmpint(bed.source->get_fd(bed.source), ==, fd);
        return bed;
}

/* An interface that each namespace has is a virtual one, whose events the filter drops. */
static Bed open_bed(bool credentials) {
        Bed bed = open_bed_with_filter(credentials);

        g_assert_cmpint(setsockopt(bed.source->get_fd(bed.source), SOL_SOCKET, SO_DETACH_FILTER, &(int){0},
                                        sizeof(int)),
                        ==, 0);
        return bed;
}

static void close_bed(Bed *bed) {
        uevent_source_free(bed->source);
        close(bed->sender_fd);
}

/* The events of devices without a namespace reach every namespace, so those of other tests are skipped. Returns 0 if
 * there is no message. */
static int take_now(UeventSource *source, Uevent *ret) {
        int r;

        do
                r = source->receive(source, ret);
        while (r == 1 && !streq(ret->subsystem, "net"));
        return r;
}

static int take(UeventSource *source, Uevent *ret) {
        struct pollfd poll_fd = {.fd = source->get_fd(source), .events = POLLIN};
        int r;

        while ((r = take_now(source, ret)) == 0)
                g_assert_cmpint(poll(&poll_fd, 1, 60000), ==, 1);
        return r;
}

static void send_text(const Bed *bed, uint32_t port, uint32_t groups, size_t length) {
        struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
        g_autofree char *text = g_malloc0(length);

        memcpy(text, HEADER GOOD, MIN(length, sizeof(HEADER GOOD)));
        g_assert_cmpint(sendto(bed->sender_fd, text, length, 0, (struct sockaddr *)&address, sizeof(address)), ==,
                        (ssize_t)length);
}

/* The kernel announces that an interface got another name. */
static void rename_interface(const char *from, const char *to) {
        struct ifreq request = {};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        g_strlcpy(request.ifr_name, from, IFNAMSIZ);
        g_strlcpy(request.ifr_newname, to, IFNAMSIZ);
        g_assert_cmpint(ioctl(fd, SIOCSIFNAME, &request), ==, 0);
        close(fd);
}

static void receive(void) {
        Bed bed = open_bed(true);
        Uevent event;

        g_assert_cmpint(take_now(bed.source, &event), ==, 0);
        /* A process sends to the socket, to the group of the kernel, and a message that is too long. */
        for (unsigned i = 0; i < 3; i++) {
                send_text(&bed, i == 1 ? 0 : bed.port, i == 1 ? 1 : 0, i == 2 ? 8193 : sizeof(HEADER GOOD));
                g_assert_cmpint(take(bed.source, &event), ==, -EBADMSG);
                g_assert_cmpint(take_now(bed.source, &event), ==, 0);
        }
        rename_interface("lo", "vfiod0");
        g_assert_cmpint(take(bed.source, &event), ==, 1);
        assert_parsed(&event, "move", "/devices/virtual/net/vfiod0", "net", "/devices/virtual/net/lo");
        close_bed(&bed);
}

/* The kernel sends its messages before the call returns. */
static void receive_filtered(void) {
        Bed bed = open_bed_with_filter(true);
        Uevent event;

        rename_interface("lo", "vfiod0");
        g_assert_cmpint(take_now(bed.source, &event), ==, 0);
        g_assert_cmpint(setsockopt(bed.source->get_fd(bed.source), SOL_SOCKET, SO_DETACH_FILTER, &(int){0},
                                        sizeof(int)),
                        ==, 0);
        rename_interface("vfiod0", "lo");
        g_assert_cmpint(take_now(bed.source, &event), ==, 1);
        close_bed(&bed);
}

/* Without the credentials nobody knows who sent the message. */
static void receive_without_credentials(void) {
        Bed bed = open_bed(false);
        Uevent event;

        rename_interface("lo", "vfiod0");
        g_assert_cmpint(take(bed.source, &event), ==, -EBADMSG);
        close_bed(&bed);
}

/* The kernel drops what does not fit. */
static void overflow(void) {
        Bed bed = open_bed(true);
        Uevent event;
        unsigned n = 0;
        int r;

        g_assert_cmpint(setsockopt(bed.source->get_fd(bed.source), SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int)), ==,
                        0);
        for (unsigned i = 0; i < 64; i++)
                rename_interface(i % 2 == 0 ? "lo" : "vfiod0", i % 2 == 0 ? "vfiod0" : "lo");
        while ((r = bed.source->receive(bed.source, &event)) == 1)
                n++;
        g_assert_cmpint(r, ==, -ENOBUFS);
        g_assert_cmpuint(n, <, 64);
        close_bed(&bed);
}

static void run_in_child(void (*check)(void)) {
        int status = 0;
        pid_t pid = fork();

        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                check();
                _exit(0);
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(status, ==, 0);
}

static void test_receive(void) {
        run_in_child(receive);
}

static void test_filtered(void) {
        run_in_child(receive_filtered);
}

static void test_no_credentials(void) {
        run_in_child(receive_without_credentials);
}

static void test_overflow(void) {
        run_in_child(overflow);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/uevent-socket/parse/good", test_good);
        g_test_add_func("/uevent-socket/parse/missing", test_missing);
        g_test_add_func("/uevent-socket/parse/repeated", test_repeated);
        g_test_add_func("/uevent-socket/parse/unterminated", test_unterminated);
        g_test_add_func("/uevent-socket/receive", test_receive);
        g_test_add_func("/uevent-socket/filtered", test_filtered);
        g_test_add_func("/uevent-socket/no-credentials", test_no_credentials);
        g_test_add_func("/uevent-socket/overflow", test_overflow);
        return g_test_run();
}
