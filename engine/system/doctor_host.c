/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/doctor_host.c - the doctor: what the kernel and the system let the user do
 */
#include "engine/system/doctor_private.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "network/network.h"
#include "rootless/account.h"
#include "rootless/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RANGE_WISHED 65536
#define FILE_LIMIT   (64U << 10)
#define DELEGATE_CURE                                                                              \
	"sudo sh -c 'mkdir -p /etc/systemd/system/user@.service.d && printf "                      \
	"\"[Service]\\nDelegate=cpu cpuset io memory pids\\n\" "                                   \
	">/etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload'"

/* ---- user namespaces and ids -------------------------------------------------------------------------------------------- */

static int nothing(void *arg, struct err *err)
{
	return 0;
}

static uint64_t sum(const struct idmap *map)
{
	uint64_t total = 0;

	for (size_t i = 0; i < map->count; i++)
		total += map->entries[i].count;
	return total;
}

static void check_ranges(struct doctor *doctor)
{
	struct id_ranges ranges = { 0 };
	struct err err;

	if (idmap_ranges_load(-1, NULL, &ranges, &err) < 0) {
		doctor_tell_err(doctor, DOCTOR_FAIL, "subordinate ids", &err);
		return;
	}

	uint64_t count = sum(&ranges.uid) < sum(&ranges.gid) ? sum(&ranges.uid) : sum(&ranges.gid);
	cleanup_free char *cure =
		xasprintf("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s",
			  ranges.user_name);

	doctor->has_ranges = count > 0;
	if (count == 0)
		doctor_tell(doctor, DOCTOR_WARN, "subordinate ids", cure,
			    "'%s' has none: containers have one id, and owners of files are kept "
			    "in attributes",
			    ranges.user_name);
	else if (count < RANGE_WISHED)
		doctor_tell(doctor, DOCTOR_WARN, "subordinate ids", cure,
			    "'%s' has only %llu: images with higher ids cannot be unpacked",
			    ranges.user_name, (unsigned long long)count);
	else
		doctor_tell(doctor, DOCTOR_OK, "subordinate ids", "", "'%s' has %llu",
			    ranges.user_name, (unsigned long long)count);
	id_ranges_release(&ranges);
}

/* The maps of a start, written by the same helpers. */
static void check_maps(struct doctor *doctor)
{
	const struct idmaps *maps;
	struct err err;

	if (store_idmaps(doctor->engine->store, &maps, &err) < 0 ||
	    userns_run(maps, nothing, NULL, &err) < 0)
		doctor_tell_err(doctor, DOCTOR_FAIL, "id maps", &err);
	else
		doctor_tell(doctor, DOCTOR_OK, "id maps", "",
			    "newuidmap and newgidmap write the maps of containers");
}

void doctor_check_namespaces(struct doctor *doctor)
{
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct err err;

	/* the own id alone needs no helper */
	idmap_add(&maps.uid, 0, geteuid(), 1);
	idmap_add(&maps.gid, 0, getegid(), 1);
	if (userns_run(&maps, nothing, NULL, &err) < 0) {
		doctor_tell_err(doctor, DOCTOR_FAIL, "user namespaces", &err);
		return;
	}
	doctor_tell(doctor, DOCTOR_OK, "user namespaces", "", "they can be made");
	check_ranges(doctor);
	if (doctor->has_ranges && doctor->engine != NULL)
		check_maps(doctor);
}

/* ---- cgroups ------------------------------------------------------------------------------------------------------------- */

static void check_controllers(struct doctor *doctor, const char *parent)
{
	static const char *const wanted[] = { "cpu", "cpuset", "io", "memory", "pids" };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf missing = STRBUF_INIT;
	cleanup_strv struct strv there = STRV_INIT;
	/* a name without a path is a slice of the user's systemd */
	cleanup_free char *path = *parent == '/'
					  ? xasprintf("/sys/fs/cgroup%s/cgroup.controllers", parent)
					  : xasprintf("/sys/fs/cgroup/user.slice/user-%u.slice/"
						      "user@%u.service/cgroup.controllers",
						      getuid(), getuid());

	if (fd_read_file(AT_FDCWD, path, &text, FILE_LIMIT) < 0)
		return;
	text.data[strcspn(text.data, "\n")] = '\0';
	strv_split(&there, text.data, ' ');
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!strv_contains(&there, wanted[i]))
			strbuf_addf(&missing, "%s%s", missing.length > 0 ? ", " : "", wanted[i]);
	}
	if (missing.length > 0)
		doctor_tell(doctor, DOCTOR_NOTE, "cgroups", DELEGATE_CURE,
			    "controllers are not delegated, and their limits are refused: %s",
			    missing.data);
	else
		doctor_tell(doctor, DOCTOR_OK, "cgroups", "", "all controllers are delegated");
}

void doctor_check_cgroups(struct doctor *doctor)
{
	cleanup_free char *parent = NULL;
	struct err err;
	int found = cgroup_find_parent((enum cgroup_manager)doctor->options->cgroup_manager,
				       &parent, &err);

	/* containers run without, but for limits, pause and stats */
	if (found <= 0)
		doctor_tell_err(doctor, DOCTOR_WARN, "cgroups", &err);
	else
		check_controllers(doctor, parent);
}

/* ---- session ------------------------------------------------------------------------------------------------------------- */

static bool can_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path));
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static void check_linger(struct doctor *doctor)
{
	cleanup_account struct account account = ACCOUNT_INIT;
	struct err ignored; /* an id without an account cannot linger */

	if (account_find_own(&account, &ignored) <= 0)
		return;

	cleanup_free char *path = xasprintf("/var/lib/systemd/linger/%s", account.name);

	if (access(path, F_OK) == 0)
		doctor_tell(doctor, DOCTOR_OK, "lingering", "",
			    "services of '%s' run without a login", account.name);
	else
		doctor_tell(doctor, DOCTOR_NOTE, "lingering", "loginctl enable-linger",
			    "'%s' does not linger: containers end with the last session",
			    account.name);
}

static void check_bus(struct doctor *doctor)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *run = getenv("XDG_RUNTIME_DIR");
	const char *path = address != NULL ? str_after(address, "unix:path=") : NULL;
	cleanup_free char *socket_path =
		path != NULL ? xstrndup(path, strcspn(path, ",;"))
			     : xasprintf("%s/bus", run != NULL ? run : "/nonexistent");

	if (can_connect(socket_path))
		doctor_tell(doctor, DOCTOR_OK, "systemd", "", "the user's bus answers");
	else
		doctor_tell(doctor, DOCTOR_NOTE, "systemd", "loginctl enable-linger",
			    "the user's bus does not answer at '%s': units and "
			    "--cgroup-manager=systemd do not work",
			    socket_path);
}

void doctor_check_session(struct doctor *doctor)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (str_is_empty(run))
		doctor_tell(doctor, DOCTOR_NOTE, "session",
			    "export XDG_RUNTIME_DIR=/run/user/$(id -u)",
			    "XDG_RUNTIME_DIR is not set");
	else if (stat(run, &st) < 0 || !S_ISDIR(st.st_mode) || access(run, W_OK) < 0)
		doctor_tell(doctor, DOCTOR_WARN, "session", "loginctl enable-linger",
			    "XDG_RUNTIME_DIR '%s' is no directory that can be written", run);
	else if (st.st_uid != geteuid())
		doctor_tell(doctor, DOCTOR_WARN, "session",
			    "export XDG_RUNTIME_DIR=/run/user/$(id -u)",
			    "XDG_RUNTIME_DIR '%s' belongs to user %u: was su or sudo used?", run,
			    st.st_uid);
	else
		doctor_tell(doctor, DOCTOR_OK, "session", "", "XDG_RUNTIME_DIR is '%s'", run);

	if (access("/run/systemd/system", F_OK) < 0) {
		doctor_tell(doctor, DOCTOR_NOTE, "systemd", "",
			    "it does not run here: containers cannot be its services");
		return;
	}
	check_bus(doctor);
	check_linger(doctor);
}

/* ---- network ------------------------------------------------------------------------------------------------------------- */

static void check_resolv(struct doctor *doctor)
{
	static const char path[] = "/etc/resolv.conf";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv lines = STRV_INIT;
	/* a link on most systems, to a file of the system's */
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t count = 0;

	if (fd < 0 || fd_read_all(fd, &text, FILE_LIMIT) < 0) {
		doctor_tell(doctor, DOCTOR_WARN, "names",
			    "echo 'nameserver 9.9.9.9' | sudo tee /etc/resolv.conf",
			    "'%s' cannot be read: %s", path, strerror(errno));
		return;
	}
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++)
		count += str_after(lines.items[i], "nameserver") != NULL;
	if (count == 0)
		doctor_tell(doctor, DOCTOR_WARN, "names",
			    "echo 'nameserver 9.9.9.9' | sudo tee -a /etc/resolv.conf",
			    "'%s' names no server: containers and pulls find no names", path);
	else
		doctor_tell(doctor, DOCTOR_OK, "names", "", "'%s' names %zu server%s", path, count,
			    count == 1 ? "" : "s");
}

void doctor_check_network(struct doctor *doctor)
{
	static const char tun[] = "/dev/net/tun";
	cleanup_free char *version = NULL;
	cleanup_fd int fd = open(tun, O_RDWR | O_CLOEXEC);
	int tun_errno = errno;
	struct err err;

	if (network_probe(&version, &err) < 0)
		doctor_tell_err(doctor, DOCTOR_FAIL, "network", &err);
	else if (fd < 0)
		doctor_tell(doctor, DOCTOR_FAIL, "network",
			    "sudo sh -c 'modprobe tun; chmod 666 /dev/net/tun'",
			    "cannot open '%s': %s", tun, strerror(tun_errno));
	else
		doctor_tell(doctor, DOCTOR_OK, "network", "", "slirp4netns %s", version);
	check_resolv(doctor);
}
