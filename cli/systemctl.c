/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/systemctl.c - systemctl as a child, with this user's bus
 */
#include "cli/systemctl.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "cli/cmd.h"

#include <stdlib.h>
#include <unistd.h>

/* The sockets of the manager itself or of the bus that it is on. */
bool systemctl_is_there(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	cleanup_free char *program = NULL;

	if (process_find_program("systemctl", &program) == 0)
		return false;
	if (getuid() == 0)
		return access("/run/systemd/private", F_OK) == 0;
	if (!str_is_empty(getenv("DBUS_SESSION_BUS_ADDRESS")))
		return true;

	cleanup_free char *dir =
		runtime != NULL ? xstrdup(runtime) : xasprintf("/run/user/%u", getuid());
	cleanup_free char *bus = xasprintf("%s/bus", dir);
	cleanup_free char *manager = xasprintf("%s/systemd/private", dir);

	return access(bus, F_OK) == 0 || access(manager, F_OK) == 0;
}

char *systemctl_command(const char *words)
{
	return xasprintf("systemctl %s%s", getuid() == 0 ? "" : "--user ", words);
}

int systemctl_run(const struct strv *words, struct strbuf *out, struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
	cleanup_strbuf struct strbuf said = STRBUF_INIT, dropped = STRBUF_INIT;
	struct spawn spawn = SPAWN_INIT;
	int status;

	if (!systemctl_is_there()) {
		err_set(err, ERR_UNSUPPORTED, "there is no service manager that could be asked");
		return err_hint(err,
				getuid() == 0
					? "systemd does not run on this machine."
					: "systemd does not run for this user: log in, or let it "
					  "run always with `loginctl enable-linger`.");
	}
	strv_add(&argv, "systemctl");
	if (getuid() != 0)
		strv_add(&argv, "--user");
	strv_add_all(&argv, words);
	for (char **item = environ; *item != NULL; item++)
		strv_add(&env, *item);
	if (getenv("XDG_RUNTIME_DIR") == NULL)
		strv_addf(&env, "XDG_RUNTIME_DIR=/run/user/%u", getuid());
	spawn.path = "systemctl";
	spawn.argv = &argv;
	spawn.env = &env;
	if (process_run(&spawn, out != NULL ? out : &dropped, &said, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	while (said.length > 0 && said.data[said.length - 1] == '\n')
		strbuf_truncate(&said, said.length - 1);

	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *command = strv_join(words, " ");

	for (char *c = said.data; *c != '\0'; c++)
		*c = *c == '\n' ? ' ' : *c;
	strbuf_add_escaped(&text, said.data);
	return err_set(err, ERR_FAILED, "systemctl %s: %s", command,
		       text.length > 0 ? text.data : "it failed without a word");
}

int systemctl_do(const char *word, const char *unit, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	strv_add(&words, word);
	if (unit != NULL)
		strv_add(&words, unit);
	return systemctl_run(&words, NULL, err);
}

void systemctl_reload(const struct cli *cli, bool wanted)
{
	struct err err = { 0 };

	if (!wanted || systemctl_do("daemon-reload", NULL, &err) == 0)
		return;

	cleanup_free char *command = systemctl_command("daemon-reload");
	cleanup_free char *text = xasprintf(
		"systemd has not read its units again: %s; when it is there, `%s` does it", err.msg,
		command);

	cli_warning(NULL, text);
}
