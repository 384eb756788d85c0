/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/monitor_main.c - libexec/dhow/monitor: read what to do, watch one container, clean up after it
 *
 * Built without a C library where the processor is known here (MONITOR_FREESTANDING, see monitor_sys.h for why): this file then has the
 * entry point, which relocates the program (it is position independent like everything else, R29), sets the stack protector's
 * guard, and has the few memory functions that the compiler and the monitor's files call. Elsewhere it is an ordinary static program.
 */
#include "engine/monitor/monitor_args.h"
#include "engine/monitor/monitor_state.h"
#include "engine/monitor/monitor_sys.h"

#include <elf.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define EXIT_BAD_ARGS 125

static struct monitor the_monitor;

static bool parse_number(const char *text, int64_t *ret)
{
	int64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (*text - '0');
	}
	*ret = value;
	return true;
}

static bool set_member(struct monitor_config *config, const struct monitor_arg *arg,
		       const char *value)
{
	char *member = (char *)config + arg->offset;
	int64_t number = 0;

	if (arg->kind != ARG_TEXT && !parse_number(value, &number))
		return false;
	switch (arg->kind) {
	case ARG_TEXT:
		memcpy(member, &value, sizeof(value));
		break;
	case ARG_INT64:
		memcpy(member, &number, sizeof(number));
		break;
	case ARG_BOOL:
		*(bool *)member = number != 0;
		break;
	case ARG_INT:
	case ARG_UINT32: {
		uint32_t word = (uint32_t)number;

		memcpy(member, &word, sizeof(word));
		break;
	}
	}
	return true;
}

/* The value of `key=value`, or NULL when word has another key. */
static const char *value_of(const char *word, const char *key)
{
	size_t length = strlen(key);

	return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static bool parse_word(struct monitor_config *config, int64_t *fd_mask, const char *word)
{
	static const struct monitor_arg args[] = MONITOR_ARGS;
	const char *value = value_of(word, MONITOR_ARG_FDS);

	if (value != NULL)
		return parse_number(value, fd_mask);
	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
		value = value_of(word, args[i].key);
		if (value != NULL)
			return set_member(config, &args[i], value);
	}
	return false;
}

static bool parse_args(struct monitor_config *config, struct monitor_fds *fds,
		       const char *const *argv)
{
	int64_t fd_mask = 0;

	if (argv[0] == NULL || argv[1] == NULL)
		return false;
	config->container_id = argv[1];
	config->log_name = "log";
	for (argv += 2; *argv != NULL; argv++) {
		if (strcmp(*argv, "--") == 0) {
			config->dhow_args = argv + 1;
			break;
		}
		if (!parse_word(config, &fd_mask, *argv))
			return false;
	}
	for (size_t i = 0; i < MONITOR_FD_COUNT; i++) {
		int fd = fd_mask & (1LL << i) ? MONITOR_FD_FIRST + (int)i : -1;

		memcpy((char *)fds + i * sizeof(int), &fd, sizeof(fd));
	}
	return fds->container_dir_fd >= 0 && fds->init_pid_fd >= 0 && fds->started_fd >= 0;
}

/* All signals wait for ever: whoever ends a session or a terminal does not mean the monitor, and its container ends by itself. */
static void block_signals(void)
{
	uint64_t mask = ~0ULL;

	MON_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof(mask), 0);
}

/* A service manager that watches this process takes its end for the container's. */
static int monitor_exit_status(const struct monitor *monitor)
{
	return monitor->ended ? monitor->exit_code & 0xff : 0;
}

/* The loop has ended: what is left is not the monitor's to do. */
static void hand_over(enum monitor_after after, const char *const *environment)
{
	char number[4] = "000";
	const char *const cleanup[] = { "container", "cleanup", "--exit-code", number, NULL };
	static const char *const restart[] = { "container", "restart-by-policy", NULL };

	for (int i = 2, rest = monitor_exit_status(&the_monitor); i >= 0; i--, rest /= 10)
		number[i] = (char)('0' + rest % 10);
	if (after == AFTER_CLEANUP)
		monitor_become(the_monitor.config, environment, cleanup);
	if (after != AFTER_RESTART)
		return;
	/* all but the container's directory: pipes and sockets must not seem to have somebody at their other end */
	MON_CALL(SYS_close_range, MONITOR_FD_FIRST, the_monitor.fds.container_dir_fd - 1, 0, 0, 0);
	MON_CALL(SYS_close_range, the_monitor.fds.container_dir_fd + 1, ~0U, 0, 0, 0);
	if (monitor_wait_restart(&the_monitor))
		monitor_become(the_monitor.config, environment, restart);
}

static int run(const char *const *argv, const char *const *environment)
{
	static struct monitor_config config;
	static struct monitor_fds fds;

	block_signals();
	/* nobody but the user's own root may look at or attach to it (R5) */
	MON_CALL(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	MON_CALL(SYS_umask, 022, 0, 0, 0, 0);
	MON_CALL(SYS_chdir, "/", 0, 0, 0, 0);
	if (!parse_args(&config, &fds, argv))
		return EXIT_BAD_ARGS;

	monitor_init(&the_monitor, &config, &fds);
	the_monitor.environment = environment;
	hand_over(monitor_loop(&the_monitor), environment);
	return monitor_exit_status(&the_monitor);
}

#ifndef MONITOR_FREESTANDING

int main(int argc, char **argv)
{
	(void)argc;
	return run((const char *const *)argv, (const char *const *)environ);
}

#else

#if defined(__x86_64__)
#define RELOCATION_RELATIVE R_X86_64_RELATIVE
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call monitor_start\n"
	"	hlt\n");
#elif defined(__aarch64__)
#define RELOCATION_RELATIVE R_AARCH64_RELATIVE
__asm__(".globl _start\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	b monitor_start\n");
#endif

extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* read by code that the compiler makes */
uintptr_t __stack_chk_guard;
void __stack_chk_fail(void) __attribute__((noreturn));
void monitor_start(const long *stack) __attribute__((noreturn));

void __stack_chk_fail(void)
{
	for (;;)
		MON_CALL(SYS_kill, MON_CALL(SYS_getpid, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0);
}

/* Add the load address to every pointer in the data. There are no other relocations in a program without libraries. */
static inline __attribute__((always_inline)) void relocate(void)
{
	uintptr_t base = (uintptr_t)__ehdr_start;
	const Elf64_Rela *rela = NULL;
	size_t size = 0;

	for (const Elf64_Dyn *dyn = _DYNAMIC; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_RELA)
			rela = (const Elf64_Rela *)(base + dyn->d_un.d_ptr);
		else if (dyn->d_tag == DT_RELASZ)
			size = dyn->d_un.d_val;
	}
	for (size_t i = 0; i < size / sizeof(*rela); i++) {
		if (ELF64_R_TYPE(rela[i].r_info) == RELOCATION_RELATIVE)
			*(uintptr_t *)(base + rela[i].r_offset) =
				base + (uintptr_t)rela[i].r_addend;
	}
}

__attribute__((no_stack_protector)) void monitor_start(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);
	const char *const *environment = argv + stack[0] + 1;
	const char *const *end = environment;
	int status;

	relocate();
	while (*end != NULL)
		end++;
	for (const Elf64_auxv_t *aux = (const Elf64_auxv_t *)(end + 1); aux->a_type != AT_NULL;
	     aux++) {
		/* sixteen random bytes of the kernel */
		if (aux->a_type == AT_RANDOM)
			__stack_chk_guard = *(const uintptr_t *)aux->a_un.a_val;
	}
	status = run(argv, environment);
	for (;;)
		MON_CALL(SYS_exit_group, status, 0, 0, 0, 0);
}

/* Plain loops: the largest thing that is copied is a packet of 32 KB, by the kernel. */

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	char *out = to;
	const char *in = from;

	while (size-- > 0)
		*out++ = *in++;
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	char *out = to;
	const char *in = from;

	if (out < in)
		return memcpy(to, from, size);
	while (size-- > 0)
		out[size] = in[size];
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	char *out = to;

	while (size-- > 0)
		*out++ = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *left = a;
	const unsigned char *right = b;

	for (; size > 0; size--, left++, right++) {
		if (*left != *right)
			return *left - *right;
	}
	return 0;
}

/* Eight bytes at a time: this is the loop over all output, for its newlines. */
void *memchr(const void *data, int byte, size_t size)
{
	const uint64_t ones = 0x0101010101010101ULL;
	const uint64_t pattern = ones * (unsigned char)byte;
	const char *at = data;

	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;

		__builtin_memcpy(&word, at, sizeof(word));
		word ^= pattern;
		if ((word - ones) & ~word & (ones << 7))
			break;
	}
	for (; size > 0; size--, at++) {
		if (*at == (char)byte)
			return (void *)at;
	}
	return NULL;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	return length;
}

int strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size)
{
	for (; size > 0 && *a != '\0' && *a == *b; size--) {
		a++;
		b++;
	}
	return size == 0 ? 0 : (unsigned char)*a - (unsigned char)*b;
}

char *strchr(const char *text, int byte)
{
	for (; *text != (char)byte; text++) {
		if (*text == '\0')
			return NULL;
	}
	return (char *)text;
}

#endif
