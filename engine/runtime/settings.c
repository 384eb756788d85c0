/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/settings.c - loopback, host name, kernel parameters: what belongs to namespaces and not to files
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "engine/runtime/procfs.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int loopback_prepare(struct init *init, struct op *op, struct err *err)
{
	struct ifreq request = { .ifr_name = "lo" };
	cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* a kernel without internet protocols has no loopback either */
	if (fd < 0 && errno == EAFNOSUPPORT)
		return 0;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_sys(err, errno, "cannot bring the container's loopback interface up");
	return 0;
}

int hostname_prepare(struct init *init, struct op *op, struct err *err)
{
	if (sethostname(op->value, strlen(op->value)) < 0)
		return err_sys(err, errno, "cannot set the host name '%s'", op->value);
	return 0;
}

int domainname_prepare(struct init *init, struct op *op, struct err *err)
{
	if (setdomainname(op->value, strlen(op->value)) < 0)
		return err_sys(err, errno, "cannot set the domain name '%s'", op->value);
	return 0;
}

int sysctl_apply(struct init *init, struct op *op, struct err *err)
{
	cleanup_free char *path = xasprintf("sys/%s", op->target);
	int r = procfs_write(init->proc_fd, path, op->value);

	if (r == -ENOENT)
		return err_set(err, ERR_USAGE,
			       "cannot set sysctl '%s': this kernel has none of that "
			       "name",
			       op->target);
	if (r < 0)
		return err_sys(err, -r, "cannot set sysctl '%s' to '%s'", op->target, op->value);
	return 0;
}
