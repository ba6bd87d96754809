/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/census.h"
#include "job/job.h"
#include "kernel/pci-names.h"
#include "model/follower.h"
#include "rule/rule-keeper.h"
#include <systemd/sd-bus.h>

/* What vfiod offers on the bus. The service borrows all that it serves from: these outlive it. */

#define BUS_NAME "org.vfiod1"
#define BUS_PATH "/org/vfiod1"
#define BUS_PATH_GROUPS BUS_PATH "/groups"
#define BUS_PATH_DEVICES BUS_PATH "/devices"
#define BUS_PATH_JOBS BUS_PATH "/jobs"
#define BUS_INTERFACE_MANAGER "org.vfiod1.Manager"
#define BUS_INTERFACE_GROUP "org.vfiod1.Group"
#define BUS_INTERFACE_DEVICE "org.vfiod1.Device"
#define BUS_INTERFACE_JOB "org.vfiod1.Job"
#define BUS_ERROR_PREFIX "org.vfiod1.Error."

/* What the Manager object tells of the whole. */
typedef struct ManagerFacts {
        uint32_t n_devices, n_groups, n_detached, events_lost;
} ManagerFacts;

typedef struct CallerQuery CallerQuery;

typedef struct Service {
        sd_bus *bus;
        const Kernel *kernel;
        Inventory *inventory;
        JobTable *jobs;
        PciNames *names;
        CensusTable *censuses;
        RuleKeeper *rules;
        const Follower *follower;
        ManagerFacts told;    /* the last time; of notify.c */
        CallerQuery *queries; /* calls that wait until the bus says who the caller is; of authorize.c */
        size_t n_queries;

        /* Has everything read anew, and answers the call then; NULL for nobody. Returns 0 or a negative errno. */
        int (*rescan)(void *userdata, sd_bus_message *call);
        void *rescan_userdata;
} Service;

/* The service, from within a handler or getter of one of its objects. */
Service *service_of(sd_bus *bus);

void service_count(const Service *service, ManagerFacts *ret);

/* Paths of objects; to be freed. Return 0 or -ENOMEM. */
int service_group_path(int number, char **ret);
int service_device_path(PciAddress address, char **ret);
