/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/artifact.c - `artifact`: files that a registry keeps like an image
 *
 * What names one artifact prints its digest, as podman does: the digits alone.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "engine/artifact.h"

#include <stdio.h>
#include <string.h>

static int print_digest(const struct digest *digest)
{
	(void)printf("%s\n", digest_hex(digest));
	return 0;
}

/* ---- add ---- */

#define T struct artifact_add_opts

static int add_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	T *opts = opts_;
	struct strv files = *args;
	struct digest digest = { "" };

	for (size_t i = 0; i < opts->form.layer_annotations.count; i++) {
		const char *item = opts->form.layer_annotations.items[i];

		if (strchr(item, '=') == NULL || *item == '=')
			return err_set(err, ERR_USAGE,
				       "invalid --annotation '%s': it has the form NAME=VALUE",
				       item);
	}
	opts->form.dated = true;
	files.items++;
	files.count--;
	if (artifact_add(cli->engine, args->items[0], &files, opts, &digest, err) < 0)
		return -1;
	return print_digest(&digest);
}

static const struct opt add_opts[] = {
	OPT_LIST(0, "annotation", T, form.layer_annotations, "NAME=VALUE", "annotate the files"),
	OPT_FLAG('a', "append", T, append, "add files to the artifact of this name"),
	OPT_STRING(0, "file-type", T, form.layer_type, "TYPE", "media type of the files"),
	OPT_FLAG(0, "replace", T, replace, "replace the artifact of this name"),
	OPT_STRING(0, "type", T, form.type, "TYPE", "type of the artifact"),
	OPT_END
};

const struct cmd cmd_artifact_add = {
	.paths = { "artifact add" },
	.synopsis = "ARTIFACT FILE [FILE...]",
	.help = "Make an artifact of files",
	.examples = "  dhow artifact add --type application/x-model "
		    "registry.example.com/team/model:1 model.bin\n",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = -1,
	.complete = COMPLETE_FILES,
	.needs = NEEDS_WRITING,
	.opts = add_opts,
	.opts_size = sizeof(T),
	.run = add_run,
};
#undef T

/* ---- ls ---- */

struct ls_opts {
	char *format;
	bool no_trunc, no_heading;
};

static json_t *ls_row(const struct ls_opts *opts, const json_t *artifact, int64_t now_ns)
{
	json_t *row = json_object();
	const char *name = json_get_string(artifact, "", "Name", NULL);
	const char *digest = json_get_string(artifact, "", "Digest", NULL);
	const char *slash = strrchr(name, '/');
	const char *end = strpbrk(slash != NULL ? slash : name, "@:");
	cleanup_free char *repository =
		end != NULL ? xstrndup(name, (size_t)(end - name)) : xstrdup(name);
	int64_t created_ns = json_get_int(artifact, 0, "Created", NULL);
	char size[HUMAN_MAX], created[HUMAN_MAX] = "";

	human_size_spaced((uint64_t)json_get_int(artifact, 0, "Size", NULL), size);
	if (created_ns != 0)
		human_ago(created_ns, now_ns, created);
	json_put_string(row, "Repository", repository);
	json_put_string(row, "Tag", end != NULL && *end == ':' ? end + 1 : "<none>");
	json_put(row, "Digest", format_id(digest, opts->no_trunc));
	json_put_string(row, "Size", size);
	json_put_string(row, "Created", created);
	json_put_int(row, "VirtualSize", json_get_int(artifact, 0, "Size", NULL));
	return row;
}

static int ls_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct ls_opts *opts = opts_;
	cleanup_format struct format *format = NULL;
	cleanup_json json_t *list = NULL;
	cleanup_json json_t *rows = json_array();
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.Created}}\t{{.Size}}",
		.no_heading = opts->no_heading,
	};
	int64_t now_ns = time_now_ns();
	const json_t *item;
	size_t i;

	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	list = artifact_list(cli->engine, err);
	if (list == NULL)
		return -1;
	json_array_foreach (list, i, item)
		json_array_append_new(rows, ls_row(opts, item, now_ns));
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 4);
	return 0;
}

static const struct opt ls_opts[] = {
	OPT_STRING(0, "format", struct ls_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG(0, "no-trunc", struct ls_opts, no_trunc, "do not shorten digests"),
	OPT_FLAG('n', "noheading", struct ls_opts, no_heading, "no headings"), OPT_END
};

const struct cmd cmd_artifact_ls = {
	.paths = { "artifact ls", "artifact list" },
	.synopsis = "",
	.help = "List artifacts",
	.section = SECTION_NONE,
	.needs = NEEDS_STORE,
	.opts = ls_opts,
	.opts_size = sizeof(struct ls_opts),
	.run = ls_run,
};

/* ---- inspect ---- */

struct inspect_opts {
	char *format;
};

static int inspect_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct inspect_opts *opts = opts_;
	cleanup_format struct format *format = NULL;
	cleanup_json json_t *object = NULL;
	const struct format_request request = {
		.format = opts->format != NULL ? opts->format : "json",
	};
	/* docker has no artifacts: there is no form of its to follow */
	const struct cli as_podman = { .program = cli->program };

	if (format_new(&as_podman, &request, &format, err) < 0)
		return -1;
	object = artifact_inspect(cli->engine, args->items[0], err);
	if (object == NULL)
		return -1;
	json_object_del(object, "Created");
	json_object_del(object, "Size");
	if (!format_is_json(format))
		return format_object(format, object, err);
	format_json(object, 4);
	return 0;
}

static const struct opt inspect_opts[] = { OPT_STRING('f', "format", struct inspect_opts, format,
						      "FORMAT", "json, or a Go template"),
					   OPT_END };

const struct cmd cmd_artifact_inspect = {
	.paths = { "artifact inspect" },
	.synopsis = "ARTIFACT",
	.help = "Show the manifest of an artifact",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.needs = NEEDS_STORE,
	.opts = inspect_opts,
	.opts_size = sizeof(struct inspect_opts),
	.run = inspect_run,
};

/* ---- extract ---- */

static int extract_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return artifact_extract(cli->engine, args->items[0], args->items[1], opts, err);
}

static const struct opt extract_opts[] = {
	OPT_STRING(0, "digest", struct artifact_extract_opts, digest, "DIGEST", "only this file"),
	OPT_STRING(0, "title", struct artifact_extract_opts, title, "TITLE", "only this file"),
	OPT_END
};

const struct cmd cmd_artifact_extract = {
	.paths = { "artifact extract" },
	.synopsis = "ARTIFACT PATH",
	.help = "Write the files of an artifact into a directory, or one to a path",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_FILES,
	.needs = NEEDS_STORE,
	.opts = extract_opts,
	.opts_size = sizeof(struct artifact_extract_opts),
	.run = extract_run,
};

/* ---- pull ---- */

static int pull_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct image_pull_opts *opts = opts_;
	cleanup_progress struct progress_view *view = opts->quiet ? NULL : progress_view_new();
	struct digest digest = { "" };
	int status = artifact_pull(cli->engine, args->items[0], opts,
				   opts->quiet ? NULL : progress_view_event, view, &digest, err);

	progress_view_end(view);
	return status < 0 ? -1 : print_digest(&digest);
}

struct pull_opts {
	struct image_pull_opts registry;
};

static const struct opt pull_opts[] = {
	OPT_INCLUDE(struct pull_opts, registry, struct image_pull_opts, registry_rows),
	OPT_FLAG('q', "quiet", struct pull_opts, registry.quiet, "print no progress"),
	OPT_REFUSED_VALUE(0, "decryption-key", "encrypted artifacts cannot be read"), OPT_END
};

const struct cmd cmd_artifact_pull = {
	.paths = { "artifact pull" },
	.synopsis = "ARTIFACT",
	.help = "Pull an artifact from a registry",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = pull_opts,
	.opts_size = sizeof(struct pull_opts),
	.defaults = &(const struct pull_opts){ .registry = PULL_DEFAULTS },
	.run = pull_run,
};

/* ---- push ---- */

static int push_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct image_push_opts *opts = opts_;
	cleanup_progress struct progress_view *view = opts->quiet ? NULL : progress_view_new();
	struct digest digest = { "" };
	int status = artifact_push(cli->engine, args->items[0], opts,
				   opts->quiet ? NULL : progress_view_event, view, &digest, err);

	progress_view_end(view);
	if (status < 0)
		return -1;
	if (!opts->quiet)
		print_digest(&digest);
	return opts->digestfile != NULL ? output_file_digest(opts->digestfile, &digest, err) : 0;
}

#define P	      struct image_push_opts
#define NO_SIGNATURES "artifacts are pushed unsigned: use cosign"
static const struct opt push_opts[] = {
	OPT_INCLUDE(P, registry, struct image_pull_opts, registry_rows),
	OPT_STRING(0, "digestfile", P, digestfile, "FILE",
		   "write the manifest's digest to this file"),
	OPT_FLAG('q', "quiet", P, quiet, "print no progress"),
	OPT_REFUSED_VALUE(0, "sign-by", NO_SIGNATURES),
	OPT_REFUSED_VALUE(0, "sign-by-sigstore", NO_SIGNATURES),
	OPT_REFUSED_VALUE(0, "sign-by-sigstore-private-key", NO_SIGNATURES),
	OPT_REFUSED_VALUE(0, "sign-by-sq-fingerprint", NO_SIGNATURES),
	OPT_REFUSED_VALUE(0, "sign-passphrase-file", NO_SIGNATURES),
	OPT_END
};

const struct cmd cmd_artifact_push = {
	.paths = { "artifact push" },
	.synopsis = "ARTIFACT",
	.help = "Send an artifact to the registry of its name",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = push_opts,
	.opts_size = sizeof(P),
	.defaults = &(const P){ .registry = PULL_DEFAULTS, .compression_level = -1 },
	.run = push_run,
};

/* ---- rm ---- */

struct rm_opts {
	bool all, ignore;
};

static int rm_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct rm_opts *opts = opts_;
	cleanup_strv struct strv digests = STRV_INIT;
	int worst = 0;

	if (opts->all == (args->count > 0))
		return err_set(err, ERR_USAGE,
			       opts->all ? "--all and artifacts exclude each other"
					 : "an artifact must be named, or --all given");
	if (opts->all && artifact_rm(cli->engine, NULL, &digests, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count; i++) {
		struct err one;

		if (artifact_rm(cli->engine, args->items[i], &digests, &one) < 0 &&
		    !(opts->ignore && one.kind == ERR_NOT_FOUND))
			worst = cli_worse(worst, cli_error(cli, &one));
	}
	for (size_t i = 0; i < digests.count; i++)
		(void)printf("%s\n", str_after(digests.items[i], "sha256:") ?: digests.items[i]);
	return worst;
}

static const struct opt rm_opts[] = {
	OPT_FLAG('a', "all", struct rm_opts, all, "all artifacts"),
	OPT_FLAG('i', "ignore", struct rm_opts, ignore, "a missing artifact is no error"), OPT_END
};

const struct cmd cmd_artifact_rm = {
	.paths = { "artifact rm", "artifact remove" },
	.synopsis = "ARTIFACT [ARTIFACT...]",
	.help = "Remove artifacts",
	.section = SECTION_NONE,
	.max_args = -1,
	.needs = NEEDS_WRITING,
	.opts = rm_opts,
	.opts_size = sizeof(struct rm_opts),
	.run = rm_run,
};
