/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule-files.h"

/* An environment with a rule, and a card that can be plugged in. */

#define NEW "0000:00:08.0"
#define NEW_PATH BUS_PATH "/devices/_30000_3a00_3a08_2e0"
#define GROUP20 BUS_PATH "/groups/20"
#define PLUG_NEW "plug " NEW " vendor=8086 device=10d3 class=020000 subsystem=8086:0001 group=20 net=ens8"
#define RULE_NEW "[Match]\nVendor=8086\nDevice=10d3\nSubsystem=8086:0001\n\n[Detach]\n"

/* An environment whose daemon has read this rule. */
Fixture *ruled_start(const char *text);
void ruled_stop(Fixture *fixture);

/* Writes the rule, or replaces the previous rule, without telling the daemon. */
void ruled_put(Fixture *fixture, const char *text);

/* Waits until the device has the state. */
void ruled_wait(Fixture *fixture, const char *path, const char *state);

/* Waits until the daemon has done what it does at once for all earlier events. */
void ruled_synchronize(Fixture *fixture);

/* Checks that the daemon has done all work for earlier events (there is no job), and that this is the state of the
 * device. */
void ruled_assert_quiet(Fixture *fixture, const char *path, const char *state);
