/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/e2e/probe.c - what a hostile program tries in a container; static, so that it runs in any image
 *
 *	probe calls		system calls that the default profile denies: a line for each that is let through
 *	probe swap A B		exchange two names until it is killed
 *	probe self		securebits, and what descriptors there are
 *	anything else		a trojan: makes /ran-NAME, and sleeps when it is called "main"
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static void denied(const char *name, long result, int want)
{
	int got = result < 0 ? errno : 0;

	if (got == 0 || (want != 0 && got != want))
		printf("%s: %s\n", name, got == 0 ? "works" : strerror(got));
}

#ifdef __x86_64__
/* The gate of i386 programs, in a child: a kernel without it, or a filter, kills who calls. */
static void denied_i386(const char *name, long number, long a, long b)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		long result;

		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "a"(number), "b"(a), "c"(b)
				 : "memory");
		_exit(result < 0 ? 0 : 1);
	}
	if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	    WEXITSTATUS(status) != 0)
		printf("%s: works\n", name);
}
#endif

static void calls(void)
{
	char byte = 'x';
	int fds[2];

	denied("unshare user", syscall(SYS_unshare, CLONE_NEWUSER), EPERM);
	denied("unshare mount", syscall(SYS_unshare, CLONE_NEWNS), EPERM);
	denied("clone3", syscall(SYS_clone3, NULL, 0), ENOSYS);
	denied("mount", mount("none", "/tmp", "tmpfs", 0, NULL), EPERM);
	denied("fsopen", syscall(SYS_fsopen, "tmpfs", 0), EPERM);
	denied("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1), EPERM);
	denied("pivot_root", syscall(SYS_pivot_root, ".", "."), EPERM);
	denied("setns", syscall(SYS_setns, 0, 0), EPERM);
	denied("bpf", syscall(SYS_bpf, 0, NULL, 0), EPERM);
	denied("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL), 0);
	denied("userfaultfd", syscall(SYS_userfaultfd, 0), EPERM);
	denied("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0), EPERM);
	denied("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0), EPERM);
	denied("add_key", syscall(SYS_add_key, "user", "a", "b", 1, -3), EPERM);
	denied("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0), EPERM);
	denied("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, NULL, 0), EPERM);
	denied("init_module", syscall(SYS_init_module, NULL, 0, ""), EPERM);
	denied("reboot", syscall(SYS_reboot, 0, 0, 0, NULL), EPERM);
	denied("swapon", syscall(SYS_swapon, "/", 0), EPERM);
	denied("acct", syscall(SYS_acct, NULL), EPERM);
	denied("quotactl", syscall(SYS_quotactl, 0, NULL, 0, NULL), EPERM);
	denied("settimeofday", syscall(SYS_settimeofday, &(long[2]){ 1, 0 }, NULL), EPERM);
	denied("a number that nobody knows", syscall(4000), ENOSYS);
	denied("AF_ALG", socket(38, SOCK_SEQPACKET, 0), 0);
	denied("AF_VSOCK", socket(40, SOCK_STREAM, 0), 0);
	if (pipe(fds) == 0) {
		denied("TIOCSTI", ioctl(0, TIOCSTI, &byte), 0);
		denied("TIOCLINUX", ioctl(0, TIOCLINUX, &byte), 0);
	}
#ifdef __x86_64__
	denied("x32", syscall(0x40000000 | SYS_getpid), 0);
	/* socketcall(SYS_SOCKET, {AF_ALG, SOCK_SEQPACKET, 0}): the arguments must be below 4 GiB */
	static unsigned arguments[3] = { 38, SOCK_SEQPACKET, 0 };
	if ((unsigned long)arguments < 0xffffffffUL)
		denied_i386("socketcall AF_ALG of i386", 102, 1, (long)arguments);
	denied_i386("unshare of i386", 310, CLONE_NEWUSER, 0);
#endif
	printf("done\n");
}

static void self(void)
{
	printf("securebits %d\n", prctl(PR_GET_SECUREBITS));
	printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("fd %d\n", fd);
}

static void trojan(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "/ran-%s", strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	if (strcmp(path, "/ran-main") == 0)
		sleep(1000);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "calls") == 0)
		calls();
	else if (argc > 1 && strcmp(argv[1], "self") == 0)
		self();
	else if (argc > 3 && strcmp(argv[1], "swap") == 0)
		for (;;)
			syscall(SYS_renameat2, AT_FDCWD, argv[2], AT_FDCWD, argv[3],
				RENAME_EXCHANGE);
	else
		trojan(argv[0]);
	return 0;
}
