/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The format of libvirt: src/conf/node_device_conf.c there. libvirt, as root, reads the configuration space, of which vfiod sees only
 * the header: the number of the port comes from a caller that is root. */
#include "base/text.h"
#include "fragment/formats.h"

#define CLASS_CARDBUS 0x0607

/* "pci_0000_3b_00_0" */
static void write_name(FILE *stream, PciAddress address) {
        (void)fprintf(stream, "pci_%04x_%02x_%02x_%x", address.domain, address.bus, address.slot, address.function);
}

static void write_address(FILE *stream, const char *indent, PciAddress address) {
        (void)fprintf(stream, "%s<address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>\n", indent,
                        address.domain, address.bus, address.slot, address.function);
}

/* A name of the host or of the database may have any bytes; XML has only UTF-8. */
static int write_text(FILE *stream, const char *text) {
        _cleanup_free_ char *escaped = text_escape_new(text, TEXT_MESSAGE_ESCAPE);

        if (!escaped)
                return -ENOMEM;
        fragment_write_xml(stream, escaped);
        return 0;
}

/* "<product id='0x10d3'>82574L Gigabit Network Connection</product>" */
static int write_named_id(FILE *stream, const char *element, uint16_t id, const char *name) {
        (void)fprintf(stream, "    <%s id='0x%04x'", element, id);
        if (isempty(name)) {
                (void)fputs("/>\n", stream);
                return 0;
        }
        (void)fputc('>', stream);
        int r = write_text(stream, name);
        (void)fprintf(stream, "</%s>\n", element);
        return r;
}

static void write_parent(FILE *stream, const Device *device) {
        (void)fputs("  <parent>", stream);
        if (device->has_upstream)
                write_name(stream, device_upstream(device));
        else if (device->behind_controller)
                write_name(stream, device->controller);
        else
                (void)fputs("computer", stream);
        (void)fputs("</parent>\n", stream);
}

/* The VFs of a PF. VFs are in the list of the group of the PF only without ACS, so all devices of the model are asked. */
static void write_functions(FILE *stream, const FragmentQuestion *question, const Device *device) {
        size_t n, n_functions = 0;

        if (device->virtual_function) {
                (void)fputs("    <capability type='phys_function'>\n", stream);
                write_address(stream, "      ", device_physical_function(device));
                (void)fputs("    </capability>\n", stream);
        }
        if (device->virtual_functions_max == 0)
                return;
        (void)fprintf(stream, "    <capability type='virt_functions' maxCount='%u'",
                        (unsigned)device->virtual_functions_max);
        Device *const *devices = inventory_devices(question->inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (device_is_vf_of(devices[i], device)) {
                        (void)fputs(n_functions++ == 0 ? ">\n" : "", stream);
                        write_address(stream, "      ", devices[i]->address);
                }
        (void)fputs(n_functions == 0 ? "/>\n" : "    </capability>\n", stream);
}

static void write_group(FILE *stream, const Group *group) {
        (void)fprintf(stream, "    <iommuGroup number='%d'>\n", group->number);
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->present)
                        write_address(stream, "      ", group->members[i]->address);
        (void)fputs("    </iommuGroup>\n", stream);
}

static const PciIsolation *find_space(const FragmentQuestion *question, PciAddress address) {
        for (size_t i = 0; question->spaces && i < question->spaces->n_spaces; i++)
                if (pci_address_equal(question->spaces->spaces[i].address, address))
                        return &question->spaces->spaces[i].isolation;
        return NULL;
}

/* 2500 MT/s is "2.5". */
static void write_link(FILE *stream, const char *validity, const char *port, uint32_t speed, unsigned width) {
        (void)fprintf(stream, "      <link validity='%s'%s", validity, port);
        if (speed > 0)
                (void)fprintf(stream, speed % 1000 > 0 ? " speed='%u.%u'" : " speed='%u'", speed / 1000,
                                speed % 1000 / 100);
        (void)fprintf(stream, " width='%u'/>\n", width);
}

/* The model does not know the current link of a suspended device. A caller who has read the configuration space has woken it up. */
static void write_express(FILE *stream, const FragmentQuestion *question, const Device *device) {
        const PciIsolation *space = find_space(question, device->address);
        bool is_known = space && space->link.speed_max > 0;
        const PciLink *link = is_known ? &space->link : &device->link;
        char port[32] = "";

        if (link->speed_max == 0 && !pci_device_is_express(question->kernel, device->address))
                return;
        if (link->speed_max == 0) { /* part of the root complex: it has no link */
                (void)fputs("    <pci-express/>\n", stream);
                return;
        }
        if (is_known)
                (void)snprintf(port, sizeof(port), " port='%u'", (unsigned)space->link_port);
        (void)fputs("    <pci-express>\n", stream);
        write_link(stream, "cap", port, link->speed_max, link->width_max);
        if (link->width > 0)
                write_link(stream, "sta", "", link->speed, link->width);
        (void)fputs("    </pci-express>\n", stream);
}

static int write_capability(FILE *stream, const FragmentQuestion *question, const Device *device) {
        PciAddress address = device->address;
        int r;

        (void)fprintf(stream,
                        "  <capability type='pci'>\n"
                        "    <class>0x%06x</class>\n"
                        "    <domain>%u</domain>\n"
                        "    <bus>%u</bus>\n"
                        "    <slot>%u</slot>\n"
                        "    <function>%u</function>\n",
                        device->ids.class, address.domain, address.bus, address.slot, address.function);
        if ((r = write_named_id(stream, "product", device->ids.device,
                             pci_names_lookup(question->names, PCI_NAME_DEVICE, &device->ids))) < 0 ||
                        (r = write_named_id(stream, "vendor", device->ids.vendor,
                                         pci_names_lookup(question->names, PCI_NAME_VENDOR, &device->ids))) < 0)
                return r;
        write_functions(stream, question, device);
        if (device->bridge)
                (void)fprintf(stream, "    <capability type='%s-bridge'/>\n",
                                device->ids.class >> 8 == CLASS_CARDBUS ? "cardbus" : "pci");
        if (device->group)
                write_group(stream, device->group);
        if (device->numa_node >= 0)
                (void)fprintf(stream, "    <numa node='%d'/>\n", device->numa_node);
        write_express(stream, question, device);
        (void)fputs("  </capability>\n", stream);
        return 0;
}

static int write_device(FILE *stream, const FragmentQuestion *question, const Device *device) {
        char branch[PCI_BRANCH_MAX];
        int r = 0;

        (void)fputs("<device>\n  <name>", stream);
        write_name(stream, device->address);
        (void)fputs("</name>\n", stream);
        if (!isempty(pci_device_read_branch(question->kernel, device->address, branch)))
                (void)fprintf(stream, "  <path>/sys/devices/%s</path>\n", branch);
        write_parent(stream, device);
        if (!isempty(device->driver)) {
                (void)fputs("  <driver>\n    <name>", stream);
                r = write_text(stream, device->driver);
                (void)fputs("</name>\n  </driver>\n", stream);
        }
        if (r >= 0)
                r = write_capability(stream, question, device);
        (void)fputs("</device>\n", stream);
        return r;
}

int fragment_write_nodedev(Fragment *fragment, const FragmentQuestion *question, Problem *problem) {
        const Selection *selection = question->selection;
        int r = 0;

        if (!selection->device && selection->group->n_members > FRAGMENT_NODEDEVS_MAX)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "Group %d has %u devices, and at most %d are described at once: name a device.",
                                selection->group->number, selection->group->n_members, FRAGMENT_NODEDEVS_MAX);
        /* Unlike a virtual machine, libvirt also knows the bridges. */
        if (selection->device)
                r = fragment_add_device(fragment, selection->device);
        for (size_t i = 0; !selection->device && i < selection->group->n_members && r >= 0; i++)
                r = fragment_add_device(fragment, selection->group->members[i]);
        for (size_t i = 0; i < fragment->n_devices && r >= 0; i++)
                r = write_device(fragment->stream, question, fragment->devices[i]);
        return r;
}
