/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/examine-message.h"

int examine_message_append(sd_bus_message *reply, const ModuleSearch *module, const NodeFact *nodes, size_t n_nodes) {
        int r = sd_bus_message_append(reply, "uss", (uint32_t)module->file, module->release, module->other);

        if (r < 0 || (r = sd_bus_message_open_container(reply, 'a', "(suuu)")) < 0)
                return r;
        for (size_t i = 0; i < n_nodes && r >= 0; i++)
                r = sd_bus_message_append(reply, "(suuu)", nodes[i].name, (uint32_t)nodes[i].mode,
                                (uint32_t)nodes[i].uid, (uint32_t)nodes[i].gid);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Copies a text that has to fit. */
static bool copy(char *target, size_t size, const char *text) {
        return snprintf(target, size, "%s", text) < (int)size;
}

int examine_message_read(sd_bus_message *reply, HostFacts *facts) {
        const char *release, *other, *name;
        uint32_t file, mode, uid, gid;
        int r;

        if ((r = sd_bus_message_read(reply, "uss", &file, &release, &other)) < 0)
                return r;
        if (file >= _MODULE_FILE_MAX || !copy(facts->module.release, sizeof(facts->module.release), release) ||
                        !copy(facts->module.other, sizeof(facts->module.other), other))
                return -EBADMSG;
        facts->module.file = (ModuleFile)file;
        if ((r = sd_bus_message_enter_container(reply, 'a', "(suuu)")) < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(suuu)", &name, &mode, &uid, &gid)) > 0) {
                NodeFact *node = &facts->nodes[facts->n_nodes];

                if (facts->n_nodes == NODE_FACTS_MAX || !copy(node->name, sizeof(node->name), name))
                        return -EBADMSG;
                node->mode = mode;
                node->uid = uid;
                node->gid = gid;
                facts->n_nodes++;
        }
        if (r >= 0)
                facts->has_worker_facts = true;
        return r;
}
