/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/ref.c - the grammar of image references
 *
 *	[HOST[:PORT]/]PATH[:TAG][@DIGEST]
 *
 * The first component is a host when it has a '.' or a ':' or upper case letters, or is "localhost"; else the name is short and
 * its registry is NULL. All else is refused here, so that no other text can reach a URL, a path or a log line (R11). The
 * whole name without tag and digest has at most 255 bytes, a tag 128.
 */
#include "engine/image.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"

#define NAME_MAX_BYTES 255
#define TAG_MAX_BYTES  128

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static const char *tag_problem(const char *tag)
{
	if (*tag == '\0')
		return "the tag is empty";
	if (!is_word(*tag) && *tag != '_')
		return "a tag starts with a letter, a digit or '_'";
	if (strlen(tag) > TAG_MAX_BYTES)
		return "the tag has more than 128 characters";
	for (const char *c = tag; *c != '\0'; c++) {
		if (!is_word(*c) && strchr("._-", *c) == NULL)
			return "a tag has letters, digits, '_', '.' and '-' only";
	}
	return NULL;
}

/* How many bytes of a separator are at text: "." "_" "__" or any number of "-"; 0: none. */
static size_t separator_length(const char *text)
{
	if (text[0] == '.')
		return 1;
	if (text[0] == '_')
		return text[1] == '_' ? 2 : 1;
	return strspn(text, "-");
}

static const char *path_problem(const char *path)
{
	const char *c = path;

	for (; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			return "the name of a repository must be lowercase";
	}
	c = path;
	for (;;) {
		if (!is_lower_or_digit(*c))
			return *c == '\0' || *c == '/' ? "a part of the name is empty"
						       : "a part of the name starts with a letter "
							 "or a digit";
		while (*c != '\0' && *c != '/') {
			size_t separator = 0;

			if (is_lower_or_digit(*c)) {
				c++;
				continue;
			}
			separator = separator_length(c);
			if (separator == 0)
				return "a name has lower case letters, digits, '.', '_' and '-' "
				       "only";
			c += separator;
			if (!is_lower_or_digit(*c))
				return "a separator stands between letters or digits";
		}
		if (*c == '\0')
			return NULL;
		c++;
	}
}

static const char *port_problem(const char *port)
{
	uint16_t number = 0;

	if (parse_u16(port, &number) < 0 || number == 0)
		return "the port is no number from 1 to 65535";
	return NULL;
}

static const char *host_problem(const char *host)
{
	const char *c = host;

	if (*c == '[') {
		c++;
		while (isxdigit((unsigned char)*c) || *c == ':' || *c == '.')
			c++;
		if (*c != ']' || c == host + 1)
			return "the address in brackets is no IPv6 address";
		c++;
	} else {
		for (;;) {
			const char *start = c;

			while (is_word(*c) || *c == '-')
				c++;
			if (c == start || *start == '-' || c[-1] == '-')
				return "the host has an empty or badly formed part";
			if (*c != '.')
				break;
			c++;
		}
	}
	if (*c == ':')
		return port_problem(c + 1);
	return *c == '\0' ? NULL : "the host has letters, digits, '.' and '-' only";
}

static bool is_host(const char *first)
{
	if (strpbrk(first, ".:[") != NULL || str_equal(first, "localhost"))
		return true;
	for (const char *c = first; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			return true;
	}
	return false;
}

static bool is_image_id(const char *text)
{
	struct object_id id;

	return object_id_parse(text, &id) == 0;
}

/* Fill ret from text (which is changed), or tell what is wrong. */
static const char *ref_parse(char *text, struct image_ref *ret)
{
	const char *problem = NULL;
	char *at = strchr(text, '@');
	char *slash = NULL;
	char *colon = NULL;

	if (at != NULL) {
		*at = '\0';
		if (digest_parse(at + 1, &ret->digest) < 0)
			return "a digest is 'sha256:' and 64 lower case hexadecimal digits";
	}

	slash = strrchr(text, '/');
	colon = strchr(slash != NULL ? slash : text, ':');
	if (colon != NULL) {
		*colon = '\0';
		problem = tag_problem(colon + 1);
		if (problem != NULL)
			return problem;
		ret->tag = xstrdup(colon + 1);
	}
	if (*text == '\0')
		return "the name is empty";
	if (strlen(text) > NAME_MAX_BYTES)
		return "the name has more than 255 characters";
	if (ret->tag == NULL && !digest_is_set(&ret->digest) && is_image_id(text))
		return "it is the id of an image, not a name";

	slash = strchr(text, '/');
	if (slash != NULL) {
		*slash = '\0';
		if (is_host(text)) {
			problem = host_problem(text);
			if (problem != NULL)
				return problem;
			ret->registry =
				xstrdup(str_equal(text, "index.docker.io") ? "docker.io" : text);
			text = slash + 1;
		} else {
			*slash = '/';
		}
	}
	problem = path_problem(text);
	if (problem != NULL)
		return problem;

	if (ret->registry != NULL && str_equal(ret->registry, "docker.io") &&
	    strchr(text, '/') == NULL)
		ret->path = xasprintf("library/%s", text);
	else
		ret->path = xstrdup(text);
	return NULL;
}

void image_ref_release(struct image_ref *ref)
{
	free(ref->registry);
	free(ref->path);
	free(ref->tag);
	*ref = (struct image_ref){ 0 };
}

int image_ref_parse(const char *text, struct image_ref *ret_ref, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_free char *copy = xstrdup(text);
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	const char *problem = ref_parse(copy, &ref);

	if (problem != NULL) {
		strbuf_add_escaped(&shown, text);
		return err_set(err, ERR_USAGE, "invalid reference '%s': %s", shown.data, problem);
	}
	*ret_ref = ref;
	ref = (struct image_ref){ 0 };
	return 0;
}

char *image_ref_full(const struct image_ref *ref, const char *default_registry)
{
	cleanup_strbuf struct strbuf full = STRBUF_INIT;
	const char *registry = ref->registry != NULL ? ref->registry : default_registry;
	bool in_library = ref->registry == NULL && str_equal(registry, "docker.io") &&
			  strchr(ref->path, '/') == NULL;

	strbuf_addf(&full, "%s/%s%s", registry, in_library ? "library/" : "", ref->path);
	if (digest_is_set(&ref->digest))
		strbuf_addf(&full, "@%s", ref->digest.text);
	else
		strbuf_addf(&full, ":%s", ref->tag != NULL ? ref->tag : "latest");
	return strbuf_take(&full);
}
