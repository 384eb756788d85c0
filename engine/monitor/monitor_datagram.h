/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_datagram.h - datagrams for the programs of systemd (private to the monitor)
 *
 * Who does not read makes the container wait for a moment, as a full pipe would; then the datagram is given up, because the monitor has
 * more to do than to wait.
 */
#ifndef ENGINE_MONITOR_DATAGRAM_H
#define ENGINE_MONITOR_DATAGRAM_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/** Send it on a connected socket. again: where to connect when the other side was started anew; NULL: nowhere. False: it was given up. */
bool monitor_datagram_send(int fd, const struct msghdr *message, const struct sockaddr_un *again);

#endif
