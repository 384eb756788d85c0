/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build_same.c - options that are taken as long as they ask for what is done anyway
 *
 * Scripts for other builders say such things to be sure (--provenance=false, --isolation=rootless, --load). What they ask for is so; anything else
 * is refused with its reason.
 */
#include "cli/build_same.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/strbuf.h"

static int refuse(struct err *err, const char *option, const char *value, const char *reason)
{
	return err_set(err, ERR_UNSUPPORTED, "--%s%s%s is not supported: %s", option,
		       *value != '\0' ? "=" : "", value, reason);
}

static bool is_false(const char *text)
{
	bool on = true;

	return parse_bool(text, &on) == 0 && !on;
}

static int check_words(const struct build_opts *opts, struct err *err)
{
	const char *isolation = opts->isolation;

	if (isolation != NULL && !str_equal(isolation, "oci") &&
	    !str_equal(isolation, "rootless") && !str_equal(isolation, "default"))
		return refuse(err, "isolation", isolation, "a step always runs in a container");
	if (opts->provenance != NULL && !is_false(opts->provenance))
		return refuse(err, "provenance", opts->provenance, "no attestations are made");
	if (opts->sbom != NULL && !is_false(opts->sbom))
		return refuse(err, "sbom", opts->sbom,
			      "no scanner for the contents of images is part of dhow");
	if (opts->builder != NULL && !str_equal(opts->builder, "default"))
		return refuse(err, "builder", opts->builder, "there is one builder: default");
	for (size_t i = 0; i < opts->attest.count; i++)
		if (!str_ends_with(opts->attest.items[i], ",disabled=true"))
			return refuse(err, "attest", opts->attest.items[i],
				      "no attestations are made");
	for (size_t i = 0; i < opts->allow.count; i++)
		if (!str_equal(opts->allow.items[i], "network.host"))
			return refuse(
				err, "allow", opts->allow.items[i],
				"what steps may do is said with --cap-add and --security-opt");
	return 0;
}

static int check_switches(const struct build_opts *opts, struct err *err)
{
	if (opts->identity_label > 0)
		return refuse(err, "identity-label", "",
			      "dhow puts no label of its own into images");
	if (opts->disable_compression == 0)
		return refuse(err, "disable-compression", "false",
			      "layers are compressed when they are pushed");
	if (opts->disable_content_trust == 0)
		return refuse(err, "disable-content-trust", "false",
			      "what is trusted is said in policy.json");
	return 0;
}

int build_check_same(struct build_opts *opts, struct err *err)
{
	if (check_words(opts, err) < 0 || check_switches(opts, err) < 0)
		return -1;
	if (opts->call != NULL && str_equal(opts->call, "check"))
		opts->check = true;
	else if (opts->call != NULL && !str_equal(opts->call, "build"))
		return refuse(err, "call", opts->call, "it is build or check");
	if (opts->push && opts->tags.count == 0)
		return err_set(err, ERR_USAGE, "--push needs a --tag: the name to push to");
	if (opts->pull_always && opts->pull_never)
		return err_set(err, ERR_USAGE,
			       "--pull-always and --pull-never contradict each other");
	if (opts->pull_always || opts->pull_never) {
		if (opts->pull != NULL)
			return err_set(err, ERR_USAGE,
				       "--pull cannot be used together with --pull-always or "
				       "--pull-never");
		opts->pull = xstrdup(opts->pull_always ? "always" : "never");
	}
	return 0;
}
