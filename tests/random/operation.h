/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* One operation chosen at random: done, awaited and judged. */
void operation_run(World *world);
