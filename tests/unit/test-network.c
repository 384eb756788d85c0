/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-network.c - words of --network, -p, --add-host and --dns as tables; free ports by binding
 */
#include "network/network.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- --network ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *text;
	int kind; /* -1: refused */
	const char *argument, *address, *dns;
	enum err_kind err_kind;
	const char *message;
} mode_cases[] = {
	{ "", NETWORK_DEFAULT, NULL, "10.0.2.100", "10.0.2.3", 0, NULL },
	{ "default", NETWORK_DEFAULT, NULL, "10.0.2.100", "10.0.2.3", 0, NULL },
	{ "private", NETWORK_PRIVATE, NULL, "10.0.2.100", "10.0.2.3", 0, NULL },
	{ "slirp4netns", NETWORK_SLIRP4NETNS, NULL, "10.0.2.100", "10.0.2.3", 0, NULL },
	{ "slirp4netns:cidr=10.55.0.0/24", NETWORK_SLIRP4NETNS, NULL, "10.55.0.100", "10.55.0.3", 0,
	  NULL },
	{ "slirp4netns:cidr=10.55.7.9/16,mtu=1500", NETWORK_SLIRP4NETNS, NULL, "10.55.0.100",
	  "10.55.0.3", 0, NULL },
	{ "slirp4netns:port_handler=slirp4netns", NETWORK_SLIRP4NETNS, NULL, "10.0.2.100",
	  "10.0.2.3", 0, NULL },
	{ "slirp4netns:outbound_addr=eth0,outbound_addr6=fd00::5", NETWORK_SLIRP4NETNS, NULL,
	  "10.0.2.100", "10.0.2.3", 0, NULL },
	{ "none", NETWORK_NONE, NULL, NULL, NULL, 0, NULL },
	{ "host", NETWORK_HOST, NULL, NULL, NULL, 0, NULL },
	{ "container:web", NETWORK_CONTAINER, "web", NULL, NULL, 0, NULL },
	{ "ns:/run/netns/x", NETWORK_PATH, "/run/netns/x", NULL, NULL, 0, NULL },
	{ "none:x", -1, NULL, NULL, NULL, ERR_USAGE, "no options" },
	{ "container:", -1, NULL, NULL, NULL, ERR_USAGE, "container:NAME" },
	{ "container", -1, NULL, NULL, NULL, ERR_USAGE, "container:NAME" },
	{ "ns:relative", -1, NULL, NULL, NULL, ERR_USAGE, "absolute" },
	{ "slirp4netns:nonsense=1", -1, NULL, NULL, NULL, ERR_USAGE, "'nonsense=1'" },
	{ "slirp4netns:mtu", -1, NULL, NULL, NULL, ERR_USAGE, "mtu" },
	{ "slirp4netns:mtu=65522", -1, NULL, NULL, NULL, ERR_USAGE, "68 to 65521" },
	{ "slirp4netns:cidr=banana", -1, NULL, NULL, NULL, ERR_USAGE, "banana" },
	{ "slirp4netns:cidr=10.0.0.0/26", -1, NULL, NULL, NULL, ERR_USAGE, "prefix" },
	{ "slirp4netns:cidr=10.0.0.0/0", -1, NULL, NULL, NULL, ERR_USAGE, "prefix" },
	{ "slirp4netns:outbound_addr=--x", -1, NULL, NULL, NULL, ERR_USAGE, "interface" },
	{ "slirp4netns:enable_ipv6=maybe", -1, NULL, NULL, NULL, ERR_USAGE, "true or false" },
	{ "slirp4netns:enable_ipv6=false,outbound_addr6=::1", -1, NULL, NULL, NULL, ERR_USAGE,
	  "outbound_addr6" },
	{ "slirp4netns:port_handler=rootlesskit", -1, NULL, NULL, NULL, ERR_UNSUPPORTED,
	  "rootlesskit" },
	{ "slirp4netns:", -1, NULL, NULL, NULL, ERR_USAGE, "unknown" },
	{ "pasta", -1, NULL, NULL, NULL, ERR_UNSUPPORTED, "pasta" },
	{ "bridge", -1, NULL, NULL, NULL, ERR_UNSUPPORTED, "networks with names" },
	{ "mine", -1, NULL, NULL, NULL, ERR_NOT_FOUND, "'mine' not found" },
	{ "a\nb", -1, NULL, NULL, NULL, ERR_NOT_FOUND, "a\\x0ab" },
};

static void check_text(const char *got, const char *expected)
{
	if (expected == NULL) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_string_equal(got, expected);
}

static void test_modes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_cases); i++) {
		struct network_mode mode = { 0 };
		struct err err;
		int r = network_parse(mode_cases[i].text, &mode, &err);

		if ((r == 0) != (mode_cases[i].kind >= 0))
			print_error("'%s'\n", mode_cases[i].text);
		if (mode_cases[i].kind < 0) {
			assert_int_equal(r, -1);
			assert_int_equal(err.kind, mode_cases[i].err_kind);
			if (strstr(err.msg, mode_cases[i].message) == NULL)
				print_error("'%s'\n", err.msg);
			assert_non_null(strstr(err.msg, mode_cases[i].message));
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(mode.kind, mode_cases[i].kind);
		check_text(mode.argument, mode_cases[i].argument);
		check_text(network_address(&mode), mode_cases[i].address);
		check_text(network_dns(&mode), mode_cases[i].dns);
		/* off unless asked for (R24) */
		assert_false(mode.allow_host_loopback);
		network_mode_release(&mode);
	}
}

static void test_kind_names(void **state)
{
	for (int kind = 0; kind < NETWORK_KIND_COUNT; kind++)
		assert_int_equal(network_kind_parse(network_kind_name(kind)), kind);
	for (int protocol = 0; protocol < PORT_PROTOCOL_COUNT; protocol++)
		assert_int_equal(port_protocol_parse(port_protocol_name(protocol)), protocol);
}

/* ---- -p ------------------------------------------------------------------------------------------------------------- */

/* texts separated by blanks; what ps shows, or NULL: refused */
static const struct {
	const char *texts, *shown;
} port_cases[] = {
	{ "8080:80", "0.0.0.0:8080->80/tcp" },
	{ "8080:80/tcp", "0.0.0.0:8080->80/tcp" },
	{ "8080:80/UDP", "0.0.0.0:8080->80/udp" },
	{ "127.0.0.1:8080:80", "127.0.0.1:8080->80/tcp" },
	{ "0.0.0.0:8080:80", "0.0.0.0:8080->80/tcp" },
	{ "[::1]:8080:80", "[::1]:8080->80/tcp" },
	{ "[FD00:0::1]:8080:80", "[fd00::1]:8080->80/tcp" },
	{ "9000-9009:80-89/udp", "0.0.0.0:9000-9009->80-89/udp" },
	{ "9000-9000:80", "0.0.0.0:9000->80/tcp" },
	{ "1-65535:1-65535", "0.0.0.0:1-65535->1-65535/tcp" },
	/* any free port */
	{ "80", "80/tcp" },
	{ ":80", "80/tcp" },
	{ "127.0.0.1::80", "80/tcp" },
	{ "[::1]::80", "80/tcp" },
	{ "80-82/sctp", "80-82/sctp" },
	/* several */
	{ "8080:80 8081:81", "0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/tcp" },
	{ "8080:80 8080:80", "0.0.0.0:8080->80/tcp" },
	{ "8080:80 8080:80/udp", "0.0.0.0:8080->80/tcp, 0.0.0.0:8080->80/udp" },
	{ "127.0.0.1:8080:80 127.0.0.2:8080:80", "127.0.0.1:8080->80/tcp, 127.0.0.2:8080->80/tcp" },
	{ "8080:80 8080:81", NULL },
	{ "8000-8010:80-90 8005:5", NULL },
	{ "8080:80 127.0.0.1:8080:81", NULL },
	/* wrong */
	{ "0:80", NULL },
	{ "80:0", NULL },
	{ "70000:80", NULL },
	{ "80:70000", NULL },
	{ "x:80", NULL },
	{ "80:x", NULL },
	{ "1-3:80-81", NULL },
	{ "1.2.3:80:80", NULL },
	{ "256.0.0.1:80:80", NULL },
	{ "127.0.0.1:1:2:3", NULL },
	{ "::1:80:80", NULL },
	{ "[::1:80:80", NULL },
	{ "[::1]80", NULL },
	{ "[::1]:80", NULL },
	{ "[127.0.0.1]:80:80", NULL },
	{ "8080:80/sctpx", NULL },
	{ "8080:80/", NULL },
	{ "8080:80/tcp/udp", NULL },
	{ "82-80:82-80", NULL },
	{ "80-", NULL },
	{ "-80", NULL },
	{ "+80:80", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "80: ", NULL },
	{ "nonsense", NULL },
};

static int parse_all(const char *texts, struct port_mappings *ports, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	strv_split(&words, texts, ' ');
	for (size_t i = 0; i < words.count; i++)
		if (port_parse(words.items[i], ports, err) < 0)
			return -1;
	return 0;
}

static void test_ports(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(port_cases); i++) {
		struct port_mappings ports = { NULL, 0 };
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;
		struct err err;
		int r = parse_all(port_cases[i].texts, &ports, &err);

		if ((r == 0) != (port_cases[i].shown != NULL))
			print_error("'%s'\n", port_cases[i].texts);
		if (port_cases[i].shown == NULL) {
			assert_int_equal(r, -1);
			assert_int_equal(err.kind, ERR_USAGE);
		} else {
			assert_int_equal(r, 0);
			port_format(&ports, &shown);
			assert_string_equal(shown.data, port_cases[i].shown);
		}
		port_mappings_release(&ports);
	}
}

static void test_exposed(void **state)
{
	struct port_mappings ports = { NULL, 0 };
	struct err err;

	assert_int_equal(port_parse_exposed("8080-8090/udp", &ports, &err), 0);
	assert_int_equal(ports.items[0].container_port, 8080);
	assert_int_equal(ports.items[0].range, 11);
	assert_int_equal(ports.items[0].protocol, PORT_UDP);
	assert_int_equal(port_parse_exposed("80:80", &ports, &err), -1);
	assert_int_equal(port_parse_exposed("127.0.0.1:80:80", &ports, &err), -1);
	assert_int_equal(ports.count, 1);
	port_mappings_release(&ports);
}

static void test_assign(void **state)
{
	struct port_mappings ports = { NULL, 0 };
	struct err err;

	assert_int_equal(
		parse_all("127.0.0.1::80 127.0.0.1::81-84 127.0.0.1::90/udp", &ports, &err), 0);
	assert_int_equal(port_assign(&ports, &err), 0);
	for (size_t i = 0; i < ports.count; i++)
		assert_true(ports.items[i].host_port >= 1024);

	/* a chosen port is not chosen for another mapping of the same list */
	uint32_t first = ports.items[0].host_port;
	uint32_t start = ports.items[1].host_port;
	assert_false(first >= start && first < start + 4);
	port_mappings_release(&ports);
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

static void test_hosts_check(void **state)
{
	static const char *const good[] = { "a:1.2.3.4", "a;b:1.2.3.4", "six:fd00::1",
					    "six:[fd00::1]", "gw:host-gateway" };
	static const char *const bad[] = {
		"nonsense",	"a:",		":1.2.3.4",   "x:300.1.1.1", "a b:1.2.3.4",
		"a;;b:1.2.3.4", "a\nb:1.2.3.4", "a#:1.2.3.4", "a:host",	     ""
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(hosts_check(good[i], &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(hosts_check(bad[i], &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
	hosts_check("x:300.1.1.1", &err);
	assert_non_null(strstr(err.msg, "300.1.1.1"));
}

static void test_hosts_file(void **state)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strv struct strv extra = STRV_INIT;
	struct hosts_request request = { .hostname = "abc web", .address = "10.0.2.100" };
	struct err err;

	strv_add(&extra, "b;c:192.0.2.2");
	strv_add(&extra, "gw:host-gateway");
	request.extra = &extra;
	assert_int_equal(hosts_file(&request, &out, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);

	strbuf_clear(&out);
	request.host_gateway = "192.0.2.1";
	request.name = "box";
	assert_int_equal(hosts_file(&request, &out, &err), 0);
	assert_string_equal(out.data, "192.0.2.2\tb c\n"
				      "192.0.2.1\tgw\n"
				      "127.0.0.1\tlocalhost\n"
				      "::1\tlocalhost\n"
				      "10.0.2.100\tabc web box\n"
				      "192.0.2.1\thost.containers.internal host.docker.internal\n");
}

static void test_hosts_base(void **state)
{
	char path[] = "/tmp/test-network-XXXXXX";
	int fd = mkstemp(path);
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct hosts_request request = { .hostname = "web", .base_path = path };
	struct err err;

	assert_true(fd >= 0);
	dprintf(fd, "# a comment\n127.0.0.1 localhost me # more\n  10.1.1.1\tpeer "
		    "peer.example\nbad line\n"
		    "::1 ip6-localhost\n");
	close(fd);
	assert_int_equal(hosts_file(&request, &out, &err), 0);
	unlink(path);
	assert_string_equal(out.data, "127.0.0.1\tlocalhost me\n"
				      "10.1.1.1\tpeer peer.example\n"
				      "::1\tip6-localhost\n"
				      "::1\tlocalhost\n"
				      "127.0.1.1\tweb\n");

	request.base_path = "/nonexistent/hosts";
	assert_int_equal(hosts_file(&request, &out, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/hosts"));
}

static void add_words(struct strv *list, const char *text)
{
	if (text != NULL)
		strv_split(list, text, ' ');
}

static void test_resolv(void **state)
{
	/* with all three given nothing of the host is left */
	static const struct {
		const char *servers, *searches, *options, *text;
	} cases[] = {
		{ "192.0.2.53 192.0.2.54", "accept.test", "ndots:3",
		  "search accept.test\nnameserver 192.0.2.53\nnameserver 192.0.2.54\noptions "
		  "ndots:3\n" },
		{ "fd00::1", ".", "edns0 rotate", "nameserver fd00::1\noptions edns0 rotate\n" },
		{ "none", ".", "x", "options x\n" },
		{ "fe80::1%eth0", "a b", "x", "search a b\nnameserver fe80::1%eth0\noptions x\n" },
		{ "banana", NULL, NULL, NULL },
		{ "1.2.3.4\nnameserver 6.6.6.6", NULL, NULL, NULL },
		{ "192.0.2.1", "a\nb", NULL, NULL },
		{ "192.0.2.1", NULL, "a\tb", NULL },
		{ "fe80::1%", NULL, NULL, NULL },
	};
	struct network_mode mode = { 0 };
	struct err err;

	assert_int_equal(network_parse("slirp4netns", &mode, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_strv struct strv servers = STRV_INIT;
		cleanup_strv struct strv searches = STRV_INIT;
		cleanup_strv struct strv options = STRV_INIT;
		cleanup_strbuf struct strbuf out = STRBUF_INIT;
		struct resolv_request request = { &servers, &searches, &options, &mode };

		add_words(&servers, cases[i].servers);
		add_words(&searches, cases[i].searches);
		add_words(&options, cases[i].options);
		int r = resolv_file(&request, &out, &err);
		if (cases[i].text == NULL) {
			assert_int_equal(r, -1);
			assert_int_equal(err.kind, ERR_USAGE);
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(out.data, cases[i].text);
	}

	/* the mode's own server first, none of the host's loopback */
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct resolv_request plain = { NULL, NULL, NULL, &mode };
	assert_int_equal(resolv_file(&plain, &out, &err), 0);
	assert_non_null(strstr(out.data, "nameserver 10.0.2.3\n"));
	assert_null(strstr(out.data, "nameserver 127."));
	network_mode_release(&mode);

	strbuf_clear(&out);
	assert_int_equal(network_parse("none", &mode, &err), 0);
	assert_int_equal(resolv_file(&plain, &out, &err), 0);
	assert_null(strstr(out.data, "nameserver"));
	network_mode_release(&mode);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),	   cmocka_unit_test(test_kind_names),
		cmocka_unit_test(test_ports),	   cmocka_unit_test(test_exposed),
		cmocka_unit_test(test_assign),	   cmocka_unit_test(test_hosts_check),
		cmocka_unit_test(test_hosts_file), cmocka_unit_test(test_hosts_base),
		cmocka_unit_test(test_resolv),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
