/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/record.h"
#include "base/file.h"
#include "base/text.h"
#include "job/record-json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <zlib.h>

#define HEADER "vfiod-record 1 "
#define RECORD_SIZE_MAX (1024 * 1024)

static const char *const phase_table[_RECORD_PHASE_MAX] = {
                [RECORD_DETACHING] = "detaching",
                [RECORD_DETACHED] = "detached",
                [RECORD_REATTACHING] = "reattaching",
};

static RecordPhase phase_from_string(const char *text) {
        for (RecordPhase phase = 0; phase < _RECORD_PHASE_MAX; phase++)
                if (streq_ptr(text, phase_table[phase]))
                        return phase;
        return _RECORD_PHASE_INVALID;
}

int record_new(unsigned long number, int group, size_t n_members, Record **ret) {
        _cleanup_(record_freep) Record *record = malloc(sizeof(Record));
        if (!record)
                return -ENOMEM;
        *record = (Record){.number = number, .group = group, .lock_fd = -EBADF};
        record->members = calloc(n_members > 0 ? n_members : 1, sizeof(RecordMember));
        if (!record->members)
                return -ENOMEM;
        *ret = TAKE_PTR(record);
        return 0;
}

Record *record_free(Record *record) {
        if (!record)
                return NULL;
        for (size_t i = 0; i < record->n_members; i++)
                device_origin_free(record->members[i].origin);
        free(record->members);
        function_record_free(record->functions);
        (void)safe_close(record->lock_fd);
        free(record);
        return NULL;
}

int record_add(Record *record, PciAddress address, RecordPhase phase, const DeviceOrigin *origin) {
        RecordMember *member = &record->members[record->n_members];

        *member = (RecordMember){.address = address, .phase = phase};
        int r = device_origin_copy(origin, &member->origin);
        if (r >= 0)
                record->n_members++;
        return r;
}

RecordMember *record_find(const Record *record, PciAddress address) {
        for (size_t i = 0; i < record->n_members; i++)
                if (pci_address_equal(record->members[i].address, address))
                        return &record->members[i];
        return NULL;
}

void record_remove_member(Record *record, RecordMember *member) {
        size_t i = (size_t)(member - record->members);

        device_origin_free(member->origin);
        record->n_members--;
        memmove(member, member + 1, (record->n_members - i) * sizeof(RecordMember));
}

/* To JSON and back. What a device does not have is not written; what is missing was not there. */

json_t *record_name_to_json(const char *name) {
        if (!name)
                return json_null();
        _cleanup_free_ char *escaped = text_escape_new(name, TEXT_NAME_ESCAPE);
        return escaped ? json_string(escaped) : NULL;
}

int record_name_from_json(json_t *json, char **ret_name) {
        if (json_is_null(json) || json_string_length(json) == 0) {
                *ret_name = NULL;
                return json_is_null(json) || json_is_string(json) ? 0 : -EBADMSG;
        }
        int r = text_unescape(json_string_value(json), ret_name);
        return r == -EINVAL ? -EBADMSG : r;
}

int record_power_to_json(const PowerSettings *power, json_t *object) {
        if (power->control[0] != '\0' && json_object_set_new(object, "power_control", json_string(power->control)) < 0)
                return -ENOMEM;
        if (power->d3cold_known &&
                        json_object_set_new(object, "d3cold_allowed", json_boolean(power->d3cold_allowed)) < 0)
                return -ENOMEM;
        return 0;
}

int record_power_from_json(json_t *object, PowerSettings *ret) {
        json_t *control = json_object_get(object, "power_control"), *d3cold = json_object_get(object, "d3cold_allowed");

        if ((control && (!json_is_string(control) || json_string_length(control) >= sizeof(ret->control))) ||
                        (d3cold && !json_is_boolean(d3cold)))
                return -EBADMSG;
        *ret = (PowerSettings){.d3cold_known = d3cold, .d3cold_allowed = json_is_true(d3cold)};
        (void)snprintf(ret->control, sizeof(ret->control), "%s", strempty(json_string_value(control)));
        return 0;
}

int record_link_to_json(const VirtualFunctionLink *link, json_t *object) {
        json_t *value;

        if (!link->known)
                return 0;
        value = json_pack("[iiiiiiiii]", (int)link->mac[0], (int)link->mac[1], (int)link->mac[2], (int)link->mac[3],
                        (int)link->mac[4], (int)link->mac[5], (int)link->vlan, (int)link->qos,
                        (int)link->vlan_protocol);
        return json_object_set_new(object, "virtual_function_link", value) < 0 ? -ENOMEM : 0;
}

int record_link_from_json(json_t *object, VirtualFunctionLink *ret) {
        json_t *value = json_object_get(object, "virtual_function_link");
        int mac[MAC_SIZE], vlan, qos, protocol;

        *ret = (VirtualFunctionLink){.known = value};
        if (!value)
                return 0;
        if (json_unpack(value, "[iiiiiiiii]", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &vlan, &qos,
                            &protocol) < 0)
                return -EBADMSG;
        for (size_t i = 0; i < MAC_SIZE; i++)
                ret->mac[i] = (uint8_t)mac[i];
        ret->vlan = (uint16_t)vlan;
        ret->qos = (uint8_t)qos;
        ret->vlan_protocol = (uint16_t)protocol;
        return 0;
}

static int member_to_json(const RecordMember *member, json_t **ret) {
        const DeviceOrigin *origin = member->origin;
        json_t *names = json_array();

        for (const HostName *name = origin->names; name; name = name->next)
                if (json_array_append_new(names,
                                    json_pack("[so]", host_name_kind_to_string(name->kind),
                                                    record_name_to_json(name->name))) < 0) {
                        json_decref(names);
                        return -ENOMEM;
                }
        /* "o" takes its value over, also when it fails. */
        *ret = json_pack("{s:s, s:s, s:[iiiiii], s:b, s:b, s:o, s:o, s:o, s:o}", "address",
                        PCI_ADDRESS_TEXT(member->address), "phase", phase_table[member->phase], "ids",
                        (int)origin->ids.vendor, (int)origin->ids.device, (int)origin->ids.subsystem_vendor,
                        (int)origin->ids.subsystem_device, (int)origin->ids.class, (int)origin->ids.revision,
                        "any_driver", (int)origin->any_driver, "virtual_function", (int)origin->virtual_function,
                        "driver", record_name_to_json(origin->driver), "override",
                        record_name_to_json(origin->override), "module", record_name_to_json(origin->module), "names",
                        names);
        if (!*ret)
                return -ENOMEM;
        int r = record_power_to_json(&origin->power, *ret);
        return r < 0 ? r : record_link_to_json(&origin->link, *ret);
}

static int member_from_json(json_t *json, Record *record) {
        _cleanup_(device_origin_freep) DeviceOrigin *origin = calloc(1, sizeof(DeviceOrigin));
        const char *address_text, *phase_text;
        int vendor, device, subsystem_vendor, subsystem_device, class, revision, any_driver = 0, virtual_function = 0,
                                                                                 r;
        PciAddress address;
        json_t *driver, *override, *module, *names, *name;
        size_t i;

        if (!origin)
                return -ENOMEM;
        if (json_unpack(json, "{s:s, s:s, s:[iiiiii], s?:b, s?:b, s:o, s:o, s:o, s:o}", "address", &address_text,
                            "phase", &phase_text, "ids", &vendor, &device, &subsystem_vendor, &subsystem_device, &class,
                            &revision, "any_driver", &any_driver, "virtual_function", &virtual_function, "driver",
                            &driver, "override", &override, "module", &module, "names", &names) < 0 ||
                        pci_address_parse(address_text, &address) < 0 || phase_from_string(phase_text) < 0 ||
                        !json_is_array(names))
                return -EBADMSG;

        if ((r = record_power_from_json(json, &origin->power)) < 0 ||
                        (r = record_link_from_json(json, &origin->link)) < 0)
                return r;
        origin->any_driver = any_driver;
        origin->virtual_function = virtual_function;
        origin->ids = (PciIds){(uint16_t)vendor, (uint16_t)device, (uint16_t)subsystem_vendor,
                        (uint16_t)subsystem_device, (uint32_t) class, (uint8_t)revision};
        if ((r = record_name_from_json(driver, &origin->driver)) < 0 ||
                        (r = record_name_from_json(override, &origin->override)) < 0 ||
                        (r = record_name_from_json(module, &origin->module)) < 0)
                return r;
        json_array_foreach(names, i, name) {
                _cleanup_free_ char *text = NULL;
                const char *kind;
                json_t *escaped;

                if (json_unpack(name, "[so]", &kind, &escaped) < 0 || host_name_kind_from_string(kind) < 0)
                        return -EBADMSG;
                if ((r = record_name_from_json(escaped, &text)) < 0 || !text)
                        return r < 0 ? r : -EBADMSG;
                if ((r = host_name_list_add(&origin->names, host_name_kind_from_string(kind), text, 0)) < 0)
                        return r;
        }
        return record_add(record, address, phase_from_string(phase_text), origin);
}

static int record_to_json(const Record *record, char **ret) {
        _cleanup_(json_decrefp) json_t *members = json_array(), *root = NULL;

        for (size_t i = 0; i < record->n_members; i++) {
                json_t *member = NULL;

                int r = member_to_json(&record->members[i], &member);
                if (r < 0) {
                        json_decref(member);
                        return r;
                }
                if (json_array_append_new(members, member) < 0)
                        return -ENOMEM;
        }
        root = json_pack("{s:i, s:b, s:O}", "group", record->group, "forced", (int)record->forced, "members", members);
        if (root && record->functions) {
                json_t *functions = NULL;

                int r = function_record_to_json(record->functions, &functions);
                if (r < 0 || json_object_set_new(root, "functions", functions) < 0)
                        return r < 0 ? r : -ENOMEM;
        }
        *ret = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static int record_from_json(unsigned long number, const char *text, size_t length, Record **ret) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(json_decrefp) json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
        json_t *members, *member, *functions = NULL;
        int group, forced = 0, r;
        size_t i;

        if (!root ||
                        json_unpack(root, "{s:i, s?:b, s?:o, s:o}", "group", &group, "forced", &forced, "functions",
                                        &functions, "members", &members) < 0 ||
                        !json_is_array(members))
                return -EBADMSG;
        if ((r = record_new(number, group, json_array_size(members), &record)) < 0)
                return r;
        record->forced = forced;
        if (functions && (r = function_record_from_json(functions, &record->functions)) < 0)
                return r;
        json_array_foreach(members, i, member) {
                if ((r = member_from_json(member, record)) < 0)
                        return r;
        }
        *ret = TAKE_PTR(record);
        return 0;
}

static uint32_t checksum(const char *text, size_t length) {
        return (uint32_t)crc32(0, (const Bytef *)text, (uInt)length);
}

static int boot_id(char buffer[static SD_ID128_STRING_MAX]) {
        sd_id128_t id;

        int r = sd_id128_get_boot(&id);
        if (r >= 0)
                sd_id128_to_string(id, buffer);
        return r;
}

#define RECORD_NAME_MAX 40

static const char *record_name(unsigned long number, const char *suffix, char buffer[static RECORD_NAME_MAX]) {
        (void)snprintf(buffer, RECORD_NAME_MAX, "%lu.%s", number, suffix);
        return buffer;
}

int record_write(int state_fd, Record *record) {
        char name[RECORD_NAME_MAX], new_name[RECORD_NAME_MAX], boot[SD_ID128_STRING_MAX], header[128];
        _cleanup_free_ char *text = NULL;
        int r;

        if ((r = boot_id(boot)) < 0 || (r = record_to_json(record, &text)) < 0)
                return r;
        (void)snprintf(header, sizeof(header), HEADER "%08" PRIx32 " %s\n", checksum(text, strlen(text)), boot);
        record_name(record->number, "record", name);
        record_name(record->number, "new", new_name);

        (void)unlinkat(state_fd, new_name, 0);
        _cleanup_close_ int fd = openat(state_fd, new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                r = -errno;
        else if ((r = file_write_all(fd, header, strlen(header))) >= 0 &&
                        (r = file_write_all(fd, text, strlen(text))) >= 0 &&
                        (fsync(fd) < 0 || renameat(state_fd, new_name, state_fd, name) < 0 || fsync(state_fd) < 0))
                r = -errno;
        if (r < 0) {
                (void)unlinkat(state_fd, new_name, 0);
                return r;
        }

        record->lock_fd = safe_close(record->lock_fd);
        record->lock_fd = TAKE_FD(fd);
        return 0;
}

int record_forget(int state_fd, unsigned long number) {
        char name[RECORD_NAME_MAX];

        return unlinkat(state_fd, record_name(number, "record", name), 0) < 0 && errno != ENOENT ? -errno : 0;
}

int record_delete(int state_fd, unsigned long number) {
        int r = record_forget(state_fd, number);
        return r < 0 ? r : fsync(state_fd) < 0 ? -errno : 0;
}

bool record_file_is_locked(int state_fd, const char *name) {
        _cleanup_close_ int fd = openat(state_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* Opens the file that has the name now: one that was opened just before its worker replaced or deleted it says what is over, and has no lock any
 * more. Returns the descriptor or a negative errno. */
static int open_record(int state_fd, const char *name, bool *ret_locked) {
        for (;;) {
                struct stat opened, named;

                _cleanup_close_ int fd = openat(state_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                if (fd < 0)
                        return -errno;
                bool locked = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
                if (fstat(fd, &opened) < 0 || fstatat(state_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
                        return -errno;
                if (opened.st_dev == named.st_dev && opened.st_ino == named.st_ino) {
                        *ret_locked = locked;
                        return TAKE_FD(fd);
                }
        }
}

int record_read(int state_fd, unsigned long number, Record **ret, bool *ret_locked) {
        char name[RECORD_NAME_MAX], boot[SD_ID128_STRING_MAX], written_boot[SD_ID128_STRING_MAX];
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_free_ char *text = NULL;
        uint32_t written_checksum;
        size_t length = 0;
        int header_length = 0, r;

        bool locked = false;
        _cleanup_close_ int fd = open_record(state_fd, record_name(number, "record", name), &locked);
        if (fd < 0)
                return fd;
        if ((r = file_read_all(fd, RECORD_SIZE_MAX, &text, &length)) < 0)
                return r == -E2BIG ? -EBADMSG : r;

        if (sscanf(text, HEADER "%8" SCNx32 " %32[0-9a-f]%*1[\n]%n", &written_checksum, written_boot, &header_length) !=
                                        2 ||
                        header_length == 0 ||
                        checksum(text + header_length, length - (size_t)header_length) != written_checksum)
                return -EBADMSG;
        if ((r = boot_id(boot)) < 0)
                return r;
        if (!streq(boot, written_boot))
                return -ESTALE;
        if ((r = record_from_json(number, text + header_length, length - (size_t)header_length, &record)) < 0)
                return r;
        *ret = TAKE_PTR(record);
        *ret_locked = locked;
        return 0;
}
