/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* A D-Bus client that checks nothing and marshals by itself: it can send what a library would refuse, or would take
 * minutes for. It also connects as another user. The test fails on every error of the connection. */

typedef struct RawBus RawBus;

/* Connects to $DBUS_SYSTEM_BUS_ADDRESS with that effective uid; the process keeps its own. */
RawBus *raw_bus_connect(uid_t uid);
RawBus *raw_bus_close(RawBus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RawBus, raw_bus_close)

/* Sends a method call to vfiod's Manager at a path. The body is taken over; NULL for none. Returns the serial. */
guint32 raw_bus_send_to(RawBus *bus, const char *path, const char *member, const char *signature, GByteArray *body);
guint32 raw_bus_send(RawBus *bus, const char *member, const char *signature, GByteArray *body);

/* The next answer of vfiod, whichever call it is for. error is NULL for a success. */
typedef struct RawAnswer {
        char *error, *text;
} RawAnswer;

RawAnswer raw_bus_receive(RawBus *bus);
void raw_answer_clear(RawAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RawAnswer, raw_answer_clear)

/* The next answer is this error, with a text that matches the pattern; error NULL: a success. */
void raw_bus_expect(RawBus *bus, const char *error, const char *pattern);

/* Marshalling, each with its alignment. length: of the text, which need not end in NUL. */
GByteArray *raw_body(void);
void raw_put_string(GByteArray *body, const char *text, gsize length);
void raw_put_text(GByteArray *body, const char *text);
void raw_put_signature(GByteArray *body, const char *signature);
/* An array: from begin to end all that is put is an element. Returns what end needs. alignment: of an element. */
guint raw_begin_array(GByteArray *body, guint alignment);
void raw_end_array(GByteArray *body, guint begin, guint alignment);
/* Begins an element {sv} with its key and the signature of its value. */
void raw_put_key(GByteArray *body, const char *key, const char *signature);
