/* SPDX-License-Identifier: GPL-2.0-or-later */

/* client-peer DESTINATION PATH INTERFACE METHOD [walk]: a minimal client of sd-bus to compare vfioctl with. It makes one call that
 * returns the rows of ListDevices, and ends. With "walk", it reads each field of each row. */

#include "measure.h"

#include <string.h>
#include <systemd/sd-bus.h>

#define ROW "soissuqqasa{sv}"

static unsigned read_detail(sd_bus_message *message) {
        const char *name, *contents, *text;
        unsigned result;

        must(sd_bus_message_read(message, "s", &name), "detail");
        must(sd_bus_message_peek_type(message, NULL, &contents), "detail");
        if (strcmp(contents, "s") != 0) {
                must(sd_bus_message_skip(message, "v"), "detail");
                return 1;
        }
        must(sd_bus_message_enter_container(message, 'v', "s"), "detail");
        must(sd_bus_message_read(message, "s", &text), "detail");
        result = (unsigned char)text[0];
        must(sd_bus_message_exit_container(message), "detail");
        return result;
}

/* Returns a number that depends on all fields, so that no read is left out. */
static unsigned walk(sd_bus_message *message) {
        const char *address, *path, *state, *driver, *text;
        unsigned class_code, sum = 0;
        uint16_t vendor, device;
        int group;

        must(sd_bus_message_enter_container(message, 'a', "(" ROW ")"), "rows");
        while (must(sd_bus_message_enter_container(message, 'r', ROW), "row") > 0) {
                must(sd_bus_message_read(message, "soissuqq", &address, &path, &group, &state, &driver, &class_code,
                                     &vendor, &device),
                                "row");
                sum += class_code + vendor + device + (unsigned)group + (unsigned char)driver[0];
                must(sd_bus_message_enter_container(message, 'a', "s"), "names");
                while (must(sd_bus_message_read(message, "s", &text), "name") > 0)
                        sum += (unsigned char)text[0];
                must(sd_bus_message_exit_container(message), "names");
                must(sd_bus_message_enter_container(message, 'a', "{sv}"), "details");
                while (must(sd_bus_message_enter_container(message, 'e', "sv"), "detail") > 0) {
                        sum += read_detail(message);
                        must(sd_bus_message_exit_container(message), "detail");
                }
                must(sd_bus_message_exit_container(message), "details");
                must(sd_bus_message_exit_container(message), "row");
        }
        return sum;
}

int main(int argc, char **argv) {
        sd_bus_message *reply;
        sd_bus *bus;
        unsigned sum = 0;

        if (argc < 5)
                return 2;
        must(sd_bus_open_system(&bus), "sd_bus_open_system");
        must(sd_bus_call_method(bus, argv[1], argv[2], argv[3], argv[4], NULL, &reply, NULL), argv[4]);
        if (argc > 5)
                sum = walk(reply);
        sd_bus_message_unref(reply);
        sd_bus_flush_close_unref(bus);
        return sum == 1;
}
