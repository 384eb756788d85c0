/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/push.c - `push`
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "engine/container.h"
#include "engine/files.h"

static int push_tags(struct cli *cli, const struct image_push_opts *opts, const struct strv *args,
		     struct err *err)
{
	cleanup_progress struct progress_view *view = NULL;
	int status;

	if (args->count > 1)
		return err_set(err, ERR_USAGE,
			       "--all-tags takes a repository, and no other destination");
	if (opts->digestfile != NULL)
		return err_set(err, ERR_USAGE, "--digestfile is for one tag, not for --all-tags");
	view = opts->quiet ? NULL : progress_view_new();
	status = image_push_all_tags(cli->engine, args->items[0], opts,
				     opts->quiet ? NULL : progress_view_event, view, err);
	progress_view_end(view);
	return status;
}

static int push_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct image_push_opts *opts = opts_;

	if (opts->all_tags)
		return push_tags(cli, opts, args, err);

	cleanup_progress struct progress_view *view = opts->quiet ? NULL : progress_view_new();
	struct digest digest = { "" };
	int status =
		image_push(cli->engine, args->items[0], args->count > 1 ? args->items[1] : NULL,
			   opts, opts->quiet ? NULL : progress_view_event, view, &digest, err);

	progress_view_end(view);
	if (status < 0)
		return -1;
	return opts->digestfile != NULL ? output_file_digest(opts->digestfile, &digest, err) : 0;
}

static const char *const push_formats[] = { "oci", "v2s2", "docker", NULL };
static const char *const push_compressions[] = { "gzip", "zstd", "zstd:chunked", NULL };

#define T struct image_push_opts
static const struct opt push_opts[] = {
	OPT_FLAG('a', "all-tags", T, all_tags, "push all tags that a repository has here"),
	OPT_INCLUDE(T, registry, struct image_pull_opts, registry_rows),
	OPT_FLAG(0, "compress", T, compress, "dir: compress layers by gzip"),
	OPT_STRING_OF(0, "compression-format", T, compression_format, "FORMAT", push_compressions,
		      "gzip, zstd, or zstd:chunked, of which only changed files are pulled"),
	OPT_INT(0, "compression-level", T, compression_level, "N", "1 to 9, with zstd to 22"),
	OPT_STRING(0, "digestfile", T, digestfile, "FILE",
		   "write the manifest's digest to this file"),
	OPT_FLAG(0, "force-compression", T, force_compression,
		 "compress anew what is compressed in another way"),
	OPT_STRING_OF('f', "format", T, format, "FORMAT", push_formats,
		      "oci or v2s2 (which is docker)"),
	OPT_FLAG('q', "quiet", T, quiet, "print no progress"),
	OPT_FLAG(0, "remove-signatures", T, remove_signatures, "send no signatures, as always"),
	OPT_STRING(0, "sign-by", T, sign.by, "FINGERPRINT", "sign the image by this key of GPG"),
	OPT_STRING(0, "sign-by-sigstore", T, sign.sigstore_file, "FILE",
		   "sign the image as this file of parameters says"),
	OPT_STRING(0, "sign-by-sigstore-private-key", T, sign.sigstore_key, "FILE",
		   "sign the image by this private key of sigstore"),
	OPT_STRING(0, "sign-passphrase-file", T, sign.passphrase_file, "FILE",
		   "file with the passphrase of the key"),
	OPT_REFUSED(0, "all", "a list is always sent with its images"),
	OPT_REFUSED('D', "disable-compression", "layers are compressed on their way to a registry"),
	OPT_REFUSED(0, "rm", "a list is removed by `dhow manifest push --rm`"),
	OPT_REFUSED_VALUE(0, "encryption-key", "images cannot be encrypted"),
	OPT_REFUSED_VALUE(0, "encrypt-layer", "images cannot be encrypted"),
	OPT_REFUSED(0, "disable-content-trust", "there is no content trust of docker's kind"),
	OPT_REFUSED_VALUE(0, "platform", "the store has one platform of an image"),
	OPT_REFUSED_VALUE(0, "sign-by-sq-fingerprint",
			  "use --sign-by: GPG's key has the same fingerprint"),
	OPT_END
};

const struct cmd cmd_push = {
	.paths = { "push", "image push", "builder push" },
	.synopsis = "IMAGE [DESTINATION]",
	.help = "Send an image to a registry, an archive or a directory",
	.examples = "  dhow push web registry.example.com/team/web:1\n"
		    "  dhow push web oci-archive:web.tar\n",
	.section = SECTION_IMAGES,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_IMAGES,
	.complete_first_only = true,
	.needs = NEEDS_WRITING,
	.opts = push_opts,
	.opts_size = sizeof(T),
	.defaults = &(const T){ .registry = { .tls_verify = TRI_UNSET, .retry = 3 },
				.compression_level = -1 },
	.run = push_run,
};
