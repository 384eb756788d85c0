/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/info.c - `info`: this machine, this store, and what is wrong with them
 *
 * The members are podman's, so that scripts find them; templates find them in upper and lower case, because the Go names differ
 * from the JSON names. host.problems is ours: one line for everything that keeps a container from having all it could have, with
 * the cure.
 */
#include "cli/info.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "cli/cmd.h"
#include "cli/docker.h"
#include "cli/format.h"
#include "cli/version.h"
#include "cli/yaml.h"
#include "engine/container.h"
#include "engine/image.h"

#include <stdio.h>
#include <sys/statvfs.h>

static json_t *info_container_store(struct cli *cli, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };
	json_t *object = json_object();
	int64_t running = 0;
	int64_t paused = 0;

	if (container_list(cli->engine, &list, err) < 0) {
		json_decref(object);
		return NULL;
	}
	for (size_t i = 0; i < list.count; i++) {
		running += list.items[i]->state.status == CONTAINER_RUNNING;
		paused += list.items[i]->state.status == CONTAINER_PAUSED;
	}
	json_put_int(object, "number", (int64_t)list.count);
	json_put_int(object, "paused", paused);
	json_put_int(object, "running", running);
	json_put_int(object, "stopped", (int64_t)list.count - running - paused);
	return object;
}

static json_t *info_store(struct cli *cli, json_t *problems, struct err *err)
{
	struct store *store = cli->engine->store;
	struct image_list images = { NULL, 0 };
	json_t *containers = info_container_store(cli, err);
	struct statvfs fs;

	if (containers == NULL)
		return NULL;

	json_t *object = json_object();
	json_t *image_store = json_object();
	cleanup_free char *volume_path = xasprintf("%s/volumes", store->root_path);
	cleanup_free char *staging_path = xasprintf("%s/tmp", store->root_path);

	json_put(object, "containerStore", containers);
	json_put(object, "imageStore", image_store);
	if (image_list(store, &images, err) < 0) {
		json_decref(object);
		return NULL;
	}
	json_put_int(image_store, "number", (int64_t)images.count);
	image_list_release(&images);
	json_put_string(object, "graphDriverName", info_driver(cli, problems));
	json_put(object, "graphOptions", json_object());
	json_put_string(object, "graphRoot", store->root_path);
	if (statvfs(store->root_path, &fs) == 0) {
		json_put_int(object, "graphRootAllocated", (int64_t)(fs.f_blocks * fs.f_frsize));
		json_put_int(object, "graphRootUsed",
			     (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize));
	}
	json_put(object, "graphStatus", json_object());
	json_put_string(object, "imageCopyTmpDir", staging_path);
	json_put_string(object, "runRoot", store->run_path);
	json_put_string(object, "volumePath", volume_path);
	json_put_bool(object, "transientStore", false);
	return object;
}

/* A file that cannot be read stops pulls, but not what is told about the rest. */
static json_t *info_registries(struct cli *cli, json_t *problems)
{
	struct err err;
	json_t *object = image_registries_json(cli->engine, &err);

	if (object != NULL)
		return object;
	info_problem(problems, &err);
	return json_object();
}

static json_t *info_plugins(void)
{
	static const char *const logs[] = { "k8s-file", "json-file", "none", "passthrough" };
	static const char *const networks[] = { "none", "host", "slirp4netns" };
	json_t *object = json_object();
	json_t *volume = json_array();
	json_t *network = json_array();
	json_t *log = json_array();

	json_array_append_new(volume, json_string("local"));
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		json_array_append_new(network, json_string(networks[i]));
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
		json_array_append_new(log, json_string(logs[i]));
	json_put(object, "volume", volume);
	json_put(object, "network", network);
	json_put(object, "log", log);
	json_put(object, "authorization", json_null());
	return object;
}

struct info_opts {
	char *format;
};

/* Go names that are not the JSON names in another case. */
static const struct template_alias info_aliases[] = {
	{ "CgroupsVersion", "cgroupVersion" },
	{ "CGroupsVersion", "cgroupVersion" },
	{ "ServerVersion", "version" },
	{ "NCPU", "cpus" },
	{ NULL, NULL },
};

static int info_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct info_opts *opts = opts_;
	cleanup_json json_t *object = json_object();
	cleanup_format struct format *format = NULL;
	const struct format_request request = {
		.format = opts->format,
		.no_heading = true,
		.rules = { .aliases = info_aliases, .any_case = true },
	};
	json_t *problems = json_array();

	if (format_new(cli, &request, &format, err) < 0) {
		json_decref(problems);
		return -1;
	}

	json_t *store = info_store(cli, problems, err);

	if (store == NULL) {
		json_decref(problems);
		return -1;
	}

	json_t *registries = info_registries(cli, problems);

	json_put(object, "host", info_host(cli, problems));
	json_put(object, "store", store);
	json_put(object, "registries", registries);
	json_put(object, "plugins", info_plugins());
	json_put(object, "version", version_json());

	if (cli->as_docker) {
		json_t *docker = docker_info(object);

		json_decref(object);
		object = docker;
	}
	if (opts->format == NULL) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		yaml_print(object, &out);
		(void)fwrite(out.data, 1, out.length, stdout);
		return 0;
	}
	if (!format_is_json(format))
		return format_object(format, object, err);
	format_json(object, 2);
	return 0;
}

static const struct opt info_opts[] = { OPT_STRING('f', "format", struct info_opts, format,
						   "FORMAT", "json, or a Go template"),
					OPT_REFUSED('d', "debug", "say `dhow version`"), OPT_END };

const struct cmd cmd_info = {
	.paths = { "info", "system info", "builder info" },
	.synopsis = "",
	.help = "Show this machine and store, and what is wrong with them",
	.section = SECTION_OTHER,
	.needs = NEEDS_STORE,
	.opts = info_opts,
	.opts_size = sizeof(struct info_opts),
	.run = info_run,
};
