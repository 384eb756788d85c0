/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/trust.c - `image trust show`, `set`, `add`: whose signatures images must have
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/table.h"
#include "engine/signatures.h"

#include <stdio.h>

/* ---- show ------------------------------------------------------------------------------------------------------------- */

struct trust_show_opts {
	bool json, no_heading, raw;
};

static void print_rows(const json_t *rows, bool no_heading)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;

	if (!no_heading)
		strbuf_adds(&text, "TRANSPORT\tNAME\tTYPE\tID\tSTORE\n");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		static const char *const cells[] = { "transport", "repo_name", "type", "gpg_id",
						     "sigstore" };

		for (size_t k = 0; k < sizeof(cells) / sizeof(cells[0]); k++) {
			if (k > 0)
				strbuf_addc(&text, '\t');
			strbuf_add_escaped(&text, json_get_string(row, "", cells[k], NULL));
		}
		strbuf_addc(&text, '\n');
	}
	table_align(text.data, &out);
	(void)fputs(out.data, stdout);
}

static int trust_show_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct trust_show_opts *opts = opts_;
	cleanup_json json_t *rows = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (opts->raw) {
		if (trust_show_raw(cli->engine, &text, err) < 0)
			return -1;
		(void)fwrite(text.data, 1, text.length, stdout);
		return 0;
	}
	if (trust_show(cli->engine, args->count > 0 ? args->items[0] : NULL, &rows, err) < 0)
		return -1;
	if (opts->json)
		format_json(rows, 2);
	else
		print_rows(rows, opts->no_heading);
	return 0;
}

static const struct opt trust_show_opts[] = {
	OPT_FLAG('j', "json", struct trust_show_opts, json, "as JSON"),
	OPT_FLAG('n', "noheading", struct trust_show_opts, no_heading, "no headings"),
	OPT_FLAG(0, "raw", struct trust_show_opts, raw, "the policy file as it is"), OPT_END
};

const struct cmd cmd_image_trust_show = {
	.paths = { "image trust show" },
	.synopsis = "[REGISTRY]",
	.help = "Show whose signatures images must have",
	.section = SECTION_NONE,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = trust_show_opts,
	.opts_size = sizeof(struct trust_show_opts),
	.run = trust_show_run,
};

/* ---- set -------------------------------------------------------------------------------------------------------------- */

static int trust_set_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_free char *file = NULL;

	return trust_set(cli->engine, args->items[0], opts, &file, err);
}

static const char *const trust_types[] = { "signedBy", "sigstoreSigned", "accept", "reject", NULL };
static const struct opt trust_set_opts[] = {
	OPT_LIST('f', "pubkeysfile", struct trust_set_opts, keys, "FILE",
		 "file with public keys; of several all must have signed"),
	OPT_STRING_OF('t', "type", struct trust_set_opts, type, "TYPE", trust_types,
		      "signedBy, sigstoreSigned, accept or reject"),
	OPT_END
};

const struct cmd cmd_image_trust_set = {
	.paths = { "image trust set" },
	.synopsis = "REGISTRY|default",
	.help = "Say whose signatures the images of a registry or repository must have",
	.examples = "  dhow image trust set -t reject default\n"
		    "  dhow image trust set -f team.asc registry.example.com/team\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = trust_set_opts,
	.opts_size = sizeof(struct trust_set_opts),
	.defaults = &(const struct trust_set_opts){ .type = (char *)"signedBy" },
	.run = trust_set_run,
};

/* ---- add -------------------------------------------------------------------------------------------------------------- */

static int trust_add_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_strv struct strv files = STRV_INIT;

	if (trust_add(cli->engine, args->items[0], opts, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < files.count; i++)
		(void)printf("%s\n", files.items[i]);
	return 0;
}

static const char *const match_words[] = { "matchRepoDigestOrExact", "matchExact",
					   "matchRepository", NULL };
#define KEYLESS "certificates of Fulcio are not checked: name the signer's key by --key"
static const struct opt trust_add_opts[] = {
	OPT_LIST('k', "key", struct trust_add_opts, keys, "FILE",
		 "public key of GPG or sigstore; one of several must have signed"),
	OPT_STRING_OF(0, "match", struct trust_add_opts, match, "HOW", match_words,
		      "the name that a signature must bear (as fits the key)"),
	OPT_REFUSED_VALUE(0, "identity", KEYLESS), OPT_REFUSED_VALUE(0, "issuer", KEYLESS), OPT_END
};

const struct cmd cmd_image_trust_add = {
	.paths = { "image trust add" },
	.synopsis = "REPOSITORY --key FILE",
	.help = "Let only images come in that a key has signed",
	.examples = "  dhow image trust add registry.example.com/team --key cosign.pub\n"
		    "  dhow image trust add docker.io/library/busybox --key team.asc\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = trust_add_opts,
	.opts_size = sizeof(struct trust_add_opts),
	.run = trust_add_run,
};

/* ---- image sign ------------------------------------------------------------------------------------------------------- */

static int image_sign_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	int worst = 0;

	for (size_t i = 0; i < args->count; i++) {
		cleanup_strv struct strv paths = STRV_INIT;
		struct err one = { 0 };

		if (image_sign(cli->engine, args->items[i], opts, &paths, &one) < 0)
			worst = cli_worse(worst, cli_error(cli, &one));
		for (size_t k = 0; k < paths.count; k++)
			(void)printf("%s\n", paths.items[k]);
	}
	return worst;
}

#define T struct image_sign_run_opts
static const struct opt image_sign_opts[] = {
	OPT_FLAG('a', "all", T, all, "also the index, and the images of all platforms"),
	OPT_STRING(0, "authfile", T, registry.authfile, "FILE",
		   "file with the credentials of registries"),
	OPT_STRING(0, "cert-dir", T, registry.cert_dir, "DIR",
		   "directory with CA and client certificates for the registry"),
	OPT_STRING('d', "directory", T, directory, "DIR",
		   "write signatures here, not where registries.d says"),
	OPT_STRING(0, "sign-by", T, sign.by, "FINGERPRINT", "the key of GPG"),
	OPT_STRING(0, "sign-passphrase-file", T, sign.passphrase_file, "FILE",
		   "file with the passphrase of the key"),
	OPT_END
};

const struct cmd cmd_image_sign = {
	.paths = { "image sign" },
	.synopsis = "IMAGE [IMAGE...]",
	.help = "Sign images as they are in their registry",
	.examples =
		"  dhow image sign --sign-by team@example.com registry.example.com/team/web:1\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = image_sign_opts,
	.opts_size = sizeof(T),
	.defaults = &(const T){ .registry = { .tls_verify = TRI_UNSET, .retry = 3 } },
	.run = image_sign_run,
};
