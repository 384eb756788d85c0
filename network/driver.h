/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/driver.h - the table behind the modes, and what drivers share; private to this folder
 */
#ifndef NETWORK_DRIVER_H
#define NETWORK_DRIVER_H

#include "network/network.h"

/** One way to connect a network namespace. Both NULL: nothing has to run. */
struct network_driver {
	/** Start the helper; the handle is released by the caller on failure. */
	int (*start)(const struct network_request *request, struct network_handle *handle,
		     struct err *err);
	/** As network_connect(). */
	int (*connect)(const struct network_request *request, struct network_handle *handle,
		       struct err *err);
	/** As network_finish(). */
	int (*finish)(const struct network_request *request, struct network_handle *handle,
		      int ended_fd, struct err *err);
};

extern const struct network_driver network_driver_slirp;

/** Bind, listen and close: 0 free, or -errno. ip NULL: all IPv4 addresses. */
int port_try_bind(const char *ip, uint16_t port, enum port_protocol protocol);
/** Why a host port could not be bound: fills err with the sentence and the cure. */
int port_explain(const struct port_mapping *port, uint16_t host_port, int errno_value,
		 struct err *err);
/** ERR_DENIED with the sysctl for the first port that this user may not bind. */
int port_check_privilege(const struct port_mappings *ports, struct err *err);

#endif
