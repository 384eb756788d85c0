/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_container.c - a .container: `run` as a service
 *
 * systemd and the monitor agree by notification: the service is ready when the container runs (or says so, or is healthy), and its main process
 * is the monitor, whose exit status is the container's. The container lives in the service's cgroup (--cgroups=split), which is why it is delegated.
 */
#include "units/quadlet_private.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#include <fcntl.h>
#include <unistd.h>

/* Who says that it is ready. */
static const char *notify_mode(struct conversion *conversion)
{
	const struct unit_line *line = conversion_last(conversion, "Notify");

	if (line == NULL)
		return "--sdnotify=conmon";
	if (str_equal(line->value, "healthy"))
		return "--sdnotify=healthy";
	if (unit_boolean(line->value) < 0)
		quadlet_problem(conversion, UNIT_ERROR, line, NULL,
				"invalid value '%s': it is true, false or healthy", line->value);
	return unit_boolean(line->value) > 0 ? "--sdnotify=container" : "--sdnotify=conmon";
}

static void add_user(struct conversion *conversion)
{
	const struct unit_line *user = conversion_last(conversion, "User");
	const struct unit_line *group = conversion_last(conversion, "Group");

	if (group != NULL && user == NULL) {
		quadlet_problem(conversion, UNIT_ERROR, group, NULL, "it needs User=, too");
		return;
	}
	if (user == NULL)
		return;

	cleanup_free char *value = xasprintf("%s%s%s", user->value, group != NULL ? ":" : "",
					     group != NULL ? group->value : "");

	conversion_option(conversion, user, "--user", value);
}

/* RemapUsers=, the way of old units to say UserNS=. */
static void add_remap(struct conversion *conversion)
{
	const struct unit_line *remap = conversion_last(conversion, "RemapUsers");
	static const char *const keys[] = { "RemapUid", "RemapGid" };
	static const char *const options[] = { "--uidmap", "--gidmap" };
	const char *size = conversion_value(conversion, "RemapUidSize");
	const struct unit_line *line;

	if (remap == NULL)
		return;
	if (conversion_value(conversion, "UserNS") != NULL) {
		quadlet_problem(conversion, UNIT_ERROR, remap, NULL,
				"it and UserNS= exclude each other");
	} else if (str_equal(remap->value, "manual")) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			size_t position = 0;

			while ((line = conversion_next(conversion, keys[i], &position)) != NULL)
				conversion_option(conversion, line, options[i], line->value);
		}
	} else if (str_equal(remap->value, "auto")) {
		cleanup_free char *value = xasprintf("auto%s%s", size != NULL ? ":size=" : "",
						     size != NULL ? size : "");

		conversion_option(conversion, remap, "--userns", value);
	} else if (str_equal(remap->value, "keep-id")) {
		const char *uid = conversion_value(conversion, "RemapUid");
		const char *gid = conversion_value(conversion, "RemapGid");
		cleanup_free char *value =
			xasprintf("keep-id%s%s%s%s%s", uid != NULL || gid != NULL ? ":" : "",
				  uid != NULL ? "uid=" : "", uid != NULL ? uid : "",
				  gid != NULL ? (uid != NULL ? ",gid=" : "gid=") : "",
				  gid != NULL ? gid : "");

		conversion_option(conversion, remap, "--userns", value);
	} else {
		quadlet_problem(conversion, UNIT_ERROR, remap, NULL,
				"invalid value '%s': it is manual, auto or keep-id", remap->value);
	}
}

static void add_files(struct conversion *conversion)
{
	const struct unit_line *line;
	size_t position = 0;

	while ((line = conversion_next(conversion, "EnvironmentFile", &position)) != NULL) {
		cleanup_free char *path = quadlet_path(conversion->quadlet, line->value);

		conversion_option(conversion, line, "--env-file", path);
	}
	position = 0;
	/* "-": only if the host has it */
	while ((line = conversion_next(conversion, "AddDevice", &position)) != NULL) {
		const char *device = line->value + (line->value[0] == '-');
		cleanup_free char *path = xstrndup(device, strcspn(device, ":"));

		if (device == line->value || access(path, F_OK) == 0)
			conversion_option(conversion, line, "--device", device);
	}
	conversion_volumes(conversion);
	conversion_mounts(conversion);
	if (conversion_boolean(conversion, "VolatileTmp", false) &&
	    !conversion_boolean(conversion, "ReadOnly", false))
		conversion_option(conversion, conversion_last(conversion, "VolatileTmp"), "--tmpfs",
				  "/tmp:rw,size=512M,mode=1777");
}

/* Image or directory, then the command. */
static void add_arguments(struct conversion *conversion)
{
	const struct unit_line *image = conversion_last(conversion, "Image");
	const struct unit_line *rootfs = conversion_last(conversion, "Rootfs");
	const struct unit_line *exec = conversion_last(conversion, "Exec");
	cleanup_free char *name = NULL;

	if ((image != NULL) == (rootfs != NULL)) {
		quadlet_problem(conversion, UNIT_ERROR, rootfs, "Image", "%s",
				image == NULL ? "it needs Image= or Rootfs="
					      : "Image= and Rootfs= exclude each other");
		return;
	}
	if (image != NULL) {
		name = conversion_image(conversion, image);
		if (name == NULL)
			return;
	} else {
		name = xstrdup(rootfs->value);
		conversion_option(conversion, rootfs, "--rootfs", NULL);
	}
	conversion_argument(conversion, image != NULL ? image : rootfs, name);
	if (exec != NULL) {
		cleanup_strv struct strv words = STRV_INIT;

		if (unit_split_words(exec->value, &words) < 0)
			quadlet_problem(conversion, UNIT_ERROR, exec, NULL, "a quote has no end");
		for (size_t i = 0; i < words.count; i++)
			conversion_argument(conversion, exec, words.items[i]);
	}
}

static void add_reload(struct conversion *conversion)
{
	const struct unit_line *command = conversion_last(conversion, "ReloadCmd");
	const struct unit_line *signal = conversion_last(conversion, "ReloadSignal");
	cleanup_strv struct strv words = STRV_INIT;

	if (command != NULL && signal != NULL) {
		quadlet_problem(conversion, UNIT_ERROR, signal, NULL,
				"it and ReloadCmd= exclude each other");
		return;
	}
	if (command != NULL) {
		strv_add(&words, "exec");
		strv_add(&words, conversion->quadlet->object);
		if (unit_split_words(command->value, &words) < 0)
			quadlet_problem(conversion, UNIT_ERROR, command, NULL,
					"a quote has no end");
	} else if (signal != NULL) {
		strv_add(&words, "kill");
		strv_add(&words, "--signal");
		strv_add(&words, signal->value);
		strv_add(&words, conversion->quadlet->object);
	}
	if (words.count > 0)
		conversion_exec(conversion, "ExecReload", &words);
}

/* [Service] of the unit may not contradict what a container needs. Returns whether it is a oneshot. */
static bool check_service(struct conversion *conversion)
{
	const struct unit *unit = &conversion->quadlet->unit;
	const struct unit_line *type = unit_last(unit, "Service", "Type");
	const struct unit_line *mode = unit_last(unit, "Service", "KillMode");

	if (mode != NULL && !str_equal(mode->value, "mixed") &&
	    !str_equal(mode->value, "control-group"))
		quadlet_problem(conversion, UNIT_ERROR, mode, NULL,
				"a container is stopped by KillMode=mixed or control-group");
	if (type == NULL || str_equal(type->value, "notify"))
		return false;
	if (!str_equal(type->value, "oneshot"))
		quadlet_problem(conversion, UNIT_ERROR, type, NULL,
				"a container's service has Type=notify or oneshot");
	return true;
}

static void add_service(struct conversion *conversion, bool oneshot, bool split)
{
	struct unit *made = &conversion->quadlet->made;
	const char *object = conversion->quadlet->object;
	const char *const remove[] = { "rm", "-v", "-f", "-i", object, NULL };

	unit_add_first(made, "Service", "Environment", "PODMAN_SYSTEMD_UNIT=%n");
	if (unit_last(made, "Service", "KillMode") == NULL)
		unit_add(made, "Service", "KillMode", "mixed");
	conversion_command(conversion, "ExecStop", "", remove);
	conversion_command(conversion, "ExecStopPost", "-", remove);
	if (split && unit_last(made, "Service", "Delegate") == NULL)
		unit_add(made, "Service", "Delegate", "yes");
	if (!oneshot) {
		if (unit_last(made, "Service", "Type") == NULL)
			unit_add(made, "Service", "Type", "notify");
		unit_add(made, "Service", "NotifyAccess", "all");
	}
	unit_add(made, "Service", "SyslogIdentifier", "%N");
	conversion_exec(conversion, "ExecStart", &conversion->quadlet->words);
}

void quadlet_make_container(struct conversion *conversion)
{
	const struct unit_line *cgroups = conversion_last(conversion, "CgroupsMode");
	const struct unit_line *pod = conversion_last(conversion, "Pod");
	const struct unit_line *notify = conversion_last(conversion, "Notify");
	cleanup_free char *mode =
		xasprintf("--cgroups=%s", cgroups != NULL ? cgroups->value : "split");
	bool oneshot = check_service(conversion);

	if (pod == NULL)
		pod = conversion_last(conversion, "StartWithPod");
	if (pod != NULL)
		quadlet_problem(conversion, UNIT_ERROR, pod, NULL, "dhow has no pods");
	conversion_argument(conversion, NULL, "run");
	conversion_option(conversion, conversion_last(conversion, "ContainerName"), "--name",
			  conversion->quadlet->object);
	conversion_option(conversion, NULL, "--replace", NULL);
	conversion_option(conversion, NULL, "--rm", NULL);
	conversion_option(conversion, cgroups, mode, NULL);
	if (!oneshot) {
		conversion_option(conversion, notify, notify_mode(conversion), NULL);
		conversion_option(conversion, NULL, "-d", NULL);
	} else if (notify != NULL) {
		quadlet_problem(conversion, UNIT_ERROR, notify, NULL,
				"a service of Type=oneshot is done when its program has ended");
	}
	conversion_networks(conversion);
	add_user(conversion);
	add_remap(conversion);
	add_files(conversion);
	conversion_table(conversion);
	add_arguments(conversion);
	add_reload(conversion);
	add_service(conversion, oneshot, str_equal(mode, "--cgroups=split"));
}
