/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/auto_update.c - `auto-update`: services whose container has a newer image are restarted, and set back when that does not work
 *
 * A container takes part by its label io.containers.autoupdate (AutoUpdate= in a unit): "registry" asks the registry which image its name means
 * now, "local" looks what the name means here. The service is that of the label PODMAN_SYSTEMD_UNIT. All containers of a service are looked at before it
 * is restarted, once. When the restart fails - the service did not become ready, or healthy with Notify=healthy - the names go back to the
 * images that they had, and the service is restarted with these.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/systemctl.h"
#include "engine/container.h"

#include <stdio.h>

#define POLICY_LABEL   "io.containers.autoupdate"
#define AUTHFILE_LABEL "io.containers.autoupdate.authfile"

struct update_opts {
	struct image_pull_opts pull; /* authfile, tls_verify */
	bool dry_run;
	int rollback;
	char *format;
};

/* One container that takes part. */
struct task {
	const struct container *container;
	const char *policy, *unit; /* unit NULL: it has none */
	bool newer;		   /* there is another image for its name */
	const char *updated;	   /* for the table */
};
struct update {
	struct cli *cli;
	const struct update_opts *opts;
	struct task *tasks;
	size_t count;
	int worst;
};

static const char *label(const struct container *container, const char *name)
{
	return json_get_string(container->create, NULL, "labels", name, NULL);
}

static void fail(struct update *update, struct task *task, struct err *err)
{
	err_wrap(err, "cannot update container '%s'", task->container->name);
	update->worst = cli_worse(update->worst, cli_error(update->cli, err));
	task->updated = "failed";
}

/* ---- is there a newer image? ------------------------------------------------------------------------------------------ */

static struct image_pull_opts pull_opts_of(const struct update *update, const struct task *task)
{
	struct image_pull_opts opts = update->opts->pull;
	const char *authfile = label(task->container, AUTHFILE_LABEL);

	if (authfile != NULL && opts.authfile == NULL)
		opts.authfile = (char *)authfile;
	opts.policy = (char *)"always";
	opts.quiet = true;
	return opts;
}

/* The image must be named so that it means the same registry at all times. */
static int check_name(const struct task *task, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { NULL };
	const char *name = task->container->image_name;

	if (str_is_empty(name))
		return err_set(err, ERR_USAGE, "its image has no name");
	if (image_ref_parse(name, &ref, err) < 0)
		return -1;
	if (!str_equal(task->policy, "registry"))
		return 0;
	if (ref.registry == NULL || str_equal(ref.registry, "localhost")) {
		err_set(err, ERR_USAGE, "image '%s' comes from no registry", name);
		return err_hint(err, "Name the registry in Image=, or say AutoUpdate=local.");
	}
	if (digest_is_set(&ref.digest))
		return err_set(err, ERR_USAGE,
			       "image '%s' is named by its digest, which never "
			       "means another one",
			       name);
	return 0;
}

static int look(struct update *update, struct task *task, struct err *err)
{
	struct engine *engine = update->cli->engine;
	const struct container *container = task->container;
	struct image_pull_opts opts = pull_opts_of(update, task);
	struct digest now;

	if (task->unit == NULL) {
		err_set(err, ERR_STATE, "it belongs to no service");
		return err_hint(err,
				"Write a .container unit for it, or use `dhow generate systemd "
				"--new`: such services set the label " SYSTEMD_UNIT_LABEL ".");
	}
	if (check_name(task, err) < 0)
		return -1;
	if (str_equal(task->policy, "local")) {
		cleanup_image struct image *image = NULL;
		int found = image_find_name(engine->store, container->image_name, &image, err);

		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "%s: image not known",
				       container->image_name);
		task->newer = !str_equal(image->manifest.text, container->image_manifest);
		return 0;
	}
	if (image_fetch_parts(engine, container->image_name, &opts, 0, NULL, NULL, &now, err) < 0)
		return -1;
	task->newer = !str_equal(now.text, container->image_manifest);
	return 0;
}

/* ---- the update of one service ---------------------------------------------------------------------------------------- */

static int pull(struct update *update, struct task *task, struct err *err)
{
	struct image_pull_opts opts = pull_opts_of(update, task);
	cleanup_image struct image *image = NULL;

	if (str_equal(task->policy, "local"))
		return 0;
	return image_pull(update->cli->engine, task->container->image_name, &opts, NULL, NULL,
			  &image, err);
}

/*
 * The names go back to the images that the containers were running with. With "local" the name has moved before we came, so it is the container that
 * tells what was good.
 */
static int set_back(struct update *update, struct task *task, struct err *err)
{
	struct store *store = update->cli->engine->store;
	cleanup_image struct image *image = NULL;
	int found = image_find_id(store, task->container->image_manifest, &image, err);

	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "the image that it had is gone");
	return found < 0 ? -1 : image_tag(store, image, task->container->image_name, err);
}

static void mark(struct update *update, const char *unit, const char *updated)
{
	for (size_t i = 0; i < update->count; i++) {
		struct task *task = &update->tasks[i];

		if (task->unit != NULL && str_equal(task->unit, unit) && task->newer)
			task->updated = updated;
	}
}

/* The restart has failed: back, and restart once more. */
static void roll_back(struct update *update, const char *unit, struct err *reason)
{
	struct err err = { 0 };
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < update->count; i++) {
		struct task *task = &update->tasks[i];

		if (task->unit == NULL || !str_equal(task->unit, unit) || !task->newer)
			continue;
		if (set_back(update, task, &err) < 0) {
			fail(update, task, &err);
			mark(update, unit, "failed");
			return;
		}
	}
	if (systemctl_do("restart", unit, &err) < 0) {
		err_wrap(&err, "'%s' does not start with the image that it had, either", unit);
		update->worst = cli_worse(update->worst, cli_error(update->cli, &err));
		mark(update, unit, "failed");
		return;
	}
	mark(update, unit, "rolled back");
	text = xasprintf("'%s' runs with the image that it had again: with the new one it did not "
			 "become ready: %s",
			 unit, reason->msg);
	cli_warning(NULL, text);
}

static void update_unit(struct update *update, const char *unit)
{
	struct err err = { 0 };

	for (size_t i = 0; i < update->count; i++) {
		struct task *task = &update->tasks[i];

		if (task->unit == NULL || !str_equal(task->unit, unit) || !task->newer)
			continue;
		if (update->opts->dry_run)
			task->updated = "pending";
		else if (pull(update, task, &err) < 0) {
			/* with the others new and this one old the service might not fit together */
			fail(update, task, &err);
			mark(update, unit, "failed");
			return;
		}
	}
	if (update->opts->dry_run)
		return;
	if (systemctl_do("restart", unit, &err) == 0) {
		mark(update, unit, "true");
	} else if (update->opts->rollback != 0 && err.kind != ERR_UNSUPPORTED) {
		roll_back(update, unit, &err);
	} else {
		update->worst = cli_worse(update->worst, cli_error(update->cli, &err));
		mark(update, unit, "failed");
	}
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static void collect(struct update *update, const struct container_list *list)
{
	struct err err = { 0 };

	update->tasks = xcalloc(list->count + 1, sizeof(*update->tasks));
	for (size_t i = 0; i < list->count; i++) {
		const struct container *container = list->items[i];
		const char *policy =
			container->create != NULL ? label(container, POLICY_LABEL) : NULL;
		struct task *task = &update->tasks[update->count];

		if (str_is_empty(policy) || str_equal(policy, "disabled") ||
		    container->state.status != CONTAINER_RUNNING)
			continue;
		*task = (struct task){ .container = container,
				       .policy = str_equal(policy, "image") ? "registry" : policy,
				       .unit = label(container, SYSTEMD_UNIT_LABEL),
				       .updated = "false" };
		update->count++;
		if (!str_equal(task->policy, "registry") && !str_equal(task->policy, "local")) {
			err_set(&err, ERR_USAGE,
				"invalid " POLICY_LABEL " '%s': it is registry, local or disabled",
				policy);
			fail(update, task, &err);
		} else if (look(update, task, &err) < 0) {
			fail(update, task, &err);
		}
	}
}

static int print(struct update *update, const struct format *format, struct err *err)
{
	cleanup_json json_t *rows = json_array();

	for (size_t i = 0; i < update->count; i++) {
		const struct task *task = &update->tasks[i];
		cleanup_free char *shown =
			xasprintf("%.12s (%s)", task->container->id.text, task->container->name);
		json_t *row = json_object();

		json_put_string(row, "Unit", task->unit != NULL ? task->unit : "");
		json_put_string(row, "Container", shown);
		json_put_string(row, "ContainerID", task->container->id.text);
		json_put_string(row, "ContainerName", task->container->name);
		json_put_string(row, "Image", task->container->image_name);
		json_put_string(row, "Policy", task->policy);
		json_put_string(row, "Updated", task->updated);
		json_array_append_new(rows, row);
	}
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 4);
	return 0;
}

static int auto_update_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct update_opts *opts = opts_;
	struct update update = { .cli = cli, .opts = opts };
	cleanup_container_list struct container_list list = { NULL, 0 };
	cleanup_format struct format *format = NULL;
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.Unit}}\t{{.Container}}\t{{.Image}}\t{{.Policy}}\t{{.Updated}}",
	};

	if (format_new(cli, &request, &format, err) < 0 ||
	    container_list(cli->engine, &list, err) < 0)
		return -1;
	collect(&update, &list);
	for (size_t i = 0; i < update.count; i++) {
		struct task *task = &update.tasks[i];

		/* "false": nothing has happened yet to it or to its service */
		if (task->newer && str_equal(task->updated, "false"))
			update_unit(&update, task->unit);
	}

	int status = print(&update, format, err);

	free(update.tasks);
	return status < 0 ? -1 : update.worst;
}

#define T struct update_opts
static const struct opt auto_update_opts[] = {
	OPT_STRING(0, "authfile", T, pull.authfile, "FILE", "credentials for registries"),
	OPT_FLAG(0, "dry-run", T, dry_run, "say what would be updated, change nothing"),
	OPT_STRING(0, "format", T, format, "FORMAT", "json, or a Go template"),
	OPT_TRI(0, "rollback", T, rollback,
		"go back to the image it had when a service does not become ready"),
	OPT_TRI(0, "tls-verify", T, pull.tls_verify, "ask for a certificate that is trusted"),
	OPT_END
};

const struct cmd cmd_auto_update = {
	.paths = { "auto-update" },
	.synopsis = "",
	.help = "Restart services whose image has a newer one",
	.examples = "  dhow auto-update --dry-run\n",
	.section = SECTION_OTHER,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = auto_update_opts,
	.opts_size = sizeof(T),
	.defaults = &(const T){ .pull = { .tls_verify = TRI_UNSET, .retry = 3 }, .rollback = 1 },
	.run = auto_update_run,
};
