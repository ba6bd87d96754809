/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/authorize.h"

int authorize_change(sd_bus_message *message, sd_bus_error *error) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        uid_t uid;

        /* What the bus says of the connection, not what /proc says of a process that may be another one by now. */
        int r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, &uid);
        if (r >= 0 && uid == 0)
                return 0;
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Only root may call %s of %s: try it with sudo.",
                        sd_bus_message_get_member(message), BUS_NAME);
}

const char *authorize_caller_name(
                const Service *service, sd_bus_message *message, char buffer[static CALLER_TEXT_MAX]) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        char command[HOLDER_COMMAND_MAX] = "";
        uid_t uid = (uid_t)-1;
        pid_t pid = 0;

        if (sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID | SD_BUS_CREDS_PID, &creds) >= 0) {
                (void)sd_bus_creds_get_euid(creds, &uid);
                (void)sd_bus_creds_get_pid(creds, &pid);
        }
        /* Not sd_bus_creds_get_comm(): that escapes in a way of its own. */
        if (pid > 0)
                (void)process_read_command(service->kernel, pid, command);
        (void)snprintf(buffer, CALLER_TEXT_MAX, "uid %d, process %d (%s)", (int)uid, (int)pid,
                        command[0] != '\0' ? TEXT_NAME(command) : "gone");
        return buffer;
}
