/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/login.c - `login` and `logout`
 *
 * A password comes from stdin or from a terminal without echo; -p works too, and is warned of, because others can see it (R18).
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/container.h"
#include "engine/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_LIMIT_BYTES (64U << 10)

struct login_run_opts {
	struct login_opts login;
	bool password_stdin;
};

/* One line from the terminal; yours. */
static char *ask(const char *question, bool secret, struct err *err)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	struct termios before, silent;
	bool is_silent = secret && tcgetattr(STDIN_FILENO, &before) == 0;
	char c;

	(void)fprintf(stderr, "%s: ", question);
	if (is_silent) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && line.length < PASSWORD_LIMIT_BYTES)
		strbuf_addc(&line, c);
	if (is_silent) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		(void)fputc('\n', stderr);
	}
	if (line.length == 0) {
		err_set(err, ERR_USAGE, "nothing was typed");
		return NULL;
	}
	return strbuf_take(&line);
}

static int read_password(struct login_run_opts *opts, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status;

	if (opts->password_stdin) {
		if (opts->login.password != NULL)
			return err_set(err, ERR_USAGE,
				       "--password and --password-stdin exclude each other");
		status = fd_read_all(STDIN_FILENO, &text, PASSWORD_LIMIT_BYTES);
		if (status < 0)
			return err_sys(err, -status, "cannot read the password from stdin");
		while (text.length > 0 && strchr("\r\n", text.data[text.length - 1]) != NULL)
			strbuf_truncate(&text, text.length - 1);
		opts->login.password = strbuf_take(&text);
	}
	if (opts->login.password != NULL)
		return 0;
	if (!isatty(STDIN_FILENO)) {
		err_set(err, ERR_USAGE, "there is no password, and no terminal to ask for it");
		return err_hint(err, "Use --password-stdin.");
	}
	opts->login.password = ask("Password", true, err);
	return opts->login.password != NULL ? 0 : -1;
}

static int read_username(struct login_run_opts *opts, struct err *err)
{
	if (opts->login.username != NULL)
		return 0;
	if (opts->password_stdin || !isatty(STDIN_FILENO))
		return err_set(err, ERR_USAGE, "there is no user name: use --username");
	opts->login.username = ask("Username", false, err);
	return opts->login.username != NULL ? 0 : -1;
}

static int login_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct login_run_opts *opts = opts_;
	const char *registry = args->count > 0 ? args->items[0] : "docker.io";
	cleanup_free char *file = NULL;

	if (opts->login.get_login) {
		cleanup_free char *name =
			registry_login_name(cli->engine, registry, &opts->login, err);

		if (name == NULL)
			return -1;
		(void)printf("%s\n", name);
		return 0;
	}
	if (opts->login.password != NULL)
		cli_warning(NULL, "a password on the command line can be seen by others: use "
				  "--password-stdin");
	if (read_username(opts, err) < 0 || read_password(opts, err) < 0 ||
	    registry_login(cli->engine, registry, &opts->login, &file, err) < 0)
		return -1;
	if (opts->login.verbose)
		(void)printf("Used:  %s\n", file);
	(void)printf("Login Succeeded!\n");
	return 0;
}

#define T struct login_run_opts
static const struct opt login_opts[] = {
	OPT_STRING(0, "authfile", T, login.authfile, "FILE", "file to write the credentials to"),
	OPT_STRING(0, "cert-dir", T, login.cert_dir, "DIR",
		   "directory with CA and client certificates for the registry"),
	OPT_FLAG(0, "get-login", T, login.get_login, "print the user name that is on file"),
	OPT_STRING('p', "password", T, login.password, "PASSWORD", "seen by others: better not"),
	OPT_FLAG(0, "password-stdin", T, password_stdin, "read the password from stdin"),
	OPT_TRI(0, "tls-verify", T, login.tls_verify, "ask for a certificate that is trusted"),
	OPT_STRING('u', "username", T, login.username, "NAME", "user name"),
	OPT_FLAG('v', "verbose", T, login.verbose, "print the file"),
	OPT_REFUSED_VALUE(0, "compat-auth-file", "use --authfile: the format is the same"),
	OPT_REFUSED_VALUE(0, "secret", "use --password-stdin"),
	OPT_END
};

const struct cmd cmd_login = {
	.paths = { "login", "builder login" },
	.synopsis = "[REGISTRY]",
	.help = "Keep the credentials of a registry",
	.examples =
		"  pass show registry | dhow login -u ann --password-stdin registry.example.com\n",
	.section = SECTION_IMAGES,
	.max_args = 1,
	.needs = NEEDS_WRITING,
	.opts = login_opts,
	.opts_size = sizeof(T),
	.defaults = &(const T){ .login = { .tls_verify = TRI_UNSET } },
	.run = login_run,
};

/* ---- logout ---------------------------------------------------------------------------------------------------------- */

struct logout_opts {
	bool all;
	char *authfile;
};

static int logout_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	const struct logout_opts *opts = opts_;
	const char *registry = args->count > 0 ? args->items[0] : "docker.io";

	if (opts->all && args->count > 0)
		return err_set(err, ERR_USAGE, "--all and a registry exclude each other");
	if (registry_logout(cli->engine, opts->all ? NULL : registry, opts->authfile, err) < 0)
		return -1;
	if (opts->all)
		(void)printf("Removed login credentials for all registries\n");
	else
		(void)printf("Removed login credentials for %s\n", registry);
	return 0;
}

static const struct opt logout_opts[] = {
	OPT_FLAG('a', "all", struct logout_opts, all, "all registries"),
	OPT_STRING(0, "authfile", struct logout_opts, authfile, "FILE",
		   "file that the credentials are in"),
	OPT_REFUSED_VALUE(0, "compat-auth-file", "use --authfile: the format is the same"), OPT_END
};

const struct cmd cmd_logout = {
	.paths = { "logout", "builder logout" },
	.synopsis = "[REGISTRY]",
	.help = "Forget the credentials of a registry",
	.section = SECTION_IMAGES,
	.max_args = 1,
	.needs = NEEDS_STORE,
	.opts = logout_opts,
	.opts_size = sizeof(struct logout_opts),
	.run = logout_run,
};
