/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/binding.h"
#include "kernel/sysfs.h"

bool power_settings_equal(const PowerSettings *a, const PowerSettings *b) {
        return streq(a->control, b->control) && a->d3cold_known == b->d3cold_known &&
                        a->d3cold_allowed == b->d3cold_allowed;
}

int power_read(int device_fd, PowerSettings *ret) {
        PowerSettings settings = {};
        long allowed = 0;

        int r = sysfs_read_text(device_fd, "power/control", settings.control, sizeof(settings.control));
        if (r == -ENOENT)
                settings.control[0] = '\0';
        else if (r < 0)
                return r;
        r = sysfs_read_number(device_fd, "d3cold_allowed", 0, 1, &allowed);
        if (r < 0 && r != -ENOENT)
                return r;
        settings.d3cold_known = r >= 0;
        settings.d3cold_allowed = allowed == 1;
        *ret = settings;
        return 0;
}

int power_write(int device_fd, const PowerSettings *settings) {
        PowerSettings now;

        int r = power_read(device_fd, &now);
        if (r >= 0 && settings->d3cold_known && now.d3cold_known && now.d3cold_allowed != settings->d3cold_allowed)
                r = sysfs_write(device_fd, "d3cold_allowed", settings->d3cold_allowed ? "1" : "0");
        if (r >= 0 && settings->control[0] != '\0' && now.control[0] != '\0' && !streq(now.control, settings->control))
                r = sysfs_write(device_fd, "power/control", settings->control);
        return r < 0 ? r : 0;
}

void binding_set_driver(Binding *binding, const char *driver) {
        (void)snprintf(binding->driver, sizeof(binding->driver), "%s", strempty(driver));
}

void binding_set_override(Binding *binding, const char *override) {
        (void)snprintf(binding->override, sizeof(binding->override), "%s", strempty(override));
}

int binding_read_override(int device_fd, char buffer[static OVERRIDE_MAX]) {
        int r = sysfs_read_text(device_fd, "driver_override", buffer, OVERRIDE_MAX);

        /* The kernel prints this if there is none. */
        if (r >= 0 && streq(buffer, "(null)"))
                buffer[0] = '\0';
        return r < 0 ? r : 0;
}

int binding_read_drivers(int device_fd, Binding *binding) {
        int r;

        if ((r = pci_device_read_driver(device_fd, binding->driver)) < 0)
                return r;
        binding->any_driver = false;
        return binding_read_override(device_fd, binding->override);
}

int binding_read(int device_fd, Binding *binding) {
        int r = binding_read_drivers(device_fd, binding);
        if (r < 0)
                return r;
        return power_read(device_fd, &binding->power);
}

bool binding_matches(const Binding *now, const Binding *wanted) {
        bool same_driver = wanted->any_driver ? !pci_driver_is_vfio(now->driver) : streq(now->driver, wanted->driver);
        return same_driver && streq(now->override, wanted->override) &&
                        power_settings_equal(&now->power, &wanted->power);
}

const char *binding_override_for_probe(const Binding *wanted) {
        return !wanted->any_driver && wanted->driver[0] != '\0' ? wanted->driver : wanted->override;
}
