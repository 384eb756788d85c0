/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/mode.c - what --network says
 *
 *	none | host | private | default | container:NAME | ns:PATH
 *	slirp4netns[:OPTION=VALUE,...]
 *
 * Anything else is the name of a network, and there are none of those in this version: it is told apart from a mode that is not
 * built, because a user who mistyped wants to read that the name was not found.
 */
#include "network/network.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define SLIRP_MTU	   65520
#define SLIRP_MTU_MIN	   68
#define SLIRP_MTU_MAX	   65521
#define SLIRP_CIDR	   "10.0.2.0/24"
#define SLIRP_PREFIX_MAX   25
#define SLIRP_GATEWAY	   2
#define SLIRP_DNS	   3
#define SLIRP_ADDRESS	   100
#define NETWORK_NAMES_HINT "Use none, host, slirp4netns, container:NAME or ns:PATH."

static const char *const network_kind_names[] = {
	[NETWORK_DEFAULT] = "default",	   [NETWORK_NONE] = "none",
	[NETWORK_HOST] = "host",	   [NETWORK_SLIRP4NETNS] = "slirp4netns",
	[NETWORK_PASTA] = "pasta",	   [NETWORK_BRIDGE] = "bridge",
	[NETWORK_CONTAINER] = "container", [NETWORK_PATH] = "ns",
	[NETWORK_PRIVATE] = "private",
};
NAME_TABLE(network_kind, NETWORK_KIND_COUNT)

void network_mode_release(struct network_mode *mode)
{
	if (mode == NULL)
		return;

	free(mode->argument);
	free(mode->cidr);
	free(mode->outbound_addr);
	free(mode->outbound_addr6);
	*mode = (struct network_mode){ 0 };
}

bool network_is_slirp(const struct network_mode *mode)
{
	return mode->kind == NETWORK_DEFAULT || mode->kind == NETWORK_PRIVATE ||
	       mode->kind == NETWORK_SLIRP4NETNS;
}

/* ---- options of slirp4netns ----------------------------------------------------------------------------------------- */

static void set_host_number(char text[NETWORK_ADDRESS_MAX], uint32_t network, uint32_t number)
{
	struct in_addr address = { htonl(network + number) };

	inet_ntop(AF_INET, &address, text, NETWORK_ADDRESS_MAX);
}

static int set_cidr(struct network_mode *mode, const char *text)
{
	cleanup_strv struct strv parts = STRV_INIT;
	struct in_addr address;
	uint32_t prefix;

	strv_split(&parts, text, '/');
	if (parts.count != 2 || inet_pton(AF_INET, parts.items[0], &address) != 1 ||
	    parse_u32(parts.items[1], &prefix) < 0 || prefix < 1 || prefix > SLIRP_PREFIX_MAX)
		return -EINVAL;

	uint32_t network = ntohl(address.s_addr) & (~0U << (32 - prefix));
	set_host_number(mode->address, network, SLIRP_ADDRESS);
	set_host_number(mode->gateway, network, SLIRP_GATEWAY);
	set_host_number(mode->dns, network, SLIRP_DNS);
	free(mode->cidr);
	mode->cidr = xstrdup(text);
	return 0;
}

static int set_mtu(struct network_mode *mode, const char *text)
{
	uint32_t mtu;

	if (parse_u32(text, &mtu) < 0 || mtu < SLIRP_MTU_MIN || mtu > SLIRP_MTU_MAX)
		return -EINVAL;

	mode->mtu = mtu;
	return 0;
}

static bool is_interface_name(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length >= IFNAMSIZ || *text == '-')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '/' || *text == ':')
			return false;
	return true;
}

static int set_outbound(char **ret, int family, const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(family, text, address) != 1 && !is_interface_name(text))
		return -EINVAL;

	free(*ret);
	*ret = xstrdup(text);
	return 0;
}

static int set_outbound4(struct network_mode *mode, const char *text)
{
	return set_outbound(&mode->outbound_addr, AF_INET, text);
}

static int set_outbound6(struct network_mode *mode, const char *text)
{
	return set_outbound(&mode->outbound_addr6, AF_INET6, text);
}

static int set_loopback(struct network_mode *mode, const char *text)
{
	return parse_bool(text, &mode->allow_host_loopback);
}

static int set_ipv6(struct network_mode *mode, const char *text)
{
	return parse_bool(text, &mode->enable_ipv6);
}

static int set_port_handler(struct network_mode *mode, const char *text)
{
	if (str_equal(text, "rootlesskit"))
		return -EOPNOTSUPP;
	if (!str_equal(text, "slirp4netns"))
		return -EINVAL;

	mode->port_handler_slirp = true;
	return 0;
}

/* one row per option: how it is set, and what may be said */
struct slirp_option {
	const char *name;
	int (*set)(struct network_mode *mode, const char *text);
	const char *expected;
};
static const struct slirp_option slirp_options[] = {
	{ "allow_host_loopback", set_loopback, "true or false" },
	{ "enable_ipv6", set_ipv6, "true or false" },
	{ "mtu", set_mtu, "68 to 65521" },
	{ "cidr", set_cidr, "an IPv4 network of prefix length 1 to 25, such as 10.0.2.0/24" },
	{ "outbound_addr", set_outbound4, "an IPv4 address or the name of an interface" },
	{ "outbound_addr6", set_outbound6, "an IPv6 address or the name of an interface" },
	{ "port_handler", set_port_handler, "slirp4netns" },
};

static int set_slirp_option(struct network_mode *mode, const char *text, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	const char *value = strchr(text, '=');
	size_t name_length = value != NULL ? (size_t)(value - text) : strlen(text);

	strbuf_add_escaped(&shown, text);
	for (size_t i = 0; i < ARRAY_SIZE(slirp_options); i++) {
		const struct slirp_option *option = &slirp_options[i];

		if (strlen(option->name) != name_length ||
		    strncmp(option->name, text, name_length) != 0)
			continue;

		int r = value != NULL ? option->set(mode, value + 1) : -EINVAL;
		if (r == -EOPNOTSUPP) {
			err_set(err, ERR_UNSUPPORTED, "cannot use slirp4netns option '%s'",
				shown.data);
			return err_hint(
				err,
				"Leave it out: slirp4netns forwards the ports itself and keeps "
				"the addresses of clients.");
		}
		if (r < 0)
			return err_set(err, ERR_USAGE,
				       "invalid slirp4netns option '%s': expected %s=, and %s",
				       shown.data, option->name, option->expected);
		return 0;
	}
	err_set(err, ERR_USAGE, "unknown slirp4netns option '%s'", shown.data);
	return err_hint(err,
			"Options are allow_host_loopback, cidr, enable_ipv6, mtu, outbound_addr, "
			"outbound_addr6 and port_handler.");
}

static int parse_slirp(const char *options, struct network_mode *mode, struct err *err)
{
	mode->enable_ipv6 = true;
	mode->mtu = SLIRP_MTU;
	mode->port_handler_slirp = true;
	set_cidr(mode, SLIRP_CIDR);
	if (options == NULL)
		return 0;

	cleanup_strv struct strv parts = STRV_INIT;
	strv_split(&parts, options, ',');
	for (size_t i = 0; i < parts.count; i++)
		if (set_slirp_option(mode, parts.items[i], err) < 0)
			return -1;

	if (mode->outbound_addr6 != NULL && !mode->enable_ipv6)
		return err_set(
			err, ERR_USAGE,
			"cannot use slirp4netns option 'outbound_addr6' with enable_ipv6=false");
	return 0;
}

/* ---- --network ------------------------------------------------------------------------------------------------------ */

static int refuse_mode(const char *shown, enum network_kind kind, struct err *err)
{
	if (kind == NETWORK_BRIDGE)
		err_set(err, ERR_UNSUPPORTED,
			"cannot use network '%s': networks with names are not built yet", shown);
	else
		err_set(err, ERR_UNSUPPORTED, "cannot use network '%s': this mode is not built yet",
			shown);
	return err_hint(err, NETWORK_NAMES_HINT);
}

static int parse_argument(const char *shown, const char *argument, struct network_mode *mode,
			  struct err *err)
{
	if (str_is_empty(argument))
		return err_set(err, ERR_USAGE, "invalid network '%s': expected %s", shown,
			       mode->kind == NETWORK_CONTAINER ? "container:NAME" : "ns:PATH");
	if (mode->kind == NETWORK_PATH && *argument != '/')
		return err_set(err, ERR_USAGE, "invalid network '%s': the path must be absolute",
			       shown);

	mode->argument = xstrdup(argument);
	return 0;
}

static int parse_network(const char *text, struct network_mode *mode, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	const char *colon = strchr(text, ':');
	cleanup_free char *word =
		colon != NULL ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	const char *argument = colon != NULL ? colon + 1 : NULL;

	strbuf_add_escaped(&shown, text);
	if (*text == '\0') {
		mode->kind = NETWORK_DEFAULT;
		return parse_slirp(NULL, mode, err);
	}

	int kind = network_kind_parse(word);
	if (kind < 0) {
		err_set(err, ERR_NOT_FOUND, "network '%s' not found", shown.data);
		return err_hint(err, NETWORK_NAMES_HINT);
	}

	mode->kind = (enum network_kind)kind;
	switch (mode->kind) {
	case NETWORK_CONTAINER:
	case NETWORK_PATH:
		return parse_argument(shown.data, argument, mode, err);
	case NETWORK_PASTA:
	case NETWORK_BRIDGE:
		return refuse_mode(shown.data, mode->kind, err);
	case NETWORK_SLIRP4NETNS:
		return parse_slirp(argument, mode, err);
	default:
		if (argument != NULL)
			return err_set(err, ERR_USAGE, "invalid network '%s': %s takes no options",
				       shown.data, word);
		return network_is_slirp(mode) ? parse_slirp(NULL, mode, err) : 0;
	}
}

int network_parse(const char *text, struct network_mode *ret_mode, struct err *err)
{
	struct network_mode mode = { 0 };

	if (parse_network(text, &mode, err) < 0) {
		network_mode_release(&mode);
		return -1;
	}
	*ret_mode = mode;
	return 0;
}

/* ---- addresses ------------------------------------------------------------------------------------------------------ */

static const char *if_slirp(const struct network_mode *mode, const char *text)
{
	return network_is_slirp(mode) && *text != '\0' ? text : NULL;
}

const char *network_address(const struct network_mode *mode)
{
	return if_slirp(mode, mode->address);
}

const char *network_gateway(const struct network_mode *mode)
{
	return if_slirp(mode, mode->gateway);
}

const char *network_dns(const struct network_mode *mode)
{
	return if_slirp(mode, mode->dns);
}

/* Rank of an address as the one of the host: 0 useless, IPv4 before IPv6. */
static int address_rank(const struct ifaddrs *item)
{
	if (item->ifa_addr == NULL || !(item->ifa_flags & IFF_UP) ||
	    (item->ifa_flags & IFF_LOOPBACK))
		return 0;
	if (item->ifa_addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)item->ifa_addr;

		/* 169.254/16 reaches nobody but a neighbour */
		return ntohl(in->sin_addr.s_addr) >> 16 == 0xa9fe ? 0 : 2;
	}
	if (item->ifa_addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)item->ifa_addr;

		return IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ? 0 : 1;
	}
	return 0;
}

static char *address_text(const struct ifaddrs *item)
{
	char text[INET6_ADDRSTRLEN];
	const void *address =
		item->ifa_addr->sa_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)(const void *)item->ifa_addr)
				  ->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)(const void *)item->ifa_addr)
				  ->sin6_addr;

	return inet_ntop(item->ifa_addr->sa_family, address, text, sizeof(text)) != NULL
		       ? xstrdup(text)
		       : NULL;
}

char *network_host_gateway(const struct network_mode *mode)
{
	struct ifaddrs *list;
	const struct ifaddrs *best = NULL;

	if (mode->kind == NETWORK_NONE)
		return NULL;
	if (network_is_slirp(mode) && mode->allow_host_loopback)
		return xstrdup(mode->gateway);
	if (getifaddrs(&list) < 0) {
		debug("cannot list the addresses of this host, ignoring");
		return NULL;
	}

	for (const struct ifaddrs *item = list; item != NULL; item = item->ifa_next)
		if (address_rank(item) > (best != NULL ? address_rank(best) : 0))
			best = item;

	char *text = best != NULL ? address_text(best) : NULL;
	freeifaddrs(list);
	/* a host with loopback only: the name exists at least, and is answered by a refusal instead of a time-out */
	if (text == NULL)
		text = xstrdup_null(network_gateway(mode));
	return text;
}
