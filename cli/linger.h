/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/linger.h - what runs in the background ends with the user's last session, unless the user lingers
 */
#ifndef CLI_LINGER_H
#define CLI_LINGER_H

struct cli;

/**
 * After something was started in the background: say on a terminal, once in each runtime directory (so once between two boots), that it will end at the
 * logout, and what prevents that. Quiet as docker, for root, in services, and where systemd does not run.
 */
void linger_hint(const struct cli *cli);

#endif
