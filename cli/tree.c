/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/tree.c - `image tree`: the layers of an image, and which images end at each
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "cli/human.h"
#include "engine/image.h"

#include <stdio.h>

struct tree_opts {
	bool what_requires;
};

static void names_of(const struct image *image, struct strbuf *out)
{
	cleanup_free char *list = strv_join(&image->names, " ");

	strbuf_addc(out, '[');
	strbuf_add_escaped(out, list);
	strbuf_addc(out, ']');
}

/* True when the first count layers of both are the same. */
static bool share_layers(const struct image *a, const struct image *b, size_t count)
{
	if (a->layer_count < count || b->layer_count < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!digest_equal(&a->layers[i].diff_id, &b->layers[i].diff_id))
			return false;
	}
	return true;
}

/* " Top Layer of: [a b]" for the images that end there. */
static void print_layer(const struct image *image, size_t number, bool is_last,
			const struct image_list *images)
{
	const struct image_layer *layer = &image->layers[number];
	cleanup_strbuf struct strbuf tops = STRBUF_INIT;
	char size[HUMAN_MAX];

	for (size_t i = 0; i < images->count; i++) {
		const struct image *other = images->items[i];

		if (other->damaged || other->layer_count != number + 1 ||
		    !share_layers(image, other, number + 1) || other->names.count == 0)
			continue;
		strbuf_adds(&tops, tops.length > 0 ? ", " : " Top Layer of: ");
		names_of(other, &tops);
	}
	human_size_precise(layer->diff_bytes, size);
	(void)printf("%s ID: %.12s Size: %6s%s\n", is_last ? "└──" : "├──",
		     digest_hex(&layer->diff_id), size, tops.data);
}

/* Images that stand on this one. */
static void print_users(const struct image *image, const struct image_list *images)
{
	for (size_t i = 0; i < images->count; i++) {
		const struct image *other = images->items[i];
		cleanup_strbuf struct strbuf names = STRBUF_INIT;
		char size[HUMAN_MAX];

		if (other->damaged || image->layer_count == 0 ||
		    other->layer_count <= image->layer_count ||
		    !share_layers(image, other, image->layer_count))
			continue;
		names_of(other, &names);
		human_size_precise(other->layers[other->layer_count - 1].diff_bytes, size);
		(void)printf(" └── ID: %.12s Size: %6s Top Layer of: %s\n",
			     digest_hex(&other->layers[other->layer_count - 1].diff_id), size,
			     names.data);
	}
}

static void print_tree(const struct tree_opts *opts, const struct image *image,
		       const struct image_list *images)
{
	cleanup_strbuf struct strbuf names = STRBUF_INIT;
	char size[HUMAN_MAX];

	names_of(image, &names);
	human_size_precise(image->size_bytes, size);
	(void)printf("Image ID: %.12s\nTags:     %s\nSize:     %s\n", digest_hex(&image->config),
		     names.data, size);
	if (image->layer_count == 0) {
		(void)printf("No Image Layers\n");
		return;
	}
	(void)printf("Image Layers\n");
	if (opts->what_requires) {
		print_layer(image, image->layer_count - 1, true, images);
		print_users(image, images);
		return;
	}
	for (size_t i = 0; i < image->layer_count; i++)
		print_layer(image, i, i + 1 == image->layer_count, images);
}

static int tree_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_image struct image *image = NULL;
	struct image_list images = { NULL, 0 };

	if (image_get(cli->engine, args->items[0], &image, err) < 0 ||
	    image_list(cli->engine->store, &images, err) < 0)
		return -1;
	print_tree(opts, image, &images);
	image_list_release(&images);
	return 0;
}

static const struct opt tree_opts[] = { OPT_FLAG(0, "whatrequires", struct tree_opts, what_requires,
						 "show the images that stand on this one"),
					OPT_END };

const struct cmd cmd_image_tree = {
	.paths = { "image tree" },
	.synopsis = "IMAGE",
	.help = "Show the layers of an image, and which images end at each",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGES,
	.needs = NEEDS_STORE,
	.opts = tree_opts,
	.opts_size = sizeof(struct tree_opts),
	.run = tree_run,
};
