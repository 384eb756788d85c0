/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-ports.c - published ports from any text: what is accepted stays within its limits
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "network/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_strv struct strv lines = STRV_INIT;
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	struct port_mappings ports = { NULL, 0 };
	struct err err;

	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count && i < 16; i++)
		if (port_parse(lines.items[i], &ports, &err) < 0)
			port_parse_exposed(lines.items[i], &ports, &err);
	for (size_t i = 0; i < ports.count; i++) {
		const struct port_mapping *port = &ports.items[i];

		if (port->range == 0 || port->container_port == 0 ||
		    (uint32_t)port->container_port + port->range > 65536 ||
		    (uint32_t)port->host_port + port->range > 65536)
			abort();
	}
	port_format(&ports, &shown);
	port_mappings_release(&ports);
	return 0;
}
