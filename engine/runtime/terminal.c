/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/terminal.c - a new pty for the container (R4)
 *
 * It is made in the container's own devpts, reached by the descriptor of that mount, so that ttyname() works inside. The peer comes from the
 * master by ioctl: no path of the container is opened, nothing can be put in its place.
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

int terminal_new(int pts_fd, int console_fd, uint16_t rows, uint16_t columns, struct err *err)
{
	cleanup_fd int master_fd =
		pts_fd >= 0 ? openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC)
			    : open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct winsize size = { .ws_row = rows, .ws_col = columns };
	int unlock = 0;
	char byte = 0;

	if (master_fd < 0)
		return err_sys(err, errno, "cannot make a terminal for the container");
	if (ioctl(master_fd, TIOCSPTLCK, &unlock) < 0)
		return err_sys(err, errno, "cannot unlock the container's terminal");

	cleanup_fd int peer_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (peer_fd < 0)
		return err_sys(err, errno, "cannot open the container's terminal");
	if (rows > 0 && columns > 0 && ioctl(master_fd, TIOCSWINSZ, &size) < 0)
		return err_sys(err, errno, "cannot set the size of the container's terminal");

	int r = fd_send(console_fd, &byte, 1, &master_fd, 1);
	if (r < 0)
		return err_sys(err, -r, "cannot hand the container's terminal over");
	return TAKE_FD(peer_fd);
}

int console_apply(struct init *init, struct op *op, struct err *err)
{
	const struct program *program = &init->plan->program;
	uint16_t rows = init->io->rows != 0 ? init->io->rows : program->rows;
	uint16_t columns = init->io->columns != 0 ? init->io->columns : program->columns;

	init->terminal_fd = terminal_new(init->pts_fd, init->io->console_fd, rows, columns, err);
	if (init->terminal_fd < 0)
		return -1;
	/* the peer of the host's devpts is in no mount of ours, and nobody inside could name it */
	if (init->pts_fd < 0)
		return 0;

	cleanup_fd int clone_fd = sys_open_tree(
		init->terminal_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (clone_fd < 0)
		return err_sys(err, errno,
			       "cannot show the container's terminal as '/dev/console'");

	int r;
	if (init->dev_fd >= 0) {
		if (mknodat(init->dev_fd, "console", S_IFREG | 0600, 0) < 0 && errno != EEXIST)
			return err_sys(err, errno, "cannot make '/dev/console'");
		r = sys_move_mount(clone_fd, "", init->dev_fd, "console", MOVE_MOUNT_F_EMPTY_PATH) <
				    0
			    ? -errno
			    : 0;
	} else {
		cleanup_fd int target_fd = target_open(init, op->target, TARGET_FILE, err);
		if (target_fd < 0)
			return -1;
		r = target_attach(clone_fd, target_fd);
	}
	if (r < 0)
		return err_sys(err, -r, "cannot show the container's terminal as '/dev/console'");
	return 0;
}
