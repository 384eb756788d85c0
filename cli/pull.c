/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/pull.c - `pull`
 *
 * The ids of the images are all that goes to stdout. One that fails does not undo the others.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/signature_policy.h"

#include <stdio.h>

struct pull_opts {
	struct image_pull_opts pull;
	char *signature_policy;
};

static int pull_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct pull_opts *asked = opts_;
	const struct image_pull_opts *opts = &asked->pull;
	int worst = 0;

	use_signature_policy(cli, asked->signature_policy);

	for (size_t i = 0; i < args->count; i++) {
		cleanup_image struct image *image = NULL;
		cleanup_progress struct progress_view *view =
			opts->quiet ? NULL : progress_view_new();
		struct err one = { 0 };
		int status = image_pull(cli->engine, args->items[i], opts, progress_view_event,
					view, &image, &one);

		progress_view_end(view);
		if (status < 0) {
			worst = cli_worse(worst, cli_error(cli, &one));
			/* Ctrl-C means the whole command */
			if (one.kind == ERR_INTERRUPTED)
				break;
			continue;
		}
		(void)printf("%s\n", digest_hex(&image->config));
	}
	return worst;
}

#define T struct pull_opts
static const struct opt pull_opts[] = {
	OPT_INCLUDE(T, pull, struct image_pull_opts, pull_rows),
	OPT_FLAG('a', "all-tags", T, pull.all_tags, "pull every tag of the repository"),
	OPT_STRING_OF(0, "policy", T, pull.policy, "POLICY", pull_policy_words,
		      "when to pull: always, missing, never, newer"),
	OPT_STRING(0, "signature-policy", T, signature_policy, "FILE",
		   "a policy.json in place of the usual ones"),
	OPT_REFUSED(0, "remove-signatures",
		    "signatures are left out by `dhow push`, which never sends any"),
	OPT_END
};

const struct cmd cmd_pull = {
	.paths = { "pull", "image pull", "builder pull" },
	.synopsis = "IMAGE [IMAGE...]",
	.help = "Pull images from registries, archives and layouts",
	.examples = "  dhow pull docker.io/library/alpine:3\n"
		    "  dhow pull oci-archive:image.tar\n",
	.section = SECTION_IMAGES,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_WRITING,
	.opts = pull_opts,
	.opts_size = sizeof(T),
	.defaults = &(const T){ .pull = { .tls_verify = TRI_UNSET,
					  .retry = 3,
					  .policy = (char *)"always" } },
	.run = pull_run,
};
