/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-network.c - lines of --network, --add-host and --dns: no text makes a line of its own in the files
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "network/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static void fuzz_hosts(const char *item)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strv struct strv extra = STRV_INIT;
	struct hosts_request request = { .extra = &extra, .host_gateway = "192.0.2.1" };
	struct err err;

	if (hosts_check(item, &err) < 0)
		return;
	strv_add(&extra, item);
	/* it, twice localhost, the host */
	if (hosts_file(&request, &out, &err) == 0 && count_lines(out.data) > 4)
		abort();
}

static void fuzz_resolv(const char *word)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strv struct strv words = STRV_INIT;
	struct network_mode mode = { .kind = NETWORK_NONE };
	struct resolv_request request = { &words, &words, &words, &mode };
	struct err err;

	strv_add(&words, word);
	if (resolv_file(&request, &out, &err) == 0 && count_lines(out.data) > 3)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	struct network_mode mode = { 0 };
	struct err err;

	if (network_parse(text, &mode, &err) == 0) {
		const char *address = network_address(&mode);

		if (address != NULL && strlen(address) >= NETWORK_ADDRESS_MAX)
			abort();
		network_mode_release(&mode);
	}
	fuzz_hosts(text);
	fuzz_resolv(text);
	return 0;
}
