/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/resolv.c - the text of /etc/resolv.conf in a container
 *
 * What the command line says replaces what the host's file says, each kind of line on its own. Servers of the host that are on its
 * loopback (systemd-resolved, dnsmasq) cannot be reached from a namespace of its own: there the mode's own server
 * comes first and those are left out. With the host's network, and in a namespace that somebody else made, the host's file holds.
 */
#include "network/network.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>

#define RESOLV_PATH  "/etc/resolv.conf"
#define RESOLV_LIMIT (64U << 10)
/* systemd-resolved's list of the real servers, when RESOLV_PATH names only its stub */
#define RESOLVED_PATH "/run/systemd/resolve/resolv.conf"
#define RESOLVED_STUB "127.0.0.53"

struct resolv {
	struct strv servers, searches, options;
};

static void resolv_release(struct resolv *resolv)
{
	strv_release(&resolv->servers);
	strv_release(&resolv->searches);
	strv_release(&resolv->options);
}
#define cleanup_resolv __attribute__((cleanup(resolv_release)))
#define RESOLV_INIT                                                                                \
	{                                                                                          \
		STRV_INIT, STRV_INIT, STRV_INIT                                                    \
	}

/* ---- the host's file ------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* the words behind the keyword of a line */
static void add_rest(struct strv *words, const char *rest)
{
	while (*rest != '\0') {
		while (is_blank(*rest))
			rest++;
		size_t length = strcspn(rest, " \t\r");
		if (length > 0)
			strv_add_take(words, xstrndup(rest, length));
		rest += length;
	}
}

static void read_host(const char *path, struct resolv *resolv)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	/* a link into /run on most systems, so it is followed */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fd_read_all(fd, &text, RESOLV_LIMIT) < 0) {
		debug("cannot read '%s', ignoring", path);
		return;
	}

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		const char *line = lines.items[i];
		size_t keyword = strcspn(line, " \t");

		if (line[keyword] == '\0')
			continue;
		if (keyword == 10 && strncmp(line, "nameserver", keyword) == 0) {
			add_rest(&resolv->servers, line + keyword);
		} else if (keyword == 7 && strncmp(line, "options", keyword) == 0) {
			add_rest(&resolv->options, line + keyword);
		} else if ((keyword == 6 && strncmp(line, "search", keyword) == 0) ||
			   (keyword == 6 && strncmp(line, "domain", keyword) == 0)) {
			/* the last of these lines wins, resolv.conf(5) */
			strv_clear(&resolv->searches);
			add_rest(&resolv->searches, line + keyword);
		}
	}
}

/* ---- servers -------------------------------------------------------------------------------------------------------- */

/* an address, with a zone when it is link-local */
static bool is_server(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];
	const char *zone = strchr(text, '%');

	if (zone == NULL)
		return inet_pton(AF_INET, text, address) == 1 ||
		       inet_pton(AF_INET6, text, address) == 1;

	cleanup_free char *plain = xstrndup(text, (size_t)(zone - text));
	if (zone[1] == '\0' || strlen(zone + 1) >= IFNAMSIZ)
		return false;
	for (const char *c = zone + 1; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '/')
			return false;
	return inet_pton(AF_INET6, plain, address) == 1;
}

/* True for a server that a namespace of its own cannot reach: loopback, or a zone that names an interface of the host. */
static bool is_local(const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (strchr(text, '%') != NULL)
		return true;
	if (inet_pton(AF_INET, text, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127 || v4.s_addr == INADDR_ANY;
	if (inet_pton(AF_INET6, text, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6) ||
		       IN6_IS_ADDR_UNSPECIFIED(&v6);
	return true;
}

/* Servers of a private network: the mode's own, then those of the host that can be reached through it. */
static void private_servers(const struct network_mode *mode, const struct resolv *host,
			    struct strv *servers)
{
	const char *own = network_dns(mode);

	if (own != NULL)
		strv_add(servers, own);
	for (size_t i = 0; i < host->servers.count; i++) {
		const char *server = host->servers.items[i];

		if (is_local(server) || strv_contains(servers, server))
			continue;
		if (strchr(server, ':') != NULL && !mode->enable_ipv6)
			continue;
		strv_add(servers, server);
	}
}

static bool shares_host(const struct network_mode *mode)
{
	return mode->kind == NETWORK_HOST || mode->kind == NETWORK_PATH;
}

static void pick_servers(const struct network_mode *mode, struct resolv *host, struct strv *servers)
{
	if (shares_host(mode)) {
		strv_add_all(servers, &host->servers);
		return;
	}
	/* no network reaches no server: a name is answered "not found" at once instead of after a time-out */
	if (mode->kind == NETWORK_NONE)
		return;

	if (host->servers.count == 1 && str_equal(host->servers.items[0], RESOLVED_STUB)) {
		cleanup_resolv struct resolv real = RESOLV_INIT;

		read_host(RESOLVED_PATH, &real);
		private_servers(mode, &real, servers);
		return;
	}
	private_servers(mode, host, servers);
}

/* ---- the file ------------------------------------------------------------------------------------------------------- */

static bool is_given(const struct strv *list)
{
	return list != NULL && list->count > 0;
}

static int check_word(const char *text, const char *what, struct err *err)
{
	bool good = *text != '\0';

	for (const char *c = text; *c != '\0'; c++)
		good &= *c > ' ' && *c <= '~';
	if (good)
		return 0;

	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, text);
	return err_set(err, ERR_USAGE, "invalid %s '%s'", what, shown.data);
}

static int check_given(const struct resolv_request *request, struct err *err)
{
	for (size_t i = 0; is_given(request->servers) && i < request->servers->count; i++) {
		const char *server = request->servers->items[i];

		if (str_equal(server, "none") || is_server(server))
			continue;

		cleanup_strbuf struct strbuf shown = STRBUF_INIT;
		strbuf_add_escaped(&shown, server);
		return err_set(err, ERR_USAGE, "invalid DNS server '%s': it is no IP address",
			       shown.data);
	}
	for (size_t i = 0; is_given(request->searches) && i < request->searches->count; i++)
		if (check_word(request->searches->items[i], "DNS search domain", err) < 0)
			return -1;
	for (size_t i = 0; is_given(request->options) && i < request->options->count; i++)
		if (check_word(request->options->items[i], "DNS option", err) < 0)
			return -1;
	return 0;
}

/* One line of all words, without the word that means "nothing". */
static void add_joined(struct strbuf *out, const char *keyword, const struct strv *words,
		       const char *nothing)
{
	bool started = false;

	for (size_t i = 0; i < words->count; i++) {
		if (nothing != NULL && str_equal(words->items[i], nothing))
			continue;
		strbuf_addf(out, "%s %s", started ? "" : keyword, words->items[i]);
		started = true;
	}
	if (started)
		strbuf_addc(out, '\n');
}

int resolv_file(const struct resolv_request *request, struct strbuf *out, struct err *err)
{
	cleanup_resolv struct resolv host = RESOLV_INIT;
	cleanup_strv struct strv servers = STRV_INIT;

	if (check_given(request, err) < 0)
		return -1;

	read_host(RESOLV_PATH, &host);
	if (is_given(request->servers))
		strv_copy(&servers, request->servers);
	else
		pick_servers(request->mode, &host, &servers);

	add_joined(out, "search", is_given(request->searches) ? request->searches : &host.searches,
		   ".");
	for (size_t i = 0; i < servers.count; i++)
		if (!str_equal(servers.items[i], "none"))
			strbuf_addf(out, "nameserver %s\n", servers.items[i]);
	add_joined(out, "options", is_given(request->options) ? request->options : &host.options,
		   NULL);
	return 0;
}
