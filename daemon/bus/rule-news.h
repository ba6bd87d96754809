/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Signals about rules: RulesChanged, and the signals of the Rule objects. */

/* Sends them if the status of a device that a rule matches has changed since the last call. Returns 0 or a negative
 * errno of sd-bus. */
int rule_news_tell(Service *service);

/* Reads the rules again, applies them, and sends the signals. deferred: see rule_keeper_reload(). Returns 0 or a negative errno as
 * that does; then the old rules remain active. */
int rule_news_reload(Service *service, const char *const *deferred);

/* Notes what there is without a signal, when the service begins. Returns 0 or -ENOMEM. */
int rule_news_begin(Service *service);

/* Frees what was noted. */
void rule_news_done(Service *service);
