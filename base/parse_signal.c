/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/parse_signal.c - signals by number and by name
 */
#include "base/parse.h"

#include <errno.h>
#include <strings.h>

/*
 * The numbers of x86, arm, riscv, s390 and powerpc; the real-time signals as other engines name them, from 34 on, since
 * the C library keeps 32 and 33.
 */
static const char *const signal_names[] = {
	[1] = "HUP",	   [2] = "INT",	      [3] = "QUIT",	 [4] = "ILL",
	[5] = "TRAP",	   [6] = "ABRT",      [7] = "BUS",	 [8] = "FPE",
	[9] = "KILL",	   [10] = "USR1",     [11] = "SEGV",	 [12] = "USR2",
	[13] = "PIPE",	   [14] = "ALRM",     [15] = "TERM",	 [16] = "STKFLT",
	[17] = "CHLD",	   [18] = "CONT",     [19] = "STOP",	 [20] = "TSTP",
	[21] = "TTIN",	   [22] = "TTOU",     [23] = "URG",	 [24] = "XCPU",
	[25] = "XFSZ",	   [26] = "VTALRM",   [27] = "PROF",	 [28] = "WINCH",
	[29] = "IO",	   [30] = "PWR",      [31] = "SYS",	 [34] = "RTMIN",
	[35] = "RTMIN+1",  [36] = "RTMIN+2",  [37] = "RTMIN+3",	 [38] = "RTMIN+4",
	[39] = "RTMIN+5",  [40] = "RTMIN+6",  [41] = "RTMIN+7",	 [42] = "RTMIN+8",
	[43] = "RTMIN+9",  [44] = "RTMIN+10", [45] = "RTMIN+11", [46] = "RTMIN+12",
	[47] = "RTMIN+13", [48] = "RTMIN+14", [49] = "RTMIN+15", [50] = "RTMAX-14",
	[51] = "RTMAX-13", [52] = "RTMAX-12", [53] = "RTMAX-11", [54] = "RTMAX-10",
	[55] = "RTMAX-9",  [56] = "RTMAX-8",  [57] = "RTMAX-7",	 [58] = "RTMAX-6",
	[59] = "RTMAX-5",  [60] = "RTMAX-4",  [61] = "RTMAX-3",	 [62] = "RTMAX-2",
	[63] = "RTMAX-1",  [64] = "RTMAX",
};
#define SIGNAL_MAX 64
_Static_assert(sizeof(signal_names) / sizeof(signal_names[0]) == SIGNAL_MAX + 1, "all signals");
#define SIGNAL_RTMIN 34

static const struct {
	const char *name;
	int number;
} signal_aliases[] = { { "IOT", 6 }, { "CLD", 17 }, { "POLL", 29 } };

int parse_signal(const char *text, int *ret_signal)
{
	uint32_t number;

	if (text == NULL)
		return -EINVAL;
	if (*text >= '0' && *text <= '9') {
		int status = parse_u32(text, &number);

		if (status < 0)
			return status;
		if (number < 1 || number > SIGNAL_MAX)
			return -ERANGE;
		*ret_signal = (int)number;
		return 0;
	}

	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i <= SIGNAL_MAX; i++) {
		if (signal_names[i] != NULL && strcasecmp(text, signal_names[i]) == 0) {
			*ret_signal = i;
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(signal_aliases) / sizeof(signal_aliases[0]); i++) {
		if (strcasecmp(text, signal_aliases[i].name) == 0) {
			*ret_signal = signal_aliases[i].number;
			return 0;
		}
	}
	/* each real-time signal can be counted from both ends; the table has one of the names */
	if (strncasecmp(text, "RTMIN+", 6) == 0 && parse_u32(text + 6, &number) == 0 &&
	    number <= SIGNAL_MAX - SIGNAL_RTMIN) {
		*ret_signal = SIGNAL_RTMIN + (int)number;
		return 0;
	}
	if (strncasecmp(text, "RTMAX-", 6) == 0 && parse_u32(text + 6, &number) == 0 &&
	    number <= SIGNAL_MAX - SIGNAL_RTMIN) {
		*ret_signal = SIGNAL_MAX - (int)number;
		return 0;
	}
	return -EINVAL;
}

const char *signal_name(int number)
{
	return number >= 1 && number <= SIGNAL_MAX ? signal_names[number] : NULL;
}
