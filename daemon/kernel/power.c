/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/power.h"
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
