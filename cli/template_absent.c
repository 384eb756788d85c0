/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_absent.c - members that the objects of `inspect` leave out when they are empty
 *
 * Templates are written for the structs of podman and docker, where a member is there also when JSON does not show it. Scripts ask
 * "{{if .State.Health}}", "{{.Config.User}}" or "{{range .Mounts}}{{.Name}}" of whatever they find.
 */
#include "cli/template.h"

const struct template_absent inspect_absent[] = {
	/* of containers and images */
	{ "Config", NULL, "User", '"' },
	{ "Config", NULL, "ExposedPorts", '{' },
	{ "Config", NULL, "Env", '[' },
	{ "Config", NULL, "Entrypoint", '[' },
	{ "Config", NULL, "Cmd", '[' },
	{ "Config", NULL, "Volumes", '{' },
	{ "Config", NULL, "WorkingDir", '"' },
	{ "Config", NULL, "Labels", '{' },
	{ "Config", NULL, "StopSignal", '"' },
	{ "Config", NULL, "ArgsEscaped", 'f' },
	{ "Config", NULL, "OnBuild", '[' },
	{ "Config", NULL, "Shell", '[' },
	{ "Config", NULL, "Healthcheck", 'n' },
	{ "Config", NULL, "StartupHealthCheck", 'n' },
	{ "Config", NULL, "HealthLogDestination", '"' },
	{ "Config", NULL, "HealthcheckMaxLogCount", '0' },
	{ "Config", NULL, "HealthcheckMaxLogSize", '0' },
	{ "Config", NULL, "Secrets", '[' },
	{ "Config", NULL, "ChrootDirs", '[' },
	{ "Config", NULL, "SystemdMode", 'f' },
	{ "Config", NULL, "Timezone", '"' },
	/* of containers */
	{ "State", NULL, "Health", 'n' },
	{ "State", NULL, "Healthcheck", 'n' },
	{ "State", NULL, "Checkpointed", 'f' },
	{ "State", NULL, "Restored", 'f' },
	{ "State", NULL, "CgroupPath", '"' },
	{ "State", NULL, "ConmonPid", '0' },
	{ "State", NULL, "PidFile", '"' },
	{ "HostConfig", NULL, "IDMappings", 'n' },
	{ NULL, "StaticDir", "OCIConfigPath", '"' },
	{ NULL, "StaticDir", "LogPath", '"' },
	{ NULL, "StaticDir", "SizeRw", 'n' },
	{ NULL, "StaticDir", "SizeRootFs", '0' },
	{ NULL, "Destination", "Name", '"' },
	{ NULL, "Destination", "Driver", '"' },
	{ NULL, "Destination", "SubPath", '"' },
	/* of images */
	{ NULL, "RootFS", "Healthcheck", 'n' },
	{ NULL, "RootFS", "HealthCheck", 'n' },
	{ NULL, "RootFS", "Variant", '"' },
	/* of volumes */
	{ NULL, "Mountpoint", "Anonymous", 'f' },
	{ NULL, "Mountpoint", "UID", '0' },
	{ NULL, "Mountpoint", "GID", '0' },
	{ NULL, "Mountpoint", "Timeout", '0' },
	{ NULL, "Mountpoint", "Status", '{' },
	{ NULL, "Mountpoint", "StorageID", '"' },
	{ NULL, NULL, NULL, 0 },
};
