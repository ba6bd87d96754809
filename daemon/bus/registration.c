/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/registration.h"
#include "base/log.h"
#include "bus/request.h"

static int refuse(const char *interface, const char *member, const char *what) {
        log_error("%s.%s %s", interface, member, what);
        return -ENOKEY;
}

static int check_method(const MethodAccess *table, const char *interface, const char *member) {
        const MethodAccess *method = action_find(table, interface, member);

        if (!method || method->action <= _ACTION_UNSET || method->action >= _ACTION_MAX)
                return refuse(interface, member, "has no entry that says who may call it.");
        for (const OptionAccess *option = method->options; option && option->name; option++) {
                bool fits = option->action == ACTION_NONE || action_to_string(option->action);

                if (!fits || !request_knows_option(option->name))
                        return refuse(interface, member, "has an option without an entry.");
        }
        return 0;
}

int registration_check(const MethodAccess *table, const char *interface, const sd_bus_vtable *vtable) {
        for (; vtable->type != _SD_BUS_VTABLE_END; vtable++) {
                int r = 0;

                if (vtable->type == _SD_BUS_VTABLE_METHOD)
                        r = check_method(table, interface, vtable->x.method.member);
                else if (vtable->type == _SD_BUS_VTABLE_WRITABLE_PROPERTY)
                        r = refuse(interface, vtable->x.property.member, "could be written by everybody.");
                if (r < 0)
                        return r;
        }
        return 0;
}
