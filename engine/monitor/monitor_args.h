/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_args.h - how the monitor is told what to do: words of its command line (private to engine/monitor)
 *
 *	dhow-monitor ID KEY=VALUE... [-- DHOW-ARGUMENT...]
 *
 * exec.c writes them, monitor_main.c reads them; both walk this table. Numbers are decimal. `fds` has a bit for each descriptor from
 * MONITOR_FD_FIRST on that is open, in the order of struct monitor_fds.
 */
#ifndef ENGINE_MONITOR_ARGS_H
#define ENGINE_MONITOR_ARGS_H

#include "engine/monitor.h"

#include <stddef.h>

#define MONITOR_FD_FIRST 3
#define MONITOR_FD_COUNT (sizeof(struct monitor_fds) / sizeof(int))

enum monitor_arg_kind { ARG_INT, ARG_INT64, ARG_UINT32, ARG_BOOL, ARG_TEXT };

struct monitor_arg {
	const char *key;
	enum monitor_arg_kind kind;
	size_t offset;
};

#define MONITOR_ARG(key, kind, member)                                                             \
	{                                                                                          \
		key, kind, offsetof(struct monitor_config, member)                                 \
	}
/* clang-format off */
#define MONITOR_ARGS {                                                                             \
	MONITOR_ARG("log", ARG_INT, log_driver),                                                   \
	MONITOR_ARG("log-name", ARG_TEXT, log_name),                                               \
	MONITOR_ARG("journal", ARG_TEXT, journal_fields),                                          \
	MONITOR_ARG("log-max", ARG_INT64, log_max_bytes),                                          \
	MONITOR_ARG("log-files", ARG_UINT32, log_max_files),                                       \
	MONITOR_ARG("terminal", ARG_BOOL, terminal),                                               \
	MONITOR_ARG("stdin-once", ARG_BOOL, stdin_once),                                           \
	MONITOR_ARG("timeout", ARG_INT64, timeout_s),                                              \
	MONITOR_ARG("remove", ARG_BOOL, remove),                                                   \
	MONITOR_ARG("restart", ARG_INT, policy.restart),                                           \
	MONITOR_ARG("restart-delay", ARG_INT64, policy.restart_delay_ms),                          \
	MONITOR_ARG("check", ARG_INT64, policy.check_interval_ns),                                 \
	MONITOR_ARG("startup-check", ARG_INT64, policy.startup_interval_ns),                       \
	MONITOR_ARG("notify", ARG_INT, notify),                                                    \
	MONITOR_ARG("cgroup", ARG_TEXT, cgroup_path),                                              \
	MONITOR_ARG("died", ARG_TEXT, died_text),                                                  \
	MONITOR_ARG("pid", ARG_INT, init_pid),                                                     \
	MONITOR_ARG("pid-file", ARG_TEXT, pid_file),                                               \
	MONITOR_ARG("conmon-pid-file", ARG_TEXT, conmon_pid_file),                                 \
	MONITOR_ARG("dhow", ARG_TEXT, dhow_path),                                                  \
}
/* clang-format on */
#define MONITOR_ARG_FDS "fds"

_Static_assert(sizeof(pid_t) == sizeof(int), "ARG_INT is used for a pid");

#endif
