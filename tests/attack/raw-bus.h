/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* A D-Bus client that checks nothing and marshals by itself. It can send what a library would refuse or would need
 * minutes for. It can also connect as another user. The test fails on any error of the connection. */

typedef struct RawBus RawBus;

/* Connects to $DBUS_SYSTEM_BUS_ADDRESS with this effective uid; the process keeps its own uid. */
RawBus *raw_bus_connect(uid_t uid);
RawBus *raw_bus_close(RawBus *bus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RawBus, raw_bus_close)

/* Sets the effective uid of this thread only. */
void raw_bus_set_effective_uid(uid_t uid);

/* Waits until the bus daemon has handled everything that these connections sent before. observer: another connection,
 * which waits for no answer. */
void raw_bus_await_calls(RawBus **buses, guint n, RawBus *observer);

/* Its unique name on the bus. */
const char *raw_bus_get_name(const RawBus *bus);

/* Connects to root's socket at this path. */
RawBus *raw_bus_connect_directly(const char *path);
/* Whether the other end closes the connection of such a user at once. */
bool raw_bus_is_refused(const char *path, uid_t uid);

/* Sends n calls without arguments and reads no answer. Returns whether the other end closes the connection. */
bool raw_bus_send_until_lost(RawBus *bus, const char *member, guint n);

/* Sends a method call to vfiod's Manager at a path. Takes the ownership of the body; NULL for none. Returns the
 * serial. */
guint32 raw_bus_send_to(RawBus *bus, const char *path, const char *member, const char *signature, GByteArray *body);
guint32 raw_bus_send(RawBus *bus, const char *member, const char *signature, GByteArray *body);

/* The same to any interface; NULL for none. */
guint32 raw_bus_send_call(RawBus *bus, const char *path, const char *interface, const char *member,
                const char *signature, GByteArray *body);

/* Asks for all objects, which is the call with the largest answer. */
guint32 raw_bus_send_managed_objects(RawBus *bus);

/* The next answer of vfiod to any call. error is NULL for success. */
typedef struct RawAnswer {
        char *error, *text;
} RawAnswer;

RawAnswer raw_bus_receive(RawBus *bus);
void raw_answer_clear(RawAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RawAnswer, raw_answer_clear)

/* Returns the serial of the call to which the next answer belongs, and the name of the error or NULL. */
guint32 raw_bus_receive_error(RawBus *bus, char **ret_error);

/* Checks that the next answer is this error (NULL: success), and that its text matches the pattern. */
void raw_bus_expect(RawBus *bus, const char *error, const char *pattern);

/* Marshalling; each helper adds its alignment. length: of the text, which needs no NUL at its end. */
GByteArray *raw_body(void);
void raw_align(GByteArray *body, guint alignment);
void raw_put_string(GByteArray *body, const char *text, gsize length);
void raw_put_text(GByteArray *body, const char *text);
void raw_put_signature(GByteArray *body, const char *signature);
/* A boolean. */
void raw_put_true(GByteArray *body);
/* An array: everything that is added between begin and end is an element. Returns a value to pass to end. alignment:
 * of an element. */
guint raw_begin_array(GByteArray *body, guint alignment);
void raw_end_array(GByteArray *body, guint begin, guint alignment);
/* Begins an element {sv} with its key and the signature of its value. */
void raw_put_key(GByteArray *body, const char *key, const char *signature);
