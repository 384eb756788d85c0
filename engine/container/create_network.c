/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_network.c - --network, ports, and the files that name hosts
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "engine/container/record.h"

#include <arpa/inet.h>
#include <string.h>

int create_network_mode(struct create *create, struct err *err)
{
	const struct strv *networks = &create->opts->network;

	if (networks->count > 1)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot join %zu networks: one --network is possible",
			       networks->count);
	return network_parse(networks->count == 1 ? networks->items[0] : "", &create->network, err);
}

/* -P: each port that the image or --expose names gets a free one of the host. */
static int publish_all(struct create *create, const struct port_mappings *exposed, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < exposed->count; i++) {
		struct port_mapping *items =
			xreallocarray(create->ports.items, create->ports.count + 1, sizeof(*items));

		create->ports.items = items;
		items[create->ports.count++] = exposed->items[i];
		exposed->items[i].host_ip = NULL;
	}
	return 0;
}

static json_t *ports_json(const struct port_mappings *ports)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *port = &ports->items[i];
		json_t *item = json_object();

		json_put_string(item, KEY_HOST_IP, port->host_ip);
		json_put_int(item, KEY_HOST_PORT, port->host_port);
		json_put_int(item, KEY_CONTAINER_PORT, port->container_port);
		json_put_int(item, KEY_RANGE, port->range);
		json_put_string(item, KEY_PROTOCOL, port_protocol_name((int)port->protocol));
		json_array_append_new(list, item);
	}
	return list;
}

static int ports_parse(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	struct port_mappings exposed = { NULL, 0 };
	const char *key;
	json_t *value;
	int rc = 0;

	for (size_t i = 0; i < opts->publish.count && rc == 0; i++)
		rc = port_parse(opts->publish.items[i], &create->ports, err);
	for (size_t i = 0; i < opts->expose.count && rc == 0; i++)
		rc = port_parse_exposed(opts->expose.items[i], &exposed, err);
	json_object_foreach (json_object_get(create->image_process, "ExposedPorts"), key, value)
		if (rc == 0)
			rc = port_parse_exposed(key, &exposed, err);
	json_put(create->record, "exposed", ports_json(&exposed));
	if (rc == 0 && opts->publish_all)
		rc = publish_all(create, &exposed, err);
	port_mappings_release(&exposed);
	if (rc < 0)
		return -1;

	if (create->ports.count > 0 && create->network.kind == NETWORK_CONTAINER)
		return err_set(err, ERR_USAGE,
			       "cannot publish ports together with --network container:%s: publish "
			       "them there",
			       create->network.argument);
	if (create->ports.count > 0 &&
	    (create->network.kind == NETWORK_HOST || create->network.kind == NETWORK_NONE)) {
		engine_warn(create->engine,
			    "Port mappings have been discarded as one of the Host, Container, Pod, "
			    "and None network modes are in use (--network %s)",
			    network_kind_name((int)create->network.kind));
		port_mappings_release(&create->ports);
		create->ports = (struct port_mappings){ NULL, 0 };
	}
	return port_assign(&create->ports, err);
}

static int dns_check(const struct strv *servers, struct err *err)
{
	unsigned char address[sizeof(struct in6_addr)];

	for (size_t i = 0; i < servers->count; i++) {
		const char *text = servers->items[i];

		if (str_equal(text, "none") && servers->count == 1)
			continue;
		if (inet_pton(AF_INET, text, address) != 1 &&
		    inet_pton(AF_INET6, text, address) != 1) {
			err_set(err, ERR_USAGE, "invalid --dns '%s': it is no IP address", text);
			return err_hint(err, "Use an address such as 192.0.2.53 or 2001:db8::53.");
		}
	}
	return 0;
}

static int hosts_options(struct create *create, json_t *network, struct err *err)
{
	const struct container_create_opts *opts = create->opts;

	if (opts->no_hosts && opts->add_host.count > 0)
		return err_set(err, ERR_USAGE, "--no-hosts and --add-host exclude each other");
	for (size_t i = 0; i < opts->add_host.count; i++)
		if (hosts_check(opts->add_host.items[i], err) < 0)
			return -1;
	if (dns_check(&opts->dns, err) < 0)
		return -1;
	bool no_network = create->network.kind == NETWORK_NONE;
	bool dns_given = opts->dns.count + opts->dns_search.count + opts->dns_option.count > 0;

	if (dns_given && (no_network || create->network.kind == NETWORK_CONTAINER))
		return err_set(
			err, ERR_USAGE,
			"--dns, --dns-search and --dns-option cannot be used with --network %s",
			network_kind_name((int)create->network.kind));
	json_put_strv(network, KEY_ADD_HOSTS, &opts->add_host);
	json_put_strv(network, KEY_DNS, &opts->dns);
	json_put_strv(network, KEY_DNS_SEARCH, &opts->dns_search);
	json_put_strv(network, KEY_DNS_OPTIONS, &opts->dns_option);
	json_put_bool(network, KEY_HOSTS, !opts->no_hosts);
	json_put_bool(network, KEY_RESOLV,
		      !(opts->dns.count == 1 && str_equal(opts->dns.items[0], "none")));
	json_put_string(network, KEY_HOSTS_FILE, opts->hosts_file);
	json_put_string(network, KEY_HOSTNAME, opts->no_hostname ? NULL : create->hostname);
	return 0;
}

int create_network(struct create *create, struct err *err)
{
	json_t *network = json_object();

	json_put(create->record, KEY_NETWORK, network);
	if (ports_parse(create, err) < 0 || hosts_options(create, network, err) < 0)
		return -1;

	if (create->network.kind == NETWORK_CONTAINER) {
		const char *id = json_get_string(create->record, "", KEY_JOINS, "network", NULL);
		cleanup_free char *mode = xasprintf("container:%s", id);

		json_put_string(network, KEY_MODE, mode);
	} else {
		json_put_string(network, KEY_MODE,
				create->opts->network.count == 1 ? create->opts->network.items[0]
								 : "");
	}
	json_put(network, KEY_PORTS, ports_json(&create->ports));
	return 0;
}
