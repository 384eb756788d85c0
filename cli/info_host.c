/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/info_host.c - what `info` tells about the machine, and its problems
 */
#include "cli/info.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "cli/human.h"
#include "cli/version.h"
#include "engine/runtime.h"
#include "rootless/cgroup.h"
#include "storage/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT_LIMIT_BYTES (64U << 10)

void info_problem(json_t *problems, const struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_adds(&text, err->msg);
	if (err->hint[0] != '\0')
		strbuf_addf(&text, ". %s", err->hint);
	json_array_append_new(problems, json_text(text.data));
}

const char *info_driver(struct cli *cli, json_t *problems)
{
	enum storage_driver driver;
	struct err err;

	if (rootfs_driver(cli->engine->store, &driver, &err) < 0) {
		info_problem(problems, &err);
		return "none";
	}
	return storage_driver_name((int)driver);
}

static json_t *map_json(const struct idmap *map)
{
	json_t *list = json_array();

	for (size_t i = 0; i < map->count; i++) {
		json_t *entry = json_object();

		json_put_int(entry, "container_id", map->entries[i].inside);
		json_put_int(entry, "host_id", map->entries[i].outside);
		json_put_int(entry, "size", map->entries[i].count);
		json_array_append_new(list, entry);
	}
	return list;
}

static json_t *id_mappings(struct cli *cli, json_t *problems)
{
	const struct idmaps *maps;
	struct err err;
	json_t *object = json_object();

	if (store_idmaps(cli->engine->store, &maps, &err) < 0) {
		info_problem(problems, &err);
		return object;
	}
	if (maps->single) {
		err_set(&err, ERR_UNSUPPORTED,
			"there are no subordinate ids: containers have one id only");
		err_hint(&err, "Add a range for your account to /etc/subuid and /etc/subgid.");
		info_problem(problems, &err);
	}
	json_put(object, "gidmap", map_json(&maps->gid));
	json_put(object, "uidmap", map_json(&maps->uid));
	return object;
}

static void add_cgroup(struct cli *cli, json_t *host, json_t *problems)
{
	cleanup_free char *parent = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv names = STRV_INIT;
	struct err err;
	int found =
		cgroup_find_parent((enum cgroup_manager)cli->options.cgroup_manager, &parent, &err);

	if (found <= 0)
		info_problem(problems, &err);
	json_put_string(host, "cgroupManager",
			found <= 0			  ? "none"
			: str_after(parent, "/") == NULL  ? "systemd"
			: str_ends_with(parent, ".slice") ? "systemd"
							  : "cgroupfs");
	json_put_string(host, "cgroupVersion", "v2");
	if (found > 0) {
		cleanup_free char *path = xasprintf("/sys/fs/cgroup%s/cgroup.controllers", parent);

		if (fd_read_file(AT_FDCWD, path, &text, TEXT_LIMIT_BYTES) == 0 && text.length > 1) {
			strbuf_truncate(&text, text.length - 1);
			strv_split(&names, text.data, ' ');
		}
	}
	json_put_strv(host, "cgroupControllers", &names);
}

/* A value of /etc/os-release, without quotes. Yours. */
static char *os_release(const char *text, const char *key)
{
	cleanup_strv struct strv lines = STRV_INIT;

	strv_split(&lines, text, '\n');

	const char *value = strv_env_get(&lines, key);
	size_t length = value != NULL ? strlen(value) : 0;

	if (length >= 2 && value[0] == '"' && value[length - 1] == '"')
		return xstrndup(value + 1, length - 2);
	return xstrdup(value != NULL ? value : "unknown");
}

static json_t *distribution(void)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	json_t *object = json_object();

	/* it is a link on many systems, to a file of the system's */
	cleanup_fd int fd = open("/etc/os-release", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		(void)fd_read_all(fd, &text, TEXT_LIMIT_BYTES);

	cleanup_free char *id = os_release(text.data, "ID");
	cleanup_free char *version = os_release(text.data, "VERSION_ID");
	cleanup_free char *codename = os_release(text.data, "VERSION_CODENAME");

	json_put_string(object, "distribution", id);
	json_put_string(object, "version", version);
	json_put_string(object, "codename", codename);
	return object;
}

/* Path of a helper program; a problem with the cure when it is missing. */
static json_t *helper(const char *name, const char *cure, json_t *problems)
{
	cleanup_free char *path = NULL;
	json_t *object = json_object();
	struct err err;

	if (process_find_program(name, &path) > 0) {
		json_put_string(object, "executable", path);
		return object;
	}
	err_set(&err, ERR_UNSUPPORTED, "there is no program '%s'", name);
	err_hint(&err, "%s", cure);
	info_problem(problems, &err);
	json_put_string(object, "executable", "");
	return object;
}

static json_t *security(void)
{
	cleanup_strv struct strv names = STRV_INIT;
	json_t *object = json_object();

	profile_capabilities(&names);

	cleanup_free char *capabilities = strv_join(&names, ",");

	json_put_bool(object, "apparmorEnabled", false);
	json_put_string(object, "capabilities", capabilities);
	json_put_bool(object, "rootless", geteuid() != 0);
	json_put_bool(object, "seccompEnabled", true);
	json_put_string(object, "seccompProfilePath", "");
	json_put_bool(object, "selinuxEnabled", false);
	return object;
}

static json_t *runtime(const struct cli *cli)
{
	json_t *object = json_object();
	const char *path = cli->options.runtime;

	json_put_string(object, "name", path != NULL ? path : "dhow");
	json_put_string(object, "path", path != NULL ? path : "");
	json_put_string(object, "package", "");
	json_put_string(object, "version", path != NULL ? "" : "dhow " DHOW_VERSION);
	return object;
}

static void add_memory(json_t *host)
{
	cleanup_strbuf struct strbuf uptime = STRBUF_INIT;
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return;
	human_uptime(info.uptime, &uptime);
	json_put_int(host, "memFree", (int64_t)info.freeram * info.mem_unit);
	json_put_int(host, "memTotal", (int64_t)info.totalram * info.mem_unit);
	json_put_int(host, "swapFree", (int64_t)info.freeswap * info.mem_unit);
	json_put_int(host, "swapTotal", (int64_t)info.totalswap * info.mem_unit);
	json_put_string(host, "uptime", uptime.data);
}

json_t *info_host(struct cli *cli, json_t *problems_take)
{
	json_t *host = json_object();
	struct utsname names = { .nodename = "" };

	(void)uname(&names);
	json_put_string(host, "arch", version_arch());
	json_put_string(host, "buildahVersion", "");
	add_cgroup(cli, host, problems_take);
	json_put_int(host, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	json_put_string(host, "databaseBackend", "none");
	json_put(host, "distribution", distribution());
	json_put_string(host, "eventLogger", "file");
	json_put_string(host, "hostname", names.nodename);
	json_put(host, "idMappings", id_mappings(cli, problems_take));
	json_put_string(host, "kernel", names.release);
	json_put_string(host, "linkmode", "dynamic");
	json_put_string(host, "logDriver", "k8s-file");
	add_memory(host);
	json_put_string(host, "networkBackend", "slirp4netns");
	json_put(host, "ociRuntime", runtime(cli));
	json_put_string(host, "os", "linux");
	json_put_string(host, "rootlessNetworkCmd", "slirp4netns");
	json_put(host, "security", security());
	json_put_bool(host, "serviceIsRemote", false);
	json_put(host, "slirp4netns",
		 helper("slirp4netns", "Install slirp4netns, or use --network none or host.",
			problems_take));
	json_decref(helper("newuidmap", "Install the package uidmap.", problems_take));
	json_put(host, "problems", problems_take);
	return host;
}
