/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/sync.h - I's side of the conversation with C (private to engine/runtime)
 *
 * Packets on a SOCK_SEQPACKET pair:
 *
 *	C -> I	'm'		the id maps are written
 *	I -> C	'c'		all is mounted, the root is still the host's (only with runtime_io.hooked)
 *	C -> I	'h'		the hooks have run
 *	I -> C	'r'		all is mounted, the command is found
 *	C -> I	'g'		go
 *	C -> I	'e'		end: only where I waits for whoever connects (struct runtime_io), and nobody wants it any more
 *	I -> C	struct err	it failed; nothing comes after it
 *	I -> C	end of file	the program runs (close-on-exec), or I was killed
 */
#ifndef ENGINE_RUNTIME_SYNC_H
#define ENGINE_RUNTIME_SYNC_H

#include "engine/runtime.h"

#define SYNC_MAPPED  'm'
#define SYNC_CREATED 'c'
#define SYNC_HOOKED  'h'
#define SYNC_READY   'r'
#define SYNC_GO	     'g'
#define SYNC_END     'e'

/** Wait for a packet. C that goes away ends this process. */
int sync_child_wait(int child_fd, char what, struct err *err);
int sync_child_say(int child_fd, char what, struct err *err);

#endif
