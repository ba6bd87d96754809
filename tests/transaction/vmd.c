/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmd.h"

#define SIM_TOPOLOGY "../sim/topologies/vmd"

Host *vmd_host(void) {
        Host *host = host_new_with(SIM_TOPOLOGY);

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        fake_kernel_do(host->fake, "set " VMD " driver_override vmd");
        fake_kernel_do(host->fake, "set " VMD " power/control auto");
        fake_kernel_do(host->fake, "set " VMD_DISK " driver_override nvme");
        fake_kernel_do(host->fake, "set " VMD_DISK " power/control auto");
        fake_kernel_do(host->fake, "set " VMD_DISK " d3cold_allowed 0");
        host_read(host);
        return host;
}

void assert_disk_exists(Host *host, bool expected) {
        g_assert_true(fake_kernel_exists(host->fake, "sys/bus/pci/devices/" VMD_DISK) == expected);
        g_assert_true(fake_kernel_exists(host->fake, "dev/nvme0n1") == expected);
}

void assert_vmd_home(Daemon *daemon, const char *at_home) {
        assert_snapshot(daemon->host, at_home);
        assert_nothing_recorded(daemon->host);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, VMD), ==, DEVICE_HOST);
        g_assert_cmpint(daemon_state(daemon, VMD_DISK), ==, DEVICE_HOST);
        g_assert_cmpint(daemon_state(daemon, VMD_PORT), ==, DEVICE_HOST);
}

void assert_vmd_away(Daemon *daemon, const char *away) {
        assert_snapshot(daemon->host, away);
        g_assert_cmpuint(count_detached_devices(daemon->host), ==, 2);
        g_assert_cmpuint(count_transactions(daemon->host), ==, 0);
        assert_model_is_current(daemon);
        assert_driver(daemon->host, VMD, "vfio-pci");
        assert_disk_exists(daemon->host, false);
        g_assert_cmpint(daemon_state(daemon, VMD), ==, DEVICE_DETACHED);
        g_assert_cmpint(daemon_state(daemon, VMD_DISK), ==, DEVICE_ABSENT);
        g_assert_null(inventory_find_device(daemon->host->inventory, address_of(VMD_PORT)));
}
