/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_auth.c - what a registry wants in place of 401 (R17, R18)
 *
 * Basic: the password itself, to the registry's own origin. Bearer: a token that a token server gives for the password; where
 * that server is, the registry says. It already could have the password by asking for Basic, so the realm may be any
 * https server; http is followed only at the very origin of a registry that was declared insecure and speaks http itself.
 */
#include "engine/image/transfer_http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"

#define TOKEN_MAX_BYTES (4U << 20)

/* ---- challenges ------------------------------------------------------------------------------------------------------ */

void challenge_release(struct challenge *challenge)
{
	free(challenge->scheme);
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	free(challenge->error);
	*challenge = (struct challenge){ 0 };
}

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static const char *skip(const char *at, const char *characters)
{
	return at + strspn(at, characters);
}

/* A token or a quoted string at *at; NULL when there is none. */
static char *value_take(const char **at)
{
	cleanup_strbuf struct strbuf value = STRBUF_INIT;
	const char *c = *at;

	if (*c != '"') {
		while (is_token_char(*c) || *c == '/' || *c == ':' || *c == '=')
			strbuf_addc(&value, *c++);
		*at = c;
		return value.length > 0 ? strbuf_take(&value) : NULL;
	}
	for (c++; *c != '"'; c++) {
		if (*c == '\\')
			c++;
		if (*c == '\0')
			return NULL;
		strbuf_addc(&value, *c);
	}
	*at = c + 1;
	return strbuf_take(&value);
}

/* name=value at *at: false when what stands there is none (then it is the next scheme). */
static bool parameter_take(const char **at, struct challenge *challenge)
{
	const struct {
		const char *name;
		char **member;
	} names[] = {
		{ "realm", &challenge->realm },
		{ "service", &challenge->service },
		{ "scope", &challenge->scope },
		{ "error", &challenge->error },
	};
	cleanup_free char *name = NULL, *value = NULL;
	const char *c = *at, *end = c;

	while (is_token_char(*end))
		end++;
	if (end == c || *skip(end, " \t") != '=')
		return false;
	name = xstrndup(c, (size_t)(end - c));
	c = skip(skip(end, " \t") + 1, " \t");
	value = value_take(&c);
	if (value == NULL)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcasecmp(names[i].name, name) == 0 && *names[i].member == NULL)
			*names[i].member = TAKE_PTR(value);
	}
	*at = c;
	return true;
}

bool challenge_parse(const char *header, const char *scheme, struct challenge *ret)
{
	const char *at = header;

	for (;;) {
		struct challenge challenge = { 0 };
		const char *end = NULL;

		at = skip(at, " \t,");
		end = at;
		while (is_token_char(*end))
			end++;
		if (end == at)
			return false;
		challenge.scheme = xstrndup(at, (size_t)(end - at));
		at = end;
		do
			at = skip(at, " \t,");
		while (parameter_take(&at, &challenge));

		if (strcasecmp(challenge.scheme, scheme) == 0) {
			*ret = challenge;
			return true;
		}
		challenge_release(&challenge);
	}
}

/* ---- authorizations --------------------------------------------------------------------------------------------------- */

static char *basic_authorization(const struct registry *registry)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	cleanup_strbuf struct strbuf plain = STRBUF_INIT, out = STRBUF_INIT;

	strbuf_addf(&plain, "%s:%s", registry->username, registry->password);
	strbuf_adds(&out, "Basic ");
	for (size_t i = 0; i < plain.length; i += 3) {
		unsigned char in[3] = { 0 };
		size_t count = plain.length - i < 3 ? plain.length - i : 3;

		memcpy(in, plain.data + i, count);
		strbuf_addc(&out, alphabet[in[0] >> 2]);
		strbuf_addc(&out, alphabet[(in[0] & 3) << 4 | in[1] >> 4]);
		strbuf_addc(&out, count > 1 ? alphabet[(in[1] & 15) << 2 | in[2] >> 6] : '=');
		strbuf_addc(&out, count > 2 ? alphabet[in[2] & 63] : '=');
	}
	explicit_bzero(plain.data, plain.length);
	return strbuf_take(&out);
}

static void set_authorization(struct registry *registry, char *value_take)
{
	if (registry->authorization != NULL)
		explicit_bzero(registry->authorization, strlen(registry->authorization));
	free(registry->authorization);
	registry->authorization = value_take;
	registry->generation++;
}

static void fail(struct registry *registry, enum err_kind kind, const char *text)
{
	registry->auth_failed = true;
	err_set(&registry->auth_err, kind, "registry '%s' %s", registry->name, text);
	if (kind == ERR_AUTH && registry->username == NULL && registry->identity_token == NULL)
		err_hint(&registry->auth_err, "Log in to '%s' first, or use --creds.",
			 registry->name);
}

static int token_body(struct http_request *request, const void *data, size_t length)
{
	struct strbuf *body = request->arg;

	if (body->length + length > TOKEN_MAX_BYTES) {
		request->final = true;
		return err_set(&request->err, ERR_LIMIT, "the token is too long");
	}
	strbuf_add(body, data, length);
	return 0;
}

/* A token goes into a header: printable, without blanks. */
static bool is_good_token(const char *token)
{
	if (str_is_empty(token))
		return false;
	for (; *token != '\0'; token++) {
		if (*token <= ' ' || *token >= 0x7f)
			return false;
	}
	return true;
}

static void token_done(struct http_request *request)
{
	struct registry *registry = request->registry;
	struct strbuf *body = request->arg;
	cleanup_json json_t *json = NULL;
	struct err err;

	registry->token_pending = false;
	if (!request->ok) {
		registry->auth_failed = true;
		registry->auth_err = request->err;
		if (request->status == 401 || request->status == 403)
			fail(registry, ERR_AUTH,
			     registry->username != NULL
				     ? "refuses authentication: invalid user name or password"
				     : "wants authentication");
		else
			err_wrap(&registry->auth_err, "cannot get a token for registry '%s'",
				 registry->name);
	} else {
		const char *token = NULL;

		json = json_parse(body->data, body->length, "the answer of the token server", &err);
		if (json != NULL)
			token = json_get_string(json,
						json_get_string(json, NULL, "access_token", NULL),
						"token", NULL);
		if (token == NULL || !is_good_token(token))
			fail(registry, ERR_CORRUPT, "has a token server that gives no token");
		else
			set_authorization(registry, xasprintf("Bearer %s", token));
	}
	explicit_bzero(body->data, body->length);
	strbuf_release(body);
	free(body);
	http_request_release(request);
	free(request);
}

static void add_query(struct strbuf *url, const char *name, const char *value)
{
	char *escaped = NULL;

	if (str_is_empty(value))
		return;
	escaped = curl_easy_escape(NULL, value, (int)strlen(value));
	if (escaped == NULL)
		return;
	if (url->length > 0)
		strbuf_addc(url, strchr(url->data, '?') != NULL ? '&' : '?');
	strbuf_addf(url, "%s=%s", name, escaped);
	curl_free(escaped);
}

/* body of a form: as a query, without the '?' */
static void add_field(struct strbuf *form, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, (int)strlen(value));

	if (form->length > 0)
		strbuf_addc(form, '&');
	strbuf_addf(form, "%s=%s", name, escaped != NULL ? escaped : "");
	curl_free(escaped);
}

/* https, or the registry's own http origin */
static bool realm_is_allowed(const struct registry *registry, const char *realm)
{
	cleanup_free char *own = registry_url(registry, "");
	char *path = strstr(own, "/v2/");

	if (strchr(realm, '#') != NULL || strchr(realm, '@') != NULL)
		return false;
	if (strncasecmp(realm, "https://", 8) == 0)
		return true;
	if (!registry->insecure || !registry->plain_http || path == NULL)
		return false;
	path[1] = '\0'; /* http://host:port/ */
	return strncmp(realm, own, strlen(own)) == 0;
}

static void request_token(struct http *http, struct registry *registry,
			  const struct challenge *challenge)
{
	cleanup_strbuf struct strbuf url = STRBUF_INIT, form = STRBUF_INIT;
	cleanup_free char *scope = NULL;
	struct http_request *request = NULL;

	if (challenge->realm == NULL || !realm_is_allowed(registry, challenge->realm)) {
		fail(registry, ERR_DENIED,
		     "names a token server that is not reached by https: no password is sent "
		     "there");
		return;
	}
	scope = challenge->scope != NULL ? xstrdup(challenge->scope)
					 : xasprintf("repository:%s:pull", registry->path);
	request = xcalloc(1, sizeof(*request));
	request->registry = registry;
	request->body = token_body;
	request->done = token_done;
	request->arg = xcalloc(1, sizeof(struct strbuf));
	strbuf_init(request->arg);
	strbuf_init(&request->error_body);

	strbuf_adds(&url, challenge->realm);
	if (registry->identity_token != NULL) {
		add_field(&form, "grant_type", "refresh_token");
		add_field(&form, "service", challenge->service != NULL ? challenge->service : "");
		add_field(&form, "client_id", "dhow");
		add_field(&form, "scope", scope);
		add_field(&form, "refresh_token", registry->identity_token);
		request->post_fields = strbuf_take(&form);
	} else {
		add_query(&url, "service", challenge->service);
		add_query(&url, "scope", scope);
		if (registry->username != NULL)
			request->own_authorization = basic_authorization(registry);
	}
	request->token_url = strbuf_take(&url);
	registry->token_pending = true;
	http_request_start(http, request);
}

void auth_handle(struct http *http, struct registry *registry, const char *header)
{
	struct challenge challenge = { 0 };

	if (header != NULL && challenge_parse(header, "bearer", &challenge)) {
		request_token(http, registry, &challenge);
		challenge_release(&challenge);
		return;
	}
	if (header == NULL || !challenge_parse(header, "basic", &challenge)) {
		fail(registry, ERR_AUTH, "wants authentication, but not by password or token");
		return;
	}
	challenge_release(&challenge);
	if (registry->username == NULL)
		fail(registry, ERR_AUTH, "wants authentication");
	else
		set_authorization(registry, basic_authorization(registry));
}
