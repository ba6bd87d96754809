/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ssh-interface.h"

#include "daemon/base/util.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

static void freeifaddrsp(struct ifaddrs **list) {
        if (*list)
                freeifaddrs(*list);
}

/* The third word is the address of this host. */
static bool read_address(char address[static INET6_ADDRSTRLEN]) {
        const char *text = getenv("SSH_CONNECTION");

        return text && sscanf(text, "%*s %*s %45s", address) == 1;
}

static bool has_address(const struct ifaddrs *entry, const char *address) {
        char text[INET6_ADDRSTRLEN];
        const void *bytes;

        if (!entry->ifa_addr)
                return false;
        if (entry->ifa_addr->sa_family == AF_INET)
                bytes = &((const struct sockaddr_in *)entry->ifa_addr)->sin_addr;
        else if (entry->ifa_addr->sa_family == AF_INET6)
                bytes = &((const struct sockaddr_in6 *)entry->ifa_addr)->sin6_addr;
        else
                return false;
        return inet_ntop(entry->ifa_addr->sa_family, bytes, text, sizeof(text)) && streq(text, address);
}

/* Tells whether the upper interface uses the lower one. */
static bool is_above(const char *upper, const char *lower) {
        char path[64 + 2 * IF_NAMESIZE];

        if (strlen(lower) >= IF_NAMESIZE || strchr(lower, '/'))
                return false;
        (void)snprintf(path, sizeof(path), "/sys/class/net/%s/lower_%s", upper, lower);
        return access(path, F_OK) >= 0;
}

bool ssh_interface_is(const char *name) {
        __attribute__((cleanup(freeifaddrsp))) struct ifaddrs *list = NULL;
        char address[INET6_ADDRSTRLEN];

        if (!read_address(address) || getifaddrs(&list) < 0)
                return false;
        for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
                if (has_address(entry, address) && (streq(entry->ifa_name, name) || is_above(entry->ifa_name, name)))
                        return true;
        return false;
}
