/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/cgroup_systemd.c - whether the user has a systemd, and what is asked of it
 *
 * The conversation with systemd is host_scope.c's, in libexec/dhow/host.
 */
#include "rootless/cgroup_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "rootless/host_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool cgroup_systemd_is_there(void)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (runtime_dir != NULL) {
		cleanup_free char *path = xasprintf("%s/systemd/private", runtime_dir);

		/* a bus may be anybody's; this socket is systemd's own */
		if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
			return true;
	}
	if (address == NULL)
		return false;

	/* a session without systemd has a bus too, where nobody would answer */
	return stat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

char *cgroup_systemd_scope(const struct cgroup_company *company, const char *slice,
			   const char *name, struct err *err)
{
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	cleanup_strbuf struct strbuf pids = STRBUF_INIT;
	cleanup_strv struct strv words = STRV_INIT;

	strbuf_addf(&pids, "%d", company != NULL ? (int)getpid() : 0);
	for (size_t i = 0; company != NULL && i < company->count; i++)
		strbuf_addf(&pids, ",%d", (int)company->pids[i]);
	strv_add(&words, "scope");
	strv_add(&words, pids.data);
	strv_add(&words, slice);
	strv_add(&words, name);
	if (host_ask(&words, &answer, err) < 0)
		return NULL;
	strbuf_truncate(&answer, strcspn(answer.data, "\n"));
	return strbuf_take(&answer);
}

/* The last component that is a unit, and what comes after it: ".../NAME.scope" and "/container". */
static int split_path(const char *path, char **ret_unit, const char **ret_below)
{
	static const char *const endings[] = { ".scope", ".service" };
	const char *end = path + strlen(path);

	while (end > path) {
		const char *begin = end;

		while (begin > path && begin[-1] != '/')
			begin--;

		cleanup_free char *name = xstrndup(begin, (size_t)(end - begin));
		for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
			if (!str_ends_with(name, endings[i]))
				continue;
			*ret_unit = TAKE_PTR(name);
			*ret_below = end;
			return 0;
		}
		end = begin > path ? begin - 1 : path;
	}
	return -ENOENT;
}

int cgroup_systemd_attach(pid_t pid, const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_free char *unit = NULL;
	const char *below;

	if (split_path(path, &unit, &below) < 0)
		return err_set(err, ERR_UNSUPPORTED, "the cgroup '%s' is in no unit of systemd",
			       path);
	strv_add(&words, "attach");
	strv_addf(&words, "%d", (int)pid);
	strv_add(&words, unit);
	strv_add(&words, below);
	return host_ask(&words, &answer, err);
}
