/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/inspect.c - podman's `container inspect` object, from the records
 *
 * Everything is read from create.json, config.json and the derived state: no process is started and no namespace made. Fields that
 * belong to parts dhow does not have keep podman's empty value, so that scripts find them.
 */
#include "engine/container.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/container/secrets.h"
#include "engine/container/state.h"
#include "engine/health.h"

#include <fcntl.h>
#include <string.h>

#define CONFIG_LIMIT_BYTES (16U << 20)

struct inspect {
	struct engine *engine;
	const struct container *container;
	const json_t *create, *asked;
	json_t *spec; /* config.json; an empty object when it cannot be read */
};

static json_t *copy_or_null(json_t *value)
{
	return value != NULL ? json_incref(value) : json_null();
}

static json_t *copy_or_list(json_t *value)
{
	return value != NULL ? json_incref(value) : json_array();
}

static void put_time(json_t *object, const char *key, int64_t ns)
{
	char text[TIME_TEXT_MAX];

	time_format_rfc3339(ns, text);
	json_put_string(object, key, text);
}

static char *container_path(const struct inspect *inspect, const char *file)
{
	return xasprintf("%s/containers/%s%s%s", inspect->engine->store->root_path,
			 inspect->container->id.text, *file != '\0' ? "/" : "", file);
}

static void put_path(json_t *object, const char *key, const struct inspect *inspect,
		     const char *file)
{
	cleanup_free char *path = container_path(inspect, file);

	json_put_string(object, key, path);
}

static json_t *inspect_state(const struct inspect *inspect)
{
	const struct container_state *state = &inspect->container->state;
	json_t *object = json_object();
	bool paused = state->status == CONTAINER_PAUSED;

	json_put_string(object, "OciVersion",
			json_get_string(inspect->spec, "", "ociVersion", NULL));
	json_put_string(object, "Status", container_state_name(state));
	json_put_bool(object, "Running",
		      !state->stopping && (paused || state->status == CONTAINER_RUNNING));
	json_put_bool(object, "Paused", paused);
	json_put_bool(object, "Restarting", false);
	json_put_bool(object, "OOMKilled", state->oom_killed);
	json_put_bool(object, "Dead", false);
	json_put_int(object, "Pid", state->pid);
	json_put_int(object, "ConmonPid", state->monitor_pid);
	json_put_int(object, "ExitCode", state->exit_code);
	json_put_string(object, "Error", "");
	put_time(object, "StartedAt", state->started_ns);
	put_time(object, "FinishedAt", state->finished_ns);
	cleanup_free char *cgroup = container_cgroup_path(inspect->container);
	json_put_string(object, "CgroupPath", cgroup != NULL ? cgroup : "");
	put_time(object, "CheckpointedAt", 0);
	put_time(object, "RestoredAt", 0);
	json_t *health = container_health(inspect->container);

	if (health != NULL)
		json_put(object, "Health", health);
	return object;
}

/* {"8080/tcp": [{"HostIp", "HostPort"}], "90/tcp": null} */
static json_t *inspect_ports(const struct inspect *inspect, bool with_exposed)
{
	json_t *object = json_object();
	size_t i;
	json_t *item;

	if (with_exposed)
		json_array_foreach (json_object_get(inspect->create, "exposed"), i, item)
			for (int64_t k = 0; k < json_get_int(item, 1, KEY_RANGE, NULL); k++) {
				cleanup_free char *key = xasprintf(
					"%lld/%s",
					(long long)(json_get_int(item, 0, KEY_CONTAINER_PORT,
								 NULL) +
						    k),
					json_get_string(item, "tcp", KEY_PROTOCOL, NULL));
				json_put(object, key, json_null());
			}
	json_array_foreach (json_at(inspect->create, KEY_NETWORK, KEY_PORTS, NULL), i, item) {
		int64_t range = json_get_int(item, 1, KEY_RANGE, NULL);

		for (int64_t k = 0; k < range; k++) {
			cleanup_free char *key = xasprintf(
				"%lld/%s",
				(long long)(json_get_int(item, 0, KEY_CONTAINER_PORT, NULL) + k),
				json_get_string(item, "tcp", KEY_PROTOCOL, NULL));
			cleanup_free char *host_port = xasprintf(
				"%lld",
				(long long)(json_get_int(item, 0, KEY_HOST_PORT, NULL) + k));
			json_t *list = json_object_get(object, key);
			json_t *binding = json_object();

			if (!json_is_array(list)) {
				list = json_array();
				json_put(object, key, list);
			}
			json_put_string(binding, "HostIp",
					json_get_string(item, "0.0.0.0", KEY_HOST_IP, NULL));
			json_put_string(binding, "HostPort", host_port);
			json_array_append_new(list, binding);
		}
	}
	return object;
}

static json_t *inspect_network(const struct inspect *inspect)
{
	json_t *object = json_object(), *networks = json_object();
	static const char *const empty[] = {
		"EndpointID", "Gateway", "IPAddress", "IPv6Gateway",	      "GlobalIPv6Address",
		"MacAddress", "Bridge",	 "SandboxID", "LinkLocalIPv6Address", "SandboxKey"
	};
	static const char *const zero[] = { "IPPrefixLen", "GlobalIPv6PrefixLen",
					    "LinkLocalIPv6PrefixLen" };

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		json_put_string(object, empty[i], "");
	for (size_t i = 0; i < ARRAY_SIZE(zero); i++)
		json_put_int(object, zero[i], 0);
	json_put_bool(object, "HairpinMode", false);
	json_put(object, "Ports", inspect_ports(inspect, true));
	json_put(object, "Networks", networks);
	if (inspect->container->state.pid > 0) {
		cleanup_free char *key =
			xasprintf("/proc/%d/ns/net", (int)inspect->container->state.pid);
		json_put_string(object, "SandboxKey", key);
	}
	return object;
}

static const char *asked(const struct inspect *inspect, const char *key, const char *fallback)
{
	return json_get_string(inspect->asked, fallback, key, NULL);
}

static const char *label_signal(int number, char text[32])
{
	const char *name = signal_name(number);

	if (name != NULL)
		snprintf(text, 32, "SIG%s", name);
	else
		snprintf(text, 32, "%d", number);
	return text;
}

/* The arguments without the entrypoint that they follow; null: there are none. */
static json_t *own_command(const json_t *create)
{
	json_t *argv = json_object_get(create, KEY_ARGV);
	const json_t *entrypoint = json_object_get(create, "entrypoint");
	size_t skip = json_array_size(entrypoint);
	json_t *command;

	if (skip >= json_array_size(argv))
		return skip == 0 ? copy_or_null(argv) : json_null();
	for (size_t i = 0; i < skip; i++) {
		if (!json_equal(json_array_get(argv, i), json_array_get(entrypoint, i)))
			return copy_or_null(argv);
	}
	command = json_array();
	for (size_t i = skip; i < json_array_size(argv); i++)
		json_array_append(command, json_array_get(argv, i));
	return command;
}

static json_t *inspect_config(const struct inspect *inspect)
{
	const json_t *create = inspect->create;
	json_t *object = json_object(), *exposed = inspect_ports(inspect, true);
	char signal_text[32];
	const char *key;
	json_t *value;

	json_object_foreach (exposed, key, value)
		json_object_set_new_nocheck(exposed, key, json_object());
	json_put_string(object, "Hostname", json_get_string(inspect->spec, "", "hostname", NULL));
	json_put_string(object, "Domainname", "");
	json_put_string(object, "User", json_get_string(create, "", KEY_RUNTIME, KEY_USER, NULL));
	json_put_bool(object, "AttachStdin", false);
	json_put_bool(object, "AttachStdout", false);
	json_put_bool(object, "AttachStderr", false);
	json_put_bool(object, "Tty", inspect->container->terminal);
	json_put_bool(object, "OpenStdin", inspect->container->interactive);
	json_put_bool(object, "StdinOnce", false);
	json_put(object, "Env", copy_or_list(json_at(inspect->spec, "process", "env", NULL)));
	json_put(object, "Cmd", own_command(create));
	json_put_string(object, "Image", inspect->container->image_name);
	json_put(object, "Volumes", json_null());
	json_put_string(object, "WorkingDir",
			json_get_string(inspect->spec, "/", "process", "cwd", NULL));
	json_t *entrypoint = json_object_get(create, "entrypoint");
	json_put(object, "Entrypoint",
		 json_array_size(entrypoint) > 0 ? json_incref(entrypoint) : json_null());
	json_put(object, "OnBuild", json_null());
	json_put(object, "Labels", copy_or_null(json_object_get(create, KEY_LABELS)));
	json_put(object, "Annotations", copy_or_null(json_object_get(create, "annotations")));
	json_put_string(object, "StopSignal",
			label_signal((int)json_get_int(create, 15, KEY_STOP, KEY_SIGNAL, NULL),
				     signal_text));
	json_t *health = container_health_config(inspect->container);

	if (health != NULL)
		json_put(object, "Healthcheck", health);
	json_put_string(object, "HealthcheckOnFailureAction",
			json_get_string(create, "none", KEY_HEALTH, "onFailure", NULL));
	json_put(object, "CreateCommand",
		 copy_or_list(json_object_get(inspect->asked, "commandLine")));
	json_put_string(object, "Timezone", asked(inspect, "tz", ""));
	cleanup_free char *umask_text =
		xasprintf("%04o", (unsigned)json_get_int(inspect->spec, 0022, "process", "user",
							 "umask", NULL));
	json_put_string(object, "Umask", umask_text);
	json_put_int(object, "Timeout", json_get_int(create, 0, KEY_TIMEOUT_S, NULL));
	json_put_int(object, "StopTimeout", json_get_int(create, 10, KEY_STOP, "timeoutS", NULL));
	json_put_bool(object, "Passwd", json_get_bool(inspect->asked, true, "passwd", NULL));
	json_put_string(object, "sdNotifyMode", "ignore");
	json_put(object, "ExposedPorts", exposed);
	json_t *secrets = container_secrets(inspect->container);

	if (json_array_size(secrets) > 0)
		json_put(object, "Secrets", secrets);
	else
		json_decref(secrets);
	return object;
}

/* As podman shows limits of logs: four digits, units of 1024, "5.015MB"; -1B is none. */
static char *binary_size(int64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double number = bytes == 0 ? -1 : (double)bytes;
	size_t unit = 0;

	for (; number >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
		number /= 1024;
	return xasprintf("%.4g%s", number, units[unit]);
}

static json_t *inspect_log(const struct inspect *inspect)
{
	json_t *object = json_object();
	const char *path = json_get_string(inspect->create, NULL, KEY_LOG, KEY_PATH, NULL);
	const char *driver =
		json_get_string(inspect->create, "k8s-file", KEY_LOG, KEY_DRIVER, NULL);
	bool has_file = str_equal(driver, "k8s-file") || str_equal(driver, "json-file");
	cleanup_free char *size =
		binary_size(json_get_int(inspect->create, 0, KEY_LOG, KEY_MAX_BYTES, NULL));

	json_put_string(object, "Type", driver);
	json_put(object, "Config", json_null());
	if (path != NULL || !has_file)
		json_put_string(object, "Path", path != NULL ? path : "");
	else
		put_path(object, "Path", inspect, FILE_LOG);
	json_put_string(object, "Tag", "");
	json_put_string(object, "Size", size);
	return object;
}

/* ["SOURCE:DESTINATION:rw,rprivate,rbind"] */
static json_t *inspect_binds(const struct inspect *inspect)
{
	json_t *list = json_array();
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(inspect->create, KEY_MOUNTS), i, item) {
		cleanup_strv struct strv options = STRV_INIT;
		bool volume = str_equal(json_get_string(item, "", "Type", NULL), "volume");

		if (!json_get_bool(item, true, "RW", NULL))
			strv_add(&options, "ro");
		strv_add(&options, json_get_string(item, "rprivate", "Propagation", NULL));
		json_get_strv(item, "Options", &options);
		cleanup_free char *words = strv_join(&options, ",");
		cleanup_free char *text = xasprintf(
			"%s:%s:%s", json_get_string(item, "", volume ? "Name" : "Source", NULL),
			json_get_string(item, "", "Destination", NULL), words);
		json_array_append_new(list, json_text(text));
	}
	return list;
}

static json_t *inspect_tmpfs(const struct inspect *inspect)
{
	json_t *object = json_object();
	cleanup_strv struct strv texts = STRV_INIT;

	json_get_strv(inspect->asked, "tmpfs", &texts);
	for (size_t i = 0; i < texts.count; i++) {
		const char *colon = strchr(texts.items[i], ':');
		cleanup_free char *path =
			colon == NULL ? xstrdup(texts.items[i])
				      : xstrndup(texts.items[i], (size_t)(colon - texts.items[i]));

		json_put_string(object, path, colon == NULL ? "" : colon + 1);
	}
	return object;
}

static json_t *inspect_ulimits(const struct inspect *inspect)
{
	json_t *list = json_array();
	size_t i;
	json_t *item;

	json_array_foreach (json_at(inspect->spec, "process", "rlimits", NULL), i, item) {
		json_t *limit = json_object();

		json_put_string(limit, "Name", json_get_string(item, "", "type", NULL));
		json_put_int(limit, "Soft", json_get_int(item, 0, "soft", NULL));
		json_put_int(limit, "Hard", json_get_int(item, 0, "hard", NULL));
		json_array_append_new(list, limit);
	}
	return list;
}

/* A limit that is unset (-1) is 0 for podman, and no limit is 0 or -1 as the field has it. */
static int64_t limit(const struct inspect *inspect, const char *key)
{
	int64_t value = json_get_int(inspect->create, -1, KEY_LIMITS, key, NULL);

	return value == -1 ? 0 : value == INT64_MAX ? -1 : value;
}

static void host_config_limits(const struct inspect *inspect, json_t *object)
{
	static const char *const nulls[] = { "BlkioWeightDevice", "BlkioDeviceReadBps",
					     "BlkioDeviceWriteBps", "BlkioDeviceReadIOps",
					     "BlkioDeviceWriteIOps" };
	static const char *const zeros[] = { "CpuRealtimePeriod", "CpuRealtimeRuntime",
					     "DiskQuota",	  "KernelMemory",
					     "CpuCount",	  "CpuPercent",
					     "IOMaximumIOps",	  "IOMaximumBandwidth" };
	int64_t memory = limit(inspect, KEY_MEMORY_MAX), swap = limit(inspect, KEY_MEMORY_SWAP_MAX);

	json_put_int(object, "CpuShares",
		     json_get_int(inspect->create, 0, KEY_LIMITS, "cpuShares", NULL));
	json_put_int(object, "Memory", memory);
	json_put_int(object, "NanoCpus",
		     json_get_int(inspect->create, 0, KEY_LIMITS, "nanoCpus", NULL));
	json_put_string(object, "CgroupParent",
			json_get_string(inspect->create, "", KEY_CGROUP, KEY_PARENT, NULL));
	json_put_int(object, "BlkioWeight", 0);
	json_put_int(object, "CpuPeriod", limit(inspect, KEY_CPU_PERIOD_US));
	json_put_int(object, "CpuQuota", limit(inspect, KEY_CPU_QUOTA_US));
	json_put_string(object, "CpusetCpus",
			json_get_string(inspect->create, "", KEY_LIMITS, KEY_CPUSET_CPUS, NULL));
	json_put_string(object, "CpusetMems",
			json_get_string(inspect->create, "", KEY_LIMITS, KEY_CPUSET_MEMS, NULL));
	json_put_int(object, "MemoryReservation", limit(inspect, KEY_MEMORY_LOW));
	json_put_int(object, "MemorySwap", memory == 0 ? 0 : swap < 0 ? -1 : memory + swap);
	json_put_int(object, "MemorySwappiness", -1);
	json_put_bool(object, "OomKillDisable", false);
	json_put_int(object, "PidsLimit", limit(inspect, KEY_PIDS_MAX));
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
		json_put(object, nulls[i], json_null());
	for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
		json_put_int(object, zeros[i], 0);
	json_put(object, "Ulimits", inspect_ulimits(inspect));
	json_put(object, "CgroupConf",
		 copy_or_null(json_at(inspect->create, KEY_LIMITS, KEY_FILES, NULL)));
}

static json_t *inspect_host_config(const struct inspect *inspect)
{
	const json_t *create = inspect->create;
	json_t *object = json_object(), *restart = json_object();
	static const struct {
		const char *field, *key;
	} lists[] = { { "CapAdd", "capAdd" },
		      { "CapDrop", "capDrop" },
		      { "Dns", "dns" },
		      { "DnsOptions", "dnsOptions" },
		      { "DnsSearch", "dnsSearch" },
		      { "ExtraHosts", "addHost" },
		      { "GroupAdd", "groupAdd" },
		      { "SecurityOpt", "securityOpt" } };
	static const struct {
		const char *field, *key, *fallback;
	} modes[] = { { "IpcMode", "ipc", "shareable" },
		      { "PidMode", "pid", "private" },
		      { "UTSMode", "uts", "private" },
		      { "UsernsMode", "userns", "" },
		      { "CgroupMode", "cgroupns", "private" } };
	const char *mode = json_get_string(create, "", KEY_NETWORK, KEY_MODE, NULL);

	json_put(object, "Binds", inspect_binds(inspect));
	json_put_string(object, "CgroupManager",
			cgroup_wants_scope(
				(enum cgroup_manager)inspect->engine->options.cgroup_manager, NULL)
				? "systemd"
				: "cgroupfs");
	json_put_string(object, "ContainerIDFile", json_get_string(create, "", KEY_CID_FILE, NULL));
	json_put(object, "LogConfig", inspect_log(inspect));
	json_put_string(object, "NetworkMode", *mode == '\0' ? "slirp4netns" : mode);
	json_put(object, "PortBindings", inspect_ports(inspect, false));
	json_put_string(restart, "Name",
			json_get_string(create, "no", KEY_RESTART, KEY_POLICY, NULL));
	json_put_int(restart, "MaximumRetryCount",
		     json_get_int(create, 0, KEY_RESTART, KEY_MAX, NULL));
	json_put(object, "RestartPolicy", restart);
	json_put_bool(object, "AutoRemove", inspect->container->remove_at_exit);
	json_put_bool(object, "AutoRemoveImage",
		      json_get_bool(create, false, KEY_REMOVE_IMAGE, NULL));
	json_put(object, "Annotations", copy_or_null(json_object_get(create, "annotations")));
	json_put_string(object, "VolumeDriver", "");
	json_t *from = json_object_get(inspect->asked, "volumesFrom");
	json_put(object, "VolumesFrom",
		 json_array_size(from) > 0 ? json_incref(from) : json_null());
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_put(object, lists[i].field,
			 copy_or_list(json_object_get(inspect->asked, lists[i].key)));
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		json_put_string(object, modes[i].field,
				asked(inspect, modes[i].key, modes[i].fallback));
	json_put_string(object, "HostsFile",
			json_get_string(create, "", KEY_NETWORK, KEY_HOSTS_FILE, NULL));
	json_put_string(object, "Cgroup", "");
	json_put_string(object, "Cgroups",
			json_get_string(create, "default", KEY_CGROUP, KEY_MODE, NULL));
	json_put(object, "Links", json_null());
	json_put_int(object, "OomScoreAdj",
		     json_get_int(inspect->spec, 0, "process", "oomScoreAdj", NULL));
	json_put_bool(object, "Privileged",
		      json_get_bool(inspect->asked, false, "privileged", NULL));
	json_put_bool(object, "PublishAllPorts",
		      json_get_bool(inspect->asked, false, "publishAll", NULL));
	json_put_bool(object, "ReadonlyRootfs",
		      json_get_bool(inspect->asked, false, "readOnly", NULL));
	json_put(object, "Tmpfs", inspect_tmpfs(inspect));
	json_put_int(object, "ShmSize", json_get_int(create, 0, "shmSize", NULL));
	json_put_string(object, "Runtime", "oci");
	json_put(object, "ConsoleSize", json_pack("[ii]", 0, 0));
	json_put_string(object, "Isolation", "");
	json_put(object, "Devices", copy_or_list(json_object_get(create, "devices")));
	json_put_bool(object, "Init", json_get_bool(inspect->asked, false, "init", NULL));
	host_config_limits(inspect, object);
	return object;
}

static json_t *inspect_driver(const struct inspect *inspect)
{
	json_t *object = json_object(), *data = json_object();

	json_put_string(object, "Name", "overlay");
	put_path(data, "UpperDir", inspect, "upper");
	put_path(data, "WorkDir", inspect, "work");
	json_put(object, "Data", data);
	return object;
}

static json_t *inspect_read_spec(const struct container *container)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct err ignored = { 0 }; /* the rest is still worth showing */
	cleanup_fd int dir_fd = openat(container->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *spec = NULL;

	if (dir_fd >= 0 && fd_read_file(dir_fd, FILE_CONFIG, &text, CONFIG_LIMIT_BYTES) == 0)
		spec = json_parse(text.data, text.length, "config.json", &ignored);
	return spec != NULL ? spec : json_object();
}

static void inspect_paths(const struct inspect *inspect, json_t *object)
{
	const json_t *network = json_object_get(inspect->create, KEY_NETWORK);
	static const struct {
		const char *field, *key, *file;
	} files[] = { { "ResolvConfPath", KEY_RESOLV, FILE_RESOLV },
		      { "HostnamePath", KEY_HOSTNAME, FILE_HOSTNAME },
		      { "HostsPath", KEY_HOSTS, FILE_HOSTS } };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		json_t *on = json_object_get(network, files[i].key);

		if (json_is_true(on) || json_is_string(on))
			put_path(object, files[i].field, inspect, files[i].file);
		else
			json_put_string(object, files[i].field, "");
	}
	put_path(object, "StaticDir", inspect, "");
	put_path(object, "OCIConfigPath", inspect, FILE_CONFIG);
	json_put_string(object, "ConmonPidFile",
			json_get_string(inspect->create, "", KEY_CONMON_PID_FILE, NULL));
	json_put_string(object, "PidFile",
			json_get_string(inspect->create, "", KEY_PID_FILE, NULL));
}

json_t *container_inspect(struct engine *engine, const struct container *container, bool size,
			  struct err *err)
{
	if (container->create == NULL) {
		err_set(err, ERR_CORRUPT, "the record of container '%s' is damaged",
			container->id.text);
		err_hint(err, "Remove it: dhow rm -f %.12s.", container->id.text);
		return NULL;
	}
	cleanup_json json_t *spec = inspect_read_spec(container);
	const struct inspect inspect = { engine, container, container->create,
					 json_object_get(container->create, KEY_ASKED), spec };
	json_t *object = json_object();
	const json_t *argv = json_object_get(container->create, KEY_ARGV);
	json_t *arguments = json_array();

	for (size_t i = 1; i < json_array_size(argv); i++)
		json_array_append(arguments, json_array_get(argv, i));
	json_put_string(object, "Id", container->id.text);
	put_time(object, "Created", container->created_ns);
	json_put_string(object, "Path", json_string_value(json_array_get(argv, 0)));
	json_put(object, "Args", arguments);
	json_put(object, "State", inspect_state(&inspect));
	json_put_string(object, "Image", container->image_id);
	json_put_string(object, "ImageDigest", container->image_manifest);
	json_put_string(object, "ImageName", container->image_name);
	json_put_string(object, "Rootfs",
			json_get_string(container->create, "", KEY_ROOTFS, KEY_PATH, NULL));
	json_put_string(object, "Pod", "");
	inspect_paths(&inspect, object);
	json_put_string(object, "OCIRuntime",
			engine->options.runtime != NULL ? engine->options.runtime : "dhow");
	json_put_string(object, "Name", container->name);
	json_put_int(object, "RestartCount", container_restart_count(container));
	json_put_string(object, "Driver", "overlay");
	json_put_string(object, "MountLabel", "");
	json_put_string(object, "ProcessLabel", "");
	json_put_string(object, "AppArmorProfile", "");
	json_put(object, "EffectiveCaps",
		 copy_or_list(json_at(spec, "process", "capabilities", "effective", NULL)));
	json_put(object, "BoundingCaps",
		 copy_or_list(json_at(spec, "process", "capabilities", "bounding", NULL)));
	json_put(object, "ExecIDs", json_array());
	json_put(object, "GraphDriver", inspect_driver(&inspect));
	if (size) {
		unsigned long long bytes;

		if (container_size(container, &bytes, err) < 0) {
			json_decref(object);
			return NULL;
		}
		json_put_int(object, "SizeRw", (int64_t)bytes);
		json_put_int(object, "SizeRootFs",
			     (int64_t)bytes +
				     json_get_int(container->create, 0, "imageSize", NULL));
	}
	json_put(object, "Mounts", copy_or_list(json_object_get(container->create, KEY_MOUNTS)));
	json_put(object, "Dependencies", json_array());
	json_put(object, "NetworkSettings", inspect_network(&inspect));
	json_put_string(object, "Namespace", "");
	json_put_bool(object, "IsInfra", false);
	json_put_bool(object, "IsService", false);
	json_put_string(object, "KubeExitCodePropagation", "invalid");
	json_put(object, "Config", inspect_config(&inspect));
	json_put(object, "HostConfig", inspect_host_config(&inspect));
	return object;
}
