/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fuzz.h"
#include "process/peer.h"

/* Messages whose fields the input chooses. Bytes that libFuzzer chooses would only test the parser of sd-bus. */

typedef struct MessageInput {
        const uint8_t *data;
        size_t size;
} MessageInput;

/* Returns the next byte of the input, 0 behind its end. */
uint8_t message_input_byte(MessageInput *input);

/* Makes a message that can be read, with these types, or now and then with others. The caller owns it. */
sd_bus_message *message_input_make(MessageInput *input, const char *types);

/* Make an empty call. message_input_seal() makes it readable after the caller has appended to it. The caller owns it. */
sd_bus_message *message_input_new(void);
sd_bus_message *message_input_new_call(const char *path, const char *interface, const char *member);
void message_input_seal(sd_bus_message *message);

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
