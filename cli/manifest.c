/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/manifest.c - `manifest`: lists of images for several platforms
 *
 * What changes a list prints its id, as podman does.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "engine/manifest_list.h"

#include <stdio.h>

#define T struct manifest_list_opts

static int print_id(const struct image *list)
{
	(void)printf("%s\n", digest_hex(&list->config));
	return 0;
}

static const T defaults = { .registry = { .tls_verify = -1, .retry = 3 } };

/* ---- create ---- */

struct create_opts {
	T list;
	bool insecure;
};

static int create_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct create_opts *opts = opts_;
	cleanup_image struct image *list = NULL;
	struct strv images = *args;

	if (opts->insecure)
		opts->list.registry.tls_verify = 0;
	images.items++;
	images.count--;
	if (manifest_list_create(cli->engine, args->items[0], &images, &opts->list, &list, err) < 0)
		return -1;
	return print_id(list);
}

static const struct opt create_opts[] = {
	OPT_FLAG(0, "all", struct create_opts, list.all, "of an index all its images"),
	OPT_FLAG('a', "amend", struct create_opts, list.amend, "add to a list that is there"),
	OPT_LIST(0, "annotation", struct create_opts, list.annotations, "NAME=VALUE",
		 "annotate the list"),
	OPT_FLAG(0, "insecure", struct create_opts, insecure,
		 "docker's word for --tls-verify=false"),
	OPT_INCLUDE(struct create_opts, list.registry, struct image_pull_opts,
		    registry_access_rows),
	OPT_END
};

const struct cmd cmd_manifest_create = {
	.paths = { "manifest create", "builder manifest create" },
	.synopsis = "LIST [IMAGE...]",
	.help = "Make a manifest list",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = create_opts,
	.opts_size = sizeof(struct create_opts),
	.defaults = &(const struct create_opts){ .list = { .registry = { .tls_verify = -1,
									 .retry = 3 } } },
	.run = create_run,
};

/* ---- add ---- */

static int add_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	T *opts = opts_;
	cleanup_image struct image *list = NULL;
	struct strv images = *args;

	if (!opts->artifact && (opts->form.type != NULL || opts->form.config != NULL ||
				opts->form.config_type != NULL || opts->form.layer_type != NULL ||
				opts->form.exclude_titles || opts->subject != NULL))
		return err_set(err, ERR_USAGE, "options of artifacts need --artifact");
	images.items++;
	images.count--;
	if (manifest_list_add(cli->engine, args->items[0], &images, opts, &list, err) < 0)
		return -1;
	return print_id(list);
}

static const struct opt add_opts[] = {
	OPT_FLAG(0, "all", T, all, "of an index all its images"),
	OPT_LIST(0, "annotation", T, annotations, "NAME=VALUE", "annotate what is added"),
	OPT_STRING(0, "arch", T, arch, "ARCH", "the architecture that the list says"),
	OPT_FLAG(0, "artifact", T, artifact, "make an artifact of files, and add it"),
	OPT_STRING(0, "artifact-config", T, form.config, "FILE", "configuration of the artifact"),
	OPT_STRING(0, "artifact-config-type", T, form.config_type, "TYPE",
		   "media type of the configuration"),
	OPT_FLAG(0, "artifact-exclude-titles", T, form.exclude_titles,
		 "do not write the names of the files"),
	OPT_STRING(0, "artifact-layer-type", T, form.layer_type, "TYPE", "media type of the files"),
	OPT_STRING(0, "artifact-subject", T, subject, "IMAGE", "what the artifact is about"),
	OPT_STRING(0, "artifact-type", T, form.type, "TYPE", "type of the artifact"),
	OPT_LIST(0, "artifact-annotation", T, annotations, "NAME=VALUE",
		 "the same, for an artifact"),
	OPT_WORDS(0, "features", T, features, "FEATURE", "the features that the list says"),
	OPT_REFUSED_VALUE(0, "os-features", "say them with `dhow manifest annotate`"),
	OPT_STRING(0, "os", T, os, "OS", "the operating system that the list says"),
	OPT_STRING(0, "os-version", T, os_version, "VERSION", "its version"),
	OPT_STRING(0, "variant", T, variant, "VARIANT", "the variant of the architecture"),
	OPT_INCLUDE(T, registry, struct image_pull_opts, registry_access_rows),
	OPT_END
};

const struct cmd cmd_manifest_add = {
	.paths = { "manifest add", "builder manifest add" },
	.synopsis = "LIST IMAGE|FILE [IMAGE|FILE...]",
	.help = "Add images or artifacts to a manifest list",
	.examples = "  dhow manifest add team/web:1 localhost/web:arm64\n"
		    "  dhow manifest add --all team/web:1 docker://registry.example.com/base:1\n",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = add_opts,
	.opts_size = sizeof(T),
	.defaults = &defaults,
	.run = add_run,
};

/* ---- annotate ---- */

static int annotate_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *list = NULL;

	if (manifest_list_annotate(cli->engine, args->items[0],
				   args->count > 1 ? args->items[1] : NULL, opts, &list, err) < 0)
		return -1;
	return print_id(list);
}

static const struct opt annotate_opts[] = {
	OPT_LIST(0, "annotation", T, annotations, "NAME=VALUE", "annotate the image, or the list"),
	OPT_STRING(0, "arch", T, arch, "ARCH", "architecture of the image"),
	OPT_WORDS(0, "features", T, features, "FEATURE", "features that the image needs"),
	OPT_FLAG(0, "index", T, index, "annotate the list itself"),
	OPT_STRING(0, "os", T, os, "OS", "operating system of the image"),
	OPT_WORDS(0, "os-features", T, os_features, "FEATURE",
		  "features of the operating system that the image needs"),
	OPT_STRING(0, "os-version", T, os_version, "VERSION", "version of the operating system"),
	OPT_STRING(0, "subject", T, subject, "IMAGE", "with --index: what the list is about"),
	OPT_STRING(0, "variant", T, variant, "VARIANT", "variant of the architecture"),
	OPT_END
};

const struct cmd cmd_manifest_annotate = {
	.paths = { "manifest annotate", "builder manifest annotate" },
	.synopsis = "LIST [IMAGE]",
	.help = "Change what a manifest list says about an image, or about itself",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = annotate_opts,
	.opts_size = sizeof(T),
	.defaults = &defaults,
	.run = annotate_run,
};

/* ---- remove, rm, exists ---- */

static int remove_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *list = NULL;

	if (manifest_list_remove(cli->engine, args->items[0], args->items[1], &list, err) < 0)
		return -1;
	return print_id(list);
}

const struct cmd cmd_manifest_remove = {
	.paths = { "manifest remove", "builder manifest remove" },
	.synopsis = "LIST DIGEST",
	.help = "Take an image out of a manifest list",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_IMAGES,
	.complete_first_only = true,
	.needs = NEEDS_WRITING,
	.run = remove_run,
};

static int rm_one(struct cli *cli, const char *text, const struct image_rm_opts *opts)
{
	cleanup_image struct image *list = NULL;
	cleanup_strv struct strv untagged = STRV_INIT, deleted = STRV_INIT;
	struct err err = { 0 };
	int found = manifest_list_find(cli->engine, text, &list, &err);

	if (found == 0 && opts->ignore)
		return 0;
	if (found == 0)
		err_set(&err, ERR_NOT_FOUND, "there is no manifest list '%s'", text);
	if (found <= 0 || image_rm(cli->engine, text, opts, &untagged, &deleted, &err) < 0)
		return cli_error(cli, &err);
	for (size_t i = 0; i < untagged.count; i++)
		(void)printf("Untagged: %s\n", untagged.items[i]);
	for (size_t i = 0; i < deleted.count; i++)
		(void)printf("Deleted: %s\n", deleted.items[i]);
	return 0;
}

static int rm_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	int worst = 0;

	for (size_t i = 0; i < args->count; i++)
		worst = cli_worse(worst, rm_one(cli, args->items[i], opts));
	return worst;
}

static const struct opt rm_opts[] = {
	OPT_FLAG('i', "ignore", struct image_rm_opts, ignore, "a missing list is no error"), OPT_END
};

const struct cmd cmd_manifest_rm = {
	.paths = { "manifest rm", "builder manifest rm" },
	.synopsis = "LIST [LIST...]",
	.help = "Remove manifest lists; their images stay",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = rm_opts,
	.opts_size = sizeof(struct image_rm_opts),
	.run = rm_run,
};

static int exists_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *list = NULL;
	int found = manifest_list_find(cli->engine, args->items[0], &list, err);

	return found < 0 ? (err->kind == ERR_USAGE ? 1 : -1) : found == 0;
}

const struct cmd cmd_manifest_exists = {
	.paths = { "manifest exists", "builder manifest exists" },
	.synopsis = "LIST",
	.help = "Tell by the exit status whether a manifest list is there",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_STORE,
	.run = exists_run,
};

/* ---- inspect ---- */

struct inspect_opts {
	struct image_pull_opts registry;
	bool insecure;
};

static int inspect_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct inspect_opts *opts = opts_;
	/* docker's words are LIST IMAGE: the image is what is shown */
	const char *name = args->items[args->count - 1];
	cleanup_json json_t *json = NULL;

	if (opts->insecure)
		opts->registry.tls_verify = 0;
	json = manifest_list_inspect(cli->engine, name, &opts->registry, err);
	if (json == NULL)
		return -1;
	if (!json_is_array(json_object_get(json, "manifests")))
		cli_warning(NULL, "this is the manifest of a single image, not a list");
	format_json(json, 4);
	return 0;
}

static const struct opt inspect_opts[] = {
	OPT_STRING(0, "authfile", struct inspect_opts, registry.authfile, "FILE",
		   "file with the credentials of registries"),
	OPT_FLAG(0, "insecure", struct inspect_opts, insecure,
		 "docker's word for --tls-verify=false"),
	OPT_TRI(0, "tls-verify", struct inspect_opts, registry.tls_verify,
		"ask for a certificate that is trusted"),
	OPT_REFUSED('v', "verbose", "the configuration is what `image inspect` shows"), OPT_END
};

const struct cmd cmd_manifest_inspect = {
	.paths = { "manifest inspect", "builder manifest inspect" },
	.synopsis = "[LIST] IMAGE",
	.help = "Show a manifest list, of the store or of a registry",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = inspect_opts,
	.opts_size = sizeof(struct inspect_opts),
	.defaults = &(const struct inspect_opts){ .registry = { .tls_verify = -1, .retry = 3 } },
	.run = inspect_run,
};

/* ---- push ---- */

struct push_opts {
	struct manifest_list_push_opts list;
	bool insecure;
};

static int push_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct push_opts *opts = opts_;
	struct image_push_opts *push = &opts->list.push;
	cleanup_progress struct progress_view *view = push->quiet ? NULL : progress_view_new();
	struct digest digest = { "" };
	int status;

	if (opts->insecure)
		push->registry.tls_verify = 0;
	status = manifest_list_push(cli->engine, args->items[0],
				    args->count > 1 ? args->items[1] : NULL, &opts->list,
				    push->quiet ? NULL : progress_view_event, view, &digest, err);
	progress_view_end(view);
	if (status < 0)
		return -1;
	if (cli->as_docker)
		(void)printf("%s\n", digest.text);
	return push->digestfile != NULL ? output_file_digest(push->digestfile, &digest, err) : 0;
}

static const char *const formats[] = { "oci", "v2s2", NULL };
static const char *const compressions[] = { "gzip", "zstd", NULL };

#define P struct push_opts
static const struct opt push_opts[] = {
	OPT_WORDS(0, "add-compression", P, list.add_compression, "FORMAT",
		  "of each image also one that is compressed so: gzip, zstd"),
	OPT_TRI(0, "all", P, list.all, "push the images of the list too"),
	OPT_STRING_OF(0, "compression-format", P, list.push.compression_format, "FORMAT",
		      compressions, "gzip or zstd"),
	OPT_INT(0, "compression-level", P, list.push.compression_level, "N",
		"1 to 9, with zstd to 22"),
	OPT_STRING(0, "digestfile", P, list.push.digestfile, "FILE",
		   "write the list's digest to this file"),
	OPT_FLAG(0, "force-compression", P, list.push.force_compression,
		 "compress anew what is compressed in another way"),
	OPT_STRING_OF('f', "format", P, list.push.format, "FORMAT", formats, "oci or v2s2"),
	OPT_FLAG(0, "insecure", P, insecure, "docker's word for --tls-verify=false"),
	OPT_FLAG('q', "quiet", P, list.push.quiet, "print no progress"),
	OPT_FLAG(0, "remove-signatures", P, list.push.remove_signatures,
		 "send no signatures, as always"),
	OPT_FLAG('p', "rm", P, list.remove, "remove the list when it was pushed"),
	OPT_ALIAS("purge", "rm"),
	OPT_INCLUDE(P, list.push.registry, struct image_pull_opts, registry_access_rows),
	OPT_UINT(0, "retry", P, list.push.registry.retry, "N",
		 "how often to try again after a failure"),
	OPT_STRING(0, "retry-delay", P, list.push.registry.retry_delay, "DURATION",
		   "wait so long between tries"),
	OPT_REFUSED_VALUE(0, "sign-by", "sign the images of the list when you push them"),
	OPT_REFUSED_VALUE(0, "sign-by-sigstore", "sign the images of the list when you push them"),
	OPT_REFUSED_VALUE(0, "sign-by-sigstore-private-key",
			  "sign the images of the list when you push them"),
	OPT_REFUSED_VALUE(0, "sign-by-sq-fingerprint", "nothing can be signed by Sequoia"),
	OPT_REFUSED_VALUE(0, "sign-passphrase-file",
			  "sign the images of the list when you push them"),
	OPT_END
};

const struct cmd cmd_manifest_push = {
	.paths = { "manifest push", "builder manifest push" },
	.synopsis = "LIST [DESTINATION]",
	.help = "Send a manifest list and its images to a registry or into a file",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_IMAGES,
	.complete_first_only = true,
	.needs = NEEDS_WRITING,
	.opts = push_opts,
	.opts_size = sizeof(P),
	.defaults = &(const P){ .list = { .push = { .registry = { .tls_verify = -1, .retry = 3 },
						    .compression_level = -1 },
					  .all = -1 } },
	.run = push_run,
};
