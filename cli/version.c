/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/version.c - `version`
 *
 * The members are podman's, because scripts read them. What a C program does not have (a version of Go, a commit) is empty. No time of
 * building: the same source makes the same program.
 */
#include "cli/version.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/cmd.h"
#include "cli/docker.h"
#include "cli/format.h"

#include <stdio.h>
#include <sys/utsname.h>

const char *version_arch(void)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },	 { "i686", "386" },
		{ "armv7l", "arm" },   { "riscv64", "riscv64" }, { "ppc64le", "ppc64le" },
		{ "s390x", "s390x" },
	};
	struct utsname host;

	if (uname(&host) < 0)
		return "unknown";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_equal(names[i][0], host.machine))
			return names[i][1];
	}
	return "unknown";
}

json_t *version_json(void)
{
	json_t *object = json_object();
	cleanup_free char *os_arch = xasprintf("linux/%s", version_arch());

	json_put_string(object, "APIVersion", DHOW_VERSION);
	json_put_string(object, "Version", DHOW_VERSION);
	json_put_string(object, "GoVersion", "");
	json_put_string(object, "GitCommit", "");
	json_put_string(object, "BuiltTime", "");
	json_put_int(object, "Built", 0);
	json_put_string(object, "BuildOrigin", "");
	json_put_string(object, "OsArch", os_arch);
	json_put_string(object, "Os", "linux");
	return object;
}

struct version_opts {
	char *format;
	bool json;
};

/* the members of docker's JSON and the fields of its templates differ */
static const struct template_alias aliases[] = { { "APIVersion", "ApiVersion" }, { NULL, NULL } };

static const char docker_table[] = "Client: {{.Client.Platform.Name}}\n"
				   " Version:\t{{.Client.Version}}\n"
				   " API version:\t{{.Client.ApiVersion}}\n"
				   " OS/Arch:\t{{.Client.Os}}/{{.Client.Arch}}\n"
				   " Context:\t{{.Client.Context}}\n\n"
				   "Server: {{.Server.Platform.Name}}\n"
				   " Engine:\n"
				   "  Version:\t{{.Server.Version}}\n"
				   "  API version:\t{{.Server.ApiVersion}} (minimum version "
				   "{{.Server.MinAPIVersion}})\n"
				   "  OS/Arch:\t{{.Server.Os}}/{{.Server.Arch}}";

static int version_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct version_opts *opts = opts_;
	cleanup_json json_t *object = json_object();
	cleanup_format struct format *format = NULL;
	struct format_request request = {
		.format = opts->json ? "json" : opts->format,
		.table = "Client:\tdhow\n"
			 "Version:\t{{.Client.Version}}\n"
			 "API Version:\t{{.Client.APIVersion}}\n"
			 "OS/Arch:\t{{.Client.OsArch}}",
		.no_heading = true,
		.rules = { .aliases = aliases },
	};

	json_put(object, "Client", version_json());
	/* there is no server: podman says nothing */
	json_put(object, "Server", json_null());
	if (cli->as_docker) {
		json_decref(object);
		object = docker_version();
		request.table = docker_table;
	}
	if (format_new(cli, &request, &format, err) < 0)
		return -1;
	if (request.format != NULL && !format_is_json(format)) {
		/* podman: without a server its name means the client, and so does no name at all */
		if (!cli->as_docker) {
			json_put(object, "Server", json_incref(json_object_get(object, "Client")));
			cleanup_json json_t *client = version_json();
			const char *key;
			json_t *value;

			json_object_foreach (client, key, value)
				json_put(object, key, json_incref(value));
		}
		return format_object(format, object, err);
	}
	if (format_is_json(format)) {
		json_object_del(object, "Server");
		format_json(object, 0);
		return 0;
	}

	cleanup_json json_t *rows = json_array();

	json_array_append(rows, object);
	return format_rows(format, rows, err);
}

static const struct opt version_opts[] = {
	OPT_STRING('f', "format", struct version_opts, format, "FORMAT", "json, or a Go template"),
	OPT_FLAG(0, "json", struct version_opts, json, "print JSON, as --format json does"), OPT_END
};

const struct cmd cmd_version = {
	.paths = { "version", "builder version" },
	.synopsis = "",
	.help = "Show the version",
	.section = SECTION_OTHER,
	.opts = version_opts,
	.opts_size = sizeof(struct version_opts),
	.run = version_run,
};
