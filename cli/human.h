/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/human.h - sizes and durations as people read them, in the words of docker and podman
 */
#ifndef CLI_HUMAN_H
#define CLI_HUMAN_H

#include <stdint.h>

struct strbuf;

#define HUMAN_MAX 48

/** "2.07MB": three digits, powers of 1000. */
void human_size(uint64_t bytes, char text[HUMAN_MAX]);
/** "2.068MB": four digits, as `stats`, `system df` and `image tree` show them. */
void human_size_precise(uint64_t bytes, char text[HUMAN_MAX]);
/** "2.07 MB": three digits and a blank. */
void human_size_spaced(uint64_t bytes, char text[HUMAN_MAX]);
/** "Less than a second", "5 seconds", "About an hour", "3 weeks": a time span without direction. */
void human_duration(int64_t ns, char text[HUMAN_MAX]);
/** "5 seconds ago", counted from now_ns; times that lie ahead are now. */
void human_ago(int64_t then_ns, int64_t now_ns, char text[HUMAN_MAX]);
/** "0h 21m 1.00s" with more than a day "49h 3m 1.00s (Approximately 2.04 days)", as `info` shows the uptime. */
void human_uptime(int64_t seconds, struct strbuf *out);

#endif
