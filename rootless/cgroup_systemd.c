/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/cgroup_systemd.c - whether the user has a systemd, and a scope from it
 *
 * The conversation with systemd is host_scope.c's, in libexec/dhow/host.
 */
#include "rootless/cgroup_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "rootless/host_ask.h"

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

char *cgroup_systemd_scope(const char *slice, const char *name, struct err *err)
{
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	cleanup_strv struct strv words = STRV_INIT;

	strv_add(&words, "scope");
	strv_addf(&words, "%d", (int)getpid());
	strv_add(&words, slice);
	strv_add(&words, name);
	if (host_ask(&words, &answer, err) < 0)
		return NULL;
	strbuf_truncate(&answer, strcspn(answer.data, "\n"));
	return strbuf_take(&answer);
}
