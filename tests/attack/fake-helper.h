/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"
#include "process/peer.h"

/* A program that took over a helper of vfiod: it is at the socket of the helper, and does what a test wants. */

typedef struct FakeHelper FakeHelper;

/* Serves one connection in a thread. Waits for a call of vfiod, and calls act() with the call. act() may send what it wants
 * over fd, which is the descriptor of the connection, or with the functions of sd-bus, and the connection ends when it
 * returns. */
typedef void (*fake_helper_act_t)(sd_bus *peer, sd_bus_message *call, void *userdata);

/* Puts the program in the place of the real helper: "worker" or "census". */
FakeHelper *fake_helper_begin(Fixture *fixture, const char *helper, fake_helper_act_t act, void *userdata);

/* The same for a program that does not speak the protocol: act() gets the descriptor of each connection. */
typedef void (*fake_helper_talk_t)(int fd);
FakeHelper *fake_helper_begin_raw(Fixture *fixture, const char *helper, fake_helper_talk_t talk);

/* Waits until the program has ended, and puts the real helper back. */
void fake_helper_end(FakeHelper *helper);

/* Sends everything that the program has sent so far. Returns false if vfiod has closed the connection. */
bool fake_helper_flush(sd_bus *peer);

/* Waits until vfiod has closed the connection. */
void fake_helper_await_end(sd_bus *peer);
