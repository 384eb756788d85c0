/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/docker_info.c - `docker version` and `docker info`
 *
 * Tools compare versions before they do anything else: what they get is the version of the docker that is followed. The name of the
 * platform says who answers.
 */
#include "cli/docker.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "cli/version.h"

#include <stdlib.h>
#include <sys/utsname.h>

#define PLATFORM "dhow " DHOW_VERSION

static json_t *platform(void)
{
	json_t *object = json_object();

	json_put_string(object, "Name", PLATFORM);
	return object;
}

static json_t *side(bool server, const char *api)
{
	json_t *object = json_object();
	struct utsname host = { .release = "" };

	(void)uname(&host);
	json_put(object, "Platform", platform());
	json_put_string(object, "Version", DOCKER_VERSION);
	json_put_string(object, "ApiVersion", api);
	if (server)
		json_put_string(object, "MinAPIVersion", "1.24");
	else
		json_put_string(object, "DefaultAPIVersion", DOCKER_API_VERSION);
	json_put_string(object, "GitCommit", PLATFORM);
	json_put_string(object, "GoVersion", "");
	json_put_string(object, "Os", "linux");
	json_put_string(object, "Arch", version_arch());
	if (server) {
		json_put_string(object, "KernelVersion", host.release);
		json_put_bool(object, "Experimental", false);
	} else {
		json_put_string(object, "Context", "default");
	}
	json_put_string(object, "BuildTime", "");
	return object;
}

static json_t *component(const json_t *server)
{
	json_t *object = json_object();
	json_t *details = json_object();
	static const char *const same[] = {
		"ApiVersion", "Arch", "BuildTime",     "GitCommit",
		"GoVersion",  "Os",   "KernelVersion", "MinAPIVersion"
	};

	json_put_string(object, "Name", "Engine");
	json_put_string(object, "Version", DOCKER_VERSION);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		json_put(details, same[i], json_incref(json_object_get(server, same[i])));
	json_put_string(details, "Experimental", "false");
	json_put(object, "Details", details);
	return object;
}

json_t *docker_version(void)
{
	const char *asked = getenv("DOCKER_API_VERSION");
	const char *api = str_is_empty(asked) ? DOCKER_API_VERSION : asked;
	json_t *object = json_object();
	json_t *server = side(true, DOCKER_API_VERSION);
	json_t *components = json_array();

	json_array_append_new(components, component(server));
	json_put(server, "Components", components);
	json_put(object, "Client", side(false, api));
	json_put(object, "Server", server);
	return object;
}

static json_t *swarm(void)
{
	json_t *object = json_object();

	json_put_string(object, "NodeID", "");
	json_put_string(object, "NodeAddr", "");
	json_put_string(object, "LocalNodeState", "inactive");
	json_put_bool(object, "ControlAvailable", false);
	json_put_string(object, "Error", "");
	json_put(object, "RemoteManagers", json_null());
	return object;
}

static json_t *texts(const char *const *items)
{
	json_t *list = json_array();

	for (; *items != NULL; items++)
		json_array_append_new(list, json_text(*items));
	return list;
}

static json_t *plugins(const json_t *info)
{
	json_t *object = json_object();
	const json_t *from = json_object_get(info, "plugins");

	json_put(object, "Volume", json_incref(json_object_get(from, "volume")));
	json_put(object, "Network", json_incref(json_object_get(from, "network")));
	json_put(object, "Authorization", json_null());
	json_put(object, "Log", json_incref(json_object_get(from, "log")));
	return object;
}

static json_t *client(void)
{
	json_t *object = json_object();

	json_put_bool(object, "Debug", false);
	json_put_string(object, "Version", DOCKER_VERSION);
	json_put(object, "Platform", platform());
	json_put_string(object, "Context", "default");
	json_put(object, "Plugins", json_array());
	json_put(object, "Warnings", json_null());
	return object;
}

static json_t *runtimes(const char *name)
{
	json_t *object = json_object();
	json_t *entry = json_object();

	json_put_string(entry, "path", name);
	json_put(object, name, entry);
	return object;
}

json_t *docker_info(const json_t *info)
{
	static const char *const security[] = { "name=seccomp,profile=builtin", "name=rootless",
						"name=cgroupns", NULL };
	const json_t *host = json_object_get(info, "host");
	const json_t *store = json_object_get(info, "store");
	const char *runtime = json_get_string(host, "dhow", "ociRuntime", "name", NULL);
	const json_t *problems = json_object_get(host, "problems");
	json_t *object = json_object();
	cleanup_strbuf struct strbuf system = STRBUF_INIT;
	struct utsname names = { .nodename = "" };

	(void)uname(&names);
	strbuf_addf(&system, "%s %s",
		    json_get_string(host, "", "distribution", "distribution", NULL),
		    json_get_string(host, "", "distribution", "version", NULL));
	json_put_string(object, "ID", names.nodename);
	json_put_int(object, "Containers",
		     json_get_int(store, 0, "containerStore", "number", NULL));
	json_put_int(object, "ContainersRunning",
		     json_get_int(store, 0, "containerStore", "running", NULL));
	json_put_int(object, "ContainersPaused",
		     json_get_int(store, 0, "containerStore", "paused", NULL));
	json_put_int(object, "ContainersStopped",
		     json_get_int(store, 0, "containerStore", "stopped", NULL));
	json_put_int(object, "Images", json_get_int(store, 0, "imageStore", "number", NULL));
	json_put_string(object, "Driver", json_get_string(store, "", "graphDriverName", NULL));
	json_put(object, "DriverStatus", json_array());
	json_put(object, "Plugins", plugins(info));
	json_put_bool(object, "MemoryLimit", true);
	json_put_bool(object, "SwapLimit", true);
	json_put_bool(object, "CpuCfsPeriod", true);
	json_put_bool(object, "CpuCfsQuota", true);
	json_put_bool(object, "CPUShares", true);
	json_put_bool(object, "CPUSet", true);
	json_put_bool(object, "PidsLimit", true);
	json_put_bool(object, "IPv4Forwarding", true);
	json_put_bool(object, "Debug", false);
	json_put_bool(object, "OomKillDisable", false);
	json_put_string(object, "LoggingDriver", json_get_string(host, "", "logDriver", NULL));
	json_put_string(object, "CgroupDriver", json_get_string(host, "", "cgroupManager", NULL));
	json_put_string(object, "CgroupVersion", "2");
	json_put_string(object, "KernelVersion", names.release);
	json_put_string(object, "OperatingSystem", system.data);
	json_put_string(object, "OSVersion",
			json_get_string(host, "", "distribution", "version", NULL));
	json_put_string(object, "OSType", "linux");
	json_put_string(object, "Architecture", names.machine);
	json_put_string(object, "IndexServerAddress", "https://index.docker.io/v1/");
	json_put_int(object, "NCPU", json_get_int(host, 1, "cpus", NULL));
	json_put_int(object, "MemTotal", json_get_int(host, 0, "memTotal", NULL));
	json_put_string(object, "DockerRootDir", json_get_string(store, "", "graphRoot", NULL));
	json_put_string(object, "Name", names.nodename);
	json_put(object, "Labels", json_array());
	json_put_bool(object, "ExperimentalBuild", false);
	json_put_string(object, "ServerVersion", DOCKER_VERSION);
	json_put(object, "Runtimes", runtimes(runtime));
	json_put_string(object, "DefaultRuntime", runtime);
	json_put(object, "Swarm", swarm());
	json_put_bool(object, "LiveRestoreEnabled", true);
	json_put_string(object, "Isolation", "");
	json_put_string(object, "InitBinary", "");
	json_put(object, "SecurityOptions", texts(security));
	json_put(object, "Warnings",
		 json_array_size(problems) > 0 ? json_deep_copy(problems) : json_null());
	json_put(object, "ClientInfo", client());
	return object;
}
