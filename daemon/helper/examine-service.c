/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/examine-service.h"
#include "policy/plan.h"
#include "process/examine-message.h"

int examine_service_run(const WorkerHost *host, sd_bus_message *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        NodeFact nodes[NODE_FACTS_MAX];
        ModuleSearch module;
        int r;

        modules_search(host->kernel, PLAN_VFIO_DRIVER, &module);
        size_t n = host_facts_read_nodes(host->kernel, nodes);
        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = examine_message_append(reply, &module, nodes, n)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}
