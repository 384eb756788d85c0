/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/runtime_spec.c - dhow-runtime spec and features: a configuration to start from, and what the runtime can do
 */
#include "engine/runtime/runtime_state.h"

#include "base/alloc.h"
#include "base/json.h"
#include "engine/runtime.h"
#include "engine/runtime/plan.h"

#include <seccomp.h>
#include <unistd.h>

static json_t *words(const char *text)
{
	struct strv list = STRV_INIT;

	strv_split(&list, text, ' ');
	json_t *json = json_from_strv(&list);
	strv_release(&list);
	return json;
}

static void add_mount(json_t *mounts, const char *destination, const char *type, const char *source,
		      const char *options)
{
	json_t *mount = json_object();

	json_put_string(mount, "destination", destination);
	json_put_string(mount, "type", type);
	json_put_string(mount, "source", source);
	json_put(mount, "options", words(options));
	json_array_append_new(mounts, mount);
}

static json_t *default_mounts(void)
{
	json_t *mounts = json_array();

	add_mount(mounts, "/proc", "proc", "proc", "nosuid noexec nodev");
	add_mount(mounts, "/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k");
	add_mount(mounts, "/dev/pts", "devpts", "devpts",
		  "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5");
	add_mount(mounts, "/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=65536k");
	add_mount(mounts, "/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev");
	add_mount(mounts, "/sys", "sysfs", "sysfs", "nosuid noexec nodev ro");
	add_mount(mounts, "/sys/fs/cgroup", "cgroup2", "cgroup", "nosuid noexec nodev relatime ro");
	return mounts;
}

static json_t *default_process(const struct strv *names)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	json_t *process = json_object();
	json_t *capabilities = json_object();

	json_put_bool(process, "terminal", false);
	json_put(process, "user", json_pack("{s:i, s:i}", "uid", 0, "gid", 0));
	json_put(process, "args", words("sh"));
	json_put(process, "env",
		 json_pack("[s, s]",
			   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			   "TERM=xterm"));
	json_put_string(process, "cwd", "/");
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		json_put_strv(capabilities, sets[i], names);
	json_put(process, "capabilities", capabilities);
	json_put_bool(process, "noNewPrivileges", true);
	return process;
}

static json_t *default_linux(const struct strv *names, bool rootless)
{
	static const char *const kinds[] = { "pid", "network", "ipc", "uts", "mount", "cgroup" };
	cleanup_strv struct strv masked = STRV_INIT;
	cleanup_strv struct strv read_only = STRV_INIT;
	json_t *linux_part = json_object();
	json_t *namespaces = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		json_array_append_new(namespaces, json_pack("{s:s}", "type", kinds[i]));
	if (rootless) {
		json_array_append_new(namespaces, json_pack("{s:s}", "type", "user"));
		json_put(linux_part, "uidMappings",
			 json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int)geteuid(),
				   "size", 1));
		json_put(linux_part, "gidMappings",
			 json_pack("[{s:i, s:i, s:i}]", "containerID", 0, "hostID", (int)getegid(),
				   "size", 1));
	}
	json_put(linux_part, "namespaces", namespaces);
	profile_masked_paths(&masked);
	profile_read_only_paths(&read_only);
	json_put_strv(linux_part, "maskedPaths", &masked);
	json_put_strv(linux_part, "readonlyPaths", &read_only);
	json_put(linux_part, "seccomp", profile_seccomp(names));
	return linux_part;
}

json_t *runtime_spec_new(bool rootless)
{
	cleanup_strv struct strv names = STRV_INIT;
	json_t *config = json_object();

	profile_capabilities(&names);
	json_put_string(config, "ociVersion", "1.0.2");
	json_put(config, "process", default_process(&names));
	json_put(config, "root", json_pack("{s:s, s:b}", "path", "rootfs", "readonly", 1));
	json_put_string(config, "hostname", "dhow");
	json_put(config, "mounts", default_mounts());
	json_put(config, "linux", default_linux(&names, rootless));
	return config;
}

json_t *runtime_features(void)
{
	json_t *features = json_object();
	json_t *linux_part = json_object();
	json_t *options = json_array();
	json_t *namespaces = json_array();
	json_t *capabilities = json_array();

	for (size_t i = 0; plan_mount_option_name(i) != NULL; i++)
		json_array_append_new(options, json_string(plan_mount_option_name(i)));
	for (int kind = 0; kind < NAMESPACE_COUNT; kind++)
		json_array_append_new(namespaces, json_string(namespace_infos[kind].name));
	for (int i = 0; i <= capability_last(); i++) {
		if (capability_name(i) != NULL)
			json_array_append_new(capabilities, json_string(capability_name(i)));
	}

	json_put_string(features, "ociVersionMin", "1.0.0");
	json_put_string(features, "ociVersionMax", "1.2.0");
	json_put(features, "hooks", words("prestart createRuntime poststart poststop"));
	json_put(features, "mountOptions", options);
	json_put(linux_part, "namespaces", namespaces);
	json_put(linux_part, "capabilities", capabilities);
	json_put(linux_part, "cgroup",
		 json_pack("{s:b, s:b, s:b, s:b}", "v1", 0, "v2", 1, "systemd", 1, "systemdUser",
			   1));
	json_put(linux_part, "seccomp",
		 json_pack("{s:b, s:o, s:o}", "enabled", 1, "actions",
			   words("SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL "
				 "SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD SCMP_ACT_LOG "
				 "SCMP_ACT_TRACE SCMP_ACT_TRAP"),
			   "operators",
			   words("SCMP_CMP_NE SCMP_CMP_LT SCMP_CMP_LE SCMP_CMP_EQ SCMP_CMP_GE "
				 "SCMP_CMP_GT SCMP_CMP_MASKED_EQ")));
	json_put(linux_part, "apparmor", json_pack("{s:b}", "enabled", 1));
	json_put(linux_part, "selinux", json_pack("{s:b}", "enabled", 1));
	json_put(linux_part, "mountExtensions", json_pack("{s:{s:b}}", "idmap", "enabled", 0));
	json_put(features, "linux", linux_part);
	return features;
}
