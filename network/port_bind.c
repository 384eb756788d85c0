/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/port_bind.c - is this port of the host free, and why not
 *
 * The only honest answer is a bind, so that is what is done: to choose a port, and to explain a failure of the helper, whose own
 * answer has no reason in it. It is a look, not a reservation: whoever binds for good may still lose a race, and says so.
 */
#include "network/driver.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define SYSCTL_LIMIT	   64
#define EPHEMERAL_FIRST	   32768 /* the kernel's default, when it cannot be read */
#define UNPRIVILEGED_FIRST 1024
#define ASSIGN_FIRST	   10000
#define PORT_END	   65536U
#define PRIVILEGED_SYSCTL  "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define EPHEMERAL_SYSCTL   "/proc/sys/net/ipv4/ip_local_port_range"

/* the first number of a sysctl file */
static uint32_t sysctl_number(const char *path, uint32_t fallback)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	uint32_t number;

	if (fd_read_file(AT_FDCWD, path, &text, SYSCTL_LIMIT) < 0)
		return fallback;

	text.data[strcspn(text.data, " \t\n")] = '\0';
	return parse_u32(text.data, &number) == 0 ? number : fallback;
}

static socklen_t make_address(const char *ip, uint16_t port, struct sockaddr_storage *storage)
{
	struct sockaddr_in *in = (void *)storage;
	struct sockaddr_in6 *in6 = (void *)storage;

	memset(storage, 0, sizeof(*storage));
	if (ip != NULL && strchr(ip, ':') != NULL) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		inet_pton(AF_INET6, ip, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	if (ip != NULL)
		inet_pton(AF_INET, ip, &in->sin_addr);
	return sizeof(*in);
}

int port_try_bind(const char *ip, uint16_t port, enum port_protocol protocol)
{
	struct sockaddr_storage storage;
	socklen_t size = make_address(ip, port, &storage);
	int type = protocol == PORT_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int one = 1;

	cleanup_fd int fd = socket(storage.ss_family, type | SOCK_CLOEXEC,
				   protocol == PORT_SCTP ? IPPROTO_SCTP : 0);
	if (fd < 0)
		return -errno;

	/* connections of the last owner that linger do not count, listeners do; with udp the option would share the port */
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (void *)&storage, size) < 0)
		return -errno;
	if (type == SOCK_STREAM && listen(fd, 1) < 0)
		return -errno;

	return 0;
}

int port_explain(const struct port_mapping *port, uint16_t host_port, int errno_value,
		 struct err *err)
{
	const char *ip = port->host_ip != NULL ? port->host_ip : "0.0.0.0";
	const char *protocol = port_protocol_name(port->protocol);

	switch (errno_value) {
	case EADDRINUSE:
		err_set(err, ERR_IN_USE,
			"cannot publish %s port %u on %s: the address is already in use", protocol,
			host_port, ip);
		return err_hint(
			err, "Stop the program that listens there (ss -lnp shows it), or publish "
			     "another port.");
	case EADDRNOTAVAIL:
		err_set(err, ERR_USAGE,
			"cannot publish %s port %u on %s: this machine does not have the address",
			protocol, host_port, ip);
		return err_hint(err, "Use an address that `ip addr` shows.");
	case EACCES:
	case EPERM:
		err_set(err, ERR_DENIED,
			"cannot publish %s port %u on %s: ports below %u need a privilege",
			protocol, host_port, ip,
			sysctl_number(PRIVILEGED_SYSCTL, UNPRIVILEGED_FIRST));
		return err_hint(err,
				"Publish a higher port, or run as root: sysctl -w "
				"net.ipv4.ip_unprivileged_port_start=%u",
				host_port);
	default:
		return err_sys(err, errno_value, "cannot publish %s port %u on %s", protocol,
			       host_port, ip);
	}
}

int port_check_privilege(const struct port_mappings *ports, struct err *err)
{
	uint32_t first = sysctl_number(PRIVILEGED_SYSCTL, UNPRIVILEGED_FIRST);

	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *port = &ports->items[i];

		/* root of the host may; the bind itself is the judge, so that no capability has to be read here */
		if (port->host_port != 0 && port->host_port < first &&
		    port_try_bind(port->host_ip, port->host_port, port->protocol) == -EACCES)
			return port_explain(port, port->host_port, EACCES, err);
	}
	return 0;
}

/* ---- choosing ------------------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct port_mappings *ports, uint32_t first, uint16_t count,
		      enum port_protocol protocol)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *port = &ports->items[i];

		if (port->host_port != 0 && port->protocol == protocol &&
		    first < (uint32_t)port->host_port + port->range &&
		    port->host_port < first + count)
			return true;
	}
	return false;
}

static bool range_is_free(const struct port_mapping *port, uint32_t first)
{
	for (uint32_t i = 0; i < port->range; i++)
		if (port_try_bind(port->host_ip, (uint16_t)(first + i), port->protocol) < 0)
			return false;
	return true;
}

static uint32_t random_below(uint32_t bound)
{
	uint32_t number = 0;

	/* a failure gives 0: the search goes through all of them anyway */
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return 0;
	return number % bound;
}

/* A free range of ports in [low, high), beginning the search at a random one. */
static int assign_one(struct port_mappings *ports, struct port_mapping *port, uint32_t low,
		      uint32_t high)
{
	if (high < low + port->range)
		return -EADDRINUSE;

	uint32_t places = high - low - port->range + 1;
	uint32_t start = random_below(places);
	for (uint32_t i = 0; i < places; i++) {
		uint32_t first = low + (start + i) % places;

		if (is_wanted(ports, first, port->range, port->protocol) ||
		    !range_is_free(port, first))
			continue;
		port->host_port = (uint16_t)first;
		return 0;
	}
	return -EADDRINUSE;
}

int port_assign(struct port_mappings *ports, struct err *err)
{
	uint32_t high = sysctl_number(EPHEMERAL_SYSCTL, EPHEMERAL_FIRST);
	uint32_t low = ASSIGN_FIRST;

	/* below the ephemeral ports, which the kernel gives to anybody; above them when there is no room */
	if (high < low + 1000) {
		low = UNPRIVILEGED_FIRST;
		high = PORT_END;
	}
	for (size_t i = 0; i < ports->count; i++) {
		struct port_mapping *port = &ports->items[i];

		if (port->host_port != 0)
			continue;
		if (assign_one(ports, port, low, high) < 0)
			return err_set(err, ERR_LIMIT,
				       "cannot publish container port %u: no free port between %u "
				       "and %u on "
				       "%s",
				       port->container_port, low, high - 1,
				       port->host_ip != NULL ? port->host_ip : "0.0.0.0");
	}
	return 0;
}
