/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/fetch.c - archives and git repositories
 */
#include "engine/build/fetch.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "engine/engine.h"
#include "engine/image/untar.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- archives ---- */

bool fetch_is_archive(int fd)
{
	static const struct {
		size_t offset;
		const char *bytes;
		size_t length;
	} magics[] = {
		{ 0, "\x1f\x8b", 2 },	      { 0, "BZh", 3 },	   { 0, "\xfd\x37zXZ\0", 6 },
		{ 0, "\x28\xb5\x2f\xfd", 4 }, { 257, "ustar", 5 },
	};
	char head[512] = { 0 };
	ssize_t got = pread(fd, head, sizeof(head), 0);

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (got >= (ssize_t)(magics[i].offset + magics[i].length) &&
		    memcmp(head + magics[i].offset, magics[i].bytes, magics[i].length) == 0)
			return true;
	return false;
}

int fetch_unpack(struct engine *engine, int archive_fd, bool keep_owners, int parent_fd,
		 const char *name, struct err *err)
{
	const struct untar_request request = {
		.archive_fd = archive_fd,
		.uid = keep_owners ? -1 : 0,
		.gid = keep_owners ? -1 : 0,
	};

	if (mkdirat(parent_fd, name, 0755) < 0)
		return err_sys(err, errno, "cannot make a directory in the store");
	cleanup_fd int dir_fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(err, errno, "cannot open a directory in the store");
	if (untar_into(engine, &request, dir_fd, err) == 0)
		return 1;
	if (err->kind != ERR_CORRUPT)
		return -1;
	store_remove_tree(engine->store, parent_fd, name, err);
	return 0;
}

/* ---- git ---- */

bool fetch_is_git(const char *text)
{
	static const char *const prefixes[] = { "git://", "ssh://", "git@", "github.com/" };
	const char *end = text + strcspn(text, "#");

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_after(text, prefixes[i]) != NULL)
			return true;
	return (str_after(text, "http://") != NULL || str_after(text, "https://") != NULL) &&
	       end - text > 4 && strncmp(end - 4, ".git", 4) == 0;
}

/* What may be a branch, tag or commit, and can be no option. */
static bool ref_is_good(const char *ref)
{
	if (*ref == '-' || *ref == '\0' || strlen(ref) > 255 || strstr(ref, "..") != NULL)
		return false;
	for (; *ref != '\0'; ref++)
		if (!isalnum((unsigned char)*ref) && strchr("._/-+@", *ref) == NULL)
			return false;
	return true;
}

struct git {
	char *url, *ref, *subdir;
	const char *dir;
	struct strv env;
};

static int git_split(const char *text, struct git *git, struct err *err)
{
	const char *hash = strchr(text, '#');
	const char *colon = hash != NULL ? strchr(hash, ':') : NULL;

	git->url = hash != NULL ? xstrndup(text, (size_t)(hash - text)) : xstrdup(text);
	if (str_after(git->url, "github.com/") != NULL) {
		char *whole = xasprintf("https://%s", git->url);

		free(git->url);
		git->url = whole;
	}
	git->ref = hash == NULL	   ? xstrdup("")
		   : colon != NULL ? xstrndup(hash + 1, (size_t)(colon - hash - 1))
				   : xstrdup(hash + 1);
	if (*git->ref == '\0') {
		free(git->ref);
		git->ref = xstrdup("HEAD");
	}
	if (colon != NULL && colon[1] != '\0')
		git->subdir = xstrdup(colon + 1);
	for (const char *p = git->url; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p) || *p == ' ')
			return err_set(err, ERR_USAGE, "the URL of the repository has a blank");
	if (!ref_is_good(git->ref)) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		strbuf_add_escaped(&shown, git->ref);
		return err_set(err, ERR_USAGE,
			       "'%.100s' is no branch, tag or commit of a repository", shown.data);
	}
	return 0;
}

/* Nothing of the user's or the system's configuration; keys and the agent for ssh only. */
static void git_environment(struct git *git)
{
	static const char *const passed[] = { "PATH",	     "http_proxy", "https_proxy",
					      "HTTPS_PROXY", "no_proxy",   "NO_PROXY" };
	static const char *const for_ssh[] = { "HOME", "USER", "SSH_AUTH_SOCK" };
	bool is_ssh = str_after(git->url, "ssh://") != NULL || str_after(git->url, "git@") != NULL;

	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		if (getenv(passed[i]) != NULL)
			strv_env_set(&git->env, passed[i], getenv(passed[i]));
	for (size_t i = 0; is_ssh && i < ARRAY_SIZE(for_ssh); i++)
		if (getenv(for_ssh[i]) != NULL)
			strv_env_set(&git->env, for_ssh[i], getenv(for_ssh[i]));
	if (!is_ssh)
		strv_env_set(&git->env, "HOME", "/nonexistent");
	strv_env_set(&git->env, "GIT_CONFIG_NOSYSTEM", "1");
	strv_env_set(&git->env, "GIT_CONFIG_GLOBAL", "/dev/null");
	strv_env_set(&git->env, "GIT_TERMINAL_PROMPT", "0");
	strv_env_set(&git->env, "GIT_ASKPASS", "true");
	strv_env_set(&git->env, "GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
	strv_env_set(&git->env, "LC_ALL", "C.UTF-8");
}

static int git_run(const struct git *git, const char *const *words, struct strbuf *errors,
		   int *ret_status, struct err *err)
{
	static const char *const fixed[] = {
		"git",
		"-c",
		"protocol.allow=never",
		"-c",
		"protocol.https.allow=always",
		"-c",
		"protocol.http.allow=always",
		"-c",
		"protocol.git.allow=always",
		"-c",
		"protocol.ssh.allow=always",
		"-c",
		"core.hooksPath=/dev/null",
		"-c",
		"core.fsmonitor=false",
		"-c",
		"init.templateDir=",
		"-c",
		"init.defaultBranch=main",
		"-c",
		"advice.detachedHead=false",
		"-c",
		"gc.auto=0",
		"-c",
		"filter.lfs.required=false",
	};
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct spawn spawn = SPAWN_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		strv_add(&argv, fixed[i]);
	strv_add(&argv, "-C");
	strv_add(&argv, git->dir);
	for (; *words != NULL; words++)
		strv_add(&argv, *words);
	spawn.path = "git";
	spawn.argv = &argv;
	spawn.env = &git->env;
	spawn.death_signal = 9;
	strbuf_clear(errors);
	return process_run(&spawn, &out, errors, ret_status, err);
}

static int git_must(const struct git *git, const char *const *words, struct err *err)
{
	cleanup_strbuf struct strbuf errors = STRBUF_INIT;
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	int status;

	if (git_run(git, words, &errors, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	while (errors.length > 0 && isspace((unsigned char)errors.data[errors.length - 1]))
		strbuf_truncate(&errors, errors.length - 1);
	strbuf_add_escaped(&shown, errors.data);
	return err_set(err, ERR_FAILED, "git: %.400s", shown.data);
}

static int git_fetch(const struct git *git, struct err *err)
{
	const char *const init[] = { "init", "-q", ".", NULL };
	const char *const shallow[] = { "fetch", "-q",	   "--depth=1", "--no-tags",
					"--",	 git->url, git->ref,	NULL };
	const char *const whole[] = { "fetch", "-q",	 "--tags",
				      "--",    git->url, "+refs/heads/*:refs/remotes/origin/*",
				      NULL };
	const char *const checkout[] = { "checkout", "-q", "--detach", "FETCH_HEAD", "--", NULL };
	const char *const checkout_ref[] = { "checkout", "-q", "--detach", git->ref, "--", NULL };
	const char *const submodules[] = { "submodule",	  "update",    "-q", "--init",
					   "--recursive", "--depth=1", NULL };
	cleanup_strbuf struct strbuf errors = STRBUF_INIT;
	struct stat st;
	int status;

	if (git_must(git, init, err) < 0 || git_run(git, shallow, &errors, &status, err) < 0)
		return -1;
	if (status == 0) {
		if (git_must(git, checkout, err) < 0)
			return -1;
	} else if (git_must(git, whole, err) < 0 || git_must(git, checkout_ref, err) < 0) {
		/* a commit that is no tip, of a server that does not give those alone */
		return -1;
	}
	cleanup_free char *modules = xasprintf("%s/.gitmodules", git->dir);
	if (lstat(modules, &st) == 0 && S_ISREG(st.st_mode))
		return git_must(git, submodules, err);
	return 0;
}

int fetch_git(const char *url, bool keep_git_dir, int parent_fd, const char *parent_path,
	      const char *name, char **ret_subdir, struct err *err)
{
	struct git git = { .env = STRV_INIT };
	cleanup_free char *dir = xasprintf("%s/%s", parent_path, name);
	int status = git_split(url, &git, err);

	git.dir = dir;
	if (status == 0 && mkdirat(parent_fd, name, 0755) < 0)
		status = err_sys(err, errno, "cannot make a directory in the store");
	if (status == 0) {
		mode_t mask = umask(0022);

		git_environment(&git);
		status = git_fetch(&git, err);
		umask(mask);
	}
	if (status == 0 && !keep_git_dir) {
		cleanup_fd int dir_fd =
			openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		int removed = dir_fd < 0 ? -errno : path_remove_tree(dir_fd, ".git");
		if (removed < 0)
			status = err_sys(err, -removed, "cannot remove the repository's data");
	}
	if (status < 0)
		err_wrap(err, "cannot fetch the repository '%s'", url);
	else
		*ret_subdir = TAKE_PTR(git.subdir);
	free(git.url);
	free(git.ref);
	free(git.subdir);
	strv_release(&git.env);
	return status;
}
