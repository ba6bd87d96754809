/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "private-mounts.h"
#include "uses.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Interfaces of the real kernel in a network namespace. Interfaces that not every kernel supports are in a plain
 * tree. */

#define NIC "nic0"

static void run(const char *command) {
        g_autoptr(GError) error = NULL;
        g_autofree char *errors = NULL;
        int status = 0;

        g_spawn_command_line_sync(command, NULL, &errors, &status, &error);
        g_assert_no_error(error);
        if (!g_spawn_check_wait_status(status, NULL))
                g_error("%s: %s", command, errors);
}

typedef Bed NetBed;

/* An interface that is up and unused, and the real kernel's sys/class/net. */
static NetBed *net_new(void) {
        Bed *bed = bed_new();

        g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
        temp_tree_folder(bed->tree, "kernel");
        temp_tree_folder(bed->tree, "sys/class");
        g_autofree char *kernel = temp_tree_path(bed->tree, "kernel");
        g_assert_cmpint(mount("sysfs", kernel, "sysfs", MS_RDONLY, NULL), ==, 0);
        temp_tree_link(bed->tree, "../../kernel/class/net", "sys/class/net");

        run("ip link add " NIC " type veth peer name peer0");
        run("ip link set " NIC " addrgenmode none");
        run("ip link set peer0 up");
        run("ip link set " NIC " up");
        return bed;
}

static void net_free(NetBed *bed) {
        g_autofree char *kernel = temp_tree_path(bed->tree, "kernel");

        (void)umount2(kernel, MNT_DETACH);
        bed_free(bed);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetBed, net_free)

#define assert_interface(bed, interface, ...) \
        G_STMT_START { \
                g_assert_cmpint(interface_uses((bed)->tree->kernel, interface, (bed)->uses), ==, 0); \
                assert_uses((bed)->uses, __VA_ARGS__); \
        } \
        G_STMT_END

static void test_free(void) {
        g_autoptr(NetBed) bed = net_new();

        assert_interface(bed, NIC, NULL);
        run("ip link set " NIC " down");
        assert_interface(bed, NIC, NULL);
        /* Settings of another interface do not count. */
        run("ip link set " NIC " up");
        run("ip address add 192.0.2.1/24 dev peer0");
        run("ip route add default via 192.0.2.9");
        assert_interface(bed, NIC, NULL);
        assert_interface(bed, "peer0", "network: peer0 has the address 192.0.2.1",
                        "network: peer0 carries the default route", NULL);
}

static void test_address(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip address add 192.0.2.1/32 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " has the address 192.0.2.1", NULL);
        run("ip address add 192.0.2.2/32 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " has the address 192.0.2.1", NULL);
        run("ip address flush dev " NIC);
        assert_interface(bed, NIC, NULL);

        run("ip address add 192.0.2.1 peer 192.0.2.7 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " has the address 192.0.2.1",
                        "network: " NIC " carries the route to 192.0.2.7/32", NULL);
        run("ip address flush dev " NIC);
        run("ip address add 2001:db8::1/128 dev " NIC " nodad");
        g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
        g_assert_cmpstr(bed->uses->lines->pdata[0], ==, "network: " NIC " has the address 2001:db8::1");
        g_ptr_array_set_size(bed->uses->lines, 0);

        /* An address counts even if the interface is down. */
        run("ip address flush dev " NIC);
        run("ip link set " NIC " down");
        run("ip address add 10.0.0.1/8 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " has the address 10.0.0.1", NULL);
}

static void test_link_local(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip address add fe80::1/64 dev " NIC " nodad");
        run("ip address add 169.254.7.7/16 dev " NIC " scope link");
        assert_interface(bed, NIC, NULL);
        /* Only addresses with this prefix. */
        run("ip address add 169.253.7.7/32 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " has the address 169.253.7.7", NULL);
        run("ip address del 169.253.7.7/32 dev " NIC);
        run("ip address add fec0::1/128 dev " NIC " nodad");
        g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
        g_assert_cmpstr(bed->uses->lines->pdata[0], ==, "network: " NIC " has the address fec0::1");
}

static void test_route(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip route add 198.51.100.0/24 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " carries the route to 198.51.100.0/24", NULL);
        assert_interface(bed, "peer0", NULL);
        run("ip route add default dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " carries the default route", NULL);
        run("ip route flush dev " NIC);
        assert_interface(bed, NIC, NULL);

        /* A route in another table, in a table with a number above the old limit, and of the other family. */
        run("ip route add 198.51.100.0/24 dev " NIC " table 77");
        assert_interface(bed, NIC, "network: " NIC " carries the route to 198.51.100.0/24", NULL);
        run("ip route flush table 77");
        run("ip route add default dev " NIC " table 70000");
        assert_interface(bed, NIC, "network: " NIC " carries the default route", NULL);
        run("ip route flush table 70000");
        run("ip -6 route add 2001:db8:7::/48 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " carries the route to 2001:db8:7::/48", NULL);
        run("ip -6 route add default dev " NIC " table 9");
        assert_interface(bed, NIC, "network: " NIC " carries the default route", NULL);
        run("ip -6 route flush table 9");
        run("ip -6 route del 2001:db8:7::/48 dev " NIC);

        /* Routes that lead nowhere. */
        run("ip route add blackhole 203.0.113.0/24");
        run("ip route add unreachable default");
        run("ip route add 169.254.0.0/16 dev " NIC);
        run("ip -6 route add multicast ff0e::/16 dev " NIC " table main");
        assert_interface(bed, NIC, NULL);
}

static void test_multipath(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip link add nic1 type veth peer name peer1");
        run("ip link add nic2 type veth peer name peer2");
        run("ip link set nic1 up");
        run("ip link set nic2 up");
        run("ip route add 198.51.100.0/24 nexthop dev nic1 nexthop dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " carries the route to 198.51.100.0/24", NULL);
        assert_interface(bed, "nic1", "network: nic1 carries the route to 198.51.100.0/24", NULL);
        assert_interface(bed, "nic2", NULL);
        run("ip route del 198.51.100.0/24");
        run("ip -6 route add 2001:db8:8::/48 nexthop via fe80::7 dev nic1 nexthop via fe80::8 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " carries the route to 2001:db8:8::/48", NULL);
        assert_interface(bed, "peer0", NULL);
}

/* A next-hop object: with this setting, routes name only the object. */
static void test_next_hop(void) {
        g_autoptr(NetBed) bed = net_new();
        _cleanup_fclose_ FILE *setting = fopen("/proc/sys/net/ipv4/nexthop_compat_mode", "we");

        g_assert_nonnull(setting);
        g_assert_cmpint(fputs("0\n", setting), >=, 0);
        g_assert_cmpint(fflush(setting), ==, 0);
        run("ip nexthop add id 7 dev " NIC);
        run("ip nexthop add id 8 dev peer0");
        run("ip nexthop add id 9 group 7/8");
        run("ip route add 198.51.100.0/24 nhid 9");
        assert_interface(bed, NIC, "network: " NIC " is used by a next hop of the routing table", NULL);
        assert_interface(bed, "peer0", "network: peer0 is used by a next hop of the routing table", NULL);
}

/* More than fits into one reply. */
static void put_many(Bed *bed) {
        g_autoptr(GString) batch = g_string_new(NULL);

        for (unsigned i = 0; i < 2000; i++)
                g_string_append_printf(batch,
                                "address add 10.%u.%u.1/32 dev peer0\nroute add 172.16.%u.%u/32 dev peer0\n", i / 256,
                                i % 256, i / 256, i % 256);
        temp_tree_file(bed->tree, batch->str, "batch");
        g_autofree char *path = temp_tree_path(bed->tree, "batch"), *command = g_strconcat("ip -batch ", path, NULL);
        run(command);
}

static void test_many(void) {
        g_autoptr(NetBed) bed = net_new();

        put_many(bed);
        assert_interface(bed, NIC, NULL);
        run("ip route add 198.51.100.0/24 dev " NIC);
        run("ip address add 192.0.2.1/32 dev " NIC);
        assert_interface(bed, NIC, "network: " NIC " has the address 192.0.2.1",
                        "network: " NIC " carries the route to 198.51.100.0/24", NULL);
}

static void *change_addresses(void *userdata) {
        for (unsigned i = 0; i < 100; i++) {
                run("ip address add 198.51.100.1/32 dev peer0");
                run("ip address del 198.51.100.1/32 dev peer0");
        }
        g_atomic_int_set((int *)userdata, 1);
        return NULL;
}

/* Other addresses are added and removed while the list is read: the list is read again. */
static void test_changing(void) {
        g_autoptr(NetBed) bed = net_new();
        int ended = 0;

        put_many(bed);
        run("ip address add 192.0.2.1/32 dev " NIC);
        GThread *thread = g_thread_new("change", change_addresses, &ended);
        while (!g_atomic_int_get(&ended))
                assert_interface(bed, NIC, "network: " NIC " has the address 192.0.2.1", NULL);
        g_thread_join(thread);
}

static void test_bridge(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip link add name br0 type bridge");
        run("ip link set " NIC " master br0");
        assert_interface(bed, NIC, "network: " NIC " is a port of br0", NULL);
        run("ip address add 192.0.2.1/24 dev br0");
        assert_interface(bed, NIC, "network: " NIC " is a port of br0", NULL);
        run("ip link set " NIC " nomaster");
        assert_interface(bed, NIC, NULL);
}

static void test_macvlan(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip link add link " NIC " name guest0 type macvlan");
        assert_interface(bed, NIC, "network: " NIC " carries guest0", NULL);
}

/* A capture port: an interface that is up, without an address. Returns the socket, which is bound to the interface, or to
 * all interfaces. */
static int open_packet_socket(const char *interface, uint16_t protocol) {
        struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
        int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

        address.sll_ifindex = interface ? (int)if_nametoindex(interface) : 0;
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        return fd;
}

static void test_packet_socket(void) {
        g_autoptr(NetBed) bed = net_new();
        struct stat status;

        temp_tree_link(bed->tree, "/proc/self/net", "proc/net");
        put_process(bed->tree, 100, "other", 1, "");
        temp_tree_link(bed->tree, "/dev/null", "proc/100/fd/0");
        _cleanup_close_ int any_fd = open_packet_socket(NULL, ETH_P_ALL);
        _cleanup_close_ int peer_fd = open_packet_socket("peer0", ETH_P_ALL);
        _cleanup_close_ int lldp_fd = open_packet_socket(NIC, ETH_P_LLDP);
        g_assert_cmpint(MIN(any_fd, MIN(peer_fd, lldp_fd)), >=, 0);
        assert_interface(bed, NIC, NULL);

        _cleanup_close_ int fd = open_packet_socket(NIC, ETH_P_ALL);
        assert_interface(bed, NIC, "network: " NIC " is used by a process that receives all its packets", NULL);
        g_assert_cmpint(fstat(fd, &status), ==, 0);
        /* A user cannot blame another process with the name of a file. */
        put_process(bed->tree, 150, "evil", 1, "");
        temp_tree_link(bed->tree, SYSFS_PATH("/tmp/socket:[%lu]", (unsigned long)status.st_ino), "proc/150/fd/3");
        put_process(bed->tree, 200, "capture", 1, "");
        temp_tree_link(bed->tree, SYSFS_PATH("socket:[%lu]", (unsigned long)status.st_ino), "proc/200/fd/3");
        assert_interface(bed, NIC, "network: " NIC " is used by a packet socket of process 200 (capture)", NULL);
        bed->uses->reader = 65534;
        assert_interface(bed, NIC, "network: " NIC " is used by a packet socket of a process of another user", NULL);
        bed->uses->reader = 0;

        /* A tool without a socket for packets, such as a bridge that vfiod does not know. */
        fd = safe_close(fd);
        run("ip link set " NIC " promisc on");
        assert_interface(bed, NIC, "network: " NIC " is in promiscuous mode: something receives all packets on it",
                        NULL);
        assert_interface(bed, "peer0", "network: peer0 is used by a process that receives all its packets", NULL);
}

static void test_filter(void) {
        g_autoptr(NetBed) bed = net_new();

        run("tc qdisc add dev " NIC " root pfifo");
        assert_interface(bed, NIC, NULL);
        run("tc qdisc add dev " NIC " clsact");
        assert_interface(bed, NIC, "network: " NIC " has the queueing discipline for tc filters clsact", NULL);
        run("tc qdisc del dev " NIC " clsact");
        run("tc qdisc add dev " NIC " ingress");
        assert_interface(bed, NIC, "network: " NIC " has the queueing discipline for tc filters ingress", NULL);
}

/* The macvlan of a container: the interface below it has no link to it any more. */
static void test_macvlan_of_container(void) {
        g_autoptr(NetBed) bed = net_new();
        /* It says when it is in its own namespace, and ends at the end of its input. */
        const char *const argv[] = {"unshare", "-n", "sh", "-c", "echo && exec cat", NULL};
        g_autoptr(GError) error = NULL;
        int input, output;
        char byte;
        GPid pid;

        g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                        &pid, &input, &output, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(read(output, &byte, 1), ==, 1);
        run("ip link add link " NIC " name guest0 address 02:00:00:00:00:07 type macvlan mode bridge");
        g_autofree char *move = g_strdup_printf("ip link set guest0 netns %d", (int)pid);
        run(move);
        assert_interface(bed, NIC, NULL);
        g_autofree char *up = g_strdup_printf("nsenter -t %d -n ip link set guest0 up", (int)pid);
        run(up);
        assert_interface(bed, NIC,
                        "network: " NIC
                        " carries something, for example the macvlan of a container, with the MAC address "
                        "02:00:00:00:00:07",
                        NULL);
        (void)close(input);
        (void)close(output);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

/* A tree without the real kernel's interfaces; no real interface has these numbers. */
static Bed *plain_bed_new(void) {
        Bed *bed = g_new0(Bed, 1);

        g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
        bed->tree = temp_tree_new();
        bed->uses = uses_new();
        temp_tree_file(bed->tree, "77\n", "sys/class/net/" NIC "/ifindex");
        return bed;
}

static void test_upper(void) {
        g_autoptr(Bed) bed = plain_bed_new();

        assert_interface(bed, NIC, NULL);
        temp_tree_link(bed->tree, "../../../virtual/net/bond0", "sys/class/net/" NIC "/master");
        temp_tree_link(bed->tree, "../../../virtual/net/bond0", "sys/class/net/" NIC "/upper_bond0");
        temp_tree_link(bed->tree, "../../../virtual/net/bond0", "sys/class/net/" NIC "/bonding_slave");
        assert_interface(bed, NIC, "network: " NIC " is a port of bond0", NULL);
        temp_tree_link(bed->tree, "../../../virtual/net/nic0.7", "sys/class/net/" NIC "/upper_nic0.7");
        temp_tree_link(bed->tree, "../x/net/lower", "sys/class/net/" NIC "/lower_x");
        assert_interface(bed, NIC, "network: " NIC " is a port of bond0", "network: " NIC " carries nic0.7", NULL);
        temp_tree_remove(bed->tree, "sys/class/net/" NIC "/master");
        temp_tree_remove(bed->tree, "sys/class/net/" NIC "/upper_bond0");
        assert_interface(bed, NIC, "network: " NIC " carries nic0.7", NULL);
}

/* Any user can connect such a socket, but only root can create an interface from it. */
static void test_pppoe(void) {
        g_autoptr(Bed) bed = plain_bed_new();
        static const char header[] = "Id       Address              Device\n";

        temp_tree_file(bed->tree, "1\n", "sys/class/net/" NIC "/type");
        temp_tree_file(bed->tree, "", "sys/class/net/bonding_masters");
        temp_tree_file(bed->tree, header, "proc/net/pppoe");
        assert_interface(bed, NIC, NULL);
        g_autofree char *others = g_strconcat(header, "0000000E 00:11:22:33:44:55     nic01\n", NULL),
                        *ours = g_strconcat(others, "0000000F 00:11:22:33:44:55      " NIC "\n", NULL);
        temp_tree_file(bed->tree, ours, "proc/net/pppoe");
        assert_interface(bed, NIC, NULL);
        temp_tree_file(bed->tree, "512\n", "sys/class/net/ppp0/type");
        assert_interface(bed, NIC, "network: " NIC " carries a PPPoE connection", NULL);
        temp_tree_file(bed->tree, others, "proc/net/pppoe");
        assert_interface(bed, NIC, NULL);
        temp_tree_link(bed->tree, "pppoe", "proc/net/pppoe");
        g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
        assert_use_says(bed->uses, "network", "cannot be examined");
        /* It can be opened, but not read. */
        temp_tree_remove(bed->tree, "proc/net/pppoe");
        temp_tree_folder(bed->tree, "proc/net/pppoe");
        g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
        assert_use_says(bed->uses, "network", "cannot be examined");
}

/* Protocols that the kernel receives on one interface. */
static void test_protocols(void) {
        static const char others[] = "Type Device      Function\n"
                                     "0800          ip_rcv\n"
                                     "88cc          lldp_rcv [lldp]\n"
                                     "ALL  " NIC "     tpacket_rcv\n"
                                     "0003 " NIC "     packet_rcv [af_packet]\n"
                                     "8906 nic01    fcoe_rcv [fcoe]\n";
        g_autofree char *ours = g_strconcat(others, "8906 " NIC "     fcoe_rcv [fcoe]\n", NULL);
        g_autoptr(Bed) bed = plain_bed_new();

        temp_tree_file(bed->tree, others, "proc/net/ptype");
        assert_interface(bed, NIC, NULL);
        temp_tree_file(bed->tree, ours, "proc/net/ptype");
        assert_interface(bed, NIC, "network: " NIC " is used by the kernel, which receives packets on it with fcoe_rcv",
                        NULL);
        temp_tree_remove(bed->tree, "proc/net/ptype");
        temp_tree_folder(bed->tree, "proc/net/ptype");
        g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
        assert_use_says(bed->uses, "network", "cannot be examined");
        temp_tree_remove(bed->tree, "proc/net/ptype");
        temp_tree_folder(bed->tree, "proc/net/packet");
        g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
        assert_use_says(bed->uses, "network", "cannot be examined");
}

/* If it cannot be determined, it counts as in use. */
static void test_unreadable(void) {
        static const char *const numbers[] = {"", "x", "0", "-1", "99999999999"};
        g_autoptr(Bed) bed = plain_bed_new();

        for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
                temp_tree_file(bed->tree, numbers[i], "sys/class/net/" NIC "/ifindex");
                g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
                assert_use_says(bed->uses, "network", NIC " cannot be examined");
        }
        temp_tree_remove(bed->tree, "sys/class/net/" NIC "/ifindex");
        g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 0);
        assert_use_says(bed->uses, "network", NIC " cannot be examined");
        g_assert_cmpint(interface_uses(bed->tree->kernel, "gone0", bed->uses), ==, 0);
        assert_use_says(bed->uses, "network", "gone0 cannot be examined");
}

/* The interfaces of a simulated machine are not the interfaces of the process. */
static void test_own_network(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip address add 192.0.2.1/24 dev " NIC);
        run("ip link add name br0 type bridge");
        run("ip link set peer0 master br0");
        bed->tree->kernel->has_own_network = true;
        assert_interface(bed, NIC, NULL);
        assert_interface(bed, "peer0", "network: peer0 is a port of br0", NULL);
}

/* The visitor may stop at any use. */
static void test_visitor_stops(void) {
        g_autoptr(NetBed) bed = net_new();

        run("ip address add 192.0.2.1/24 dev " NIC);
        run("ip link add link " NIC " name guest0 type macvlan");
        for (unsigned i = 1; i <= 3; i++) {
                g_ptr_array_set_size(bed->uses->lines, 0);
                bed->uses->end_after = i;
                g_assert_cmpint(interface_uses(bed->tree->kernel, NIC, bed->uses), ==, 42);
                g_assert_cmpuint(bed->uses->lines->len, ==, i);
        }
        g_ptr_array_set_size(bed->uses->lines, 0);
        bed->uses->end_after = 0;
        assert_interface(bed, NIC, "network: " NIC " carries guest0", "network: " NIC " has the address 192.0.2.1",
                        "network: " NIC " carries the route to 192.0.2.0/24", NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(private_mounts(), ==, 0);
        g_test_add_func("/interface-usage/free", test_free);
        g_test_add_func("/interface-usage/address", test_address);
        g_test_add_func("/interface-usage/link-local", test_link_local);
        g_test_add_func("/interface-usage/route", test_route);
        g_test_add_func("/interface-usage/multipath", test_multipath);
        g_test_add_func("/interface-usage/next-hop", test_next_hop);
        g_test_add_func("/interface-usage/many", test_many);
        g_test_add_func("/interface-usage/changing", test_changing);
        g_test_add_func("/interface-usage/bridge", test_bridge);
        g_test_add_func("/interface-usage/macvlan", test_macvlan);
        g_test_add_func("/interface-usage/upper", test_upper);
        g_test_add_func("/interface-usage/pppoe", test_pppoe);
        g_test_add_func("/interface-usage/packet-socket", test_packet_socket);
        g_test_add_func("/interface-usage/filter", test_filter);
        g_test_add_func("/interface-usage/macvlan-of-container", test_macvlan_of_container);
        g_test_add_func("/interface-usage/protocols", test_protocols);
        g_test_add_func("/interface-usage/unreadable", test_unreadable);
        g_test_add_func("/interface-usage/own-network", test_own_network);
        g_test_add_func("/interface-usage/visitor-stops", test_visitor_stops);
        return g_test_run();
}
