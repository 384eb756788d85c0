/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/seccomp_default.c - the default filter (R8, R9), the only place where it is written down
 *
 * An allow-list. What is neither allowed nor named as refused gets ENOSYS: programs take it for an old kernel and fall back, and a
 * call that a new kernel brings is not open before somebody has thought about it. clone3 is such a one: its flags are in memory,
 * where a filter cannot look, and C libraries fall back to clone.
 *
 * The calls of i386 are filtered by the same list; x32 is not there at all. socketcall(SYS_SOCKET) hides the family in memory, so it is
 * refused: programs for i386 have socket() of their own since Linux 4.3, and the C libraries try the one when they do not get the other.
 *
 * Families that are never needed and were the way into the kernel before: AF_ALG (38), AF_VSOCK (40). TIOCSTI and TIOCLINUX type into
 * the caller's terminal.
 */
#include "engine/runtime.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "engine/runtime/seccomp.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>

#define NO_CAPABILITY (-1)

/* keys of a named profile */
#define NAMED_KEY	   "dhow.profile"
#define NAMED_CAPABILITIES "dhow.capabilities"

/* it would put each name on a line of its own */
/* clang-format off */
static const char *const always[] = {
	"_llseek", "_newselect", "accept", "accept4", "access", "adjtimex", "alarm", "arch_prctl",
	"bind", "brk", "cachestat", "capget", "capset", "chdir", "chmod", "chown", "chown32",
	"clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close", "close_range",
	"connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group",
	"faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark",
	"fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl",
	"fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr",
	"fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
	"ftruncate64", "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv",
	"futex_wake", "futimesat", "get_robust_list", "get_thread_area", "getcpu", "getcwd",
	"getdents", "getdents64", "getegid", "getegid32", "geteuid", "geteuid32", "getgid",
	"getgid32", "getgroups", "getgroups32", "getitimer", "getpeername", "getpgid", "getpgrp",
	"getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresgid32", "getresuid",
	"getresuid32", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid",
	"gettimeofday", "getuid", "getuid32", "getxattr", "getxattrat", "inotify_add_watch",
	"inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy",
	"io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit",
	"ioprio_get", "ioprio_set", "ipc", "kill", "landlock_add_rule", "landlock_create_ruleset",
	"landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link", "linkat", "listen",
	"listxattr", "listxattrat", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat",
	"lstat64", "madvise", "membarrier", "memfd_create", "memfd_secret", "mincore", "mkdir",
	"mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "modify_ldt",
	"mprotect", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "mremap",
	"mseal", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap",
	"name_to_handle_at", "nanosleep", "newfstatat", "open", "openat", "openat2", "pause",
	"pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free",
	"pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv", "preadv2",
	"prlimit64", "process_mrelease", "process_vm_readv", "process_vm_writev", "pselect6",
	"pselect6_time64", "ptrace", "pwrite64", "pwritev", "pwritev2", "read",
	"readahead", "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg", "remap_file_pages", "removexattr", "removexattrat", "rename",
	"renameat", "renameat2", "restart_syscall", "riscv_flush_icache", "rmdir", "rseq",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
	"sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
	"sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
	"sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget", "semop",
	"semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg", "sendmsg",
	"sendto", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsgid32",
	"setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setitimer",
	"setpgid", "setpriority", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid",
	"setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid", "setsockopt", "setuid",
	"setuid32", "setxattr", "setxattrat", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
	"sigaltstack", "signal", "signalfd", "signalfd4", "sigprocmask", "sigreturn", "socketpair",
	"splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat", "sync",
	"sync_file_range", "sync_file_range2", "syncfs", "sysinfo", "tee", "tgkill", "time",
	"timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64",
	"timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime",
	"timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times", "tkill", "truncate",
	"truncate64", "ugetrlimit", "umask", "uname", "unlink", "unlinkat", "utime", "utimensat",
	"utimensat_time64", "utimes", "vfork", "wait4", "waitid", "waitpid", "write",
	"writev", NULL
};

/* clang-format on */

/* ARM's own */
static const char *const always_arm[] = { "arm_fadvise64_64", "arm_sync_file_range",
					  "breakpoint",	      "cacheflush",
					  "set_tls",	      NULL };

/* clang-format off */
/* known and refused, whatever capabilities there are */
static const char *const never[] = {
	"_sysctl", "add_key", "afs_syscall", "bdflush", "epoll_ctl_old", "epoll_wait_old", "vmsplice", "create_module", "get_kernel_syms",
	"getpmsg", "io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load",
	"kexec_load", "keyctl", "map_shadow_stack", "nfsservctl", "oldfstat", "oldlstat",
	"oldolduname", "oldstat", "olduname", "putpmsg", "query_module", "request_key", "security",
	"sgetmask", "ssetmask", "swapoff", "swapon", "sysfs", "tuxcall", "uselib", "userfaultfd",
	"ustat", "vm86", "vm86old", "vserver", NULL
};

static const char *const for_sys_admin[] = {
	"clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "listmount",
	"lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree", "open_tree_attr",
	"pivot_root", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns",
	"statmount", "umount", "umount2", "unshare", NULL
};
/* clang-format on */
static const char *const for_sys_nice[] = {
	"get_mempolicy", "mbind",	  "migrate_pages",	     "move_pages",
	"nice",		 "set_mempolicy", "set_mempolicy_home_node", NULL
};
static const char *const for_dac_read_search[] = { "open_by_handle_at", NULL };
static const char *const for_sys_boot[] = { "reboot", NULL };
static const char *const for_sys_chroot[] = { "chroot", NULL };
static const char *const for_sys_module[] = { "delete_module", "finit_module", "init_module",
					      NULL };
static const char *const for_sys_pacct[] = { "acct", NULL };
static const char *const for_sys_ptrace[] = { "kcmp", "pidfd_getfd", "process_madvise", NULL };
static const char *const for_sys_rawio[] = { "ioperm", "iopl", NULL };
static const char *const for_sys_time[] = { "clock_settime", "clock_settime64", "settimeofday",
					    "stime", NULL };
static const char *const for_sys_tty_config[] = { "vhangup", NULL };
static const char *const for_syslog[] = { "syslog", NULL };
static const char *const for_bpf[] = { "bpf", NULL };
static const char *const for_perfmon[] = { "perf_event_open", NULL };

/* allowed with the capability, refused with EPERM without */
static const struct {
	const char *const *names;
	int capability, or_capability;
} guarded[] = {
	{ for_sys_admin, CAP_SYS_ADMIN, NO_CAPABILITY },
	{ for_sys_nice, CAP_SYS_NICE, NO_CAPABILITY },
	{ for_dac_read_search, CAP_DAC_READ_SEARCH, NO_CAPABILITY },
	{ for_sys_boot, CAP_SYS_BOOT, NO_CAPABILITY },
	{ for_sys_chroot, CAP_SYS_CHROOT, NO_CAPABILITY },
	{ for_sys_module, CAP_SYS_MODULE, NO_CAPABILITY },
	{ for_sys_pacct, CAP_SYS_PACCT, NO_CAPABILITY },
	{ for_sys_ptrace, CAP_SYS_PTRACE, NO_CAPABILITY },
	{ for_sys_rawio, CAP_SYS_RAWIO, NO_CAPABILITY },
	{ for_sys_time, CAP_SYS_TIME, NO_CAPABILITY },
	{ for_sys_tty_config, CAP_SYS_TTY_CONFIG, NO_CAPABILITY },
	{ for_syslog, CAP_SYSLOG, NO_CAPABILITY },
	{ for_bpf, 39 /* CAP_BPF */, CAP_SYS_ADMIN },
	{ for_perfmon, 38 /* CAP_PERFMON */, CAP_SYS_ADMIN },
};

/* ---- rules ---- */

#define ALLOW (-1)

static json_t *new_rule(const char *const *names, int errno_value)
{
	json_t *rule = json_object();
	json_t *list = json_array();

	for (; *names != NULL; names++)
		json_array_append_new(list, json_string(*names));
	json_put(rule, "names", list);
	json_put_string(rule, "action", errno_value == ALLOW ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
	if (errno_value != ALLOW)
		json_put_int(rule, "errnoRet", errno_value);
	return rule;
}

static void add_rule(json_t *rules, const char *const *names, int errno_value)
{
	json_array_append_new(rules, new_rule(names, errno_value));
}

/* argument & mask == value */
static json_t *masked(int index, uint64_t mask, uint64_t value)
{
	json_t *argument = json_object();

	json_put_int(argument, "index", index);
	json_put_int(argument, "value", (int64_t)mask);
	json_put_int(argument, "valueTwo", (int64_t)value);
	json_put_string(argument, "op", "SCMP_CMP_MASKED_EQ");
	return argument;
}

static void add_conditional(json_t *rules, const char *name, int errno_value, json_t *first_take,
			    json_t *second_take)
{
	const char *names[] = { name, NULL };
	json_t *rule = new_rule(names, errno_value);
	json_t *list = json_array();

	json_array_append_new(list, first_take);
	if (second_take != NULL)
		json_array_append_new(list, second_take);
	json_put(rule, "args", list);
	json_array_append_new(rules, rule);
}

#define ALL_OF_INT 0xffffffffU

static void add_sockets(json_t *rules, bool may_audit)
{
	static const char *const names[] = { "socket", "socketcall", NULL };
	static const int families[] = { 38 /* AF_ALG */, 40 /* AF_VSOCK */ };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		add_conditional(rules, "socket", EAFNOSUPPORT,
				masked(0, ALL_OF_INT, (uint64_t)families[i]), NULL);
	/* netlink, audit: what libaudit takes for a kernel without it, so that su and sudo go on */
	if (!may_audit)
		add_conditional(rules, "socket", EINVAL, masked(0, ALL_OF_INT, 16),
				masked(2, ALL_OF_INT, 9));
	add_conditional(rules, "socketcall", ENOSYS, masked(0, ALL_OF_INT, 1), NULL);
	add_rule(rules, names, ALLOW);
}

static void add_ioctl(json_t *rules)
{
	static const char *const names[] = { "ioctl", NULL };

	add_conditional(rules, "ioctl", EPERM, masked(1, ALL_OF_INT, TIOCSTI), NULL);
	add_conditional(rules, "ioctl", EPERM, masked(1, ALL_OF_INT, TIOCLINUX), NULL);
	add_rule(rules, names, ALLOW);
}

/* namespaces are made with CAP_SYS_ADMIN only; new user namespaces are the way to all others */
static void add_clone(json_t *rules)
{
	const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
				    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

#if defined(__s390x__) || defined(__s390__)
	add_conditional(rules, "clone", ALLOW, masked(1, namespaces, 0), NULL);
#else
	add_conditional(rules, "clone", ALLOW, masked(0, namespaces, 0), NULL);
#endif
}

static void add_personality(json_t *rules)
{
	/* PER_LINUX, PER_LINUX32, both with UNAME26, and the question */
	static const uint64_t values[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		add_conditional(rules, "personality", ALLOW, masked(0, UINT64_MAX, values[i]),
				NULL);
	static const char *const names[] = { "personality", NULL };
	add_rule(rules, names, EPERM);
}

static bool has(const struct strv *capabilities, int number)
{
	const char *name = capability_name(number);

	return number != NO_CAPABILITY && capabilities != NULL && name != NULL &&
	       strv_contains(capabilities, name);
}

static json_t *architectures(void)
{
	json_t *list = json_array();

#if defined(__x86_64__)
	json_array_append_new(list, json_string("SCMP_ARCH_X86_64"));
	json_array_append_new(list, json_string("SCMP_ARCH_X86"));
#elif defined(__aarch64__)
	json_array_append_new(list, json_string("SCMP_ARCH_AARCH64"));
	json_array_append_new(list, json_string("SCMP_ARCH_ARM"));
#endif
	return list;
}

json_t *profile_seccomp(const struct strv *capabilities)
{
	static const char *const clone3[] = { "clone3", NULL };
	json_t *profile = json_object();
	json_t *rules = json_array();

	json_put_string(profile, "defaultAction", "SCMP_ACT_ERRNO");
	json_put_int(profile, "defaultErrnoRet", ENOSYS);
	json_put(profile, "architectures", architectures());

	add_rule(rules, always, ALLOW);
#if defined(__aarch64__) || defined(__arm__)
	add_rule(rules, always_arm, ALLOW);
#else
	(void)always_arm;
#endif
	add_rule(rules, never, EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(guarded); i++) {
		bool allowed = has(capabilities, guarded[i].capability) ||
			       has(capabilities, guarded[i].or_capability);

		add_rule(rules, guarded[i].names, allowed ? ALLOW : EPERM);
	}
	/* the last word about a call counts: clone3 is unknown, clone is free of namespaces */
	if (!has(capabilities, CAP_SYS_ADMIN)) {
		add_rule(rules, clone3, ENOSYS);
		add_clone(rules);
	}
	add_sockets(rules, has(capabilities, CAP_AUDIT_WRITE));
	add_ioctl(rules);
	add_personality(rules);
	json_put(profile, "syscalls", rules);
	return profile;
}

json_t *profile_seccomp_named(const struct strv *capabilities)
{
	json_t *profile = json_object();
	struct strv guards = STRV_INIT;

	json_put_string(profile, "defaultAction", "SCMP_ACT_ERRNO");
	json_put_int(profile, "defaultErrnoRet", ENOSYS);
	json_put_int(profile, NAMED_KEY, SECCOMP_PROFILE_VERSION);
	for (size_t i = 0; capabilities != NULL && i < capabilities->count; i++)
		strv_add(&guards, capabilities->items[i]);
	json_put_strv(profile, NAMED_CAPABILITIES, &guards);
	strv_release(&guards);
	return profile;
}

json_t *seccomp_profile_expand(const json_t *seccomp)
{
	struct strv capabilities = STRV_INIT;
	json_t *profile;
	json_t *item;
	size_t i;

	if (json_object_get(seccomp, NAMED_KEY) == NULL)
		return NULL;
	json_array_foreach (json_object_get(seccomp, NAMED_CAPABILITIES), i, item)
		if (json_is_string(item))
			strv_add(&capabilities, json_string_value(item));
	profile = profile_seccomp(&capabilities);
	strv_release(&capabilities);
	return profile;
}
