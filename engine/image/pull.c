/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pull.c - make an image available
 *
 * Policy first, then names: a text may stand for several full names, which are tried in their order. For each one
 * libexec/dhow/transfer brings everything into the store and checks it; then the record, written here, makes it visible with
 * one rename. If another command removes parts between the two, the whole is done once more.
 */
#include "engine/image/pull_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/image/archive.h"
#include "engine/image/describe.h"
#include "engine/image/list.h"
#include "engine/image/trust.h"
#include "storage/layer.h"

#define PULL_ROUNDS 3

static const char *const pull_policy_names[] = {
	[PULL_MISSING] = "missing",
	[PULL_ALWAYS] = "always",
	[PULL_NEVER] = "never",
	[PULL_NEWER] = "newer",
};
NAME_TABLE(pull_policy, PULL_POLICY_COUNT)

/* transports that other engines know and we do not read */
static const char *const refused_transports[] = {
	"docker-daemon:", "containers-storage:", "ostree:", "sif:", "atomic:", "tarball:",
};

struct pull {
	struct engine *engine;
	const struct image_pull_opts *opts;
	progress_function progress;
	void *progress_arg;
	struct platform platform;
	bool explicit_platform;
};

static void say(const struct pull *pull, const char *format, const char *name)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct progress progress = { .kind = PROGRESS_TEXT };

	if (pull->progress == NULL)
		return;
	strbuf_addf(&text, "%s%s...", format, name);
	progress.text = text.data;
	progress.id = "";
	pull->progress(pull->progress_arg, &progress);
}

/* ---- the record -------------------------------------------------------------------------------------------------------- */

static void add_digest_name(struct image *image, const char *repository,
			    const struct digest *digest)
{
	if (digest_is_set(digest))
		strv_addf(&image->digests, "%s@%s", repository, digest->text);
}

/* @param ref  the name it gets; NULL: none */
static int put_record(struct engine *engine, const struct pull_result *result,
		      const struct image_ref *ref, struct image **ret_image, struct err *err)
{
	cleanup_image struct image *image = NULL;

	if (image_describe(engine, &result->manifest, &image, err) < 0)
		return -1;
	image->index = result->index;
	if (ref != NULL) {
		cleanup_free char *repository = xasprintf("%s/%s", ref->registry, ref->path);

		if (!digest_is_set(&ref->digest))
			strv_add_take(&image->names, image_ref_full(ref, "localhost"));
		add_digest_name(image, repository, &result->manifest);
		add_digest_name(image, repository, &result->index);
	}
	if (image_put(engine->store, image, err) < 0)
		return -1;
	/* read back: it may have had names before */
	if (image_find_id(engine->store, image->manifest.text, ret_image, err) > 0)
		return 0;
	*ret_image = TAKE_PTR(image);
	return 0;
}

static void warn_of_platform(const struct pull *pull, const struct image *image)
{
	struct platform have = { image->os, image->architecture,
				 image->variant != NULL ? image->variant : (char *)"" };
	cleanup_strbuf struct strbuf is = STRBUF_INIT, wanted = STRBUF_INIT;

	if (platform_rank(&have, &pull->platform) > 0)
		return;
	platform_format(&have, &is);
	platform_format(&pull->platform, &wanted);
	engine_warn(pull->engine, "image platform (%s) does not match the expected platform (%s)",
		    is.data, wanted.data);
}

/* ---- one source -------------------------------------------------------------------------------------------------------- */

/* Fetch and record. The source is taken. @param trust  what was checked; NULL: nothing has to be */
static int pull_source(const struct pull *pull, json_t *source_take, const struct trust *trust,
		       const struct image_ref *name, struct image **ret_image, struct err *err)
{
	cleanup_json json_t *request = NULL;

	if (pull_request(pull->engine, "pull", source_take, pull->opts, &request, err) < 0)
		return -1;
	for (int round = 1;; round++) {
		struct pull_result result = { .tags = STRV_INIT };
		int status = pull_run(pull->engine, request, pull->progress, pull->progress_arg,
				      &result, err);
		bool fetched = status == 0;

		if (fetched && !digest_is_set(&result.manifest))
			status = err_set(err, ERR_FAILED, "'transfer' gives no manifest");
		else if (fetched && trust != NULL && trust_holds(trust, &result.manifest, err) < 0)
			status = -1;
		else if (fetched)
			status = put_record(pull->engine, &result, name, ret_image, err);
		strv_release(&result.tags);
		if (status == 0) {
			warn_of_platform(pull, *ret_image);
			return 0;
		}
		/* somebody has removed a part of it that was there when it was looked for */
		if (!fetched || err->kind != ERR_NOT_FOUND || round == PULL_ROUNDS)
			return -1;
	}
}

/* The same when its signatures are what the policy demands: before a layer is asked for. */
static int pull_trusted(const struct pull *pull, json_t *source_take, struct trust *trust,
			const struct image_ref *name, struct image **ret_image, struct err *err)
{
	if (trust->needs_signatures &&
	    trust_check(pull->engine, trust, name, source_take, pull->opts, err) < 0) {
		json_decref(source_take);
		return -1;
	}
	return pull_source(pull, source_take, trust, name, ret_image, err);
}

/* ---- what is here already ---------------------------------------------------------------------------------------------- */

/* All of it is in the store, in the form that is of use now. */
static bool is_whole(const struct pull *pull, const struct image *image)
{
	struct store *store = pull->engine->store;
	struct err ignored; /* then it is pulled */

	if (image->damaged || digest_is_set(&image->list) || image->read_only ||
	    layer_any_single(store) || !blob_exists(store, &image->manifest) ||
	    !blob_exists(store, &image->config))
		return false;
	for (size_t i = 0; i < image->layer_count; i++) {
		struct layer_meta meta = { 0 };

		if (layer_find(store, &image->layers[i].diff_id, &meta, &ignored) <= 0)
			return false;
		layer_meta_release(&meta);
	}
	return image_matches_platform(image, pull->opts, &ignored);
}

/*
 * Most pulls find that nothing has changed. One HEAD tells: when the registry means the very document that the image came by, the image is
 * the answer. Whatever else it says, or that it says nothing, the pull finds out. 1 it is, 0, -1 interrupted
 */
static int is_unchanged(const struct pull *pull, json_t *source, const char *name,
			struct image **ret_image, struct err *err)
{
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_image struct image *image = NULL;
	cleanup_json json_t *request = NULL;
	int status;

	if (image_find_name(pull->engine->store, name, &image, err) <= 0 ||
	    !is_whole(pull, image) ||
	    pull_request(pull->engine, "head", json_incref(source), pull->opts, &request, err) < 0)
		return 0;
	json_put_int(request, "retry", 0);
	status = pull_run(pull->engine, request, NULL, NULL, &result, err);
	if (status < 0)
		return err->kind == ERR_INTERRUPTED ? -1 : 0;
	if (!digest_is_set(&result.manifest) ||
	    (!digest_equal(&result.manifest, &image->manifest) &&
	     !digest_equal(&result.manifest, &image->index)))
		return 0;
	*ret_image = TAKE_PTR(image);
	return 1;
}

static int pull_name(const struct pull *pull, const struct registries *registries, const char *name,
		     struct image **ret_image, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_trust struct trust trust = TRUST_INIT;
	json_t *source = NULL;
	int status;

	if (image_ref_parse(name, &ref, err) < 0)
		return -1;
	if (trust_open(pull->engine, "docker", name, &trust, err) < 0)
		return -1;
	say(pull, "Trying to pull ", name);
	status = pull_registry_source(registries, &ref, pull->opts, &source, err);
	/* signatures may have changed where the image has not */
	if (status == 0 && !trust.needs_signatures) {
		status = is_unchanged(pull, source, name, ret_image, err);
		if (status != 0)
			json_decref(source);
		if (status > 0)
			return 0;
	}
	if (status == 0)
		status = pull_trusted(pull, source, &trust, &ref, ret_image, err);
	return status < 0 ? err_wrap(err, "cannot pull image '%s'", name) : 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static int pull_names(const struct pull *pull, const char *text, struct image **ret_image,
		      struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_strbuf struct strbuf failures = STRBUF_INIT;
	cleanup_free char *chosen = NULL;

	if (registries_load(pull->engine->options.registries_conf, &registries, err) < 0 ||
	    registries_meant(pull->engine, registries, text, &names, &chosen, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (pull_name(pull, registries, names.items[i], ret_image, err) == 0) {
			registries_remember(pull->engine, chosen, names.items[i]);
			return 0;
		}
		if (names.count == 1 || err->kind == ERR_INTERRUPTED || err->kind == ERR_NO_SPACE)
			return -1;
		strbuf_addf(&failures, "%s%s", failures.length > 0 ? "; " : "", err->msg);
	}
	return err_set(err, err->kind, "cannot pull '%s': %s", text, failures.data);
}

/* ---- local sources ----------------------------------------------------------------------------------------------------- */

/* A name in a layout becomes an image name, if it can be one; else the image has none. */
static bool name_from_layout(const char *name, struct image_ref *ret)
{
	struct err ignored; /* then it has no name */

	if (*name == '\0' || image_ref_parse(name, ret, &ignored) < 0)
		return false;
	if (ret->registry == NULL)
		ret->registry = xstrdup("localhost");
	return true;
}

/* "PATH[:NAME]": the source object, and the name. */
static int local_source(const char *kind, const char *rest, json_t **ret_source, char **ret_path,
			char **ret_name, struct err *err)
{
	bool has_name = str_equal(kind, "oci");
	const char *colon = has_name ? strchr(rest, ':') : NULL;
	cleanup_free char *path =
		colon != NULL ? xstrndup(rest, (size_t)(colon - rest)) : xstrdup(rest);
	cleanup_free char *absolute = realpath(path, NULL);

	if (absolute == NULL)
		return err_sys(err, errno, "cannot open directory '%s'", path);
	*ret_source = json_object();
	json_put_string(*ret_source, "kind", kind);
	json_put(*ret_source, "path", json_text(absolute));
	json_put(*ret_source, "name", json_text(colon != NULL ? colon + 1 : ""));
	*ret_name = xstrdup(colon != NULL ? colon + 1 : "");
	*ret_path = TAKE_PTR(absolute);
	return 0;
}

static int pull_local(const struct pull *pull, const char *kind, const char *rest,
		      struct image **ret_image, struct err *err)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_trust struct trust trust = TRUST_INIT;
	cleanup_free char *name = NULL, *path = NULL;
	json_t *source = NULL;
	int status = local_source(kind, rest, &source, &path, &name, err);

	if (status == 0)
		status = trust_open(pull->engine, kind, path, &trust, err);
	/* it may get a name, but is known by none that a signature could bear */
	if (status == 0 && trust.needs_signatures)
		status = trust_check(pull->engine, &trust, NULL, source, pull->opts, err);
	if (status == 0)
		status = pull_source(pull, json_incref(source), &trust,
				     name_from_layout(name, &ref) ? &ref : NULL, ret_image, err);
	json_decref(source);
	return status < 0 ? err_wrap(err, "cannot pull '%s:%s'", kind, rest) : 0;
}

/* ---- archives ---------------------------------------------------------------------------------------------------------- */

int pull_layout(struct engine *engine, const char *path, const struct archive_item *item,
		const struct image_pull_opts *opts, progress_function progress, void *progress_arg,
		struct image **ret_image, struct err *err)
{
	struct pull pull = {
		.engine = engine, .opts = opts, .progress = progress, .progress_arg = progress_arg
	};
	json_t *source = json_object();
	const char *below_root;
	int status;

	json_put_string(source, "kind", "oci");
	json_put(source, "path", json_text(path));
	/* unpacked there by archive_open() */
	below_root = str_after(path, engine->store->root_path);
	if (below_root != NULL && str_after(below_root, "/tmp/archive-") != NULL)
		json_put_bool(source, "own", true);
	json_put_string(source, "digest", item->manifest.text);
	if (pull_platform(opts, &pull.platform, &pull.explicit_platform, err) < 0) {
		json_decref(source);
		return -1;
	}
	status = pull_source(&pull, source, NULL, NULL, ret_image, err);
	platform_release(&pull.platform);
	for (size_t i = 0; status == 0 && i < item->names.count; i++) {
		cleanup_image_ref struct image_ref ref = { 0 };
		cleanup_free char *full = NULL;

		if (!name_from_layout(item->names.items[i], &ref))
			continue;
		full = image_ref_full(&ref, "localhost");
		status = image_tag(engine->store, *ret_image, full, err);
	}
	return status;
}

/* The item that is meant by the name behind the file's: full, short, or "@N". */
static const struct archive_item *choose_item(const struct archive *archive, const char *name)
{
	uint32_t number = 0;

	if (*name == '\0')
		return &archive->items[0];
	if (*name == '@' && parse_u32(name + 1, &number) == 0)
		return number < archive->count ? &archive->items[number] : NULL;
	for (size_t i = 0; i < archive->count; i++) {
		for (size_t k = 0; k < archive->items[i].names.count; k++) {
			cleanup_image_ref struct image_ref have = { 0 }, want = { 0 };
			struct err ignored; /* then the texts are compared */

			if (str_equal(archive->items[i].names.items[k], name))
				return &archive->items[i];
			if (!name_from_layout(archive->items[i].names.items[k], &have) ||
			    image_ref_parse(name, &want, &ignored) < 0)
				continue;
			cleanup_free char *full = image_ref_full(&have, "localhost");
			cleanup_free char *wanted = image_ref_full(&want, "docker.io");
			if (str_equal(full, wanted))
				return &archive->items[i];
		}
	}
	return NULL;
}

static int pull_archive_item(const struct pull *pull, const struct archive *archive,
			     const char *name, struct image **ret_image, struct err *err)
{
	const struct archive_item *item = choose_item(archive, name);
	cleanup_image struct image *image = NULL;

	if (item == NULL)
		return err_set(err, ERR_NOT_FOUND, "the archive has no image '%s'", name);
	if (pull_layout(pull->engine, archive->path, item, pull->opts, pull->progress,
			pull->progress_arg, &image, err) < 0)
		return -1;
	*ret_image = TAKE_PTR(image);
	return 0;
}

static int pull_archive(const struct pull *pull, const char *kind, const char *rest,
			struct image **ret_image, struct err *err)
{
	const char *colon = strchr(rest, ':');
	cleanup_free char *path =
		colon != NULL ? xstrndup(rest, (size_t)(colon - rest)) : xstrdup(rest);
	cleanup_free char *absolute = realpath(path, NULL);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct archive archive = ARCHIVE_INIT;
	int status;

	if (fd < 0 || absolute == NULL) {
		err_sys(err, errno, "cannot open '%s'", path);
		return err_wrap(err, "cannot pull '%s:%s'", kind, rest);
	}
	status = trust_open_without_signatures(pull->engine, kind, absolute, err);
	if (status == 0)
		status = archive_open(pull->engine, fd, &archive, err);
	if (status == 0)
		status = pull_archive_item(pull, &archive, colon != NULL ? colon + 1 : "",
					   ret_image, err);
	archive_release(pull->engine, &archive);
	return status < 0 ? err_wrap(err, "cannot pull '%s:%s'", kind, rest) : 0;
}

/* 1 text names a transport and was pulled, 0 it is an image name, -1 */
static int pull_transport(const struct pull *pull, const char *text, struct image **ret_image,
			  struct err *err)
{
	static const char *const local[] = { "oci", "dir" };
	static const char *const archives[] = { "oci-archive", "docker-archive" };

	for (size_t i = 0; i < ARRAY_SIZE(refused_transports); i++) {
		if (str_after(text, refused_transports[i]) != NULL)
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot pull '%s': transport '%s' is not supported", text,
				       refused_transports[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(local); i++) {
		const char *rest = str_after(text, local[i]);

		if (rest == NULL || *rest != ':')
			continue;
		return pull_local(pull, local[i], rest + 1, ret_image, err) < 0 ? -1 : 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(archives); i++) {
		const char *rest = str_after(text, archives[i]);

		if (rest != NULL && *rest == ':')
			return pull_archive(pull, archives[i], rest + 1, ret_image, err) < 0 ? -1
											     : 1;
	}
	return 0;
}

/* ---- all tags ---------------------------------------------------------------------------------------------------------- */

static int list_tags(const struct pull *pull, const struct registries *registries,
		     const struct image_ref *ref, struct strv *ret_tags, struct err *err)
{
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_json json_t *request = NULL;
	json_t *source = NULL;
	int status = -1;

	if (pull_registry_source(registries, ref, pull->opts, &source, err) < 0 ||
	    pull_request(pull->engine, "tags", source, pull->opts, &request, err) < 0)
		return -1;
	status = pull_run(pull->engine, request, pull->progress, pull->progress_arg, &result, err);
	if (status == 0)
		strv_copy(ret_tags, &result.tags);
	strv_release(&result.tags);
	return status;
}

static int pull_all_tags(const struct pull *pull, const char *text, struct image **ret_image,
			 struct err *err)
{
	cleanup_registries struct registries *registries = NULL;
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_strv struct strv names = STRV_INIT, tags = STRV_INIT;
	cleanup_free char *chosen = NULL;

	if (registries_load(pull->engine->options.registries_conf, &registries, err) < 0 ||
	    registries_meant(pull->engine, registries, text, &names, &chosen, err) < 0 ||
	    image_ref_parse(names.items[0], &ref, err) < 0)
		return -1;
	cleanup_image_ref struct image_ref asked = { 0 };
	if (image_ref_parse(text, &asked, err) < 0)
		return -1;
	if (asked.tag != NULL || digest_is_set(&asked.digest))
		return err_set(err, ERR_USAGE, "cannot pull all tags of '%s': it names one already",
			       text);
	if (list_tags(pull, registries, &ref, &tags, err) < 0)
		return err_wrap(err, "cannot list the tags of '%s'", text);
	if (tags.count == 0)
		return err_set(err, ERR_NOT_FOUND, "repository '%s' has no tags", text);
	for (size_t i = 0; i < tags.count; i++) {
		cleanup_free char *name =
			xasprintf("%s/%s:%s", ref.registry, ref.path, tags.items[i]);
		struct image *image = NULL;

		if (pull_name(pull, registries, name, &image, err) < 0)
			return -1;
		image_free(*ret_image);
		*ret_image = image;
	}
	return 0;
}

/* ---- policy ------------------------------------------------------------------------------------------------------------ */

bool image_matches_platform(const struct image *image, const struct image_pull_opts *opts,
			    struct err *err)
{
	struct platform want = { 0 };
	struct platform have = { image->os, image->architecture,
				 image->variant != NULL ? image->variant : (char *)"" };
	bool explicit_platform = false;
	bool matches = false;

	if (pull_platform(opts, &want, &explicit_platform, err) < 0)
		return false;
	matches = platform_rank(&have, &want) > 0;
	if (!matches)
		err_set(err, ERR_NOT_FOUND, "image '%.19s' is for another platform: '%s/%s'",
			image->config.text, image->os, image->architecture);
	platform_release(&want);
	return matches;
}

static int pull_by_policy(const struct pull *pull, const char *text, enum pull_policy policy,
			  struct image **ret_image, struct err *err)
{
	cleanup_image struct image *local = NULL;
	struct err ignored; /* another platform: then it is not there */
	int found = pull_transport(pull, text, ret_image, err);
	const char *name = str_after(text, "docker://") ?: text;

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (pull->opts->all_tags)
		return pull_all_tags(pull, name, ret_image, err);
	if (policy != PULL_ALWAYS) {
		found = image_resolve(pull->engine, name, &local, err);
		if (found < 0)
			return -1;
		if (found > 0 && digest_is_set(&local->list))
			return list_choose(pull->engine, local, pull->opts, pull->progress,
					   pull->progress_arg, ret_image, err);
		if (found > 0 && pull->explicit_platform &&
		    !image_matches_platform(local, pull->opts, &ignored)) {
			image_free(local);
			local = NULL;
		}
	}
	if (local != NULL && policy != PULL_NEWER) {
		*ret_image = TAKE_PTR(local);
		return 0;
	}
	if (policy == PULL_NEVER) {
		err_set(err, ERR_NOT_FOUND, "%s: image not known", name);
		return err_hint(err, "Pull it, or use another --pull policy than never.");
	}
	if (pull_names(pull, name, ret_image, err) == 0)
		return 0;
	if (local == NULL || err->kind == ERR_INTERRUPTED)
		return -1;
	/* newer: what is here does when the registry has nothing to say */
	debug("%s, using the image that is here", err->msg);
	*ret_image = TAKE_PTR(local);
	return 0;
}

int image_pull(struct engine *engine, const char *text, const struct image_pull_opts *opts,
	       progress_function progress, void *progress_arg, struct image **ret_image,
	       struct err *err)
{
	struct pull pull = {
		.engine = engine,
		.opts = opts,
		.progress = opts->quiet ? NULL : progress,
		.progress_arg = progress_arg,
	};
	int policy = opts->policy != NULL ? pull_policy_parse(opts->policy) : PULL_MISSING;
	int status = -1;

	if (policy < 0)
		return err_set(err, ERR_USAGE,
			       "invalid pull policy '%s': it is always, missing, never or newer",
			       opts->policy);
	if (pull_platform(opts, &pull.platform, &pull.explicit_platform, err) < 0)
		return -1;
	*ret_image = NULL;
	status = pull_by_policy(&pull, text, (enum pull_policy)policy, ret_image, err);
	platform_release(&pull.platform);
	return status;
}
