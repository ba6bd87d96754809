/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/request.h"

/* Of PCI Express. */
#define CONFIG_SPACE_MAX 4096

static int read_selector(sd_bus_message *call, char **ret) {
        const char *path = sd_bus_message_get_path(call), *text;

        const char *group = startswith(path, BUS_PATH_GROUPS "/");
        if (group)
                return asprintf(ret, "group:%s", group) < 0 ? -ENOMEM : 0;
        int r = sd_bus_path_decode(path, BUS_PATH_DEVICES, ret);
        if (r == 0)
                r = sd_bus_path_decode(path, BUS_PATH_RULES, ret);
        if (r != 0 || sd_bus_message_get_signature(call, true)[0] != 's')
                return r;
        if ((r = sd_bus_message_read_basic(call, 's', &text)) < 0)
                return r;
        *ret = selector_copy(text);
        return *ret ? 0 : -ENOMEM;
}

int request_new(sd_bus_message *call, Request **ret) {
        _cleanup_(request_freep) Request *request = calloc(1, sizeof(Request));
        char *selector = NULL;

        if (!request)
                return -ENOMEM;
        request->method =
                        action_find(action_table, sd_bus_message_get_interface(call), sd_bus_message_get_member(call));
        if (!request->method)
                return -EACCES;
        request->actions = 1U << request->method->action;
        int r = read_selector(call, &selector);
        if (r < 0)
                return r;
        request->selector = selector;
        *ret = TAKE_PTR(request);
        return 0;
}

Request *request_free(Request *request) {
        if (!request)
                return NULL;
        for (size_t i = 0; i < request->companions.n_entries; i++)
                free(request->companions.entries[i]);
        free(request->companions.entries);
        rule_change_list_done(&request->rules);
        free(request->spaces.known);
        free(request->selector);
        free(request->name);
        free(request->driver);
        free(request);
        return NULL;
}

/* Reads a list. Calls add() with each entry. */
static int read_list(sd_bus_message *call, const char *key,
                int (*add)(const char *text, void *field, sd_bus_error *error), void *field, sd_bus_error *error) {
        const char *text;

        int r = sd_bus_message_enter_container(call, 'v', "as");
        if (r < 0)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a list of strings (as).", key);
        /* Not sd_bus_message_read_strv(): it has no limit, and its time is quadratic in systemd 252. */
        r = sd_bus_message_enter_container(call, 'a', "s");
        for (size_t n = 0; r >= 0 && (r = sd_bus_message_read_basic(call, 's', &text)) > 0; n++) {
                size_t length = strlen(text);

                if (n == REQUEST_LIST_MAX)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "Option '%s' may have at most %d entries.", key, REQUEST_LIST_MAX);
                if (length >= SELECTOR_MAX)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "An entry of option '%s' may have at most %d characters, not %zu.", key,
                                        SELECTOR_MAX - 1, length);
                r = add(text, field, error);
        }
        if (r < 0 || (r = sd_bus_message_exit_container(call)) < 0)
                return r;
        return sd_bus_message_exit_container(call);
}

static int add_text(const char *text, void *field, sd_bus_error *error) {
        RequestList *list = field;

        (void)error;
        if (!list->entries)
                list->entries = calloc(REQUEST_LIST_MAX + 1, sizeof(char *));
        char *copy = list->entries ? strdup(text) : NULL;
        if (!copy)
                return -ENOMEM;
        list->entries[list->n_entries++] = copy;
        list->size += strlen(copy) + 1;
        return 0;
}

static int read_texts(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        return read_list(call, key, add_text, field, error);
}

static int add_guard(const char *text, void *field, sd_bus_error *error) {
        unsigned *overrides = field;

        Guard guard = guard_from_string(text);
        if (guard < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no guard '%s' to override: they are storage, network, display, console, "
                                "memory, process, virtual-functions, firmware, unsafe-interrupts and no-reset.",
                                TEXT_EXCERPT(text));
        *overrides |= 1U << guard;
        return 0;
}

static int read_guards(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        return read_list(call, key, add_guard, field, error);
}

static int read_flag(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        bool *flag = field;
        int value;

        int r = sd_bus_message_read(call, "v", "b", &value);
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is true or false (b).", key);
        *flag = value;
        return 0;
}

static int read_fingerprint(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        uint64_t *fingerprint = field;
        const char *text;
        char *end;

        if (sd_bus_message_read(call, "v", "s", &text) < 0)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is the fingerprint of a plan (s).", key);
        errno = 0;
        *fingerprint = strtoull(text, &end, 16);
        if (errno > 0 || strlen(text) != 16 || *end != '\0' || *fingerprint == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no fingerprint of a plan: make one with Plan.", TEXT_EXCERPT(text));
        return 0;
}

static int read_rule_name(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        const char *name;

        if (sd_bus_message_read(call, "v", "s", &name) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a string (s).", key);
        if (!rule_name_is_valid(name))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "A rule's name has letters, digits, '-', '_' and '.', does not begin with '.', and is "
                                "shorter than %d.",
                                RULE_NAME_MAX);
        int r = free_and_strdup(field, name);
        return r < 0 ? r : 0;
}

static int read_driver(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        const char *name;

        if (sd_bus_message_read(call, "v", "s", &name) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a string (s).", key);
        if (!pci_vfio_name_is_valid(name))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no vfio driver: only a driver like vfio-pci or mlx5_vfio_pci can give a "
                                "device to a virtual machine.",
                                TEXT_EXCERPT(name));
        int r = free_and_strdup(field, name);
        return r < 0 ? r : 0;
}

static int read_vf_count(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        unsigned *ret = field;
        uint32_t count;

        if (sd_bus_message_read(call, "v", "u", &count) < 0 || count == 0 || count > RULE_VIRTUAL_FUNCTIONS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is a number from 1 to %d (u).",
                                key, RULE_VIRTUAL_FUNCTIONS_MAX);
        *ret = count;
        return 0;
}

static int read_pid(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        uint32_t *ret = field;
        uint32_t pid;

        if (sd_bus_message_read(call, "v", "u", &pid) < 0 || pid == 0 || pid > INT32_MAX)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is the number of a process (u).", key);
        *ret = pid;
        return 0;
}

static int read_revert_after(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        uint64_t *ret = field, after_us;

        if (sd_bus_message_read(call, "v", "t", &after_us) < 0 || after_us < REVERT_AFTER_MIN_US ||
                        after_us > REVERT_AFTER_MAX_US)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Option '%s' is a time in microseconds, from one second to one day (t).", key);
        *ret = after_us;
        return 0;
}

static int read_version(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        uint64_t *version = field;

        if (sd_bus_message_read(call, "v", "t", version) < 0 || *version == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Option '%s' is a value of the property VersionId (t), which is never 0.", key);
        return 0;
}

/* Reads the configuration space of one function. Only what is known of it is kept. */
static int read_space(sd_bus_message *call, const char *key, IsolationSpaces *spaces, sd_bus_error *error) {
        const char *text;
        const void *bytes;
        size_t size;
        int r;

        if ((r = sd_bus_message_read_basic(call, 's', &text)) < 0 ||
                        (r = sd_bus_message_read_array(call, 'y', &bytes, &size)) < 0)
                return r;
        if (spaces->n_spaces == ISOLATION_SPACES_MAX || size > CONFIG_SPACE_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Option '%s' may have at most %d entries of %d bytes.", key, ISOLATION_SPACES_MAX,
                                CONFIG_SPACE_MAX);
        if (pci_address_parse(text, &spaces->spaces[spaces->n_spaces].address) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "'%s' is no address of a device.",
                                TEXT_EXCERPT(text));
        pci_capability_read(bytes, size, &spaces->spaces[spaces->n_spaces++].isolation);
        return 0;
}

static int read_spaces(sd_bus_message *call, const char *key, void *field, sd_bus_error *error) {
        RequestSpaces *spaces = field;

        int r = sd_bus_message_enter_container(call, 'v', "a{say}");
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Option '%s' has the configuration space of each address (a{say}).", key);
        if (!(spaces->known = calloc(1, sizeof(IsolationSpaces))))
                return -ENOMEM;
        r = sd_bus_message_enter_container(call, 'a', "{say}");
        while (r >= 0 && (r = sd_bus_message_enter_container(call, 'e', "say")) > 0) {
                r = read_space(call, key, spaces->known, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(call);
        }
        if (r < 0 || (r = sd_bus_message_exit_container(call)) < 0)
                return r;
        return sd_bus_message_exit_container(call);
}

#define OPTION(key_, read_, field_) \
        { key_, read_, offsetof(Request, field_), sizeof(((Request *)NULL)->field_) }

/* All options that a method can have. */
static const struct {
        const char *key;
        /* Reads the value, a variant, into the field of the request. */
        int (*read)(sd_bus_message *call, const char *key, void *field, sd_bus_error *error);
        size_t offset, size; /* of the field */
} option_table[] = {
                OPTION("companions", read_texts, companions),
                OPTION("override", read_guards, overrides),
                OPTION("plan", read_fingerprint, fingerprint),
                OPTION("force", read_flag, force),
                OPTION("adopt", read_flag, adopt),
                OPTION("detach", read_flag, detach),
                OPTION("driverless", read_flag, driverless),
                OPTION("name", read_rule_name, name),
                OPTION("driver", read_driver, driver),
                OPTION("virtual-functions", read_vf_count, virtual_functions),
                OPTION("dry-run", read_flag, dry_run),
                OPTION("inspect", read_flag, inspect),
                OPTION("pid", read_pid, pid),
                OPTION("descriptors", read_flag, descriptors),
                OPTION("kill", read_flag, kill),
                OPTION("no-apply", read_flag, no_apply),
                OPTION("explain", read_flag, explain),
                OPTION("iommufd", read_flag, iommufd),
                OPTION("config-space", read_spaces, spaces),
                OPTION("error-details", read_flag, error_details),
                OPTION("revert-after", read_revert_after, revert_after_us),
                OPTION("version-id", read_version, version),
};

static_assert(ELEMENTSOF(option_table) <= 32, "each option has a bit in a mask");

/* Returns the index in option_table, or -1. */
static int find_option(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(option_table); i++)
                if (streq(option_table[i].key, name))
                        return (int)i;
        return -1;
}

bool request_knows_option(const char *name) {
        return find_option(name) >= 0;
}

/* Reads one option. seen is the mask of the options that were read before. */
static int read_option(Request *request, sd_bus_message *call, const MethodAccess *planned, unsigned *seen,
                sd_bus_error *error) {
        const MethodAccess *method = request->method;
        const char *key;

        int r = sd_bus_message_read_basic(call, 's', &key);
        if (r < 0)
                return r;
        const OptionAccess *option = action_find_option(method, key);
        int i = find_option(key);
        /* "inspect" is of Plan itself. */
        bool is_planned = !planned || action_find_option(planned, key) || (option && option->action != ACTION_NONE);
        if (!option || i < 0 || !is_planned)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s has no option '%s'.",
                                planned ? planned->member : method->member, TEXT_EXCERPT(key));
        if (*seen & 1U << i)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is given twice.", key);
        *seen |= 1U << i;
        char *field = (char *)request + option_table[i].offset;
        if ((r = option_table[i].read(call, key, field, error)) < 0)
                return r;
        /* A field that is still 0 asks for nothing. */
        for (size_t k = 0; k < option_table[i].size; k++)
                if (field[k] != 0)
                        request->actions |= 1U << option->action;
        return 0;
}

int request_read_planned_options(
                Request *request, sd_bus_message *call, const MethodAccess *planned, sd_bus_error *error) {
        unsigned seen = 0;

        int r = sd_bus_message_enter_container(call, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
                r = read_option(request, call, planned, &seen, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(call);
        }
        return r < 0 ? r : sd_bus_message_exit_container(call);
}

int request_read_options(Request *request, sd_bus_message *call, sd_bus_error *error) {
        return request_read_planned_options(request, call, NULL, error);
}

int request_read_options_or_dry_run(Request *request, sd_bus_message *call, sd_bus_error *error) {
        int r = request_read_options(request, call, error);

        if (request->dry_run)
                request->actions = 1U << ACTION_NONE;
        return r;
}

bool request_names_rule(const Request *request) {
        return streq(request->method->interface, BUS_INTERFACE_RULE) || streq(request->method->member, "RemoveRule");
}
