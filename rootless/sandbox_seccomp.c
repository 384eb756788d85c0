/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/sandbox_seccomp.c - the short list of system calls of a sandbox
 *
 * The filter is written by hand, two instructions per system call: libseccomp takes milliseconds for what is made here in
 * microseconds for every layer that is unpacked. Groups of calls are tables; the few calls whose arguments matter have a block
 * of their own. What is not in a table kills the process. A number above all that this list was made from is
 * answered with ENOSYS, so that a newer C library can fall back.
 */
#include "rootless/sandbox.h"
#include "rootless/sandbox_steps.h"

#include "base/err.h"
#include "base/kernel.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define SANDBOX_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SANDBOX_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define SANDBOX_ARCH AUDIT_ARCH_S390X
#else
#error "tell the audit architecture of this machine"
#endif

#define X32_BIT	       0x40000000U
#define NEWEST_SYSCALL 462U /* mseal, Linux 6.10 */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define FILTER_MAX 700
#define CLONE_NAMESPACES                                                                           \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

/* memory, time, signals of its own, descriptors that are open */
static const int calls_plain[] = {
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_preadv,
	SYS_pwritev,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_lseek,
	SYS_close,
	SYS_close_range,
	SYS_dup,
	SYS_dup3,
	SYS_fcntl,
	SYS_fstat,
	SYS_pipe2,
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_eventfd2,
	SYS_splice,
	SYS_tee,
	SYS_vmsplice,
	SYS_sendfile,
	SYS_copy_file_range,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_sendto,
	SYS_recvfrom,
	SYS_shutdown,
	SYS_getsockopt,
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_futex,
	SYS_set_robust_list,
	SYS_get_robust_list,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	SYS_getpid,
	SYS_gettid,
	SYS_getppid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_getrandom,
	SYS_sysinfo,
	SYS_uname,
	SYS_getrusage,
	SYS_exit,
	SYS_exit_group,
	SYS_membarrier,
	SYS_set_tid_address,
	SYS_rseq,
	SYS_getcpu,
	SYS_times,
	SYS_fadvise64,
	SYS_fsync,
	SYS_fdatasync,
	SYS_ftruncate,
	SYS_fallocate,
	SYS_fstatfs,
	SYS_sync_file_range,
	SYS_flock,
#ifdef SYS_poll
	SYS_poll,
	SYS_select,
	SYS_pipe,
	SYS_dup2,
	SYS_epoll_wait,
	SYS_time,
	SYS_arch_prctl,
#endif
};

/* looking at files by path: Landlock and the given descriptors say which */
static const int calls_look[] = {
	SYS_openat,	SYS_openat2,	SYS_newfstatat, SYS_statx,    SYS_readlinkat,
	SYS_faccessat,	SYS_faccessat2, SYS_getdents64, SYS_statfs,   SYS_getcwd,
	SYS_fchdir,	SYS_chdir,	SYS_fgetxattr,	SYS_getxattr, SYS_lgetxattr,
	SYS_flistxattr, SYS_listxattr,	SYS_llistxattr,
#ifdef SYS_open
	SYS_open,	SYS_stat,	SYS_lstat,	SYS_access,   SYS_readlink,
#endif
};

static const int calls_change[] = {
	SYS_mkdirat,	  SYS_unlinkat,	   SYS_renameat2,    SYS_linkat,    SYS_symlinkat,
	SYS_mknodat,	  SYS_fchmod,	   SYS_fchmodat,     SYS_fchmodat2, SYS_fchown,
	SYS_fchownat,	  SYS_utimensat,   SYS_fsetxattr,    SYS_setxattr,  SYS_lsetxattr,
	SYS_fremovexattr, SYS_removexattr, SYS_lremovexattr, SYS_truncate,  SYS_umask,
	SYS_syncfs,
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_open
	SYS_mkdir,	  SYS_rmdir,	   SYS_unlink,	     SYS_rename,    SYS_link,
	SYS_symlink,	  SYS_mknod,	   SYS_chmod,	     SYS_chown,	    SYS_lchown,
	SYS_utimes,	  SYS_futimesat,
#endif
};

static const int calls_network[] = {
	SYS_connect,	SYS_bind,	SYS_getsockname, SYS_getpeername,
	SYS_setsockopt, SYS_socketpair, SYS_sendmmsg,	 SYS_recvmmsg,
};

/* what programs do between their start and their end, besides */
static const int calls_programs[] = {
	SYS_execve,  SYS_wait4,	    SYS_waitid,	   SYS_getpgid,	  SYS_setpgid,
	SYS_setsid,  SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_mlock,
	SYS_munlock, SYS_msync,	    SYS_setitimer, SYS_getitimer,
#ifdef SYS_open
	SYS_vfork,   SYS_fork,	    SYS_getpgrp,   SYS_alarm,	  SYS_creat,
#endif
};

/* asked for by libraries that go on without an answer */
static const int calls_refused[] = { SYS_prctl, SYS_prlimit64, SYS_get_mempolicy,
				     SYS_sched_setaffinity };

/* the program under construction */
struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned short count;
};

static void emit(struct filter *filter, struct sock_filter instruction)
{
	if (filter->count >= FILTER_MAX)
		BUG("the filter of a sandbox is longer than %d", FILTER_MAX);
	filter->code[filter->count++] = instruction;
}

static void emit_load(struct filter *filter, size_t offset)
{
	emit(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void emit_return(struct filter *filter, unsigned action)
{
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* "if the number is call, return action"; the number is in the accumulator */
static void emit_call(struct filter *filter, int call, unsigned action)
{
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1));
	emit_return(filter, action);
}

static void emit_calls(struct filter *filter, const int *calls, size_t count, unsigned action)
{
	for (size_t i = 0; i < count; i++)
		emit_call(filter, calls[i], action);
}
#define EMIT_TABLE(filter, table, action)                                                          \
	emit_calls(filter, table, sizeof(table) / sizeof((table)[0]), action)

/* the low half of an argument; the upper half is not used by the values that are compared */
static size_t argument(int number)
{
	size_t offset = offsetof(struct seccomp_data, args) + 8 * (size_t)number;

	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? offset : offset + 4;
}

/*
 * "if the number is call: good when argument & mask equals value, else otherwise". The accumulator is lost inside, and every
 * way through the block returns.
 */
static void emit_masked(struct filter *filter, int call, int arg, unsigned mask, unsigned value,
			unsigned otherwise)
{
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 5));
	emit_load(filter, argument(arg));
	emit(filter, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
	emit_return(filter, SECCOMP_RET_ALLOW);
	emit_return(filter, otherwise);
}

/* socket(): the families that a client of TCP and DNS needs */
static void emit_socket(struct filter *filter)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
	const unsigned char count = sizeof(families) / sizeof(families[0]);

	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0,
						  1 + 2 * count + 1));
	emit_load(filter, argument(0));
	EMIT_TABLE(filter, families, SECCOMP_RET_ALLOW);
	emit_return(filter, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}

static void build(const struct sandbox *sandbox, struct filter *filter)
{
	const unsigned no_access = SECCOMP_RET_ERRNO | EACCES;
	const unsigned no_call = SECCOMP_RET_ERRNO | ENOSYS;
	bool may_look = sandbox->allow_files || sandbox->allow_network ||
			sandbox->read_dir_count > 0 || sandbox->write_dir_count > 0;

	emit_load(filter, offsetof(struct seccomp_data, arch));
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0));
	emit_return(filter, SECCOMP_RET_KILL_PROCESS);
	emit_load(filter, offsetof(struct seccomp_data, nr));
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
	emit_return(filter, SECCOMP_RET_KILL_PROCESS);
	emit(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_SYSCALL, 0, 1));
	emit_return(filter, no_call);

	EMIT_TABLE(filter, calls_plain, SECCOMP_RET_ALLOW);
	/* fstat() of the C library is this call with an empty path */
	if (!may_look)
		emit_masked(filter, SYS_newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH, no_access);
	EMIT_TABLE(filter, calls_look, may_look ? SECCOMP_RET_ALLOW : no_access);
	if (sandbox->allow_files)
		EMIT_TABLE(filter, calls_change, SECCOMP_RET_ALLOW);
	if (sandbox->allow_network) {
		EMIT_TABLE(filter, calls_network, SECCOMP_RET_ALLOW);
		emit_socket(filter);
	}
	if (sandbox->allow_programs) {
		EMIT_TABLE(filter, calls_programs, SECCOMP_RET_ALLOW);
		/* a program that cannot lower its limits gives up, unless the kernel has none */
		emit_call(filter, SYS_prlimit64, no_call);
		emit_masked(filter, SYS_clone, 0, CLONE_NAMESPACES, 0, SECCOMP_RET_ERRNO | EPERM);
	}
	EMIT_TABLE(filter, calls_refused, SECCOMP_RET_ERRNO | EPERM);

	/* code is loaded before the sandbox closes, except by name services */
	unsigned no_code = sandbox->allow_network || sandbox->allow_programs ? 0 : PROT_EXEC;
	emit_masked(filter, SYS_mmap, 2, no_code, 0, no_access);
	emit_masked(filter, SYS_mprotect, 2, no_code, 0, no_access);
	/* a size that is asked for, a mode that is set: nothing that a device or terminal would act on */
	emit_call(filter, SYS_ioctl, SECCOMP_RET_ERRNO | ENOTTY);
	/* abort() signals its own thread */
	emit_masked(filter, SYS_tgkill, 0, ~0U, (unsigned)getpid(),
		    sandbox->allow_programs ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS);
	/* glibc falls back from clone3, whose flags a filter cannot see, to clone */
	emit_call(filter, SYS_clone3, no_call);
	if (sandbox->allow_threads)
		emit_masked(filter, SYS_clone, 0, CLONE_THREAD, CLONE_THREAD,
			    SECCOMP_RET_KILL_PROCESS);
	emit_return(filter,
		    sandbox->allow_programs ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS);
}

int sandbox_seccomp(const struct sandbox *sandbox, struct err *err)
{
	struct filter filter = { .count = 0 };

	build(sandbox, &filter);

	struct sock_fprog program = { .len = filter.count, .filter = filter.code };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return err_sys(err, errno, "cannot restrict the system calls of a sandbox");

	return 0;
}
