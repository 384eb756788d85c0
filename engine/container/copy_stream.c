/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/copy_stream.c - cp with a stream of tar at one end, or a container at both
 *
 * Out of a container the tar is written by a child that has its root. Into a container it is unpacked by libexec/dhow/transfer, because
 * a tar is hostile (R14); a child finds the directory, hands it over, and waits.
 *
 * Two containers: both at once, with a pipe between. What a thing is called in the target depends on what is there, so the child of
 * the target tells the child of the source.
 */
#include "engine/container/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/lock.h"
#include "base/process.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/container/start.h"
#include "engine/image/untar.h"
#include "storage/tar_write.h"

#define SPOOL_BYTES (256 * 1024)

/* ---- a part of the work in a process of its own ---------------------------------------------------------------------- */

struct aside {
	struct child child;
	int result_fd;
};
#define ASIDE_INIT                                                                                 \
	{                                                                                          \
		CHILD_INIT, -1                                                                     \
	}

static int aside_start(struct aside *aside, int (*function)(void *arg, struct err *err), void *arg,
		       struct err *err)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot start a process");
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return err_sys(err, errno, "cannot start a process");
	}
	if (pid == 0) {
		struct err of_child = { 0 };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (function(arg, &of_child) < 0)
			err_send(fds[1], &of_child);
		_exit(0);
	}
	close(fds[1]);
	aside->result_fd = fds[0];
	aside->child = (struct child){ pid, sys_pidfd_open(pid, 0) };
	return 0;
}

/* Wait: 0, or -1 with its err. */
static int aside_finish(struct aside *aside, struct err *err)
{
	int status = aside->result_fd >= 0 ? err_receive(aside->result_fd, err) : 0;

	fd_close(&aside->result_fd);
	if (aside->child.pid > 0)
		child_wait(&aside->child, NULL);
	child_release(&aside->child);
	return status > 0 ? -1 : 0;
}

/* Memory that children write their answers to. */
static void *shared_new(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED ? memory : xcalloc(1, SIZE_MAX);
}

/* ---- out ------------------------------------------------------------------------------------------------------------- */

struct out {
	struct engine *engine;
	struct container *container;
	const char *path, *where;
	int output_fd;
	int name_fd;  /* the name in the archive comes from here; -1: its own */
	int other_fd; /* to be closed in this process, or -1 */
};

static int read_name(int fd, char name[NAME_MAX + 2], struct err *err)
{
	ssize_t got;

	/* one write, one read: others hold the writing end open too */
	do {
		got = read(fd, name, NAME_MAX + 1);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return err_set(err, ERR_INTERRUPTED, "the target was given up");
	name[got] = '\0';
	return 0;
}

static int write_file(struct tar_writer *writer, const struct copy_source *source, const char *name,
		      struct err *err)
{
	struct tar_item item = { .name = name };
	struct stat st;

	if (fstat(source->fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect '%s'", name);
	item.mode = st.st_mode;
	item.uid = st.st_uid;
	item.gid = st.st_gid;
	item.mtime_s = st.st_mtime;
	item.size = (uint64_t)st.st_size;
	return tar_writer_add_fd(writer, &item, source->fd, err);
}

static int write_tar(void *arg, const struct container_tree *tree, struct err *err)
{
	struct out *out = arg;
	struct copy_source source = COPY_SOURCE_INIT;
	char given[NAME_MAX + 2];
	const char *name = NULL;
	struct tar_tree_options options = { .cross_mounts = true };
	struct tar_writer *writer;
	int status = copy_source_inside(tree->root_fd, out->path, out->where, &source, err);

	if (status == 0 && out->name_fd >= 0)
		status = read_name(out->name_fd, given, err);
	if (status < 0) {
		copy_source_release(&source);
		return -1;
	}
	/* "/" is what it is called when only the content is wanted */
	name = out->name_fd >= 0     ? (str_equal(given, "/") ? NULL : given)
	       : source.content_only ? NULL
				     : source.base;
	writer = tar_writer_new(tar_sink_fd, &out->output_fd);
	options.prefix = name;
	options.with_root = name != NULL;
	status = source.is_directory ? tar_writer_add_tree(writer, source.fd, &options, NULL, err)
				     : write_file(writer, &source, name, err);
	if (status == 0)
		status = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	copy_source_release(&source);
	return status;
}

static int run_out(void *arg, struct err *err)
{
	struct out *out = arg;

	fd_close(&out->other_fd);
	signal(SIGPIPE, SIG_IGN);
	return container_tree_run(out->engine, out->container, TREE_MOUNTS, write_tar, out, err);
}

/* ---- in -------------------------------------------------------------------------------------------------------------- */

struct in {
	struct engine *engine;
	struct container *container;
	const char *path, *where;
	const struct copy_source
		*source; /* what is copied; NULL: a stream, whose names are its own */
	int control_fd;	 /* to transfer */
	int other_fd;	 /* its other end, to be closed in this process */
	int name_fd;	 /* where the name goes, or -1 */
	int init_fd;	 /* pidfd of the running container's init, or -1 */
};

static int send_name(const struct in *in, const struct copy_place *place, struct err *err)
{
	const char *name = NULL;

	if (copy_target_name(place, in->source, &name, err) < 0)
		return -1;
	if (name == NULL)
		name = "/";
	return fd_write_full(in->name_fd, name, strlen(name)) < 0
		       ? err_set(err, ERR_INTERRUPTED, "the source was given up")
		       : 0;
}

static int find_target(void *arg, const struct container_tree *tree, struct err *err)
{
	struct in *in = arg;
	struct copy_place place = COPY_PLACE_INIT;
	/*
	 * A process that joined namespaces cannot be joined itself: then the init is the one. Of our own a descriptor of the namespace does,
	 * since with other ids than the caller's (keep-id) we are not his any more.
	 */
	cleanup_fd int own_fd =
		in->init_fd < 0 ? open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) : -1;
	char byte;
	int status = copy_place_inside(tree->root_fd, in->path, in->where, &place, err);

	if (status == 0 && in->source == NULL && place.name != NULL)
		status = err_set(err, ERR_NOT_FOUND,
				 "destination must be a directory when copying from stdin");
	if (status == 0)
		status = untar_send(in->control_fd, place.dir_fd,
				    own_fd >= 0 ? own_fd : in->init_fd, err);
	if (status == 0 && in->name_fd >= 0)
		status = send_name(in, &place, err);
	fd_close(&in->name_fd);
	/* our namespaces are needed until the other end is closed */
	if (status == 0)
		(void)fd_read_full(in->control_fd, &byte, 1);
	copy_place_release(&place);
	return status;
}

static int run_in(void *arg, struct err *err)
{
	struct in *in = arg;

	fd_close(&in->other_fd);
	return container_tree_run(in->engine, in->container, TREE_MOUNTS, find_target, in, err);
}

struct owner {
	struct container *container;
	const json_t *spec;
	uint32_t *ids; /* shared memory */
};

static int find_owner(void *arg, const struct container_tree *tree, struct err *err)
{
	const struct owner *owner = arg;

	return copy_user(tree->root_fd, owner->container, owner->spec, &owner->ids[0],
			 &owner->ids[1], err);
}

/* ---- both ------------------------------------------------------------------------------------------------------------ */

struct stream {
	struct engine *engine;
	const struct copy_end *from, *to;
	const struct container_cp_opts *opts;
	json_t *from_spec, *to_spec;
	char *from_path, *to_path, *from_where, *to_where;
};

static void stream_release(struct stream *stream)
{
	json_decref(stream->from_spec);
	json_decref(stream->to_spec);
	free(stream->from_path);
	free(stream->to_path);
	free(stream->from_where);
	free(stream->to_where);
}

static int read_end(struct engine *engine, const struct copy_end *end, json_t **ret_spec,
		    char **ret_path, char **ret_where, struct err *err)
{
	if (end->container == NULL)
		return 0;
	if (container_read_config(end->container, ret_spec, err) < 0)
		return -1;
	*ret_path = copy_container_path(engine, *ret_spec, end->path);
	*ret_where = xasprintf("container %s", end->container->name);
	return 0;
}

/* What the source is, before the target decides what it is called. */
struct seen {
	bool is_directory, content_only;
	char base[NAME_MAX + 1];
};

struct look {
	const char *path, *where;
	struct seen *seen; /* shared memory */
};

static int look_at_source(void *arg, const struct container_tree *tree, struct err *err)
{
	struct look *look = arg;
	struct copy_source source = COPY_SOURCE_INIT;
	int status = copy_source_inside(tree->root_fd, look->path, look->where, &source, err);

	if (status == 0) {
		look->seen->is_directory = source.is_directory;
		look->seen->content_only = source.content_only;
		snprintf(look->seen->base, sizeof(look->seen->base), "%s", source.base);
	}
	copy_source_release(&source);
	return status;
}

static int unpack_into(struct stream *stream, int archive_fd, const struct copy_source *source,
		       int name_fd, struct err *err)
{
	struct aside target = ASIDE_INIT;
	struct err of_target = { 0 };
	struct untar_request request = { .archive_fd = archive_fd,
					 .uid = -1,
					 .gid = -1,
					 .replace_kind = stream->opts->overwrite };
	struct in in = { .engine = stream->engine,
			 .container = stream->to->container,
			 .path = stream->to_path,
			 .where = stream->to_where,
			 .source = source,
			 .control_fd = -1,
			 .name_fd = name_fd,
			 .init_fd = -1 };
	cleanup_fd int init_fd = -1;
	int pair[2];
	int status = 0;

	if (container_refresh(stream->to->container, err) < 0)
		return -1;
	if (container_is_up(stream->to->container))
		in.init_fd = init_fd = container_open_init(stream->to->container);

	if (stream->opts->archive) {
		uint32_t *ids = shared_new(2 * sizeof(*ids));
		struct owner owner = { stream->to->container, stream->to_spec, ids };

		status = container_tree_run(stream->engine, stream->to->container, 0, find_owner,
					    &owner, err);
		request.uid = ids[0];
		request.gid = ids[1];
		munmap(ids, 2 * sizeof(*ids));
		if (status < 0)
			return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "cannot talk to 'transfer'");
	in.control_fd = pair[0];
	in.other_fd = pair[1];
	status = aside_start(&target, run_in, &in, err);
	close(pair[0]);
	if (status < 0) {
		close(pair[1]);
		return -1;
	}
	/* a reader of the name sees its end when the child is gone */
	if (name_fd >= 0)
		close(name_fd);
	status = untar_controlled(stream->engine, &request, pair[1], err);
	/* when there is no place to unpack to, that is the true cause */
	if (aside_finish(&target, &of_target) < 0) {
		*err = of_target;
		status = -1;
	}
	/* what libarchive says of bytes that are no archive at all helps nobody */
	if (status < 0 && source == NULL && err->kind == ERR_CORRUPT &&
	    strstr(err->msg, "Unrecognized archive format") != NULL)
		err_set(err, ERR_UNSUPPORTED,
			"source must be a (compressed) tar archive when copying from stdin");
	return status;
}

/* From one container into another. */
static int copy_between(struct stream *stream, struct err *err)
{
	struct seen *seen = shared_new(sizeof(*seen));
	struct look look = { stream->from_path, stream->from_where, seen };
	struct copy_source source = COPY_SOURCE_INIT;
	struct aside writer = ASIDE_INIT;
	struct err of_writer = { 0 };
	int data[2], name[2];
	struct out out = { .engine = stream->engine,
			   .container = stream->from->container,
			   .path = stream->from_path,
			   .where = stream->from_where };
	int status = container_tree_run(stream->engine, stream->from->container, TREE_MOUNTS,
					look_at_source, &look, err);

	source.is_directory = seen->is_directory;
	source.content_only = seen->content_only;
	source.base = seen->base;
	if (status < 0 || pipe2(data, O_CLOEXEC) < 0)
		return status < 0 ? -1 : err_sys(err, errno, "cannot make a pipe");
	if (pipe2(name, O_CLOEXEC) < 0) {
		status = err_sys(err, errno, "cannot make a pipe");
		close(data[0]);
		close(data[1]);
		return status;
	}
	out.output_fd = data[1];
	out.name_fd = name[0];
	/* its own copy of the writing end would keep it waiting for ever */
	out.other_fd = name[1];
	status = aside_start(&writer, run_out, &out, err);
	close(data[1]);
	close(name[0]);
	if (status == 0)
		status = unpack_into(stream, data[0], &source, name[1], err);
	else
		close(name[1]);
	close(data[0]);
	if (aside_finish(&writer, &of_writer) < 0 && status == 0) {
		*err = of_writer;
		status = -1;
	}
	munmap(seen, sizeof(*seen));
	return status;
}

static int spool(struct engine *engine, int from_fd, int *ret_fd, struct err *err)
{
	cleanup_fd int dir_fd = store_open_dir(engine->store, "tmp", true, err);
	cleanup_fd int fd =
		dir_fd < 0 ? -1 : openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	cleanup_free char *buffer = xmalloc(SPOOL_BYTES);
	ssize_t got;

	if (fd < 0)
		return dir_fd < 0 ? -1
				  : err_sys(err, errno, "cannot keep the archive for a moment");
	while ((got = fd_read_full(from_fd, buffer, SPOOL_BYTES)) > 0) {
		int status = fd_write_full(fd, buffer, (size_t)got);

		if (status < 0)
			return err_sys(err, -status, "cannot keep the archive for a moment");
	}
	if (got < 0)
		return err_sys(err, (int)-got, "cannot read the archive");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot keep the archive for a moment");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/*
 * `cp C:/a - | cp - C:/b`: who reads a stopped container holds its lock until all is written, and we would wait for the lock while it waits for
 * us; or we hold it, and wait for a first byte. So nothing is locked before there is one, and when somebody has the lock by then, the
 * archive goes to the disk first.
 * @param ret_fd  -1: the stream itself will do
 */
static int await_archive(struct stream *stream, int *ret_fd, struct err *err)
{
	int status = fd_wait_readable(stream->from->stream_fd, -1);

	if (status < 0)
		return err_sys(err, -status, "cannot read the archive");
	cleanup_fd int lock_fd = lock_try(stream->to->container->dir_fd, FILE_LOCK, true, err);
	if (lock_fd == -1)
		return -1;
	return lock_fd >= 0 ? 0 : spool(stream->engine, stream->from->stream_fd, ret_fd, err);
}

int copy_through_stream(struct engine *engine, const struct copy_end *from,
			const struct copy_end *to, const struct container_cp_opts *opts,
			struct err *err)
{
	struct stream stream = { .engine = engine, .from = from, .to = to, .opts = opts };
	int status = read_end(engine, from, &stream.from_spec, &stream.from_path,
			      &stream.from_where, err);

	if (status == 0)
		status = read_end(engine, to, &stream.to_spec, &stream.to_path, &stream.to_where,
				  err);
	if (status == 0 && from->container != NULL && to->container != NULL) {
		status = copy_between(&stream, err);
	} else if (status == 0 && to->container != NULL) {
		cleanup_fd int spool_fd = -1;

		status = await_archive(&stream, &spool_fd, err);
		if (status == 0)
			status = unpack_into(&stream, spool_fd >= 0 ? spool_fd : from->stream_fd,
					     NULL, -1, err);
	} else if (status == 0) {
		struct out out = { .engine = engine,
				   .container = from->container,
				   .path = stream.from_path,
				   .where = stream.from_where,
				   .output_fd = to->stream_fd,
				   .name_fd = -1,
				   .other_fd = -1 };

		status = run_out(&out, err);
	}
	stream_release(&stream);
	return status;
}
