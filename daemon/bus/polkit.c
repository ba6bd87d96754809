/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/polkit.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

#define FLAG_ALLOW_USER_INTERACTION 1U

/* Of the result. */
#define DETAIL_DISMISSED "polkit.dismissed"

struct PolkitCheck {
        sd_bus *bus;
        sd_bus_slot *slot, *watch_slot;
        polkit_done_t done;
        void *userdata;
        bool answered;
        char cancellation_id[32];
};

const char *polkit_answer_to_string(PolkitAnswer answer) {
        static const char *const words[_POLKIT_ANSWER_MAX] = {
                        [POLKIT_AUTHORIZED] = "authorized",
                        [POLKIT_DENIED] = "denied",
                        [POLKIT_DISMISSED] = "dismissed",
                        [POLKIT_CHALLENGE] = "authentication needed",
                        [POLKIT_ABSENT] = "absent",
                        [POLKIT_FAILED] = "failed",
                        [POLKIT_TIMED_OUT] = "timed out",
                        [POLKIT_CALLER_GONE] = "caller gone",
        };

        return words[answer];
}

static void answer(PolkitCheck *check, PolkitAnswer result, const char *error) {
        if (check->answered)
                return;
        check->answered = true;
        check->done(result, error, check->userdata);
}

static void send_cancel(PolkitCheck *check) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;

        if (sd_bus_message_new_method_call(check->bus, &call, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                            "CancelCheckAuthorization") >= 0 &&
                        sd_bus_message_append(call, "s", check->cancellation_id) >= 0 &&
                        sd_bus_message_set_expect_reply(call, false) >= 0 &&
                        sd_bus_message_set_auto_start(call, false) >= 0)
                (void)sd_bus_send(check->bus, call, NULL);
}

PolkitCheck *polkit_check_free(PolkitCheck *check) {
        if (!check)
                return NULL;
        if (check->slot && !check->answered)
                send_cancel(check);
        sd_bus_slot_unref(check->slot);
        sd_bus_slot_unref(check->watch_slot);
        sd_bus_unref(check->bus);
        free(check);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(PolkitCheck *, polkit_check_free)

/* Reads the details of a result. Gets whether the person cancelled the dialog. */
static int read_details(sd_bus_message *reply, bool *ret_dismissed) {
        const char *key, *value;

        int r = sd_bus_message_enter_container(reply, 'a', "{ss}");
        while (r >= 0 && (r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
                *ret_dismissed = *ret_dismissed || (streq(key, DETAIL_DISMISSED) && !isempty(value));
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static PolkitAnswer read_result(sd_bus_message *reply) {
        int authorized, challenge;
        bool dismissed = false;

        if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                        sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0 ||
                        read_details(reply, &dismissed) < 0 || sd_bus_message_exit_container(reply) < 0)
                return POLKIT_FAILED;
        return authorized           ? POLKIT_AUTHORIZED
                        : dismissed ? POLKIT_DISMISSED
                        : challenge ? POLKIT_CHALLENGE
                                    : POLKIT_DENIED;
}

static PolkitAnswer answer_of_error(const sd_bus_error *error) {
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT))
                return POLKIT_TIMED_OUT;
        /* the bus has no such service, or cannot start it */
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                            "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.UnitMasked") ||
                        startswith(strempty(error->name), "org.freedesktop.DBus.Error.Spawn."))
                return POLKIT_ABSENT;
        return POLKIT_FAILED;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        PolkitCheck *check = userdata;

        (void)ret_error;
        if (!error) {
                answer(check, read_result(reply), NULL);
                return 0;
        }
        PolkitAnswer result = answer_of_error(error);
        /* Its dialog may still be open. */
        if (result == POLKIT_TIMED_OUT && !check->answered)
                send_cancel(check);
        answer(check, result, error->message);
        return 0;
}

static void give_up(PolkitCheck *check, PolkitAnswer result, const char *error) {
        if (check->answered)
                return;
        send_cancel(check);
        answer(check, result, error);
}

/* The bus tells that a name has another owner. A unique name has one owner, and then none. */
static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)message, (void)error;
        give_up(userdata, POLKIT_CALLER_GONE, NULL);
        return 0;
}

/* Without the watch, a change could be made for a caller that gave up long ago. */
static int on_watched(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);

        (void)error;
        if (refusal)
                give_up(userdata, POLKIT_FAILED, refusal->message);
        return 0;
}

/* The bus handles messages in their order: it knows the watch before polkit gets the question. If the caller left the bus
 * before that, polkit does not find its user, and answers with an error. */
static int watch_caller(PolkitCheck *check, const char *caller) {
        char rule[512];

        int n = snprintf(rule, sizeof(rule),
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                        caller);
        if (n < 0 || (size_t)n >= sizeof(rule) || caller[0] != ':' || strchr(caller, '\''))
                return -EINVAL;
        return sd_bus_add_match_async(check->bus, &check->watch_slot, rule, on_owner_changed, on_watched, check);
}

static int append_details(sd_bus_message *call, const PolkitQuestion *question) {
        int r = sd_bus_message_open_container(call, 'a', "{ss}");

        for (size_t i = 0; i < question->n_details && r >= 0; i++)
                r = sd_bus_message_append(call, "{ss}", question->details[i].key, question->details[i].value);
        return r < 0 ? r : sd_bus_message_close_container(call);
}

static int send_question(PolkitCheck *check, const PolkitQuestion *question) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if ((r = sd_bus_message_new_method_call(check->bus, &call, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                             "CheckAuthorization")) < 0 ||
                        (r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                         question->caller, question->action)) < 0 ||
                        (r = append_details(call, question)) < 0 ||
                        (r = sd_bus_message_append(call, "us", question->interactive ? FLAG_ALLOW_USER_INTERACTION : 0U,
                                         check->cancellation_id)) < 0)
                return r;
        return sd_bus_call_async(check->bus, &check->slot, call, on_answer, check, question->deadline_us);
}

int polkit_ask(sd_bus *bus, const PolkitQuestion *question, polkit_done_t done, void *userdata, PolkitCheck **ret) {
        static unsigned long long n_questions;
        _cleanup_(polkit_check_freep) PolkitCheck *check = calloc(1, sizeof(PolkitCheck));
        int r;

        if (!check)
                return -ENOMEM;
        check->bus = sd_bus_ref(bus);
        check->done = done;
        check->userdata = userdata;
        (void)snprintf(check->cancellation_id, sizeof(check->cancellation_id), "vfiod-%llu", ++n_questions);
        if ((r = watch_caller(check, question->caller)) < 0 || (r = send_question(check, question)) < 0)
                return r;
        *ret = TAKE_PTR(check);
        return 0;
}
