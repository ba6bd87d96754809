/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/transaction.h"

/* A plan for virtual functions carried out, as transaction_run() does it for devices, which calls this. The record of the transaction is about the functions and
 * has no members; new functions that go to vfio-pci get a record of their own, with the next number. */
int function_change_run(Transaction *transaction, TransactionReport *report, Problem *problem);
