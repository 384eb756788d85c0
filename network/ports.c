/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/ports.c - the grammar of published ports
 *
 *	PORT[-END][/PROTOCOL]				any free port of the host
 *	[HOST_PORT[-END]]:PORT[-END][/PROTOCOL]
 *	IP:[HOST_PORT[-END]]:PORT[-END][/PROTOCOL]	[IPv6] in brackets
 *
 * Both ranges have the same length. "0" is no port; an empty host port lets dhow choose.
 */
#include "network/network.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#define PORT_TEXT_MAX 256

static const char *const port_protocol_names[] = {
	[PORT_TCP] = "tcp",
	[PORT_UDP] = "udp",
	[PORT_SCTP] = "sctp",
};
NAME_TABLE(port_protocol, PORT_PROTOCOL_COUNT)

void port_mappings_release(struct port_mappings *ports)
{
	if (ports == NULL)
		return;

	for (size_t i = 0; i < ports->count; i++)
		free(ports->items[i].host_ip);
	free(ports->items);
	*ports = (struct port_mappings){ NULL, 0 };
}

/* "80" or "80-90": first and how many */
static int parse_range(const char *text, uint16_t *ret_first, uint16_t *ret_count)
{
	cleanup_strv struct strv parts = STRV_INIT;
	uint16_t first, last;

	strv_split(&parts, text, '-');
	if (parts.count != 1 && parts.count != 2)
		return -EINVAL;
	if (parse_u16(parts.items[0], &first) < 0 ||
	    parse_u16(parts.items[parts.count - 1], &last) < 0)
		return -EINVAL;
	if (first == 0 || last < first)
		return -EINVAL;

	*ret_first = first;
	*ret_count = (uint16_t)(last - first + 1);
	return 0;
}

/* cuts "/PROTOCOL" off the text */
static int cut_protocol(char *text, enum port_protocol *ret)
{
	char *slash = strchr(text, '/');

	*ret = PORT_TCP;
	if (slash == NULL)
		return 0;

	*slash++ = '\0';
	for (char *c = slash; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	int protocol = port_protocol_parse(slash);
	if (protocol < 0)
		return -EINVAL;

	*ret = (enum port_protocol)protocol;
	return 0;
}

/* The address in its canonical form, yours; "0.0.0.0" stays, so that nobody thinks of IPv6. */
static char *canonical_ip(const char *text)
{
	char buffer[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, address) != 1 ||
	    inet_ntop(family, address, buffer, sizeof(buffer)) == NULL)
		return NULL;
	return xstrdup(buffer);
}

/*
 * Cuts text into host ip, host port and container port, which point into it; NULL where a part is missing. What
 * was wrong, or NULL.
 */
static const char *cut_parts(char *text, char **ret_ip, char **ret_host, char **ret_container)
{
	char *ip = NULL;

	if (*text == '[') {
		char *end = strchr(text, ']');

		if (end == NULL || end[1] != ':')
			return "a bracketed address must end in ']:'";
		*end = '\0';
		ip = text + 1;
		text = end + 2;
		if (strchr(ip, ':') == NULL)
			return "only IPv6 addresses are written in brackets";
		if (strchr(text, ':') == NULL)
			return "the host port is missing after the address";
	}

	char *last = strrchr(text, ':');
	*ret_host = NULL;
	*ret_container = last != NULL ? last + 1 : text;
	if (last != NULL) {
		*last = '\0';
		char *first = strchr(text, ':');

		if (first != NULL) {
			if (ip != NULL || strchr(first + 1, ':') != NULL)
				return "there are too many ':'; IPv6 addresses are written in "
				       "brackets";
			*first = '\0';
			ip = text;
			text = first + 1;
		}
		*ret_host = text;
	}
	*ret_ip = ip;
	return NULL;
}

/* Fills mapping. What was wrong, or NULL. */
static const char *parse_mapping(char *text, struct port_mapping *mapping)
{
	char *ip, *host, *container;

	if (cut_protocol(text, &mapping->protocol) < 0)
		return "the protocol is tcp, udp or sctp";

	const char *wrong = cut_parts(text, &ip, &host, &container);
	if (wrong != NULL)
		return wrong;

	if (parse_range(container, &mapping->container_port, &mapping->range) < 0)
		return "the container port is 1 to 65535, or a range such as 8000-8010";

	uint16_t host_count = mapping->range;
	if (host != NULL && *host != '\0' &&
	    parse_range(host, &mapping->host_port, &host_count) < 0)
		return "the host port is 1 to 65535, or a range such as 8000-8010";
	if (host_count != mapping->range)
		return "both ranges must have the same length";

	if (ip != NULL) {
		mapping->host_ip = canonical_ip(ip);
		if (mapping->host_ip == NULL)
			return "the address is not one";
	}
	return NULL;
}

static bool ranges_meet(uint32_t a, uint32_t b, uint32_t a_count, uint32_t b_count)
{
	return a < b + b_count && b < a + a_count;
}

static bool is_any_address(const char *ip)
{
	return ip == NULL || str_equal(ip, "0.0.0.0");
}

/* 1 the same mapping is there, -1 another one wants the same host port, 0 neither */
static int find_conflict(const struct port_mappings *ports, const struct port_mapping *mapping)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *other = &ports->items[i];
		bool same_ip = str_equal_null(mapping->host_ip, other->host_ip);

		if (other->protocol != mapping->protocol)
			continue;
		if (same_ip && other->host_port == mapping->host_port &&
		    other->container_port == mapping->container_port &&
		    other->range == mapping->range)
			return 1;
		if (mapping->host_port == 0 || other->host_port == 0)
			continue;
		if ((same_ip || is_any_address(mapping->host_ip) ||
		     is_any_address(other->host_ip)) &&
		    ranges_meet(mapping->host_port, other->host_port, mapping->range, other->range))
			return -1;
	}
	return 0;
}

static int add_text(const char *text, bool exposed, struct port_mappings *ports, struct err *err)
{
	const char *what = exposed ? "exposed port" : "published port";
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	struct port_mapping mapping = { 0 };
	const char *wrong;

	strbuf_add_escaped(&shown, text);
	if (strlen(text) > PORT_TEXT_MAX)
		return err_set(err, ERR_USAGE, "invalid %s '%s': it is too long", what, shown.data);

	cleanup_free char *copy = xstrdup(text);
	wrong = parse_mapping(copy, &mapping);
	if (wrong == NULL && exposed && strchr(text, ':') != NULL)
		wrong = "only a container port can be exposed";
	if (wrong != NULL) {
		free(mapping.host_ip);
		err_set(err, ERR_USAGE, "invalid %s '%s': %s", what, shown.data, wrong);
		return err_hint(err, exposed ? "Write PORT[-END][/PROTOCOL]."
					     : "Write [[IP:][HOST_PORT]:]PORT[/PROTOCOL].");
	}

	int conflict = find_conflict(ports, &mapping);
	if (conflict != 0) {
		free(mapping.host_ip);
		if (conflict > 0)
			return 0;
		return err_set(err, ERR_USAGE,
			       "invalid published port '%s': the host port is published twice",
			       shown.data);
	}

	ports->items = xreallocarray(ports->items, ports->count + 1, sizeof(*ports->items));
	ports->items[ports->count++] = mapping;
	return 0;
}

int port_parse(const char *text, struct port_mappings *ports, struct err *err)
{
	return add_text(text, false, ports, err);
}

int port_parse_exposed(const char *text, struct port_mappings *ports, struct err *err)
{
	return add_text(text, true, ports, err);
}

static void add_range(struct strbuf *out, uint16_t first, uint16_t count)
{
	strbuf_addf(out, "%u", first);
	if (count > 1)
		strbuf_addf(out, "-%u", (unsigned)first + count - 1);
}

void port_format(const struct port_mappings *ports, struct strbuf *out)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *port = &ports->items[i];

		if (i > 0)
			strbuf_adds(out, ", ");
		if (port->host_port != 0) {
			const char *ip = port->host_ip != NULL ? port->host_ip : "0.0.0.0";

			strbuf_addf(out, strchr(ip, ':') != NULL ? "[%s]:" : "%s:", ip);
			add_range(out, port->host_port, port->range);
			strbuf_adds(out, "->");
		}
		add_range(out, port->container_port, port->range);
		strbuf_addf(out, "/%s", port_protocol_name(port->protocol));
	}
}
