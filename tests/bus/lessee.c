/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lessee.h"

#include <acl/libacl.h>
#include <errno.h>
#include <sys/acl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

char *lessee_start(Fixture *fixture, const char *selector, const char *options, const char *path) {
        g_autofree char *arguments = g_strdup_printf("('%s', %s)", selector, options);
        g_autoptr(GError) error = NULL;
        const char *lease, *ticket;

        g_autoptr(GVariant) reply =
                        pending_finish(fixture_call_start(fixture, BUS_PATH, MANAGER, "Lease", arguments), &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(&o&s@a{sv})", &lease, &ticket, NULL);
        g_assert_cmpstr(lease, ==, path);
        g_assert_cmpuint(strlen(ticket), ==, 32);
        return g_strdup(ticket);
}

void lessee_refused(Fixture *fixture, const char *selector, const char *options, const char *error_name,
                const char *pattern) {
        g_autofree char *arguments = g_strdup_printf("('%s', %s)", selector, options);

        pending_refused(fixture_call_start(fixture, BUS_PATH, MANAGER, "Lease", arguments), error_name, pattern);
}

int lessee_connect(Fixture *fixture) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};

        (void)g_snprintf(address.sun_path, sizeof(address.sun_path), "%s.lease", fixture->state_folder);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), ==, 0);
        g_assert_cmpint(connect(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        return fd;
}

char *lessee_send(int fd, const char *packet) {
        char control[256], text[1024];
        struct iovec data = {.iov_base = text, .iov_len = sizeof(text) - 1};
        struct msghdr message = {
                        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

        g_assert_cmpint(send(fd, packet, strlen(packet), MSG_NOSIGNAL), ==, strlen(packet));
        ssize_t n = recvmsg(fd, &message, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
                return NULL;
        g_assert_cmpint(n, >, 0);
        g_assert_cmpuint(message.msg_controllen, ==, 0);
        return g_strndup(text, (gsize)n);
}

int lessee_claim(Fixture *fixture, const char *ticket) {
        int fd = lessee_connect(fixture);
        g_autofree char *answer = lessee_send(fd, ticket);

        g_assert_cmpstr(answer, ==, "ok");
        return fd;
}

void lessee_expect_acl(Fixture *fixture, const char *node, const char *expected) {
        g_autofree char *path = g_build_filename(fake_kernel_get_root(fixture->kernel), node, NULL);

        acl_t acl = acl_get_file(path, ACL_TYPE_ACCESS);
        g_assert_nonnull(acl);
        char *text = acl_to_any_text(acl, NULL, ',', TEXT_NUMERIC_IDS);
        g_assert_cmpstr(text, ==, expected);
        (void)acl_free(text);
        (void)acl_free(acl);
}
