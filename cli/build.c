/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/build.c - `build`, with the options of podman build, buildah bud and docker build
 *
 * The exit status of a RUN that fails is the command's own, as podman does it; everything else that goes wrong is 125.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/build_json.h"
#include "cli/build_live.h"
#include "cli/build_same.h"
#include "cli/build_view.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "engine/build.h"
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum show { SHOW_PLAIN, SHOW_LIVE, SHOW_QUIET, SHOW_JSON };

/* Who shows what happens. */
struct shown {
	enum show kind;
	struct build_view *view;
	struct build_live *live;
	struct progress_view *progress;
};

static int choose_show(struct build_opts *opts, enum show *ret, struct err *err)
{
	const char *text = opts->progress;

	if (text == NULL)
		text = getenv("BUILDKIT_PROGRESS");
	if (opts->quiet || (text != NULL && str_equal(text, "quiet"))) {
		opts->quiet = true;
		*ret = SHOW_QUIET;
	} else if (str_is_empty(text) || str_equal(text, "auto")) {
		/* checks are no steps; a program that reads the terminal wants its questions to be seen */
		*ret = build_live_can() && !opts->check && !opts->stdin_open &&
				       opts->logfile == NULL
			       ? SHOW_LIVE
			       : SHOW_PLAIN;
	} else if (str_equal(text, "plain")) {
		*ret = SHOW_PLAIN;
	} else if (str_equal(text, "rawjson")) {
		*ret = SHOW_JSON;
	} else if (str_equal(text, "tty")) {
		if (!build_live_can())
			return err_set(
				err, ERR_USAGE,
				"--progress=tty needs a terminal as output and error output");
		*ret = SHOW_LIVE;
	} else {
		return err_set(err, ERR_USAGE,
			       "invalid --progress '%s': it is auto, plain, tty, quiet or rawjson",
			       text);
	}
	if (*ret == SHOW_LIVE)
		opts->tick_ms = BUILD_LIVE_TICK_MS;
	return 0;
}

static void show_event(void *arg, const struct build_event *event)
{
	const struct shown *shown = arg;

	if (shown->kind == SHOW_LIVE)
		build_live_event(shown->live, event);
	else if (shown->kind == SHOW_JSON)
		build_json_event(NULL, event);
	else
		build_view_event(shown->view, event);
}

static void show_progress(void *arg, const struct progress *progress)
{
	const struct shown *shown = arg;

	if (shown->kind == SHOW_QUIET || shown->kind == SHOW_JSON)
		return;
	if (shown->kind == SHOW_LIVE)
		build_live_clear(shown->live);
	progress_view_event(shown->progress, progress);
}

/* All that would be printed, and what steps print, goes to the file instead. */
static int open_logfile(const struct build_opts *opts, struct err *err)
{
	if (opts->logfile == NULL)
		return 0;
	cleanup_fd int fd =
		open(opts->logfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return err_sys(err, errno, "cannot write --logfile '%s'", opts->logfile);
	(void)fflush(NULL);
	if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		return err_sys(err, errno, "cannot write --logfile '%s'", opts->logfile);
	return 0;
}

/* As docker says it: 1 when there is something to say. */
static int print_checks(const struct build_result *result)
{
	if (result->finding_count == 0)
		(void)printf("Check complete, no warnings found.\n");
	else
		(void)printf("Check complete, %zu %s found!\n", result->finding_count,
			     result->finding_count == 1 ? "warning has been"
							: "warnings have been");
	return result->finding_count == 0 ? 0 : 1;
}

static int push_tags(struct cli *cli, const struct build_opts *opts, struct progress_view *progress,
		     struct err *err)
{
	const struct image_push_opts push = { .registry = opts->run.pull, .compression_level = -1 };
	struct digest digest;

	for (size_t i = 0; i < opts->tags.count; i++)
		if (image_push(cli->engine, opts->tags.items[i], NULL, &push, progress_view_event,
			       progress, &digest, err) < 0)
			return -1;
	return 0;
}

static int build_run_cmd(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct build_opts *opts = opts_;
	struct build_result result = { 0 };
	struct shown shown = { SHOW_PLAIN };

	if (build_check_same(opts, err) < 0 || choose_show(opts, &shown.kind, err) < 0 ||
	    open_logfile(opts, err) < 0)
		return -1;
	cleanup_build_view struct build_view *view = shown.view = build_view_new(opts->quiet);
	cleanup_build_live struct build_live *live = shown.live = build_live_new();
	cleanup_progress struct progress_view *progress = shown.progress = progress_view_new();
	int status = build_run(cli->engine, opts, args->count > 0 ? args->items[0] : NULL,
			       show_event, &shown, show_progress, &shown, &result, err);

	if (shown.kind == SHOW_LIVE)
		build_live_end(live, status < 0);
	build_view_end(view);
	progress_view_end(progress);
	if (status < 0) {
		status = cli_error(cli, err);
		if (result.exit_status > 0)
			status = result.exit_status;
	} else if (opts->check) {
		status = print_checks(&result);
	} else if (result.id != NULL) {
		(void)printf("%s\n", result.id);
		if (opts->push && push_tags(cli, opts, progress, err) < 0)
			status = cli_error(cli, err);
	}
	build_result_release(&result);
	return status;
}

#define T struct build_opts

static const char *const format_words[] = { "oci", "docker", NULL };

static const char *const progress_words[] = { "auto", "plain", "tty", "quiet", "rawjson", NULL };

#define NO_SBOM	 "no scanner for the contents of images is part of dhow"
#define NO_CRYPT "encrypted images are not supported"

const struct opt build_rows[] = {
	/* what */
	OPT_LIST('t', "tag", T, tags, "NAME", "name of the image, several times for several"),
	OPT_LIST('f', "file", T, files, "FILE", "the Dockerfile; - is stdin"),
	OPT_STRING(0, "target", T, target, "STAGE", "build this stage, not the last one"),
	OPT_STRING(0, "from", T, from, "IMAGE",
		   "begin from this image, not from that of the first FROM"),
	OPT_STRING(0, "ignorefile", T, ignorefile, "FILE", "what is left out of the context"),
	OPT_LIST(0, "build-context", T, build_contexts, "NAME=SOURCE",
		 "another context: a directory, a URL, docker-image://IMAGE, oci-layout://DIR"),
	OPT_LIST(0, "build-arg", T, build_args, "NAME[=VALUE]", "value of an ARG"),
	OPT_LIST(0, "build-arg-file", T, build_arg_files, "FILE", "values of ARG, one a line"),
	OPT_LIST(0, "secret", T, secrets, "id=NAME,src=FILE",
		 "a secret for RUN --mount=type=secret; env=VARIABLE in place of src"),
	OPT_LIST(0, "ssh", T, ssh, "default|NAME=SOCKET", "an ssh agent for RUN --mount=type=ssh"),
	OPT_WORDS(0, "platform", T, platforms, "OS/ARCH[/VARIANT]",
		  "platform of the image; several make a list of images"),
	OPT_STRING(0, "manifest", T, manifest, "NAME", "add the image to this list of images"),
	/* result */
	OPT_STRING_OF(0, "format", T, format, "FORMAT", format_words,
		      "format of the manifest: oci, docker"),
	OPT_LIST('o', "output", T, outputs, "type=KIND,dest=PATH",
		 "write the files to a directory or an archive: local, tar, oci, docker"),
	OPT_LIST(0, "label", T, labels, "NAME=VALUE", "label the image"),
	OPT_LIST(0, "annotation", T, annotations, "NAME=VALUE", "annotate the manifest"),
	OPT_LIST(0, "env", T, env, "NAME[=VALUE]", "set a variable in the image"),
	OPT_LIST(0, "unsetenv", T, unset_env, "NAME", "take a variable out of the image"),
	OPT_LIST(0, "unsetlabel", T, unset_labels, "NAME", "take a label out of the image"),
	OPT_LIST(0, "unsetannotation", T, unset_annotations, "NAME", "take an annotation out"),
	OPT_STRING(0, "iidfile", T, iidfile, "FILE", "write the id of the image to a file"),
	OPT_STRING(0, "metadata-file", T, metadata_file, "FILE",
		   "write what was made to a file, as JSON"),
	OPT_FLAG(0, "squash", T, squash, "make one layer of all that this build adds"),
	OPT_FLAG(0, "squash-all", T, squash_all, "make one layer of all, the base's too"),
	OPT_FLAG(0, "omit-history", T, omit_history, "write no history of the steps"),
	OPT_STRING(0, "timestamp", T, timestamp, "SECONDS",
		   "time of the image and the latest time of its files"),
	OPT_STRING(0, "source-date-epoch", T, source_date_epoch, "SECONDS", "the same"),
	OPT_TRI(0, "inherit-labels", T, inherit_labels, "keep the labels of the base"),
	/* cache and pull */
	OPT_FLAG(0, "no-cache", T, no_cache, "do every step anew"),
	OPT_WORDS(0, "no-cache-filter", T, no_cache_filter, "STAGE",
		  "do the steps of a stage anew"),
	OPT_LIST(0, "cache-from", T, cache_from, "NAME",
		 "take steps from an image or a repository of a registry, too"),
	OPT_LIST(0, "cache-to", T, cache_to, "NAME",
		 "send steps to a repository; type=registry,ref=NAME:TAG: as one image"),
	OPT_STRING(0, "cache-ttl", T, cache_ttl, "DURATION", "steps older than this are done anew"),
	OPT_TRI(0, "layers", T, layers, "make a layer for each step, and use the cache"),
	OPT_STRING_ALONE(
		0, "pull", T, pull,
		"when to pull bases: --pull=always (also --pull alone), missing, never, newer"),
	OPT_INCLUDE(T, run.pull, struct image_pull_opts, registry_rows),
	OPT_STRING(0, "os", T, run.pull.os, "OS", "operating system of the image"),
	OPT_STRING(0, "arch", T, run.pull.arch, "ARCH", "architecture of the image"),
	OPT_STRING(0, "variant", T, run.pull.variant, "VARIANT", "variant of the architecture"),
	/* steps */
	OPT_FLAG(0, "no-hosts", T, run.no_hosts, "keep the image's /etc/hosts"),
	OPT_FLAG(0, "no-hostname", T, run.no_hostname, "keep the image's /etc/hostname"),
	OPT_INCLUDE(T, run, struct container_create_opts, step_rows),
	OPT_TRI(0, "http-proxy", T, http_proxy, "pass the proxy variables on to RUN"),
	OPT_UINT(0, "jobs", T, jobs, "N",
		 "how many stages run at a time; 0: as many as there are CPUs"),
	OPT_TRI(0, "skip-unused-stages", T, skip_unused_stages,
		"leave out what the target does not need"),
	OPT_STRING(0, "logfile", T, logfile, "FILE", "write everything to a file, nothing here"),
	OPT_FLAG(0, "check", T, check,
		 "check the Dockerfile for what is seldom meant, build nothing"),
	OPT_FLAG('q', "quiet", T, quiet, "print the id only"),
	OPT_STRING_OF(0, "progress", T, progress, "KIND", progress_words,
		      "plain: lines; tty: steps in place, with time and last lines; quiet: the id "
		      "only; rawjson: for programs; auto: tty on a terminal, else plain"),
	OPT_FLAG(0, "rewrite-timestamp", T, rewrite_timestamp,
		 "files get the time of --timestamp, too (always)"),
	OPT_FLAG(0, "stdin", T, stdin_open, "RUN reads the input of this command"),
	/* nothing is left of a step in any case, so these are as they are */
	OPT_TRI(0, "rm", T, remove, "remove what steps ran in (always)"),
	OPT_TRI(0, "force-rm", T, force_remove, "the same after a failure (always)"),
	/* these may say what is so in any case (cli/build_same.c) */
	OPT_STRING(0, "isolation", T, isolation, "KIND",
		   "oci, rootless, default: a container (always)"),
	OPT_TRI(0, "identity-label", T, identity_label, "a label of the builder (never)"),
	OPT_FLAG(0, "load", T, load, "the image goes into the store (always)"),
	OPT_STRING(0, "provenance", T, provenance, "false", "attestations (false: never)"),
	OPT_STRING(0, "sbom", T, sbom, "false", "bill of materials (false: never)"),
	OPT_LIST(0, "attest", T, attest, "type=KIND,disabled=true", "attestations (never)"),
	OPT_STRING(0, "builder", T, builder, "NAME", "default: there is one builder"),
	OPT_LIST(0, "allow", T, allow, "ENTITLEMENT", "network.host: steps may use it (always)"),
	OPT_TRI('D', "disable-compression", T, disable_compression,
		"layers are compressed when they are pushed (always)"),
	OPT_TRI(0, "disable-content-trust", T, disable_content_trust,
		"docker's notary (not asked; policy.json says what is trusted)"),
	OPT_STRING(0, "call", T, call, "METHOD", "build, or check, which is --check"),
	OPT_FLAG(0, "pull-always", T, pull_always, "the same as --pull=always"),
	OPT_FLAG(0, "pull-never", T, pull_never, "the same as --pull=never"),
	/* after the build */
	OPT_FLAG(0, "push", T, push, "push every --tag when the image is made"),
	OPT_TRI(0, "created-annotation", T, created_annotation,
		"annotate the manifest with the time of the image"),
	OPT_TRI(0, "inherit-annotations", T, inherit_annotations,
		"keep the annotations of the base's manifest"),
	OPT_REFUSED(0, "all-platforms", "name the platforms with --platform"),
	OPT_REFUSED_VALUE(0, "runtime-flag", "steps are run by dhow itself"),
	OPT_REFUSED_VALUE(0, "hooks-dir", "hooks are not run in builds"),
	OPT_REFUSED_VALUE(0, "decryption-key", NO_CRYPT),
	OPT_REFUSED_VALUE(0, "cw", "confidential workloads are not supported"),
	OPT_REFUSED_VALUE(0, "sign-by", "sign the image when it is pushed"),
	OPT_REFUSED_VALUE(0, "sbom-image-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-image-purl-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-merge-strategy", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-purl-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-scanner-command", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-scanner-image", NO_SBOM),
	OPT_REFUSED_VALUE(0, "userns", "steps run with the map of all subordinate ids"),
	OPT_REFUSED_VALUE(0, "userns-uid-map", "steps run with the map of all subordinate ids"),
	OPT_REFUSED_VALUE(0, "userns-gid-map", "steps run with the map of all subordinate ids"),
	OPT_REFUSED_VALUE(0, "userns-uid-map-user",
			  "steps run with the map of all subordinate ids"),
	OPT_REFUSED_VALUE(0, "userns-gid-map-group",
			  "steps run with the map of all subordinate ids"),
	OPT_REFUSED_VALUE(0, "cpp-flag", "the preprocessor gets no flags"),
	OPT_REFUSED_VALUE(0, "os-feature", "that is for Windows"),
	OPT_REFUSED_VALUE(0, "os-version", "that is for Windows"),
	OPT_REFUSED(0, "compat-volumes", "what RUN writes below a VOLUME is always kept"),
	OPT_REFUSED_VALUE(0, "layer-label", "steps are no images, so there is nothing to label"),
	OPT_REFUSED(0, "logsplit", "redirect the output of the command"),
	OPT_REFUSED(0, "compress", "nothing is sent anywhere, so there is nothing to compress"),
	OPT_END
};

const struct cmd cmd_build = {
	.paths = { "build", "image build", "builder build", "buildx build", "bud", "builder bud" },
	.synopsis = "[CONTEXT]",
	.help = "Build an image from a Dockerfile",
	.examples = "  dhow build -t web .\n"
		    "  dhow build -t web -f Dockerfile.prod --target run .\n",
	.section = SECTION_IMAGES,
	.min_args = 0,
	.max_args = 1,
	.complete = COMPLETE_FILES,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = build_rows,
	.opts_size = sizeof(struct build_opts),
	.defaults = &(const struct build_opts){ .run = CREATE_DEFAULTS,
						BUILD_OPTS_TRI_DEFAULTS,
						.identity_label = -1,
						.disable_compression = -1,
						.disable_content_trust = -1,
						.remove = 1,
						.force_remove = 1 },
	.run = build_run_cmd,
};
