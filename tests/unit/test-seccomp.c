/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-seccomp.c - filters, verified by calling (R9)
 *
 * Each case runs in a child that puts a filter in force and makes system calls; what it sees is compared. i386 numbers go through
 * int 0x80 where the kernel has it.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/path.h"
#include "engine/runtime.h"
#include "engine/runtime/seccomp.h"

static json_t *default_profile(const char *more)
{
	struct strv names = STRV_INIT;

	profile_capabilities(&names);
	if (more != NULL)
		strv_add(&names, more);
	json_t *profile = profile_seccomp(&names);
	strv_release(&names);
	return profile;
}

/* Run check in a child under the filter; its exit status is the number of the first line that failed, 0 when all is well. */
static int run_under(const json_t *profile, int (*check)(void))
{
	struct seccomp_filter filter = SECCOMP_FILTER_INIT;
	struct err err;
	int status;

	if (seccomp_filter_compile(profile, &filter, &err) < 0)
		fail_msg("%s", err.msg);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (seccomp_filter_apply(&filter) < 0)
			_exit(255);
		_exit(check());
	}
	waitpid(pid, &status, 0);
	seccomp_filter_release(&filter);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define EXPECT(call, wanted_errno)                                                                 \
	do {                                                                                       \
		errno = 0;                                                                         \
		long result_ = (long)(call);                                                       \
		if ((wanted_errno) == 0 ? result_ < 0 : result_ >= 0 || errno != (wanted_errno))   \
			return __LINE__ % 250 + 1;                                                 \
	} while (0)

static int check_default(void)
{
	EXPECT(syscall(SYS_getpid), 0);
	EXPECT(syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY), 0);
	EXPECT(socket(AF_INET, SOCK_STREAM, 0), 0);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0), 0);
	EXPECT(socket(AF_NETLINK, SOCK_RAW, 0), 0);
	EXPECT(socket(38, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	EXPECT(socket(40, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT(socket(AF_NETLINK, SOCK_RAW, 9), EINVAL);
	/* the kernel takes an int: the upper half must not hide it */
	EXPECT(syscall(SYS_socket, 0x100000000UL | 38, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	EXPECT(syscall(SYS_socket, 0xffffffff00000000UL | 40, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT(ioctl(0, TIOCSTI, "x"), EPERM);
	EXPECT(syscall(SYS_ioctl, 0, 0x100000000UL | TIOCSTI, "x"), EPERM);
	EXPECT(ioctl(0, TIOCLINUX, "x"), EPERM);
	EXPECT(syscall(SYS_unshare, CLONE_NEWUSER), EPERM);
	EXPECT(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_clone3, NULL, 0), ENOSYS);
	EXPECT(syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL), EPERM);
	EXPECT(syscall(SYS_setns, 0, 0), EPERM);
	EXPECT(syscall(SYS_pivot_root, "/", "/"), EPERM);
	EXPECT(syscall(SYS_bpf, 0, NULL, 0), EPERM);
	EXPECT(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(425 /* io_uring_setup */, 1, NULL), EPERM);
	EXPECT(syscall(SYS_userfaultfd, 0), EPERM);
	EXPECT(syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_add_key, "user", "x", "x", 1, -1), EPERM);
	EXPECT(syscall(SYS_open_by_handle_at, 0, NULL, 0), EPERM);
	EXPECT(syscall(SYS_personality, 0x100000000UL), EPERM);
	EXPECT(syscall(SYS_personality, 0xffffffffUL), 0);
	EXPECT(syscall(SYS_personality, 0x0400000UL), EPERM);
	EXPECT(syscall(9999), ENOSYS);
	EXPECT(syscall(700), ENOSYS);

	/* a process, as fork makes it */
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return 1;
	waitpid((pid_t)pid, NULL, 0);
	return 0;
}

static void default_profile_denies_by_calling(void **state)
{
	json_t *profile = default_profile(NULL);

	assert_int_equal(run_under(profile, check_default), 0);
	json_decref(profile);
}

#ifdef __x86_64__
static long i386(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static bool has_i386(void)
{
	int status;
	pid_t pid = fork();

	/* where there is none it is a fault, and cmocka catches those */
	if (pid == 0)
		signal(SIGSEGV, SIG_DFL);
	if (pid == 0)
		_exit(i386(20 /* getpid */, 0, 0, 0) == getpid() ? 0 : 1);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#define X32 0x40000000L
static int check_other_abis(void)
{
	if (i386(20, 0, 0, 0) != getpid())
		return 1;
	if (i386(359 /* socket */, 38, SOCK_SEQPACKET, 0) != -EAFNOSUPPORT)
		return 2;
	if (i386(359, 40, SOCK_STREAM, 0) != -EAFNOSUPPORT)
		return 3;
	/* TCP works */
	if (i386(359, AF_INET, SOCK_STREAM, 0) < 0)
		return 4;
	if (i386(102 /* socketcall */, 1, 0, 0) != -ENOSYS)
		return 5;
	if (i386(21 /* mount */, 0, 0, 0) != -EPERM)
		return 6;
	if (i386(310 /* unshare */, CLONE_NEWUSER, 0, 0) != -EPERM)
		return 7;
	if (i386(120 /* clone */, CLONE_NEWUSER | SIGCHLD, 0, 0) != -EPERM)
		return 8;
	if (i386(9999, 0, 0, 0) != -ENOSYS)
		return 9;
	/* i386's numbers mean other calls: 165 is mount on x86_64 and getresuid there */
	EXPECT(syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL), EPERM);
	EXPECT(syscall(X32 | SYS_getpid), ENOSYS);
	EXPECT(syscall(X32 | SYS_socket, 38, SOCK_SEQPACKET, 0), ENOSYS);
	EXPECT(syscall(X32 | SYS_mount, "x", "/", "tmpfs", 0, NULL), ENOSYS);
	return 0;
}

static void other_abis_are_covered(void **state)
{
	json_t *profile = default_profile(NULL);

	if (!has_i386())
		skip();
	assert_int_equal(run_under(profile, check_other_abis), 0);
	json_decref(profile);
}
#endif

static int check_admin(void)
{
	/* the kernel's own answer */
	EXPECT(syscall(SYS_clone3, NULL, 0), EINVAL);
	EXPECT(syscall(SYS_mount, "x", "/no/such", "tmpfs", 0, NULL), ENOENT);
	EXPECT(socket(38, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	return 0;
}

static void capabilities_open_what_belongs_to_them(void **state)
{
	json_t *profile = default_profile("CAP_SYS_ADMIN");

	assert_int_equal(run_under(profile, check_admin), 0);
	json_decref(profile);
}

/* ---- evaluated offline: architectures that this machine may not have ---- */

static uint32_t evaluate(const struct seccomp_filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < filter->count; pc++) {
		const struct sock_filter *f = &filter->code[pc];
		bool taken;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + f->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			taken = a == f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			taken = a > f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			taken = a >= f->k;
			break;
		default:
			fail_msg("unknown instruction %x at %zu", f->code, pc);
			return 0;
		}
		pc += taken ? f->jt : f->jf;
	}
	fail_msg("the program has no end");
	return 0;
}

static void all_families_on_all_architectures(void **state)
{
	json_t *profile = default_profile(NULL);
	struct seccomp_filter filter = SECCOMP_FILTER_INIT;
	struct err err;
	const uint32_t allow = SECCOMP_RET_ALLOW;

	assert_int_equal(seccomp_filter_compile(profile, &filter, &err), 0);
	for (uint64_t family = 0; family < 46; family++) {
		for (int high = 0; high < 2; high++) {
			uint64_t value = family | (high ? 0xdead00000000 : 0);
			struct seccomp_data native = { .nr = 41,
						       .arch = AUDIT_ARCH_X86_64,
						       .args = { value } };
			struct seccomp_data x32 = { .nr = 0x40000000 | 41,
						    .arch = AUDIT_ARCH_X86_64,
						    .args = { value } };
			struct seccomp_data i386_call = { .nr = 359,
							  .arch = AUDIT_ARCH_I386,
							  .args = { value } };
			bool bad = family == 38 || family == 40;
			uint32_t want = bad ? SECCOMP_RET_ERRNO | EAFNOSUPPORT : allow;

			assert_int_equal(evaluate(&filter, &native), want);
			assert_int_equal(evaluate(&filter, &i386_call), want);
			assert_int_equal(evaluate(&filter, &x32), SECCOMP_RET_ERRNO | ENOSYS);
		}
	}

	static const struct {
		uint32_t arch;
		int number;
		uint64_t arg0;
		uint32_t want;
	} cases[] = {
		{ AUDIT_ARCH_I386, 102, 1, SECCOMP_RET_ERRNO | ENOSYS },
		{ AUDIT_ARCH_I386, 102, 0x500000001, SECCOMP_RET_ERRNO | ENOSYS },
		{ AUDIT_ARCH_I386, 102, 3, SECCOMP_RET_ALLOW },
		{ AUDIT_ARCH_I386, 21, 0, SECCOMP_RET_ERRNO | EPERM },
		{ AUDIT_ARCH_I386, 310, 0, SECCOMP_RET_ERRNO | EPERM },
		{ AUDIT_ARCH_I386, 120, CLONE_NEWUSER, SECCOMP_RET_ERRNO | EPERM },
		{ AUDIT_ARCH_I386, 120, SIGCHLD, SECCOMP_RET_ALLOW },
		{ AUDIT_ARCH_I386, 435, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ AUDIT_ARCH_I386, 9999, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ AUDIT_ARCH_I386, -1, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ AUDIT_ARCH_X86_64, -1, 0, SECCOMP_RET_ERRNO | ENOSYS },
		{ AUDIT_ARCH_AARCH64, 63, 0, SECCOMP_RET_ERRNO | ENOSYS },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seccomp_data data = { .nr = cases[i].number,
					     .arch = cases[i].arch,
					     .args = { cases[i].arg0 } };

		if (evaluate(&filter, &data) != cases[i].want)
			fail_msg("case %zu: %x", i, evaluate(&filter, &data));
	}

	/* S12: the surface */
	int open_calls = 0;
	for (int number = 0; number <= 450; number++) {
		struct seccomp_data data = { .nr = number, .arch = AUDIT_ARCH_X86_64 };

		open_calls += evaluate(&filter, &data) == allow;
	}
	print_message("%d calls of x86_64 are not refused, %zu instructions\n", open_calls,
		      filter.count);
	/* four of them by argument: clone, ioctl, personality, socket */
	assert_true(open_calls - 4 <= 290);
	seccomp_filter_release(&filter);
	json_decref(profile);
}

/* ---- comparisons, in a profile of one conditional rule: lseek gives E2BIG when the condition holds ---- */

static uint64_t probe_value;

static int check_probe(void)
{
	errno = 0;
	long result = syscall(SYS_lseek, 1000, probe_value, 0);

	return result < 0 && errno == E2BIG ? 1 : 0;
}

static int holds(const char *op, uint64_t value, uint64_t value_two, uint64_t actual)
{
	json_t *profile =
		json_pack("{s:s, s:[{s:[s], s:s, s:i, s:[{s:i, s:I, s:I, s:s}]}]}", "defaultAction",
			  "SCMP_ACT_ALLOW", "syscalls", "names", "lseek", "action",
			  "SCMP_ACT_ERRNO", "errnoRet", E2BIG, "args", "index", 1, "value",
			  (json_int_t)value, "valueTwo", (json_int_t)value_two, "op", op);

	assert_non_null(profile);
	probe_value = actual;
	int r = run_under(profile, check_probe);
	json_decref(profile);
	return r;
}

static void comparisons_use_all_64_bits(void **state)
{
	static const struct {
		const char *op;
		uint64_t value, two, actual;
		int holds;
	} cases[] = {
		{ "SCMP_CMP_EQ", 5, 0, 5, 1 },
		{ "SCMP_CMP_EQ", 5, 0, 0x100000005, 0 },
		{ "SCMP_CMP_NE", 5, 0, 0x100000005, 1 },
		{ "SCMP_CMP_NE", 5, 0, 5, 0 },
		{ "SCMP_CMP_NE", 5, 0, 6, 1 },
		{ "SCMP_CMP_GT", 5, 0, 5, 0 },
		{ "SCMP_CMP_GT", 5, 0, 6, 1 },
		{ "SCMP_CMP_GT", 0x100000000, 0, 0xffffffff, 0 },
		{ "SCMP_CMP_GT", 5, 0, 0x100000000, 1 },
		{ "SCMP_CMP_GE", 5, 0, 5, 1 },
		{ "SCMP_CMP_GE", 5, 0, 4, 0 },
		{ "SCMP_CMP_GE", 0x200000005, 0, 0x200000004, 0 },
		{ "SCMP_CMP_LT", 5, 0, 4, 1 },
		{ "SCMP_CMP_LT", 5, 0, 5, 0 },
		{ "SCMP_CMP_LT", 0x100000000, 0, 0xffffffff, 1 },
		{ "SCMP_CMP_LT", 5, 0, 0x100000000, 0 },
		{ "SCMP_CMP_LE", 5, 0, 5, 1 },
		{ "SCMP_CMP_LE", 5, 0, 6, 0 },
		{ "SCMP_CMP_LE", 0x300000000, 0, 0x2ffffffff, 1 },
		{ "SCMP_CMP_MASKED_EQ", 0xf0, 0x10, 0x12, 1 },
		{ "SCMP_CMP_MASKED_EQ", 0xf0, 0x10, 0x22, 0 },
		{ "SCMP_CMP_MASKED_EQ", 0xf00000000, 0x100000000, 0x100000000, 1 },
		{ "SCMP_CMP_MASKED_EQ", 0xf00000000, 0x100000000, 0x200000000, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = holds(cases[i].op, cases[i].value, cases[i].two, cases[i].actual);

		if (r != cases[i].holds)
			fail_msg("%s %llx %llx against %llx: %d", cases[i].op,
				 (unsigned long long)cases[i].value,
				 (unsigned long long)cases[i].two,
				 (unsigned long long)cases[i].actual, r);
	}
}

static void wrong_profiles_are_refused(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"defaultAction\":\"ALLOW\"}",
		"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":99999}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"VAX\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],"
		"\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"op\":\"EQ\"}]}]}",
	};
	struct strv none = STRV_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err err = { 0 };

		assert_null(seccomp_profile_parse(texts[i], strlen(texts[i]), &none, &err));
		assert_true(err.msg[0] != '\0');
	}
}

static void includes_and_excludes_follow_capabilities(void **state)
{
	static const char text[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":"
		"\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":["
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_"
		"KILL\"]}},"
		"{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":["
		"\"CAP_KILL\"]}},"
		"{\"names\":[\"open\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":["
		"\"vax\"]}},"
		"{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"99.0\"}},"
		"{\"names\":[\"dup\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":"
		"\"4.8\"}}]}";
	struct strv caps = STRV_INIT;
	struct err err;

	json_t *profile = seccomp_profile_parse(text, strlen(text), &caps, &err);
	assert_non_null(profile);
	assert_int_equal(json_array_size(json_object_get(profile, "syscalls")), 2);
	json_decref(profile);

	strv_add(&caps, "CAP_KILL");
	profile = seccomp_profile_parse(text, strlen(text), &caps, &err);
	assert_non_null(profile);
	json_t *first = json_array_get(json_object_get(profile, "syscalls"), 0);
	assert_string_equal(json_string_value(json_array_get(json_object_get(first, "names"), 0)),
			    "read");
	json_decref(profile);
	strv_release(&caps);
}

/* the name of a profile is part of the names of cached filters: when the profile changes, its version has to */
static void the_named_profile_is_the_default_one(void **state)
{
	struct strv names = STRV_INIT;
	struct seccomp_filter whole = SECCOMP_FILTER_INIT;
	struct seccomp_filter named = SECCOMP_FILTER_INIT;
	struct err err;
	uint64_t hash = UINT64_C(14695981039346656037);

	profile_capabilities(&names);
	json_t *profile = profile_seccomp(&names);
	json_t *name = profile_seccomp_named(&names);
	char *text = json_dumps(name, JSON_COMPACT);
	assert_true(strlen(text) < 600);
	assert_null(json_object_get(name, "syscalls"));
	assert_int_equal(seccomp_profile_check(name, &err), 0);
	assert_int_equal(seccomp_filter_compile(profile, &whole, &err), 0);
	assert_int_equal(seccomp_filter_compile(name, &named, &err), 0);
	assert_int_equal(named.count, whole.count);
	assert_memory_equal(named.code, whole.code, whole.count * sizeof(*whole.code));
	seccomp_filter_release(&named);
	seccomp_filter_release(&whole);
	free(text);
	json_decref(name);
	json_decref(profile);
	strv_release(&names);

#if defined(__x86_64__)
	/* without and with each capability, one after the other */
	for (int i = -1; i < 41; i++) {
		profile = default_profile(i < 0 ? NULL : capability_name(i));
		text = json_dumps(profile, JSON_COMPACT);
		for (const char *c = text; *c != '\0'; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
		free(text);
		json_decref(profile);
	}
	if (SECCOMP_PROFILE_VERSION != 1 || hash != UINT64_C(0xd78c91d3896d16c7))
		fail_msg("the default profile is another one (hash %#llx): raise "
			 "SECCOMP_PROFILE_VERSION, and write both here",
			 (unsigned long long)hash);
#endif
}

static void the_cache_gives_the_same_program(void **state)
{
	char dir[] = "/tmp/test-seccomp-XXXXXX";
	struct seccomp_filter compiled = SECCOMP_FILTER_INIT;
	json_t *profile = default_profile(NULL);
	struct err err;

	assert_non_null(mkdtemp(dir));
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(seccomp_filter_compile(profile, &compiled, &err), 0);
	for (int i = 0; i < 3; i++) {
		struct seccomp_filter cached = SECCOMP_FILTER_INIT;

		assert_int_equal(seccomp_filter_load(profile, dir_fd, &cached, &err), 0);
		assert_int_equal(cached.count, compiled.count);
		assert_memory_equal(cached.code, compiled.code,
				    compiled.count * sizeof(*compiled.code));
		seccomp_filter_release(&cached);
		/* the second round finds a damaged record */
		if (i == 0) {
			char command[200];

			snprintf(command, sizeof(command),
				 "for f in %s/*; do printf xxxx | dd of=$f bs=1 seek=500 "
				 "conv=notrunc 2>/dev/null; done",
				 dir);
			assert_int_equal(system(command), 0);
		}
	}
	seccomp_filter_release(&compiled);
	json_decref(profile);
	close(dir_fd);
	int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	path_remove_tree(tmp_fd, dir + strlen("/tmp/"));
	close(tmp_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_profile_denies_by_calling),
#ifdef __x86_64__
		cmocka_unit_test(other_abis_are_covered),
#endif
#ifdef __x86_64__
		cmocka_unit_test(all_families_on_all_architectures),
#endif
		cmocka_unit_test(capabilities_open_what_belongs_to_them),
		cmocka_unit_test(comparisons_use_all_64_bits),
		cmocka_unit_test(wrong_profiles_are_refused),
		cmocka_unit_test(includes_and_excludes_follow_capabilities),
		cmocka_unit_test(the_named_profile_is_the_default_one),
		cmocka_unit_test(the_cache_gives_the_same_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
