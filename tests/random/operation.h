/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* Runs a random operation, waits for its end, and checks the result. */
void operation_run(World *world);
