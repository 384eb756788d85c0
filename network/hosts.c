/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/hosts.c - the text of /etc/hosts in a container
 *
 * Order as podman writes it: what the user added, the base file, localhost, the container itself, the host. A name that
 * was given an address is not given another one further down, so that --add-host wins. Names and addresses are checked
 * here: a newline in one would be a line of its own (R11).
 */
#include "network/network.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#define HOSTS_LIMIT  (1U << 20)
#define HOST_GATEWAY "host-gateway"
#define HOST_NAMES   "host.containers.internal host.docker.internal"
#define OWN_ADDRESS  "127.0.1.1"

static bool is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool is_host_name(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '#')
			return false;
	return true;
}

/* Cuts "name1;name2:ip" into its names and address. */
static int split_item(const char *item, struct strv *names, char **ret_address, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	const char *colon = strchr(item, ':');

	strbuf_add_escaped(&shown, item);
	if (colon == NULL) {
		err_set(err, ERR_USAGE, "invalid host '%s'", shown.data);
		return err_hint(err, "Write NAME:IP, NAME;NAME:IP or NAME:host-gateway.");
	}

	cleanup_free char *left = xstrndup(item, (size_t)(colon - item));
	cleanup_free char *address = xstrdup(colon + 1);
	size_t length = strlen(address);
	if (length > 2 && address[0] == '[' && address[length - 1] == ']') {
		memmove(address, address + 1, length - 2);
		address[length - 2] = '\0';
	}
	if (!str_equal(address, HOST_GATEWAY) && !is_address(address))
		return err_set(err, ERR_USAGE,
			       "invalid host '%s': the part after ':' is no IP address",
			       shown.data);

	strv_split(names, left, ';');
	for (size_t i = 0; i < names->count; i++)
		if (!is_host_name(names->items[i]))
			return err_set(err, ERR_USAGE,
				       "invalid host '%s': the name is no host name", shown.data);
	*ret_address = TAKE_PTR(address);
	return 0;
}

int hosts_check(const char *item, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_free char *address = NULL;

	return split_item(item, &names, &address, err);
}

/* one line with those names that are new */
static void add_line(struct strbuf *out, struct strv *seen, const char *address,
		     const struct strv *names)
{
	bool started = false;

	for (size_t i = 0; i < names->count; i++) {
		/* localhost and the container's own name may have an IPv4 and an IPv6 line */
		cleanup_free char *key = xasprintf("%c%s", strchr(address, ':') != NULL ? '6' : '4',
						   names->items[i]);

		if (strv_contains(seen, key))
			continue;
		strv_add_take(seen, TAKE_PTR(key));
		strbuf_addf(out, started ? " %s" : "%s\t%s", started ? names->items[i] : address,
			    names->items[i]);
		started = true;
	}
	if (started)
		strbuf_addc(out, '\n');
}

static void add_words(struct strbuf *out, struct strv *seen, const char *address, const char *words)
{
	cleanup_strv struct strv names = STRV_INIT;

	strv_split(&names, words, ' ');
	add_line(out, seen, address, &names);
}

/* words between blanks, up to a comment */
static void split_blanks(struct strv *words, const char *line)
{
	while (*line != '\0' && *line != '#') {
		size_t blanks = strspn(line, " \t\r");
		size_t length = strcspn(line + blanks, " \t\r#");

		line += blanks;
		if (length > 0)
			strv_add_take(words, xstrndup(line, length));
		line += length;
	}
}

static int add_base(struct strbuf *out, struct strv *seen, const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	/* the user's own file on the command line: links are followed */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(err, errno, "cannot open hosts file '%s'", path);

	int r = fd_read_all(fd, &text, HOSTS_LIMIT);
	if (r < 0)
		return err_sys(err, -r, "cannot read hosts file '%s'", path);

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		cleanup_strv struct strv words = STRV_INIT;

		split_blanks(&words, lines.items[i]);
		if (words.count < 2 || !is_address(words.items[0]))
			continue;

		cleanup_free char *address = xstrdup(words.items[0]);
		strv_remove(&words, 0);
		add_line(out, seen, address, &words);
	}
	return 0;
}

static int add_extra(struct strbuf *out, struct strv *seen, const struct hosts_request *request,
		     struct err *err)
{
	for (size_t i = 0; request->extra != NULL && i < request->extra->count; i++) {
		cleanup_strv struct strv names = STRV_INIT;
		cleanup_free char *address = NULL;

		if (split_item(request->extra->items[i], &names, &address, err) < 0)
			return -1;
		if (str_equal(address, HOST_GATEWAY)) {
			if (request->host_gateway == NULL) {
				err_set(err, ERR_USAGE,
					"cannot use '%s' in '%s': this network does not lead to "
					"the host",
					HOST_GATEWAY, request->extra->items[i]);
				return err_hint(err, "Give an IP address.");
			}
			free(address);
			address = xstrdup(request->host_gateway);
		}
		add_line(out, seen, address, &names);
	}
	return 0;
}

int hosts_file(const struct hosts_request *request, struct strbuf *out, struct err *err)
{
	cleanup_strv struct strv seen = STRV_INIT;

	if (add_extra(out, &seen, request, err) < 0)
		return -1;
	if (request->base_path != NULL && !str_equal(request->base_path, "none") &&
	    add_base(out, &seen, request->base_path, err) < 0)
		return -1;

	add_words(out, &seen, "127.0.0.1", "localhost");
	add_words(out, &seen, "::1", "localhost");
	if (request->hostname != NULL) {
		cleanup_free char *own =
			request->name != NULL ? xasprintf("%s %s", request->hostname, request->name)
					      : xstrdup(request->hostname);

		add_words(out, &seen, request->address != NULL ? request->address : OWN_ADDRESS,
			  own);
	}
	if (request->host_gateway != NULL)
		add_words(out, &seen, request->host_gateway, HOST_NAMES);
	return 0;
}
