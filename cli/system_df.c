/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/system_df.c - `system df`: what the store takes on the disk
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/format.h"
#include "cli/human.h"
#include "engine/disk.h"

#include <inttypes.h>
#include <stdio.h>

struct df_opts {
	bool verbose;
	char *format;
};

static void put_size(json_t *row, const char *key, uint64_t bytes)
{
	char text[HUMAN_MAX];

	human_size_precise(bytes, text);
	json_put_string(row, key, text);
}

static json_t *part_row(const char *type, const struct disk_part *part)
{
	json_t *row = json_object();
	char size[HUMAN_MAX];
	uint64_t percent = part->bytes > 0 ? part->reclaimable_bytes * 100 / part->bytes : 0;

	human_size_precise(part->reclaimable_bytes, size);
	cleanup_free char *reclaimable = xasprintf("%s (%" PRIu64 "%%)", size, percent);

	json_put_string(row, "Type", type);
	json_put_int(row, "Total", (int64_t)part->total);
	json_put_int(row, "Active", (int64_t)part->active);
	json_put_int(row, "RawSize", (int64_t)part->bytes);
	json_put_int(row, "RawReclaimable", (int64_t)part->reclaimable_bytes);
	json_put_int(row, "TotalCount", (int64_t)part->total);
	put_size(row, "Size", part->bytes);
	json_put_string(row, "Reclaimable", reclaimable);
	return row;
}

static int print_parts(struct cli *cli, const struct df_opts *opts, const struct disk_usage *usage,
		       struct err *err)
{
	cleanup_format struct format *format = NULL;
	cleanup_json json_t *rows = json_array();
	const struct disk_part other = { .bytes = usage->other_bytes };
	const struct format_request request = {
		.format = opts->format,
		.table = "{{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
	};

	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	json_array_append_new(rows, part_row("Images", &usage->images));
	json_array_append_new(rows, part_row("Containers", &usage->containers));
	json_array_append_new(rows, part_row("Local Volumes", &usage->volumes));
	/* programs expect three; for people the sum is what du says */
	if (opts->format == NULL)
		json_array_append_new(rows, part_row("Other", &other));
	if (!format_is_json(format))
		return format_rows(format, rows, err);
	format_json(rows, 4);
	return 0;
}

/* ---- --verbose ---- */

static int print_table(struct cli *cli, const char *title, const char *table,
		       const struct template_alias *headings, const json_t *rows, struct err *err)
{
	cleanup_format struct format *format = NULL;
	const struct format_request request = { .table = table, .rules = { .heading = headings } };

	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	(void)printf("%s space usage:\n\n", title);
	if (format_rows(format, rows, err) < 0)
		return -1;
	(void)printf("\n");
	return 0;
}

static json_t *image_row_of(const struct disk_image *item, int64_t now_ns)
{
	const struct image *image = item->image;
	const char *name = image->names.count > 0 ? image->names.items[0] : "<none>:<none>";
	const char *slash = strrchr(name, '/');
	const char *colon = strrchr(slash != NULL ? slash : name, ':');
	cleanup_free char *repository =
		colon != NULL ? xstrndup(name, (size_t)(colon - name)) : xstrdup(name);
	json_t *row = json_object();
	char created[HUMAN_MAX];

	human_ago(image->created_ns, now_ns, created);
	json_put_string(row, "Repository", repository);
	json_put_string(row, "Tag", colon != NULL ? colon + 1 : "<none>");
	json_put(row, "ImageID", format_id(image->config.text, false));
	json_put_string(row, "Created", created);
	put_size(row, "Size", item->bytes);
	put_size(row, "SharedSize", item->shared_bytes);
	put_size(row, "UniqueSize", item->bytes - item->shared_bytes);
	json_put_int(row, "Containers", (int64_t)item->containers);
	return row;
}

static json_t *container_row_of(struct engine *engine, const struct disk_container *item,
				int64_t now_ns)
{
	const struct container *container = item->container;
	struct err ignored; /* a damaged one has no command */
	cleanup_json json_t *summary = container_summary(engine, container, false, false, &ignored);
	cleanup_strbuf struct strbuf command = STRBUF_INIT;
	json_t *row = json_object();
	char created[HUMAN_MAX];
	json_t *word;
	size_t i;

	json_array_foreach (json_object_get(summary, "Command"), i, word)
		strbuf_addf(&command, "%s%s", i > 0 ? " " : "", json_string_value(word) ?: "");

	human_ago(container->created_ns, now_ns, created);
	json_put(row, "ContainerID", format_id(container->id.text, false));
	json_put(row, "Image", format_id(json_get_string(summary, "", "ImageID", NULL), false));
	json_put_string(row, "Command", command.data);
	json_put_int(row, "LocalVolumes", (int64_t)item->volumes);
	put_size(row, "Size", item->bytes);
	json_put_string(row, "Created", created);
	json_put_string(row, "Status", container_state_name(&container->state));
	json_put_string(row, "Names", container->name != NULL ? container->name : "");
	return row;
}

static int print_verbose(struct cli *cli, const struct disk_usage *usage, struct err *err)
{
	static const struct template_alias headings[] = {
		{ "ImageID", "IMAGE ID" },
		{ "SharedSize", "SHARED SIZE" },
		{ "UniqueSize", "UNIQUE SIZE" },
		{ "ContainerID", "CONTAINER ID" },
		{ "LocalVolumes", "LOCAL VOLUMES" },
		{ "VolumeName", "VOLUME NAME" },
		{ NULL, NULL },
	};
	cleanup_json json_t *images = json_array(), *containers = json_array(),
			    *volumes = json_array();
	int64_t now_ns = time_now_ns();

	for (size_t i = 0; i < usage->images.total; i++)
		json_array_append_new(images, image_row_of(&usage->image_items[i], now_ns));
	for (size_t i = 0; i < usage->containers.total; i++)
		json_array_append_new(
			containers,
			container_row_of(cli->engine, &usage->container_items[i], now_ns));
	for (size_t i = 0; i < usage->volumes.total; i++) {
		const struct disk_volume *item = &usage->volume_items[i];
		json_t *row = json_object();

		json_put_string(row, "VolumeName", item->volume->name);
		json_put_int(row, "Links", (int64_t)item->links);
		put_size(row, "Size", item->bytes);
		json_array_append_new(volumes, row);
	}
	if (print_table(cli, "Images",
			"{{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t{{.Size}}\t"
			"{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
			headings, images, err) < 0 ||
	    print_table(cli, "Containers",
			"{{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t"
			"{{.Created}}\t{{.Status}}\t{{.Names}}",
			headings, containers, err) < 0)
		return -1;
	return print_table(cli, "Local Volumes", "{{.VolumeName}}\t{{.Links}}\t{{.Size}}", headings,
			   volumes, err);
}

static int df_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct df_opts *opts = opts_;
	cleanup_disk_usage struct disk_usage *usage = NULL;

	if (opts->verbose && opts->format != NULL)
		return err_set(err, ERR_USAGE, "--verbose and --format exclude each other");
	if (disk_usage(cli->engine, &usage, err) < 0)
		return -1;
	return opts->verbose ? print_verbose(cli, usage, err) : print_parts(cli, opts, usage, err);
}

static const struct opt df_opts[] = {
	OPT_STRING(0, "format", struct df_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG('v', "verbose", struct df_opts, verbose, "each image, container and volume"),
	OPT_END
};

const struct cmd cmd_system_df = {
	.paths = { "system df" },
	.synopsis = "",
	.help = "Show what the store takes on the disk",
	.section = SECTION_NONE,
	.needs = NEEDS_STORE,
	.opts = df_opts,
	.opts_size = sizeof(struct df_opts),
	.run = df_run,
};
