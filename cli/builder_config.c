/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/builder_config.c - `builder config` and `builder commit`
 */
#include "cli/builder.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "cli/progress.h"
#include "cli/rows.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- config ---- */

static int config_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_working struct working working = WORKING_INIT;

	return working_open(cli->engine, args->items[0], &working, err) < 0 ||
			       working_config(&working, opts, err) < 0
		       ? -1
		       : 0;
}

#define T struct working_config_opts
static const struct opt config_rows[] = {
	OPT_STRING_GIVEN(0, "cmd", T, cmd, has_cmd, "COMMAND",
			 "CMD: words as a shell reads them, or a JSON list"),
	OPT_STRING_GIVEN(0, "entrypoint", T, entrypoint, has_entrypoint, "COMMAND",
			 "ENTRYPOINT: a JSON list, or a line for the shell"),
	OPT_LIST('e', "env", T, env, "NAME=VALUE", "set a variable; NAME- takes it away, - all"),
	OPT_LIST('l', "label", T, labels, "NAME=VALUE", "set a label; NAME- takes it away, - all"),
	OPT_LIST('a', "annotation", T, annotations, "NAME=VALUE",
		 "set an annotation; NAME- takes it away, - all"),
	OPT_LIST(0, "unsetlabel", T, unset_labels, "NAME", "take a label away"),
	OPT_LIST(0, "unsetannotation", T, unset_annotations, "NAME", "take an annotation away"),
	OPT_LIST('p', "port", T, ports, "PORT[/PROTOCOL]", "EXPOSE; PORT- takes it away, - all"),
	OPT_LIST('v', "volume", T, volumes, "PATH", "VOLUME; PATH- takes it away, - all"),
	OPT_LIST(0, "onbuild", T, onbuild, "INSTRUCTION", "ONBUILD; - takes all away"),
	OPT_STRING('u', "user", T, user, "USER[:GROUP]", "USER"),
	OPT_STRING(0, "workingdir", T, workdir, "DIR", "WORKDIR"),
	OPT_STRING(0, "shell", T, shell, "COMMAND", "SHELL: words, or a JSON list"),
	OPT_STRING(0, "stop-signal", T, stop_signal, "SIGNAL", "STOPSIGNAL"),
	OPT_STRING(0, "healthcheck", T, healthcheck, "CHECK", "CMD ..., CMD-SHELL ... or NONE"),
	OPT_STRING(0, "healthcheck-interval", T, healthcheck_interval, "DURATION",
		   "time between two checks"),
	OPT_STRING(0, "healthcheck-timeout", T, healthcheck_timeout, "DURATION",
		   "a check that takes longer has failed"),
	OPT_STRING(0, "healthcheck-start-period", T, healthcheck_start_period, "DURATION",
		   "failures do not count so long"),
	OPT_STRING(0, "healthcheck-start-interval", T, healthcheck_start_interval, "DURATION",
		   "time between two checks meanwhile"),
	OPT_STRING(0, "healthcheck-retries", T, healthcheck_retries, "N",
		   "failures in a row that make it unhealthy"),
	OPT_STRING(0, "hostname", T, hostname, "NAME", "host name in the configuration"),
	OPT_STRING(0, "domainname", T, domainname, "NAME", "domain name in the configuration"),
	OPT_STRING(0, "author", T, author, "NAME", "who made the image"),
	OPT_STRING(0, "comment", T, comment, "TEXT", "comment on the image"),
	OPT_STRING(0, "created-by", T, created_by, "TEXT", "what the history says made the layer"),
	OPT_STRING(0, "history-comment", T, history_comment, "TEXT", "comment in the history"),
	OPT_STRING(0, "arch", T, arch, "ARCH", "architecture of the image"),
	OPT_STRING(0, "os", T, os, "OS", "operating system of the image"),
	OPT_STRING(0, "os-version", T, os_version, "VERSION", "version of it"),
	OPT_STRING(0, "variant", T, variant, "VARIANT", "variant of the architecture"),
	OPT_FLAG(0, "add-history", T, add_history, "note the changes in the history"),
	OPT_REFUSED_VALUE(0, "os-feature", "that is for Windows"),
	OPT_END
};

const struct cmd cmd_builder_config = {
	.paths = { "builder config" },
	.synopsis = "CONTAINER",
	.help = "Change what the image of a working container says",
	.examples = "  dhow builder config --entrypoint '[\"/usr/sbin/nginx\"]' --port 80 web\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = config_rows,
	.opts_size = sizeof(T),
	.run = config_run,
};
#undef T

/* ---- commit ---- */

static int commit_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct working_commit_opts *opts = opts_;
	const struct container_rm_opts rm = { 0 };
	cleanup_working struct working working = WORKING_INIT;
	cleanup_progress struct progress_view *view = opts->quiet ? NULL : progress_view_new();
	char *id = NULL;
	int status;

	if (opts->identity_label > 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "--identity-label is not supported: an image does not say which "
			       "program made it");
	if (working_open(cli->engine, args->items[0], &working, err) < 0)
		return -1;
	status = working_commit(&working, args->count > 1 ? args->items[1] : NULL, opts,
				progress_view_event, view, &id, err);
	progress_view_end(view);
	if (status < 0)
		return -1;
	(void)printf("%s\n", id);
	free(id);
	return opts->remove ? container_remove(cli->engine, working.container, &rm, err) : 0;
}

#define NO_SBOM "no scanner for the contents of images is part of dhow"
#define T	struct working_commit_opts
static const char *const commit_formats[] = { "oci", "docker", NULL };

static const struct opt commit_rows[] = {
	OPT_STRING_OF('f', "format", T, format, "FORMAT", commit_formats, "oci or docker"),
	OPT_LIST('c', "change", T, changes, "INSTRUCTION",
		 "change the configuration as a Dockerfile would: 'CMD [\"sh\"]'"),
	OPT_STRING(0, "config", T, config_file, "FILE",
		   "JSON object to merge into the configuration"),
	OPT_LIST(0, "add-file", T, add_files, "SOURCE[:TARGET]", "add a file to the image only"),
	OPT_LIST(0, "annotation", T, annotations, "NAME=VALUE", "annotate the manifest"),
	OPT_LIST(0, "unsetannotation", T, unset_annotations, "NAME", "take an annotation out"),
	OPT_LIST(0, "unsetenv", T, unset_env, "NAME", "take a variable out"),
	OPT_FLAG(0, "squash", T, squash, "make one layer of all, the base's too"),
	OPT_FLAG(0, "omit-history", T, omit_history, "write no history"),
	OPT_STRING(0, "iidfile", T, iidfile, "FILE", "write the id of the image to a file"),
	OPT_STRING(0, "manifest", T, manifest, "NAME", "add the image to this list of images"),
	OPT_STRING(0, "timestamp", T, timestamp, "SECONDS",
		   "time of the image and the latest time of its files"),
	OPT_STRING(0, "source-date-epoch", T, source_date_epoch, "SECONDS", "the same"),
	OPT_FLAG(0, "rewrite-timestamp", T, rewrite_timestamp,
		 "files get the time of --timestamp, too (always)"),
	OPT_TRI(0, "created-annotation", T, created_annotation,
		"annotate the manifest with the time of the image"),
	OPT_FLAG(0, "rm", T, remove, "remove the working container afterwards"),
	OPT_FLAG('q', "quiet", T, quiet, "show no progress"),
	OPT_INCLUDE(T, registry, struct image_pull_opts, registry_rows),
	OPT_TRI('D', "disable-compression", T, disable_compression,
		"layers are compressed when they are pushed (always)"),
	OPT_TRI(0, "identity-label", T, identity_label, "a label of the builder (never)"),
	OPT_REFUSED_VALUE(0, "cw", "confidential workloads are not supported"),
	OPT_REFUSED_VALUE(0, "encrypt-layer", BUILDER_NO_CRYPT),
	OPT_REFUSED_VALUE(0, "encryption-key", BUILDER_NO_CRYPT),
	OPT_REFUSED_VALUE(0, "sign-by", "sign the image when it is pushed"),
	OPT_REFUSED(0, "pull", "images of scanners are not pulled: " NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-image-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-image-purl-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-merge-strategy", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-purl-output", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-scanner-command", NO_SBOM),
	OPT_REFUSED_VALUE(0, "sbom-scanner-image", NO_SBOM),
	OPT_END
};

const struct cmd cmd_builder_commit = {
	.paths = { "builder commit" },
	.synopsis = "CONTAINER [NAME]",
	.help = "Make an image of a working container",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_CONTAINERS,
	.complete_first_only = true,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = commit_rows,
	.opts_size = sizeof(T),
	.defaults = &(const T){ .registry = PULL_DEFAULTS,
				.identity_label = TRI_UNSET,
				.disable_compression = TRI_UNSET,
				.created_annotation = TRI_UNSET },
	.run = commit_run,
};
