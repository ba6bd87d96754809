/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "helper/helper-main.h"
#include "helper/worker-service.h"
#include "process/census-client.h"
#include "process/modules-client.h"
#include "state/first-edition.h"

#define NAME "vfiod-worker"
#define STATE_FOLDER "/run/vfiod"
#define CENSUS_SOCKET "/run/vfiod/census"
#define MODULES_SOCKET "/run/vfiod/modules"
#define REAPER_SOCKET "/run/vfiod/reaper"
#define EARLY_RULES "/run/udev/rules.d/05-vfiod.rules"
#define BOOT_RULES "/etc/udev/rules.d/10-vfiod.rules"

/* By precedence, the highest first. */
static const char *const rule_folders[] = {"/etc/vfiod/rules.d", "/run/vfiod/rules.d", "/usr/lib/vfiod/rules.d", NULL};

static int run(void) {
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        _cleanup_(state_freep) State *state = NULL;
        CensusClient census = census_client(CENSUS_SOCKET);
        int r;

        if ((r = kernel_new("/sys", "/dev", "/proc", modules_client_load, (void *)MODULES_SOCKET, &kernel)) < 0)
                return log_error_errno(r, "Cannot open /sys/bus/pci, /dev and /proc");
        kernel->search_module = modules_client_search;
        kernel->list_variants = modules_client_list_variants;
        kernel->census = &census.port;
        if ((r = state_new(STATE_FOLDER, true, &state)) < 0 || (r = first_edition_take_over(state)) < 0)
                return log_error_errno(r, "Cannot prepare " STATE_FOLDER);
        WorkerHost host = {
                        .kernel = kernel,
                        .devices_fd = state->devices_fd,
                        .transactions_fd = state->transactions_fd,
                        .leases_fd = state->leases_fd,
                        .reverts_fd = state->reverts_fd,
                        .rule_folders = rule_folders,
                        .early_rules = EARLY_RULES,
                        .boot_rules = BOOT_RULES,
                        .reaper = REAPER_SOCKET,
        };
        return helper_listen(NAME,
                        (ListenerParts){
                                        .child_name = "vfiod-job",
                                        .kernel = kernel,
                                        .keep = {state->devices_fd, state->transactions_fd, state->leases_fd,
                                                        state->reverts_fd},
                                        .serve = worker_serve,
                                        .userdata = &host,
                        });
}

int main(int argc, char **argv) {
        return helper_main(argc, argv, NAME, run);
}
