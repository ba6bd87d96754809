/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/finding-rows.h"

/* A virtual machine holds the device: the only finding of a reattach and of a reset. The option "force" of a reattach
 * overrides it. */
static bool is_held(const FindingSource *source) {
        return source->verb == PLAN_REATTACH || source->verb == PLAN_RESET;
}

bool finding_is_overridden(const FindingSource *source, const Finding *finding) {
        return is_held(source) ? source->force : source->overrides & 1U << finding->guard;
}

bool finding_is_obstacle(PlanVerb verb, Outcome outcome) {
        return obstacle_to_string(outcome) && (outcome != OUTCOME_NO_RESET || verb == PLAN_RESET);
}

bool finding_rows_permit(const FindingSource *source) {
        for (size_t i = 0; i < source->findings->n_findings; i++)
                if (!finding_is_overridden(source, &source->findings->findings[i]))
                        return false;
        return source->obstacles->n_obstacles == 0;
}

int finding_group(const Service *service, PciAddress address) {
        const Device *device = inventory_find_device(service->inventory, address);

        return device && device->group ? device->group->number : IOMMU_GROUP_NONE;
}

static int append_string(sd_bus_message *message, const char *key, const char *text) {
        int r;

        if (isempty(text))
                return 0;
        if ((r = sd_bus_message_open_container(message, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append_basic(message, 's', key)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'v', "s")) < 0 ||
                        (r = bus_append_text(message, text)) < 0 || (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

/* The name of the error, the group, and the option that would help; NULL for none. */
static int append_common(sd_bus_message *message, const FindingSource *source, Outcome outcome, PciAddress address,
                const char *option) {
        char error[64];
        int r;

        (void)snprintf(error, sizeof(error), BUS_ERROR_PREFIX "%s", outcome_to_string(outcome));
        if ((r = append_string(message, "Error", error)) < 0 ||
                        (r = sd_bus_message_append(message, "{sv}", "Group", "i",
                                         (int32_t)finding_group(source->service, address))) < 0 ||
                        !option)
                return r;
        return sd_bus_message_append(message, "{sv}", "Options", "as", 1, option);
}

static int append_process(sd_bus_message *message, const Finding *finding) {
        int r;

        if (finding->pid == 0)
                return 0;
        if ((r = sd_bus_message_append(message, "{sv}", "Pid", "u", (uint32_t)finding->pid)) < 0 ||
                        (r = append_string(message, "Command", finding->command)) < 0)
                return r;
        return append_string(message, "Unit", finding->unit);
}

const char *finding_option(const FindingSource *source) {
        return !is_held(source) ? "override" : source->verb == PLAN_REATTACH ? "force" : NULL;
}

const char *finding_cure(const FindingSource *source, const Finding *finding, char buffer[static FINDING_CURE_MAX]) {
        buffer[0] = '\0';
        if (is_held(source) && finding->pid > 0)
                (void)snprintf(buffer, FINDING_CURE_MAX, "End process %d, or take the device out of it",
                                (int)finding->pid);
        else if (is_held(source))
                (void)snprintf(buffer, FINDING_CURE_MAX, "End the process, or take the device out of it");
        return buffer;
}

static int append_finding(sd_bus_message *message, const FindingSource *source, const Finding *finding) {
        bool held = is_held(source);
        char cure[FINDING_CURE_MAX];
        int r;

        if ((r = sd_bus_message_open_container(message, 'r', "sssba{sv}")) < 0 ||
                        (r = sd_bus_message_append(message, "ss", held ? "held" : guard_to_string(finding->guard),
                                         PCI_ADDRESS_TEXT(finding->address))) < 0 ||
                        (r = bus_append_text(message, finding->evidence)) < 0 ||
                        (r = sd_bus_message_append(message, "b", (int)finding_is_overridden(source, finding))) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "{sv}")) < 0 ||
                        (r = append_common(message, source, held ? OUTCOME_HELD : guard_outcome(finding->guard),
                                         finding->address, finding_option(source))) < 0 ||
                        (r = append_process(message, finding)) < 0 ||
                        (r = append_string(message, "Cure", finding_cure(source, finding, cure))) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

const char *obstacle_option(const FindingSource *source, Outcome outcome) {
        switch (outcome) {
        case OUTCOME_GROUP_NEEDS_CONSENT:
                return "companions";
        case OUTCOME_FOREIGN:
                return source->verb == PLAN_REATTACH ? "adopt" : NULL;
        case OUTCOME_DRIVER_UNAVAILABLE:
                return source->verb == PLAN_DETACH ? "driver" : NULL;
        default:
                return NULL;
        }
}

const char *obstacle_cure(const FindingSource *source, const Obstacle *obstacle, char buffer[static FINDING_CURE_MAX]) {
        const char *address = PCI_ADDRESS_TEXT(obstacle->address);

        buffer[0] = '\0';
        switch (obstacle->outcome) {
        case OUTCOME_GROUP_NEEDS_CONSENT:
                (void)snprintf(buffer, FINDING_CURE_MAX, "vfioctl detach %s --group",
                                PCI_ADDRESS_TEXT(source->selected));
                break;
        case OUTCOME_FOREIGN:
                if (source->verb != PLAN_RESET)
                        (void)snprintf(buffer, FINDING_CURE_MAX, "vfioctl reattach %s --adopt", address);
                break;
        case OUTCOME_NOT_DETACHED:
                if (source->verb == PLAN_RESET)
                        (void)snprintf(buffer, FINDING_CURE_MAX, "vfioctl detach %s", address);
                break;
        case OUTCOME_LEASED:
                (void)snprintf(buffer, FINDING_CURE_MAX, "vfioctl release %u", obstacle->lease);
                break;
        case OUTCOME_BUSY:
                (void)snprintf(buffer, FINDING_CURE_MAX, "Try again when the job is done");
                break;
        case OUTCOME_STUCK:
                (void)snprintf(buffer, FINDING_CURE_MAX, "vfioctl jobs");
                break;
        default:
                break;
        }
        return buffer;
}

static int append_obstacle(sd_bus_message *message, const FindingSource *source, const Obstacle *obstacle) {
        const char *option = obstacle_option(source, obstacle->outcome);
        char cure[FINDING_CURE_MAX];
        int r;

        if ((r = sd_bus_message_open_container(message, 'r', "sssba{sv}")) < 0 ||
                        (r = sd_bus_message_append(message, "ss", obstacle_to_string(obstacle->outcome),
                                         PCI_ADDRESS_TEXT(obstacle->address))) < 0 ||
                        (r = bus_append_text(message, obstacle->message)) < 0 ||
                        (r = sd_bus_message_append(message, "b", 0)) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "{sv}")) < 0 ||
                        (r = append_common(message, source, obstacle->outcome, obstacle->address, option)) < 0)
                return r;
        if (obstacle->outcome == OUTCOME_GROUP_NEEDS_CONSENT &&
                        (r = sd_bus_message_append(message, "{sv}", "Companions", "as", 1,
                                         PCI_ADDRESS_TEXT(obstacle->address))) < 0)
                return r;
        if (obstacle->outcome == OUTCOME_LEASED &&
                        (r = sd_bus_message_append(message, "{sv}{sv}", "Lease", "u", (uint32_t)obstacle->lease, "User",
                                         "u", (uint32_t)obstacle->user)) < 0)
                return r;
        if ((r = append_string(message, "Cure", obstacle_cure(source, obstacle, cure))) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_message_close_container(message);
}

int finding_rows_append(sd_bus_message *message, const FindingSource *source) {
        int r = sd_bus_message_open_container(message, 'a', "(sssba{sv})");

        for (size_t i = 0; i < source->obstacles->n_obstacles && r >= 0; i++)
                r = append_obstacle(message, source, &source->obstacles->obstacles[i]);
        for (size_t i = 0; i < source->findings->n_findings && r >= 0; i++)
                r = append_finding(message, source, &source->findings->findings[i]);
        return r < 0 ? r : sd_bus_message_close_container(message);
}
