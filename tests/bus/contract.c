/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "contract.h"

#include <string.h>

char *contract_read(void) {
        g_autoptr(GError) error = NULL;
        char *text;

        (void)g_file_get_contents(VFIOD_INTERFACE_XML, &text, NULL, &error);
        g_assert_no_error(error);
        return text;
}

static void interface_unref(void *interface) {
        g_dbus_interface_info_unref(interface);
}

static void collect(const GDBusNodeInfo *node, GPtrArray *interfaces) {
        for (unsigned i = 0; node->interfaces && node->interfaces[i]; i++)
                g_ptr_array_add(interfaces, g_dbus_interface_info_ref(node->interfaces[i]));
        for (unsigned i = 0; node->nodes && node->nodes[i]; i++)
                collect(node->nodes[i], interfaces);
}

GPtrArray *contract_interfaces(void) {
        GPtrArray *interfaces = g_ptr_array_new_with_free_func(interface_unref);
        g_autofree char *text = contract_read();
        g_autoptr(GDBusNodeInfo) node = NULL;
        g_autoptr(GError) error = NULL;

        node = g_dbus_node_info_new_for_xml(text, &error);
        g_assert_no_error(error);
        collect(node, interfaces);
        return interfaces;
}

/* The lines "    NAME   what it means" after the line that begins with "  Errors". */
char **contract_errors(void) {
        g_autoptr(GStrvBuilder) errors = g_strv_builder_new();
        g_autofree char *text = contract_read();
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        unsigned i = 0;

        while (lines[i] && !g_str_has_prefix(lines[i], "  Errors"))
                i++;
        g_assert_nonnull(lines[i]);
        for (i++; lines[i] && g_str_has_prefix(lines[i], "    "); i++) {
                const char *name = lines[i] + strlen("    ");

                if (*name == ' ') /* the line continues the previous line */
                        continue;
                g_autofree char *error = g_strndup(name, strcspn(name, " "));
                g_strv_builder_add(errors, error);
        }
        return g_strv_builder_end(errors);
}

/* The annotations that say what a method needs. sd-bus cannot introspect them. */
#define OWN_ANNOTATION "org.vfiod1."
#define OWN_OPTION OWN_ANNOTATION "Option."

const char *contract_action(const GDBusMethodInfo *method) {
        const char *action = g_dbus_annotation_info_lookup(method->annotations, OWN_ANNOTATION "Action");

        if (!action)
                g_error("the contract does not say who may call %s", method->name);
        return action;
}

char **contract_options(const GDBusMethodInfo *method) {
        g_autoptr(GStrvBuilder) options = g_strv_builder_new();

        for (unsigned i = 0; method->annotations && method->annotations[i]; i++)
                if (g_str_has_prefix(method->annotations[i]->key, OWN_OPTION))
                        g_strv_builder_add(options, method->annotations[i]->key + strlen(OWN_OPTION));
        return g_strv_builder_end(options);
}

const char *contract_option_action(const GDBusMethodInfo *method, const char *option) {
        g_autofree char *key = g_strconcat(OWN_OPTION, option, NULL);

        return g_dbus_annotation_info_lookup(method->annotations, key);
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void append_annotations(GString *text, GDBusAnnotationInfo *const *annotations) {
        for (; annotations && *annotations; annotations++)
                if (!g_str_has_prefix((*annotations)->key, OWN_ANNOTATION))
                        g_string_append_printf(text, " [%s=%s]", (*annotations)->key, (*annotations)->value);
}

static void append_arguments(GString *text, const char *direction, GDBusArgInfo *const *arguments) {
        for (; arguments && *arguments; arguments++) {
                g_string_append_printf(
                                text, " %s %s %s", direction, (*arguments)->signature, (*arguments)->name ?: "?");
                append_annotations(text, (*arguments)->annotations);
        }
}

char *interface_to_text(const GDBusInterfaceInfo *interface) {
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

        for (unsigned i = 0; interface->methods && interface->methods[i]; i++) {
                const GDBusMethodInfo *method = interface->methods[i];
                g_autoptr(GString) line = g_string_new(NULL);

                g_string_append_printf(line, "method %s", method->name);
                append_arguments(line, "in", method->in_args);
                append_arguments(line, "out", method->out_args);
                append_annotations(line, method->annotations);
                g_ptr_array_add(lines, g_strdup(line->str));
        }
        for (unsigned i = 0; interface->signals && interface->signals[i]; i++) {
                g_autoptr(GString) line = g_string_new(NULL);

                g_string_append_printf(line, "signal %s", interface->signals[i]->name);
                append_arguments(line, "out", interface->signals[i]->args);
                append_annotations(line, interface->signals[i]->annotations);
                g_ptr_array_add(lines, g_strdup(line->str));
        }
        for (unsigned i = 0; interface->properties && interface->properties[i]; i++) {
                const GDBusPropertyInfo *property = interface->properties[i];
                g_autoptr(GString) line = g_string_new(NULL);

                g_string_append_printf(line, "property %s %s%s%s", property->name, property->signature,
                                property->flags & G_DBUS_PROPERTY_INFO_FLAGS_READABLE ? " read" : "",
                                property->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE ? " write" : "");
                append_annotations(line, property->annotations);
                g_ptr_array_add(lines, g_strdup(line->str));
        }
        g_ptr_array_sort(lines, compare_texts);
        g_ptr_array_add(lines, NULL);
        g_autofree char *members = g_strjoinv("\n", (char **)lines->pdata);
        g_autoptr(GString) text = g_string_new(interface->name);
        append_annotations(text, interface->annotations);
        return g_strconcat(text->str, "\n", members, NULL);
}

const GDBusInterfaceInfo *contract_find_interface(GPtrArray *interfaces, const char *name) {
        for (guint i = 0; i < interfaces->len; i++)
                if (g_str_equal(((const GDBusInterfaceInfo *)interfaces->pdata[i])->name, name))
                        return interfaces->pdata[i];
        g_error("there is no interface %s", name);
        return NULL;
}
