/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/platform.c - operating system, architecture and variant, in Go's words
 */
#include "engine/image/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"

static const struct {
	const char *other, *architecture, *variant;
} other_names[] = {
	{ "x86_64", "amd64", "" },    { "x86-64", "amd64", "" },
	{ "aarch64", "arm64", "" },   { "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },     { "armv7l", "arm", "v7" },
	{ "armv6l", "arm", "v6" },    { "armv8l", "arm", "v7" },
	{ "i386", "386", "" },	      { "i486", "386", "" },
	{ "i586", "386", "" },	      { "i686", "386", "" },
	{ "ppc64el", "ppc64le", "" }, { "loongarch64", "loong64", "" },
};

static const char *const architectures[] = { "386",	"amd64",   "arm",      "arm64",	 "loong64",
					     "mips",	"mips64",  "mips64le", "mipsle", "ppc64",
					     "ppc64le", "riscv64", "s390x",    "wasm",	 NULL };

static const char *const systems[] = { "linux",	  "windows", "darwin", "freebsd", "netbsd",
				       "openbsd", "wasi",    "wasip1", NULL };

static void set_text(char **member, const char *text)
{
	char *copy = xstrdup(text);

	free(*member);
	*member = copy;
}

void platform_release(struct platform *platform)
{
	free(platform->os);
	free(platform->architecture);
	free(platform->variant);
	*platform = (struct platform){ 0 };
}

void platform_format(const struct platform *platform, struct strbuf *out)
{
	strbuf_addf(out, "%s/%s", platform->os, platform->architecture);
	if (*platform->variant != '\0')
		strbuf_addf(out, "/%s", platform->variant);
}

void platform_normalize(struct platform *platform)
{
	for (size_t i = 0; i < ARRAY_SIZE(other_names); i++) {
		if (!str_equal(platform->architecture, other_names[i].other))
			continue;
		set_text(&platform->architecture, other_names[i].architecture);
		if (*platform->variant == '\0')
			set_text(&platform->variant, other_names[i].variant);
		break;
	}
	if (str_equal(platform->architecture, "arm") && *platform->variant == '\0')
		set_text(&platform->variant, "v7");
	/* arm64 has one variant that images are made for, and it may be left out */
	if (str_equal(platform->architecture, "arm64") && str_equal(platform->variant, "v8"))
		set_text(&platform->variant, "");
}

void platform_here(struct platform *ret)
{
	struct utsname name;

	uname(&name);
	*ret = (struct platform){ xstrdup("linux"), xstrdup(name.machine), xstrdup("") };
	platform_normalize(ret);
}

static bool is_architecture(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(other_names); i++) {
		if (str_equal(other_names[i].other, text))
			return true;
	}
	return str_is_among(architectures, text);
}

static bool is_platform_word(const char *text)
{
	const char *first = "abcdefghijklmnopqrstuvwxyz0123456789";

	return *text != '\0' && strchr(first, *text) != NULL &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

int platform_parse(const char *text, struct platform *ret, struct err *err)
{
	cleanup_strv struct strv parts = STRV_INIT;
	struct platform platform = { 0 };

	strv_split(&parts, text, '/');
	for (size_t i = 0; i < parts.count; i++) {
		if (!is_platform_word(parts.items[i]))
			goto bad;
	}
	if (parts.count < 1 || parts.count > 3)
		goto bad;

	platform_here(&platform);
	if (parts.count == 1) {
		if (str_is_among(systems, text)) {
			set_text(&platform.os, text);
		} else if (is_architecture(text)) {
			set_text(&platform.architecture, text);
			set_text(&platform.variant, "");
		} else {
			platform_release(&platform);
			goto bad;
		}
	} else {
		set_text(&platform.os, parts.items[0]);
		set_text(&platform.architecture, parts.items[1]);
		set_text(&platform.variant, parts.count == 3 ? parts.items[2] : "");
	}
	platform_normalize(&platform);
	*ret = platform;
	return 0;
bad:
	return err_set(err, ERR_USAGE, "invalid platform '%s': it is OS[/ARCHITECTURE[/VARIANT]]",
		       text);
}

int platform_rank(const struct platform *have, const struct platform *want)
{
	struct platform h = { xstrdup(have->os), xstrdup(have->architecture),
			      xstrdup(have->variant) };
	struct platform w = { xstrdup(want->os), xstrdup(want->architecture),
			      xstrdup(want->variant) };
	int rank = 0;

	platform_normalize(&h);
	platform_normalize(&w);
	if (!str_equal(h.os, w.os) || !str_equal(h.architecture, w.architecture))
		rank = 0;
	else if (str_equal(h.variant, w.variant))
		rank = 100;
	else if (*h.variant == '\0')
		rank = 50;
	else if (str_equal(h.architecture, "arm") && strcmp(h.variant, w.variant) < 0)
		rank = 10 + (h.variant[1] - '0'); /* v6 on v7: the newest of the older ones */
	else if (*w.variant == '\0' && str_equal(h.variant, "v1"))
		rank = 40; /* amd64/v1 is what every amd64 machine runs */
	platform_release(&h);
	platform_release(&w);
	return rank;
}
