/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/systemctl.h - ask the service manager of this user (of the system for root) by systemctl
 *
 * Nothing else of dhow needs a service manager: where there is none, these fail with ERR_UNSUPPORTED and a sentence that says so, and the
 * caller decides whether that matters.
 */
#ifndef CLI_SYSTEMCTL_H
#define CLI_SYSTEMCTL_H

#include <stdbool.h>

struct cli;
struct err;
struct strbuf;
struct strv;

/** True when a service manager runs that can be asked. */
bool systemctl_is_there(void);
/** "systemctl --user restart web.service", or without --user for root: what is to be typed. Yours. */
char *systemctl_command(const char *words);
/** systemctl WORD...; out gets what it prints (NULL: dropped). A failure has its message. */
int systemctl_run(const struct strv *words, struct strbuf *out, struct err *err);
/** systemctl WORD [UNIT]; unit may be NULL. */
int systemctl_do(const char *word, const char *unit, struct err *err);
/** After units have changed: let it read them again, or warn that somebody must. */
void systemctl_reload(const struct cli *cli, bool wanted);

#endif
