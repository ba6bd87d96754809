/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/census-service.h"
#include "base/log.h"
#include "process/census-client.h"
#include "process/holder-message.h"
#include "usage/census.h"

static int answer(sd_bus_message *call, HolderTable *table, MountTable *mounts) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        /* Nobody waits longer. */
        table->end_us = clock_us(CLOCK_MONOTONIC) + CENSUS_TIMEOUT_US;
        int error = census_search_here(table, mounts);
        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = holder_message_append_answer(reply, error < 0 ? error : table->error, table, mounts)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int method_search(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = userdata};
        _cleanup_(mount_table_done) MountTable mounts = {};
        bool wants_mounts;

        (void)error;
        int r = holder_message_read_search(message, &table, &wants_mounts);
        return r < 0 ? r : answer(message, &table, wants_mounts ? &mounts : NULL);
}

static int method_list_holders(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = userdata};

        (void)error;
        int r = holder_message_read_list(message, &table);
        return r < 0 ? r : answer(message, &table, NULL);
}

/* The listener has checked who connects, so every call is allowed. */
static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Search", HOLDER_MESSAGE_SEARCH, HOLDER_MESSAGE_ANSWER, method_search,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("ListHolders", HOLDER_MESSAGE_LIST, HOLDER_MESSAGE_ANSWER, method_list_holders,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

void census_serve(int fd, void *userdata) {
        int r = peer_serve(fd, PEER_CENSUS_INTERFACE, vtable, userdata);
        if (r < 0)
                log_error_errno(r, "The census cannot talk to its client");
}
