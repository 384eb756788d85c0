/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/port.c - `port`: the published ports of containers
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/select.h"

#include <stdio.h>

struct port_opts {
	bool all, latest;
};

/* "8080", "8080/tcp"; the protocol is tcp when none is said. */
static int parse_port(const char *text, uint16_t *ret_port, int *ret_protocol, struct err *err)
{
	const char *slash = strchr(text, '/');
	cleanup_free char *number =
		slash != NULL ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);

	*ret_protocol = port_protocol_parse(slash != NULL ? slash + 1 : "tcp");
	if (*ret_protocol < 0 || parse_u16(number, ret_port) < 0 || *ret_port == 0)
		return err_set(err, ERR_USAGE, "invalid port '%s': PORT[/PROTOCOL] is wanted",
			       text);
	return 0;
}

static void print_mapping(const struct port_mapping *port, unsigned offset, const char *prefix,
			  bool host_only)
{
	if (!host_only)
		(void)printf("%s%u/%s -> ", prefix, port->container_port + offset,
			     port_protocol_name((int)port->protocol));
	(void)printf(port->host_ip != NULL && strchr(port->host_ip, ':') != NULL ? "[%s]:%u\n"
										 : "%s:%u\n",
		     str_is_empty(port->host_ip) ? "0.0.0.0" : port->host_ip,
		     port->host_port + offset);
}

static int print_all(const struct container *container, bool with_id, struct err *err)
{
	struct port_mappings ports = { NULL, 0 };
	cleanup_free char *prefix =
		with_id ? xasprintf("%.*s\t", OBJECT_ID_SHORT, container->id.text) : xstrdup("");

	if (container_ports(container, &ports, err) < 0)
		return -1;
	for (size_t i = 0; i < ports.count; i++) {
		for (unsigned offset = 0; offset < ports.items[i].range; offset++)
			print_mapping(&ports.items[i], offset, prefix, false);
	}
	port_mappings_release(&ports);
	return 0;
}

static int print_one(const struct container *container, const char *text, struct err *err)
{
	struct port_mappings ports = { NULL, 0 };
	uint16_t wanted;
	int protocol;
	bool found = false;

	if (parse_port(text, &wanted, &protocol, err) < 0 ||
	    container_ports(container, &ports, err) < 0)
		return -1;
	for (size_t i = 0; i < ports.count; i++) {
		const struct port_mapping *port = &ports.items[i];

		if ((int)port->protocol != protocol || wanted < port->container_port ||
		    wanted >= port->container_port + port->range)
			continue;
		print_mapping(port, wanted - port->container_port, "", true);
		found = true;
	}
	port_mappings_release(&ports);
	if (found)
		return 0;
	return err_set(err, ERR_NOT_FOUND, "port '%s' of container '%s' is not published", text,
		       container->name);
}

static int port_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct port_opts *opts = opts_;

	if (opts->all) {
		cleanup_container_list struct container_list list = { NULL, 0 };

		if (args->count > 0 || opts->latest)
			return err_set(err, ERR_USAGE,
				       "--all and a container or --latest exclude each other");
		if (container_list(cli->engine, &list, err) < 0)
			return -1;
		for (size_t i = 0; i < list.count; i++) {
			if (list.items[i]->state.status == CONTAINER_RUNNING &&
			    print_all(list.items[i], true, err) < 0)
				return -1;
		}
		return 0;
	}

	cleanup_container struct container *container = NULL;
	cleanup_strv struct strv names = STRV_INIT;
	size_t port = opts->latest ? 0 : 1;

	if (args->count > 0 && !opts->latest)
		strv_add(&names, args->items[0]);
	if (args->count > port + 1)
		return err_set(err, ERR_USAGE, "only one port can be asked for");
	if (select_one(cli, &names, opts->latest, &container, err) < 0)
		return -1;
	return args->count > port ? print_one(container, args->items[port], err)
				  : print_all(container, false, err);
}

static const struct opt port_opts[] = {
	OPT_FLAG('a', "all", struct port_opts, all, "of all containers that run"),
	OPT_FLAG('l', "latest", struct port_opts, latest, "of the container created last"), OPT_END
};

const struct cmd cmd_port = {
	.paths = { "port", "container port" },
	.synopsis = "CONTAINER [PORT[/PROTOCOL]]",
	.help = "Show published ports",
	.section = SECTION_LOOK,
	.max_args = 2,
	.complete = COMPLETE_RUNNING,
	.complete_first_only = true,
	.needs = NEEDS_STORE,
	.opts = port_opts,
	.opts_size = sizeof(struct port_opts),
	.run = port_run,
};
