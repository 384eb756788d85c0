/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_keys.c - the keys of Quadlet units and the options that they stand for
 */
#include "units/quadlet.h"

#include "base/strbuf.h"

#define SPECIAL(name)                                                                              \
	{                                                                                          \
		name, QUADLET_SPECIAL, NULL, NULL                                                  \
	}
#define ONE(name, option)                                                                          \
	{                                                                                          \
		name, QUADLET_ONE, option, NULL                                                    \
	}
#define EACH(name, option)                                                                         \
	{                                                                                          \
		name, QUADLET_EACH, option, NULL                                                   \
	}
#define WORDS(name, option)                                                                        \
	{                                                                                          \
		name, QUADLET_WORDS, option, NULL                                                  \
	}
#define FLAG(name, option)                                                                         \
	{                                                                                          \
		name, QUADLET_FLAG, option, NULL                                                   \
	}
#define FLAG_VALUE(name, option)                                                                   \
	{                                                                                          \
		name, QUADLET_FLAG_VALUE, option, NULL                                             \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, QUADLET_SPECIAL, NULL, NULL                                                  \
	}
/* keys of every kind of unit; the code of quadlet_convert.c handles them */
#define EVERYWHERE                                                                                 \
	SPECIAL("ContainersConfModule"), SPECIAL("GlobalArgs"), SPECIAL("PodmanArgs"),             \
		SPECIAL("ServiceName")

static const struct quadlet_key container_keys[] = {
	EVERYWHERE,
	SPECIAL("AddDevice"),
	SPECIAL("CgroupsMode"),
	SPECIAL("ContainerName"),
	SPECIAL("EnvironmentFile"),
	SPECIAL("Exec"),
	SPECIAL("Group"),
	SPECIAL("Image"),
	SPECIAL("Mount"),
	SPECIAL("Network"),
	SPECIAL("Notify"),
	SPECIAL("Pod"),
	SPECIAL("ReloadCmd"),
	SPECIAL("ReloadSignal"),
	SPECIAL("RemapGid"),
	SPECIAL("RemapUid"),
	SPECIAL("RemapUidSize"),
	SPECIAL("RemapUsers"),
	SPECIAL("Rootfs"),
	SPECIAL("StartWithPod"),
	SPECIAL("User"),
	SPECIAL("VolatileTmp"),
	SPECIAL("Volume"),

	WORDS("AddCapability", "--cap-add"),
	EACH("AddHost", "--add-host"),
	WORDS("Annotation", "--annotation"),
	{ "AppArmor", QUADLET_ONE, "--security-opt", "apparmor=" },
	{ "AutoUpdate", QUADLET_ONE, "--label", "io.containers.autoupdate=" },
	EACH("DNS", "--dns"),
	EACH("DNSOption", "--dns-option"),
	EACH("DNSSearch", "--dns-search"),
	WORDS("DropCapability", "--cap-drop"),
	ONE("Entrypoint", "--entrypoint"),
	WORDS("Environment", "--env"),
	FLAG("EnvironmentHost", "--env-host"),
	EACH("ExposeHostPort", "--expose"),
	EACH("GIDMap", "--gidmap"),
	EACH("GroupAdd", "--group-add"),
	ONE("HealthCmd", "--health-cmd"),
	ONE("HealthInterval", "--health-interval"),
	ONE("HealthLogDestination", "--health-log-destination"),
	ONE("HealthMaxLogCount", "--health-max-log-count"),
	ONE("HealthMaxLogSize", "--health-max-log-size"),
	ONE("HealthOnFailure", "--health-on-failure"),
	ONE("HealthRetries", "--health-retries"),
	ONE("HealthStartPeriod", "--health-start-period"),
	ONE("HealthStartupCmd", "--health-startup-cmd"),
	ONE("HealthStartupInterval", "--health-startup-interval"),
	ONE("HealthStartupRetries", "--health-startup-retries"),
	ONE("HealthStartupSuccess", "--health-startup-success"),
	ONE("HealthStartupTimeout", "--health-startup-timeout"),
	ONE("HealthTimeout", "--health-timeout"),
	ONE("HostName", "--hostname"),
	FLAG_VALUE("HttpProxy", "--http-proxy"),
	ONE("IP", "--ip"),
	ONE("IP6", "--ip6"),
	WORDS("Label", "--label"),
	ONE("LogDriver", "--log-driver"),
	WORDS("LogOpt", "--log-opt"),
	{ "Mask", QUADLET_EACH, "--security-opt", "mask=" },
	ONE("Memory", "--memory"),
	EACH("NetworkAlias", "--network-alias"),
	FLAG("NoNewPrivileges", "--security-opt=no-new-privileges"),
	ONE("PidsLimit", "--pids-limit"),
	EACH("PublishPort", "--publish"),
	ONE("Pull", "--pull"),
	FLAG("ReadOnly", "--read-only"),
	FLAG_VALUE("ReadOnlyTmpfs", "--read-only-tmpfs"),
	ONE("Retry", "--retry"),
	ONE("RetryDelay", "--retry-delay"),
	FLAG("RunInit", "--init"),
	{ "SeccompProfile", QUADLET_ONE, "--security-opt", "seccomp=" },
	EACH("Secret", "--secret"),
	FLAG("SecurityLabelDisable", "--security-opt=label=disable"),
	{ "SecurityLabelFileType", QUADLET_ONE, "--security-opt", "label=filetype:" },
	{ "SecurityLabelLevel", QUADLET_ONE, "--security-opt", "label=level:" },
	FLAG("SecurityLabelNested", "--security-opt=label=nested"),
	{ "SecurityLabelType", QUADLET_ONE, "--security-opt", "label=type:" },
	ONE("ShmSize", "--shm-size"),
	ONE("StopSignal", "--stop-signal"),
	ONE("StopTimeout", "--stop-timeout"),
	ONE("SubGIDMap", "--subgidname"),
	ONE("SubUIDMap", "--subuidname"),
	WORDS("Sysctl", "--sysctl"),
	ONE("Timezone", "--tz"),
	EACH("Tmpfs", "--tmpfs"),
	EACH("UIDMap", "--uidmap"),
	EACH("Ulimit", "--ulimit"),
	{ "Unmask", QUADLET_EACH, "--security-opt", "unmask=" },
	ONE("UserNS", "--userns"),
	ONE("WorkingDir", "--workdir"),
	END
};

static const struct quadlet_key volume_keys[] = { EVERYWHERE,	       SPECIAL("Copy"),
						  SPECIAL("Device"),   SPECIAL("Driver"),
						  SPECIAL("Group"),    SPECIAL("Image"),
						  SPECIAL("Options"),  SPECIAL("Type"),
						  SPECIAL("User"),     SPECIAL("VolumeName"),
						  ONE("GID", "--gid"), WORDS("Label", "--label"),
						  ONE("UID", "--uid"), END };

static const struct quadlet_key network_keys[] = { EVERYWHERE,
						   SPECIAL("Gateway"),
						   SPECIAL("IPRange"),
						   SPECIAL("NetworkDeleteOnStop"),
						   SPECIAL("NetworkName"),
						   SPECIAL("Subnet"),
						   FLAG("DisableDNS", "--disable-dns"),
						   EACH("DNS", "--dns"),
						   ONE("Driver", "--driver"),
						   ONE("InterfaceName", "--interface-name"),
						   FLAG("Internal", "--internal"),
						   ONE("IPAMDriver", "--ipam-driver"),
						   FLAG("IPv6", "--ipv6"),
						   WORDS("Label", "--label"),
						   EACH("Options", "--opt"),
						   END };

static const struct quadlet_key image_keys[] = { EVERYWHERE,
						 SPECIAL("Image"),
						 SPECIAL("ImageTag"),
						 FLAG("AllTags", "--all-tags"),
						 ONE("Arch", "--arch"),
						 ONE("AuthFile", "--authfile"),
						 ONE("CertDir", "--cert-dir"),
						 ONE("Creds", "--creds"),
						 ONE("DecryptionKey", "--decryption-key"),
						 ONE("OS", "--os"),
						 ONE("Policy", "--policy"),
						 ONE("Retry", "--retry"),
						 ONE("RetryDelay", "--retry-delay"),
						 FLAG_VALUE("TLSVerify", "--tls-verify"),
						 ONE("Variant", "--variant"),
						 END };

static const struct quadlet_key build_keys[] = { EVERYWHERE,
						 SPECIAL("File"),
						 SPECIAL("ImageTag"),
						 SPECIAL("Network"),
						 SPECIAL("SetWorkingDirectory"),
						 SPECIAL("Volume"),
						 WORDS("Annotation", "--annotation"),
						 ONE("Arch", "--arch"),
						 ONE("AuthFile", "--authfile"),
						 WORDS("BuildArg", "--build-arg"),
						 EACH("DNS", "--dns"),
						 EACH("DNSOption", "--dns-option"),
						 EACH("DNSSearch", "--dns-search"),
						 WORDS("Environment", "--env"),
						 FLAG_VALUE("ForceRM", "--force-rm"),
						 EACH("GroupAdd", "--group-add"),
						 ONE("IgnoreFile", "--ignorefile"),
						 WORDS("Label", "--label"),
						 ONE("Pull", "--pull"),
						 ONE("Retry", "--retry"),
						 ONE("RetryDelay", "--retry-delay"),
						 EACH("Secret", "--secret"),
						 ONE("Target", "--target"),
						 FLAG_VALUE("TLSVerify", "--tls-verify"),
						 ONE("Variant", "--variant"),
						 END };

static const struct quadlet_key no_keys[] = { END };

const struct quadlet_key quadlet_common_keys[] = { SPECIAL("DefaultDependencies"), END };

static const struct {
	const char *section, *suffix;
	const struct quadlet_key *keys;
} types[] = {
	[QUADLET_CONTAINER] = { "Container", "container", container_keys },
	[QUADLET_VOLUME] = { "Volume", "volume", volume_keys },
	[QUADLET_NETWORK] = { "Network", "network", network_keys },
	[QUADLET_IMAGE] = { "Image", "image", image_keys },
	[QUADLET_BUILD] = { "Build", "build", build_keys },
	[QUADLET_POD] = { "Pod", "pod", no_keys },
	[QUADLET_KUBE] = { "Kube", "kube", no_keys },
};
_Static_assert(sizeof(types) / sizeof(types[0]) == QUADLET_TYPE_COUNT, "types of units");

const char *quadlet_section(enum quadlet_type type)
{
	return types[type].section;
}

const char *quadlet_suffix(enum quadlet_type type)
{
	return types[type].suffix;
}

const struct quadlet_key *quadlet_keys(enum quadlet_type type)
{
	return types[type].keys;
}

int quadlet_type_of(const char *file_name)
{
	const char *dot = strrchr(file_name, '.');

	for (int i = 0; dot != NULL && dot != file_name && i < QUADLET_TYPE_COUNT; i++) {
		if (str_equal(dot + 1, types[i].suffix))
			return i;
	}
	return -1;
}
