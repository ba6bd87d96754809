/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Signals go to the system bus and to each peer. */

/* Sends the signals for changes of the model: InterfacesAdded and InterfacesRemoved for objects that were added or
 * removed, and one PropertiesChanged for each object with changed properties. Returns 0, -ENOMEM, or a negative
 * errno of sd-bus. */
int notify_changes(Service *service, const ChangeList *changes);

/* Sends PropertiesChanged for the counts of the Manager object that have changed. Counts devices and groups again
 * only if model_changed is true. Returns as notify_changes() does. */
int notify_manager(Service *service, bool model_changed);

/* Sends PropertiesChanged for the names from the hardware database, of all devices. Returns 0, -ENOMEM, or a negative
 * errno of sd-bus. */
int notify_pci_names(const Service *service);

/* Sends PropertiesChanged for MatchedRule of this device. Returns 0, -ENOMEM, or a negative errno of sd-bus. */
int notify_matched_rule(const Service *service, PciAddress address);

/* Sends the signals for the object of a rule: that it was added or removed, or which of its properties changed (a list that ends
 * with NULL). Return 0, -ENOMEM, or a negative errno of sd-bus. */
int notify_rule_added(const Service *service, const char *name);
int notify_rule_removed(const Service *service, const char *name);
int notify_rule_changed(const Service *service, const char *name, const char *const *properties);

/* Sends RulesChanged. Returns 0 or a negative errno of sd-bus. */
int notify_rules(const Service *service);

/* A job_watch_t that sends the signals for jobs; userdata is the Service. Ignores errors of sending: they mean that
 * the bus is gone, and the daemon learns that from the bus object. */
void notify_job(const Job *job, JobEvent event, void *userdata);

/* Tells which jobs have ended since the last call: sends JobRemoved, and removes their objects. Call it after
 * notify_changes(), so that clients know the last state of the devices before. Returns 0, -ENOMEM, or a negative errno of
 * sd-bus. */
int notify_ended_jobs(Service *service);

/* A revert_watch_t that sends PropertiesChanged for the revert of the group. */
void notify_revert(int group, void *userdata);

/* A lease_watch_t that does the same for leases. */
void notify_lease(const Lease *lease, LeaseEvent event, void *userdata);
