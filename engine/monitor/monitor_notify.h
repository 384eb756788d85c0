/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_notify.h - tell the service manager about the container, --sdnotify (private to the monitor)
 */
#ifndef ENGINE_MONITOR_NOTIFY_H
#define ENGINE_MONITOR_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

/** Who the main process of the service is, and whether it is ready already. */
void monitor_notify_main(int notify_fd, pid_t pid, bool ready);
void monitor_notify_ready(int notify_fd);
/** Pass one message of the container on, with the lines in it that it may say. */
void monitor_notify_pass(int notify_fd, int listen_fd);

#endif
