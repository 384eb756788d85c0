/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/network.h - how a container reaches the network, and is reached
 *
 * Modes are a table of functions, picked once: none, host, slirp4netns, container:ID, ns:PATH (pasta and bridge come behind the same table).
 * Helpers are started for a network namespace that exists already, beside the mounts, and end by themselves when the monitor does: they hold
 * the read end of a pipe ("exit fd") whose write end the monitor keeps. Uses base and rootless.
 *
 *	network_parse()		--network VALUE -> struct network_mode
 *	port_parse()		-p VALUE -> struct port_mapping
 *	network_start()		the helper, for the namespaces of the container; returns at once
 *	network_connect()	waits until nothing is lost that the program sends, and until ports are bound: before the program starts
 *	network_finish()	waits until the helper is in its sandbox: while the program starts
 *	hosts_file(), resolv_file()	texts of /etc/hosts and /etc/resolv.conf
 */
#ifndef NETWORK_NETWORK_H
#define NETWORK_NETWORK_H

#include "base/names.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

/* "255.255.255.255" */
#define NETWORK_ADDRESS_MAX 16

enum network_kind {
	NETWORK_DEFAULT, /* slirp4netns */
	NETWORK_NONE,
	NETWORK_HOST,
	NETWORK_SLIRP4NETNS,
	NETWORK_PASTA,
	NETWORK_BRIDGE,	   /* a named network */
	NETWORK_CONTAINER, /* container:NAME */
	NETWORK_PATH,	   /* ns:PATH */
	NETWORK_PRIVATE,   /* the default, said so */
	NETWORK_KIND_COUNT
};
NAME_TABLE_DECLARE(network_kind)

struct network_mode {
	enum network_kind kind;
	char *argument; /* container name, path, network name */
	/* slirp4netns:OPTION,... */
	bool allow_host_loopback; /* off by default (R24) */
	bool enable_ipv6;
	uint32_t mtu; /* 65520 */
	char *cidr;   /* "10.0.2.0/24"; NULL in modes without addresses */
	char *outbound_addr, *outbound_addr6;
	bool port_handler_slirp; /* port_handler=slirp4netns; rootlesskit is refused */
	/* made from cidr: what network_address(), network_gateway() and network_dns() give */
	char address[NETWORK_ADDRESS_MAX], gateway[NETWORK_ADDRESS_MAX], dns[NETWORK_ADDRESS_MAX];
};
void network_mode_release(struct network_mode *mode);
/** True when slirp4netns serves it: the default, said so or not. */
bool network_is_slirp(const struct network_mode *mode);
/** --network VALUE. ERR_USAGE names what is wrong; modes that are not built are ERR_UNSUPPORTED by name. */
int network_parse(const char *text, struct network_mode *ret_mode, struct err *err);

enum port_protocol { PORT_TCP, PORT_UDP, PORT_SCTP, PORT_PROTOCOL_COUNT };
NAME_TABLE_DECLARE(port_protocol)

/** One -p: a range is one mapping. */
struct port_mapping {
	char *host_ip;	    /* NULL: all */
	uint16_t host_port; /* 0: any free one, chosen at start */
	uint16_t container_port;
	uint16_t range; /* 1 or more */
	enum port_protocol protocol;
};
struct port_mappings {
	struct port_mapping *items;
	size_t count;
};
void port_mappings_release(struct port_mappings *ports);
/** [[IP:][HOST_PORT[-END]]:]PORT[-END][/PROTOCOL] as podman reads it; [IPv6] in brackets. Appends. */
int port_parse(const char *text, struct port_mappings *ports, struct err *err);
/** "8080-8090/udp" of --expose or an image's ExposedPorts: container side only. */
int port_parse_exposed(const char *text, struct port_mappings *ports, struct err *err);
/** "0.0.0.0:8080->80/tcp, 0.0.0.0:9000-9009->9000-9009/udp" as ps prints it. Appends. */
void port_format(const struct port_mappings *ports, struct strbuf *out);
/** Choose free host ports for those that are 0, below the ephemeral range's start; checked by binding. */
int port_assign(struct port_mappings *ports, struct err *err);

struct network_request {
	const struct network_mode *mode;
	const struct port_mappings *ports;
	/*
	 * A process in the user and network namespace of the container: its init, or one that holds them before there is an init. It must live and
	 * stay dumpable until network_connect() is done. The helper opens its /proc/PID/ns, unless there are descriptors of the namespaces:
	 * then it is root of the user namespace from its first instruction, which saves it a third of the way.
	 */
	pid_t pid;
	int userns_fd, netns_fd; /* or -1; only where our own ids are 0 in there */
	int exit_fd;		 /* read end: the helper ends when the other end closes */
	int run_dir_fd;		 /* the container's runtime directory: API socket */
	const char *run_dir_path;
	int log_fd; /* the helper's stderr, or -1 */
};

/** Is the helper of the default network there, and new enough? 0 and its version (yours), or -1 as network_start() would say it. */
int network_probe(char **ret_version, struct err *err);

struct network_handle {
	bool is_connected;
	struct child helper;
	int ready_fd;
	int error_fd; /* what the helper said, a file of fixed size; -1 when log_fd was given */
	char *api_path;
	pid_t helper_pid; /* for the record; 0: the mode has no helper */
};
#define NETWORK_HANDLE_INIT                                                                        \
	{                                                                                          \
		false, CHILD_INIT, -1, -1, NULL, 0                                                 \
	}

/** Start the helper of the mode if it has one. ERR_UNSUPPORTED with the cure when the program is missing or too old (R24). */
int network_start(const struct network_request *request, struct network_handle *ret_handle,
		  struct err *err);
/**
 * Wait until the program may start, and bind the ports. ERR_IN_USE names the port and address. On failure the helper is ended.
 * What the program sends before the helper serves waits in the queue of the tap device.
 */
int network_connect(const struct network_request *request, struct network_handle *handle,
		    struct err *err);
/**
 * Wait until the helper serves, or until ended_fd (-1: nothing) is readable: nobody needs it any more. On failure the helper is ended; on success
 * helper is the caller's to wait for (it ends with exit_fd) or to disown, and network_handle_release() frees the rest.
 */
int network_finish(const struct network_request *request, struct network_handle *handle,
		   int ended_fd, struct err *err);
/** End the helper and free the handle; also for one that was never started. */
void network_abort(struct network_handle *handle);
/** Free the handle and leave the helper alone. */
void network_handle_release(struct network_handle *handle);
/** Address that the container has inside ("10.0.2.100"), gateway, dns; NULL when the mode has none. Borrowed. */
const char *network_address(const struct network_mode *mode);
const char *network_gateway(const struct network_mode *mode);
const char *network_dns(const struct network_mode *mode);
/**
 * Address at which a container of this mode reaches the host, for host.containers.internal and host-gateway: the gateway where
 * host loopback is allowed or the host has no other, else the first global address of the host. Yours, or NULL: there is none.
 */
char *network_host_gateway(const struct network_mode *mode);

/* files */
struct hosts_request {
	const char *hostname;	  /* NULL: no line */
	const char *name;	  /* of the container: on the same line; or NULL */
	const char *address;	  /* of the container, or NULL for 127.0.1.1 */
	const struct strv *extra; /* "name:ip" or "name1;name2:ip", "host-gateway" for the ip */
	const char *
		host_gateway; /* host.containers.internal; NULL: no line, and host-gateway is refused */
	const char *
		base_path; /* --hosts-file: a file, "none", "image" is the caller's business; NULL: a plain one */
};
int hosts_file(const struct hosts_request *request, struct strbuf *out, struct err *err);
/** Check "--add-host" grammar. */
int hosts_check(const char *item, struct err *err);

struct resolv_request {
	/* of the command line, any may be NULL; server "none" and search "." mean: no such line */
	const struct strv *servers, *searches, *options;
	const struct network_mode
		*mode; /* servers on loopback of the host are replaced by the mode's own */
};
int resolv_file(const struct resolv_request *request, struct strbuf *out, struct err *err);

#endif
