/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/linger.c - one warning, before a container is gone at the next logout
 *
 * logind keeps a file for each user who lingers; asking it over the bus would cost more than the start of a container.
 */
#include "cli/linger.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/cmd.h"
#include "storage/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define LINGER_DIR "/var/lib/systemd/linger/"
#define TOLD_NAME  "linger-told"

/* INVOCATION_ID: we are part of a service, whose manager knows when it ends */
static bool may_end_with_session(const struct cli *cli)
{
	return !cli->as_docker && isatty(STDERR_FILENO) && getuid() != 0 &&
	       getenv("INVOCATION_ID") == NULL && access("/run/systemd/system", F_OK) == 0;
}

void linger_hint(const struct cli *cli)
{
	const char *user = getenv("USER");
	cleanup_free char *told = NULL, *file = NULL;

	if (!may_end_with_session(cli) || str_is_empty(user) || strchr(user, '/') != NULL)
		return;
	file = xasprintf(LINGER_DIR "%s", user);
	told = xasprintf("%s/" TOLD_NAME, cli->engine->store->run_path);
	if (access(file, F_OK) == 0)
		return;

	cleanup_fd int fd = open(told, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		cli_warning(NULL, "containers end when you log out; `loginctl enable-linger` lets "
				  "them run on");
}
