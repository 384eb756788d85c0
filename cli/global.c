/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/global.c - the options that stand before every command
 *
 * They become the engine's options. Those of podman and docker that speak of a server, of another machine or of programs that
 * dhow does not use are refused by name with the reason.
 */
#include "cli/commands.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/docker.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* the words that have no level of ours stand behind the levels */
static const char *const log_level_words[] = {
	[DEBUG_ERROR] = "error",
	[DEBUG_WARN] = "warn",
	[DEBUG_INFO] = "info",
	[DEBUG_DEBUG] = "debug",
	[DEBUG_TRACE] = "trace",
	"warning",
	"fatal",
	"panic",
	NULL,
};
#define LOG_LEVEL_WARNING DEBUG_LEVEL_COUNT

static const char *const storage_driver_words[] = {
	[STORAGE_DRIVER_AUTO] = "auto",
	[STORAGE_DRIVER_OVERLAY] = "overlay",
	[STORAGE_DRIVER_FUSE_OVERLAYFS] = "fuse-overlayfs",
	[STORAGE_DRIVER_VFS] = "vfs",
	[STORAGE_DRIVER_COUNT] = NULL,
};

static const char *const cgroup_manager_words[] = {
	[CGROUP_MANAGER_AUTO] = "auto",		[CGROUP_MANAGER_SYSTEMD] = "systemd",
	[CGROUP_MANAGER_CGROUPFS] = "cgroupfs", [CGROUP_MANAGER_NONE] = "none",
	[CGROUP_MANAGER_COUNT] = NULL,
};

static const char *const events_backend_words[] = { "file", NULL };

#define NO_SERVER "dhow works by itself, on this machine; there is no server to talk to"
#define NO_SSH	  "dhow works on this machine only; run it there with ssh"

static const struct opt shared_rows[] = {
	OPT_STRING(0, "root", struct global_opts, root, "PATH",
		   "where images, containers and volumes are"),
	OPT_STRING(0, "runroot", struct global_opts, run_root, "PATH",
		   "where sockets and other short-lived files are"),
	OPT_FLAG('D', "debug", struct global_opts, debug, "the same as --log-level=debug"),
	OPT_CHOICE('l', "log-level", struct global_opts, log_level, "LEVEL", log_level_words,
		   "how much to tell on stderr"),
	OPT_CHOICE(0, "storage-driver", struct global_opts, storage_driver, "DRIVER",
		   storage_driver_words, "how layers become a file system"),
	OPT_LIST(0, "storage-opt", struct global_opts, storage_opts, "OPTION",
		 "additionalimagestore=PATH: a store whose images are used, too"),
	OPT_CHOICE(0, "cgroup-manager", struct global_opts, cgroup_manager, "MANAGER",
		   cgroup_manager_words, "who makes cgroups"),
	OPT_STRING(0, "runtime", struct global_opts, runtime, "PROGRAM",
		   "only dhow: containers are started by dhow itself"),
	OPT_STRING(0, "registries-conf", struct global_opts, registries_conf, "FILE",
		   "registries.conf to read in place of the usual ones"),
	OPT_FLAG('v', "version", struct global_opts, version, "print the version"),
	OPT_REFUSED('r', "remote", NO_SERVER),
	OPT_REFUSED_VALUE(0, "url", NO_SERVER),
	OPT_REFUSED_VALUE(0, "identity", NO_SSH),
	OPT_REFUSED_VALUE(0, "ssh", NO_SSH),
	OPT_REFUSED(0, "tls", NO_SERVER),
	OPT_REFUSED(0, "tlsverify", NO_SERVER),
	OPT_REFUSED_VALUE(0, "tls-ca", NO_SERVER),
	OPT_REFUSED_VALUE(0, "tls-cert", NO_SERVER),
	OPT_REFUSED_VALUE(0, "tls-key", NO_SERVER),
	OPT_REFUSED_VALUE(0, "tlscacert", NO_SERVER),
	OPT_REFUSED_VALUE(0, "tlscert", NO_SERVER),
	OPT_REFUSED_VALUE(0, "tlskey", NO_SERVER),
	OPT_REFUSED_VALUE(0, "conmon", "the monitor is a part of dhow"),
	OPT_LIST(0, "cdi-spec-dir", struct global_opts, cdi_spec_dirs, "DIR",
		 "where CDI devices are described (/etc/cdi, /var/run/cdi)"),
	OPT_CHOICE(0, "events-backend", struct global_opts, events_backend, "BACKEND",
		   events_backend_words, "only file: where events are kept"),
	OPT_REFUSED_VALUE(0, "hooks-dir", "programs of the host are not run for containers"),
	OPT_REFUSED_VALUE(0, "imagestore", "images are below --root"),
	OPT_REFUSED_VALUE(0, "module", "containers.conf modules are not read"),
	OPT_REFUSED_VALUE(0, "network-cmd-path", "network helpers are searched in PATH"),
	OPT_REFUSED_VALUE(0, "network-config-dir", "networks are below --root"),
	OPT_STRING(0, "out", struct global_opts, out, "FILE", "write standard output to a file"),
	OPT_FLAG(0, "noout", struct global_opts, no_out, "write nothing to standard output"),
	OPT_REFUSED_VALUE(0, "runtime-flag", "other runtimes are started without more options"),
	OPT_REFUSED(0, "syslog", "messages go to stderr"),
	OPT_REFUSED_VALUE(0, "tmpdir", "temporary files are below --root and --runroot"),
	OPT_REFUSED(0, "transient-store",
		    "--rm containers write nothing durable; give --root a directory in memory"),
	OPT_REFUSED_VALUE(0, "volumepath", "volumes are below --root"),
	OPT_END
};

const struct opt global_rows[] = { OPT_ROWS(shared_rows),
				   OPT_REFUSED_VALUE('c', "connection", NO_SERVER),
				   OPT_REFUSED_VALUE(0, "context", NO_SERVER),
				   OPT_REFUSED_VALUE('H', "host", NO_SERVER),
				   OPT_REFUSED_VALUE(0, "config",
						     "say --authfile to the command that needs it"),
				   OPT_END };

const struct opt docker_global_rows[] = {
	OPT_ROWS(shared_rows),
	OPT_STRING('H', "host", struct global_opts, docker_host, "ADDRESS",
		   "unix://...: dhow does the work itself, here"),
	OPT_STRING('c', "context", struct global_opts, docker_context, "NAME", "default"),
	OPT_STRING(0, "config", struct global_opts, docker_config, "DIR",
		   "where config.json with the logins is"),
	OPT_REFUSED_VALUE(0, "connection", NO_SERVER),
	OPT_END
};

const struct opt *global_rows_of(const struct cli *cli)
{
	return cli->as_docker ? docker_global_rows : global_rows;
}

const struct global_opts global_defaults = { .log_level = -1 };

static int apply_storage_opt(const char *text, struct engine_options *options, struct err *err)
{
	static const char *const keys[] = { "additionalimagestore=", "overlay.imagestore=",
					    "overlay.additionalimagestore=" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *path = str_after(text, keys[i]);

		if (path == NULL)
			continue;
		if (*path != '/')
			return err_set(err, ERR_USAGE,
				       "invalid argument '%s' for '--storage-opt': the path must "
				       "be absolute",
				       text);
		strv_add(&options->additional_roots, path);
		return 0;
	}
	err_set(err, ERR_UNSUPPORTED, "--storage-opt '%s' is not supported", text);
	return err_hint(err, "additionalimagestore=PATH is what there is.");
}

/* --out, --noout: also what containers write there. */
static int redirect_output(const struct global_opts *global, struct err *err)
{
	const char *path = global->no_out ? "/dev/null" : global->out;
	cleanup_fd int fd = -1;

	if (path == NULL)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return err_sys(err, errno, "cannot write the output to '%s' (--out)", path);
	return 0;
}

int global_apply(const struct global_opts *global, struct engine_options *options, struct err *err)
{
	options->root = global->root;
	options->run_root = global->run_root;
	options->storage_driver = global->storage_driver;
	options->cgroup_manager = global->cgroup_manager;
	options->runtime = global->runtime;
	options->registries_conf = global->registries_conf;
	options->cdi_spec_dirs = global->cdi_spec_dirs;
	if (global->runtime != NULL && !str_equal(global->runtime, "dhow")) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot use --runtime '%s': dhow starts containers itself",
			global->runtime);
		return err_hint(err, "Leave it out. Other engines can use dhow-runtime.");
	}
	if (redirect_output(global, err) < 0)
		return -1;
	for (size_t i = 0; i < global->storage_opts.count; i++) {
		if (apply_storage_opt(global->storage_opts.items[i], options, err) < 0)
			return -1;
	}
	if (global->log_level >= LOG_LEVEL_WARNING)
		debug_set_level(global->log_level == LOG_LEVEL_WARNING ? DEBUG_WARN : DEBUG_ERROR);
	else if (global->log_level >= 0)
		debug_set_level((enum debug_level)global->log_level);
	if (global->debug)
		debug_set_level(DEBUG_DEBUG);
	if (options->as_docker)
		return docker_environment(global, err);
	return 0;
}
