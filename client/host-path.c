/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host-path.h"
#include "base/util.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* vfiod refuses longer selectors. */
#define SELECTOR_LENGTH_MAX 511

/* Makes the path of the file in sysfs that belongs to an existing path; NULL if there is none. */
static char *sysfs_path(const char *root, const char *path) {
        _cleanup_free_ char *link = NULL;
        struct stat status;

        if (stat(path, &status) < 0)
                return NULL;
        bool is_block = S_ISBLK(status.st_mode);
        if (!is_block && !S_ISCHR(status.st_mode))
                return realpath(path, NULL);
        if (asprintf(&link, "%s/sys/dev/%s/%u:%u", root, is_block ? "block" : "char", major(status.st_rdev),
                            minor(status.st_rdev)) < 0)
                return NULL;
        return realpath(link, NULL);
}

int host_path_resolve(const char *root, const char *selector, char **ret) {
        _cleanup_free_ char *path = NULL, *real_root = NULL, *found = NULL;
        const char *inside = NULL;

        if (startswith(selector, "/dev/") || startswith(selector, "/sys/")) {
                if (asprintf(&path, "%s%s", root, selector) < 0)
                        return -ENOMEM;
                real_root = isempty(root) ? strdup("") : realpath(root, NULL);
                found = sysfs_path(root, path);
                inside = real_root && found ? startswith(found, real_root) : NULL;
        }
        bool is_better = inside && startswith(inside, "/sys/") && strlen(inside) <= SELECTOR_LENGTH_MAX;
        *ret = strdup(is_better ? inside : selector);
        return *ret ? 0 : -ENOMEM;
}

/* The kernel limits an alternative name to 127 characters (ALTIFNAMSIZ). */
#define ALTERNATIVE_MAX 128

typedef struct LinkRequest {
        struct nlmsghdr header;
        struct ifinfomsg link;
        struct rtattr attribute;
        char name[ALTERNATIVE_MAX];
} LinkRequest;

/* Asks the kernel for the interface. Returns the length of the answer in the buffer, or -1. */
static ssize_t ask_for_link(const char *name, void *buffer, size_t size) {
        size_t length = strlen(name) + 1;
        LinkRequest request = {
                        .header = {.nlmsg_len = (uint32_t)(offsetof(LinkRequest, name) + NLMSG_ALIGN(length)),
                                        .nlmsg_type = RTM_GETLINK,
                                        .nlmsg_flags = NLM_F_REQUEST},
                        .attribute = {.rta_len = (unsigned short)RTA_LENGTH(length), .rta_type = IFLA_ALT_IFNAME},
        };
        struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

        memcpy(request.name, name, length);
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0 || sendto(fd, &request, request.header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
                return -1;
        /* The kernel has put the answer into the socket before sendto() returns. */
        return recv(fd, buffer, size, MSG_DONTWAIT);
}

bool host_interface_find(const char *alternative, char name[static HOST_INTERFACE_MAX]) {
        _Alignas(struct nlmsghdr) char answer[16 * 1024];

        if (isempty(alternative) || strlen(alternative) >= ALTERNATIVE_MAX || strpbrk(alternative, "/: \t\n"))
                return false;
        ssize_t n = ask_for_link(alternative, answer, sizeof(answer));
        const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
        if (n < 0 || !NLMSG_OK(header, (size_t)n) || header->nlmsg_type != RTM_NEWLINK)
                return false;

        const struct ifinfomsg *link = NLMSG_DATA(header);
        size_t left = IFLA_PAYLOAD(header);
        for (const struct rtattr *attribute = IFLA_RTA(link); RTA_OK(attribute, left);
                        attribute = RTA_NEXT(attribute, left))
                if (attribute->rta_type == IFLA_IFNAME && RTA_PAYLOAD(attribute) <= HOST_INTERFACE_MAX) {
                        (void)snprintf(name, HOST_INTERFACE_MAX, "%s", (const char *)RTA_DATA(attribute));
                        return true;
                }
        return false;
}
