/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/job_copy.c - COPY and ADD of files, and WORKDIR
 *
 * Planned in the builder: sources in contexts are selected and digested there, since that decides about a hit. Files of stages and
 * images are known by the digests of their layers, so their root file system is mounted by the worker only.
 */
#include "engine/build/add.h"
#include "engine/build/build_private.h"
#include "engine/build/place.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "storage/layer_make.h"
#include "storage/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void build_source_release(struct build_source *source)
{
	source_items_release(&source->items);
	strv_release(&source->patterns);
	free(source->layers);
	*source = (struct build_source){ 0 };
}

void job_free(struct job *job)
{
	if (job == NULL)
		return;
	for (size_t i = 0; i < job->source_count; i++)
		build_source_release(&job->sources[i]);
	free(job->sources);
	for (size_t i = 0; i < job->mount_count; i++)
		run_mount_release(&job->mounts[i]);
	free(job->mounts);
	ignore_release(&job->excludes);
	free(job->layers);
	free(job->destination);
	free(job->chown);
	free(job->chmod);
	free(job->checksum);
	strv_release(&job->file_names);
	strv_release(&job->file_texts);
	strv_release(&job->urls);
	strv_release(&job->url_subdirs);
	strv_release(&job->argv);
	strv_release(&job->env);
	free(job->network);
	free(job->script);
	free(job->script_name);
	free(job);
}

/* ---- plan ---- */

int build_source_from(struct build *build, const struct stage *stage, const char *from,
		      struct build_source *source, struct err *err)
{
	struct from_place place = { .stage = -1, .context = 0 };

	source->stage = -1;
	source->root.dir_fd = -1;
	if (from != NULL && graph_from(build, stage, from, &place, err) < 0)
		return -1;
	if (place.stage >= 0) {
		const struct state *state = &build->stages[place.stage].state;

		source->stage = place.stage;
		source->layers = state_layers(state);
		source->layer_count = state->image.layer_count;
		source->root.what = "the stage";
	} else if (place.image != NULL) {
		source->image = place.image;
		source->layer_count = place.image->layer_count;
		source->layers = xcalloc(source->layer_count + 1, sizeof(*source->layers));
		for (size_t i = 0; i < source->layer_count; i++)
			source->layers[i] = place.image->layers[i].diff_id;
		source->root.what = "the image";
	} else {
		const struct context *context = &build->contexts[place.context];

		source->root = (struct source_root){
			.dir_fd = context->dir_fd,
			.ignore = &context->ignore,
			.what = context->what != NULL ? context->what : "the build context",
			.memo = context->memo,
		};
		if (context->dir_fd < 0)
			return err_set(err, ERR_USAGE,
				       "there is no build context: the Dockerfile came on stdin");
	}
	return 0;
}

int build_source_key(struct build *build, struct build_source *source, bool parents,
		     const struct ignore *excludes, struct sha256 *hash, struct err *err)
{
	(void)build;
	if (source->layers != NULL) {
		for (size_t i = 0; i < source->layer_count; i++)
			sha256_update(hash, source->layers[i].text, strlen(source->layers[i].text));
		for (size_t i = 0; i < source->patterns.count; i++)
			sha256_update(hash, source->patterns.items[i],
				      strlen(source->patterns.items[i]) + 1);
		return 0;
	}
	for (size_t i = 0; i < source->patterns.count; i++)
		if (source_select(&source->root, source->patterns.items[i], parents, &source->items,
				  err) < 0)
			return -1;
	return source_digest(&source->root, &source->items, excludes, hash, err);
}

static int read_flags(struct build *build, struct job *job, struct err *err)
{
	const struct df_instruction *item = job->item;
	const struct state *state = &job->stage->state;
	const char *chown = df_flag(item, "chown");
	const char *chmod = df_flag(item, "chmod");
	const char *checksum = df_flag(item, "checksum");
	cleanup_strv struct strv excludes = STRV_INIT;
	struct mode_change change;

	if (chown != NULL && (job->chown = state_expand(build, state, chown, err)) == NULL)
		return -1;
	if (chmod != NULL && (job->chmod = state_expand(build, state, chmod, err)) == NULL)
		return -1;
	if (job->chmod != NULL && mode_change_parse(job->chmod, &change, err) < 0)
		return -1;
	if (checksum != NULL && (job->checksum = state_expand(build, state, checksum, err)) == NULL)
		return -1;
	if (df_flag_bool(item, "link", &job->link, err) < 0 ||
	    df_flag_bool(item, "parents", &job->parents, err) < 0 ||
	    df_flag_bool(item, "keep-git-dir", &job->keep_git_dir, err) < 0)
		return -1;
	job->unpack = true;
	if (df_flag(item, "unpack") != NULL && df_flag_bool(item, "unpack", &job->unpack, err) < 0)
		return -1;
	job->unpack_asked = df_flag(item, "unpack") != NULL && job->unpack;
	df_flag_list(item, "exclude", &excludes);
	for (size_t i = 0; i < excludes.count; i++) {
		cleanup_free char *text = state_expand(build, state, excludes.items[i], err);

		if (text == NULL || ignore_add(&job->excludes, text, err) < 0)
			return -1;
	}
	return 0;
}

static int add_heredoc(struct build *build, struct job *job, const struct df_heredoc *heredoc,
		       struct err *err)
{
	char *text;

	if (heredoc->expand) {
		const struct df_scope scope = {
			.escape = build->file.escape,
			.lookup = job_lookup,
			.arg = &job->stage->state,
			.raw = true,
		};

		text = df_expand(&scope, heredoc->text, err);
		if (text == NULL)
			return -1;
	} else {
		text = xstrdup(heredoc->text);
	}
	if (!path_is_component(heredoc->name)) {
		free(text);
		return err_set(err, ERR_USAGE, "the heredoc '%.100s' is no name of a file",
			       heredoc->name);
	}
	strv_add(&job->file_names, heredoc->name);
	strv_add_take(&job->file_texts, text);
	return 0;
}

const char *job_lookup(void *arg, const char *name)
{
	return state_lookup(arg, name);
}

static bool is_heredoc_word(const char *word)
{
	return str_after(word + strspn(word, "0123456789"), "<<") != NULL;
}

static int read_words(struct build *build, struct job *job, struct strv *patterns, struct err *err)
{
	const struct df_instruction *item = job->item;
	const struct state *state = &job->stage->state;
	size_t heredoc = 0;

	for (size_t i = 0; i < item->words.count; i++) {
		bool last = i + 1 == item->words.count;

		if (!last && heredoc < item->heredoc_count &&
		    is_heredoc_word(item->words.items[i])) {
			if (add_heredoc(build, job, &item->heredocs[heredoc++], err) < 0)
				return -1;
			continue;
		}
		cleanup_free char *word = state_expand(build, state, item->words.items[i], err);
		if (word == NULL)
			return -1;
		if (*word == '\0')
			return err_set(err, ERR_USAGE, "'%.100s' is empty after expansion",
				       item->words.items[i]);
		if (last)
			job->destination = xstrdup(word);
		else if (job->is_add && add_is_remote(word))
			strv_add(&job->urls, word);
		else
			strv_add(patterns, word);
	}
	return 0;
}

/* "dir/", "." and what several things go to are directories. */
static void read_destination(struct job *job, size_t source_count)
{
	const char *text = job->destination;

	job->destination_is_dir = str_ends_with(text, "/") || str_ends_with(text, "/.") ||
				  str_equal(text, ".") || str_equal(text, "..") ||
				  str_ends_with(text, "/..") || source_count > 1 || job->parents;
	char *path = state_join_workdir(&job->stage->state, text);

	free(job->destination);
	job->destination = path;
}

int job_plan_copy(struct build *build, struct job *job, struct err *err)
{
	const struct df_instruction *item = job->item;
	cleanup_sha256 struct sha256 *hash = sha256_new();
	struct digest files;

	job->is_add = item->kind == DF_ADD;
	job->sources = xcalloc(1, sizeof(*job->sources));
	job->source_count = 1;
	struct build_source *source = &job->sources[0];

	source->stage = -1;
	source->root.dir_fd = -1;
	if (read_flags(build, job, err) < 0 || read_words(build, job, &source->patterns, err) < 0)
		return -1;
	read_destination(job, source->patterns.count + job->file_names.count + job->urls.count);
	if (source->patterns.count > 0 &&
	    (build_source_from(build, job->stage, df_flag(item, "from"), source, err) < 0 ||
	     build_source_key(build, source, job->parents, &job->excludes, hash, err) < 0))
		return -1;
	if (source->items.count > 1)
		job->destination_is_dir = true;
	for (size_t i = 0; i < job->file_names.count; i++) {
		sha256_update(hash, job->file_names.items[i], strlen(job->file_names.items[i]) + 1);
		sha256_update(hash, job->file_texts.items[i], strlen(job->file_texts.items[i]) + 1);
	}
	if (add_plan(build, job, hash, err) < 0)
		return -1;
	sha256_final_digest(hash, &files);

	cleanup_free char *flags = strv_join(&item->flags, " ");
	const char *const texts[] = { df_kind_name(item->kind),
				      flags,
				      job->destination,
				      job->destination_is_dir ? "dir" : "file",
				      job->chown != NULL ? job->chown : "",
				      job->chmod != NULL ? job->chmod : "",
				      files.text };
	cache_key_next(&job->stage->state.key, texts, ARRAY_SIZE(texts), &job->key);
	return 0;
}

/* ---- work ---- */

struct copy_work {
	struct build *build;
	struct job *job;
	struct rootfs *rootfs; /* NULL: files go to upper/ itself (--link) */
	struct rootfs *source_rootfs;
	struct job_result *result; /* shared memory */
};

static int open_root(struct copy_work *work, struct err *err)
{
	if (work->rootfs != NULL)
		return rootfs_mount(work->rootfs, err);
	int staging_fd = work->job->staging.dir_fd;

	if (mkdirat(staging_fd, "upper", 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make a directory in the store");
	int fd = openat(staging_fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open a directory in the store") : fd;
}

static int place_source(struct copy_work *work, struct place *place, struct build_source *source,
			struct err *err)
{
	const struct job *job = work->job;
	cleanup_fd int source_fd = -1;

	if (source->layers != NULL) {
		source_fd = rootfs_mount(work->source_rootfs, err);
		if (source_fd < 0)
			return -1;
		source->root.dir_fd = source_fd;
		place->keep_xattrs = true;
		for (size_t i = 0; i < source->patterns.count; i++)
			if (source_select(&source->root, source->patterns.items[i], job->parents,
					  &source->items, err) < 0)
				return -1;
	}
	bool into_dir = job->destination_is_dir || source->items.count > 1;
	for (size_t i = 0; i < source->items.count; i++) {
		const struct source_item *item = &source->items.items[i];
		cleanup_free char *path = !job->parents
						  ? xstrdup(job->destination)
						  : xasprintf("%s/%s%s%s", job->destination,
							      item->keep, item->is_dir ? "/" : "",
							      item->is_dir ? item->name : "");
		int status = 0;

		if (job->is_add && job->unpack && !item->is_dir && source->layers == NULL) {
			status = add_archive(work->build, work->job, place, i, err);
			if (status > 0)
				continue;
		}
		if (status == 0)
			status = place_item(place, &source->root, item, &job->excludes, path,
					    into_dir, err);
		if (status < 0)
			return -1;
	}
	return 0;
}

static int copy_all(struct copy_work *work, struct err *err)
{
	struct job *job = work->job;
	struct place place = { 0 };
	cleanup_fd int root_fd = open_root(work, err);

	if (root_fd < 0)
		return -1;
	umask(0);
	place.root_fd = root_fd;
	if (job->chown != NULL && place_owner(&place, job->chown, err) < 0)
		return -1;
	if (job->chmod != NULL && mode_change_parse(job->chmod, &place.mode, err) < 0)
		return -1;
	for (size_t i = 0; i < job->source_count; i++)
		if (job->sources[i].patterns.count > 0 &&
		    place_source(work, &place, &job->sources[i], err) < 0)
			return -1;
	for (size_t i = 0; i < job->file_names.count; i++)
		if (place_text(&place, job->destination, job->destination_is_dir,
			       job->file_names.items[i], job->file_texts.items[i], 0644, err) < 0)
			return -1;
	return add_place(work->build, job, &place, err);
}

/* When nothing is mounted any more, what was written is a layer. */
static int copy_inside(void *arg, struct err *err)
{
	struct copy_work *work = arg;

	if (copy_all(work, err) < 0)
		return -1;
	return job_make_layer(work->build, work->job, NULL, work->result, err);
}

static int prepare_rootfs(struct build *build, const struct digest *layers, size_t count,
			  int container_fd, struct rootfs *rootfs, struct err *err)
{
	const struct rootfs_request request = {
		.diff_ids = layers,
		.diff_id_count = count,
		.directory_fd = -1,
		.container_dir_fd = container_fd,
		.volatile_upper = true,
	};

	return rootfs_prepare(build->engine->store, &request, rootfs, err);
}

int job_inside(struct build *build, int (*function)(void *arg, struct err *err), void *arg,
	       struct err *err)
{
	const struct idmaps *maps;

	if (store_idmaps(build->engine->store, &maps, err) < 0)
		return -1;
	return build->userns_fd >= 0 ? userns_run_fd(build->userns_fd, maps, function, arg, err)
				     : userns_run(maps, function, arg, err);
}

struct job_result *job_result_new(void)
{
	void *memory = mmap(NULL, sizeof(struct job_result), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		alloc_failed();
	return memory;
}

void job_result_free(struct job_result *result)
{
	munmap(result, sizeof(*result));
}

int job_make_layer(struct build *build, struct job *job, const struct strv *drop,
		   struct job_result *result, struct err *err)
{
	const struct layer_source source = {
		.parent_fd = job->staging.dir_fd,
		.name = "upper",
		.take = true,
		.drop = drop,
		.latest_mtime_s = build->has_timestamp ? &build->timestamp_s : NULL,
	};
	struct layer_made made;

	if (layer_make(build->engine->store, &source, &made, err) < 0)
		return -1;
	result->has_layer = true;
	result->diff_id = made.meta.diff_id;
	result->tar_bytes = made.tar_bytes;
	layer_meta_release(&made.meta);
	return 0;
}

int job_work_copy(struct build *build, struct job *job, struct job_result *result, struct err *err)
{
	struct rootfs rootfs = ROOTFS_INIT;
	struct rootfs source_rootfs = ROOTFS_INIT;
	struct copy_work work = { .build = build, .job = job, .result = job_result_new() };
	struct build_source *source = &job->sources[0];
	int status = 0;

	if (!job->link || job->chown != NULL) {
		status = prepare_rootfs(build, job->layers, job->layer_count, job->staging.dir_fd,
					&rootfs, err);
		work.rootfs = &rootfs;
	}
	if (status == 0 && source->layers != NULL) {
		status = prepare_rootfs(build, source->layers, source->layer_count, -1,
					&source_rootfs, err);
		work.source_rootfs = &source_rootfs;
	}
	if (status == 0)
		status = add_fetch(build, job, err);
	if (status == 0)
		status = job_inside(build, copy_inside, &work, err);
	*result = *work.result;
	job_result_free(work.result);
	rootfs_release(&rootfs);
	rootfs_release(&source_rootfs);
	return status;
}

/* ---- WORKDIR ---- */

static int workdir_inside(void *arg, struct err *err)
{
	struct copy_work *work = arg;
	struct place place = { 0 };
	cleanup_fd int root_fd = rootfs_mount(work->rootfs, err);

	if (root_fd < 0)
		return -1;
	umask(0);
	cleanup_fd int there_fd =
		path_open_in_root(root_fd, work->job->destination, O_PATH | O_DIRECTORY, 0);
	if (there_fd >= 0)
		return 0;
	place.root_fd = root_fd;
	int fd = place_dirs(&place, work->job->destination, err);
	if (fd < 0)
		return -1;
	close(fd);
	fd_close(&root_fd);
	return job_make_layer(work->build, work->job, NULL, work->result, err);
}

int job_work_workdir(struct build *build, struct job *job, struct job_result *result,
		     struct err *err)
{
	struct rootfs rootfs = ROOTFS_INIT;
	struct copy_work work = {
		.build = build, .job = job, .rootfs = &rootfs, .result = job_result_new()
	};
	int status = prepare_rootfs(build, job->layers, job->layer_count, job->staging.dir_fd,
				    &rootfs, err);

	if (status == 0)
		status = job_inside(build, workdir_inside, &work, err);
	*result = *work.result;
	job_result_free(work.result);
	rootfs_release(&rootfs);
	return status;
}
