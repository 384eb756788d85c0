/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-network-start.c - slirp4netns for a real namespace: ready, ports, what goes wrong, and that it ends with its exit pipe
 *
 * Skipped where there is no slirp4netns, no /dev/net/tun or no user namespace.
 */
#include "network/network.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "rootless/rootless.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define ANSWER_TIMEOUT_MS 10000

/* a process in fresh namespaces, and what its helper needs */
struct place {
	pid_t pid;
	int exit_read_fd, exit_write_fd, run_dir_fd;
	char run_dir[64];
	struct network_mode mode;
	struct port_mappings ports;
	struct network_request request;
};

/* answers one connection on port 80 with "hello" */
static void __attribute__((noreturn)) serve(int ready_fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80) };
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	/* the parent says when the maps are written */
	if (fd_read_full(ready_fd, &byte, 1) != 1)
		_exit(0);
	if (server < 0 || bind(server, (void *)&address, sizeof(address)) < 0 ||
	    listen(server, 1) < 0)
		_exit(1);
	int client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	if (client >= 0)
		fd_write_full(client, "hello", 5);
	close(client);
	pause();
	_exit(0);
}

/* 1 made, 0 this machine cannot */
static int place_make(struct place *place, const char *network, const char *port)
{
	struct id_ranges ranges;
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct err err;
	int exit_fds[2], go_fds[2];

	memset(place, 0, sizeof(*place));
	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		return 0;
	char *program = NULL;
	if (process_find_program("slirp4netns", &program) != 1)
		return 0;
	free(program);
	if (idmap_ranges_load(-1, NULL, &ranges, &err) < 0 ||
	    idmap_plan_default(&ranges, &maps, &err) < 0)
		return 0;
	id_ranges_release(&ranges);

	assert_int_equal(pipe2(exit_fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go_fds, O_CLOEXEC), 0);
	place->pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, NULL, NULL,
				    NULL, NULL);
	if (place->pid < 0)
		return 0;
	if (place->pid == 0) {
		close(exit_fds[1]);
		close(go_fds[1]);
		serve(go_fds[0]);
	}
	if (idmap_write(place->pid, &maps, &err) < 0) {
		kill(place->pid, SIGKILL);
		waitpid(place->pid, NULL, 0);
		return 0;
	}
	assert_int_equal(write(go_fds[1], "g", 1), 1);
	close(go_fds[0]);
	close(go_fds[1]);

	snprintf(place->run_dir, sizeof(place->run_dir), "/tmp/test-network-XXXXXX");
	assert_non_null(mkdtemp(place->run_dir));
	place->run_dir_fd = open(place->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place->exit_read_fd = exit_fds[0];
	place->exit_write_fd = exit_fds[1];
	assert_int_equal(network_parse(network, &place->mode, &err), 0);
	if (port != NULL)
		assert_int_equal(port_parse(port, &place->ports, &err), 0);
	assert_int_equal(port_assign(&place->ports, &err), 0);
	place->request = (struct network_request){
		.mode = &place->mode,
		.ports = &place->ports,
		.pid = place->pid,
		.userns_fd = -1,
		.netns_fd = -1,
		.exit_fd = place->exit_read_fd,
		.run_dir_fd = place->run_dir_fd,
		.run_dir_path = place->run_dir,
		.log_fd = -1,
	};
	return 1;
}

static void place_remove(struct place *place)
{
	kill(place->pid, SIGKILL);
	waitpid(place->pid, NULL, 0);
	close(place->exit_read_fd);
	if (place->exit_write_fd >= 0)
		close(place->exit_write_fd);
	close(place->run_dir_fd);
	/* nothing is left in it */
	assert_int_equal(rmdir(place->run_dir), 0);
	port_mappings_release(&place->ports);
	network_mode_release(&place->mode);
}

static void fetch(uint16_t port, char answer[6])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_MS / 1000 };
	cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	assert_int_equal(connect(fd, (void *)&address, sizeof(address)), 0);
	memset(answer, 0, 6);
	fd_read_full(fd, answer, 5);
}

static void test_port(void **state)
{
	struct place place;
	struct network_handle handle;
	char answer[6];
	int status;
	struct err err;

	if (place_make(&place, "slirp4netns", "127.0.0.1::80") == 0)
		skip();
	if (network_start(&place.request, &handle, &err) < 0 ||
	    network_connect(&place.request, &handle, &err) < 0 ||
	    network_finish(&place.request, &handle, -1, &err) < 0) {
		print_error("%s\n", err.msg);
		fail();
	}
	assert_true(handle.helper_pid > 0);
	fetch(place.ports.items[0].host_port, answer);
	assert_string_equal(answer, "hello");

	/* the helper ends with the other end of its pipe */
	close(place.exit_write_fd);
	place.exit_write_fd = -1;
	assert_int_equal(child_wait(&handle.helper, &status), 0);
	assert_true(WIFEXITED(status));
	network_handle_release(&handle);
	place_remove(&place);
}

static void test_port_in_use(void **state)
{
	struct place place;
	struct network_handle handle;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	char text[64];
	struct err err;

	int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(other, (void *)&address, size), 0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(getsockname(other, (void *)&address, &size), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%u:80", ntohs(address.sin_port));
	if (place_make(&place, "", text) == 0) {
		close(other);
		skip();
	}
	assert_int_equal(network_start(&place.request, &handle, &err), 0);
	assert_int_equal(network_connect(&place.request, &handle, &err), -1);
	assert_int_equal(err.kind, ERR_IN_USE);
	snprintf(text, sizeof(text), "%u on 127.0.0.1", ntohs(address.sin_port));
	assert_non_null(strstr(err.msg, text));
	/* the helper is gone, and its socket */
	assert_int_equal(handle.helper_pid, 0);
	close(other);
	place_remove(&place);
}

static void test_refused_early(void **state)
{
	static const struct {
		const char *port;
		enum err_kind kind;
		const char *part;
	} cases[] = {
		{ "[::1]:8080:80", ERR_UNSUPPORTED, "IPv4" },
		{ "8080:80/sctp", ERR_UNSUPPORTED, "sctp" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct place place;
		struct network_handle handle;
		struct err err;

		if (place_make(&place, "", cases[i].port) == 0)
			skip();
		assert_int_equal(network_start(&place.request, &handle, &err), -1);
		assert_int_equal(err.kind, cases[i].kind);
		assert_non_null(strstr(err.msg, cases[i].part));
		place_remove(&place);
	}
}

static void test_abort(void **state)
{
	struct place place;
	struct network_handle handle = NETWORK_HANDLE_INIT;
	struct err err;

	/* also of one that was never started */
	network_abort(&handle);
	if (place_make(&place, "", "127.0.0.1::80") == 0)
		skip();
	assert_int_equal(network_start(&place.request, &handle, &err), 0);
	network_abort(&handle);
	assert_int_equal(handle.helper_pid, 0);
	place_remove(&place);
}

static void test_no_helper(void **state)
{
	struct network_mode mode = { 0 };
	const struct port_mappings ports = { NULL, 0 };
	struct network_request request = { .mode = &mode, .ports = &ports, .log_fd = -1 };
	struct network_handle handle;
	struct err err;

	assert_int_equal(network_parse("none", &mode, &err), 0);
	assert_int_equal(network_start(&request, &handle, &err), 0);
	assert_int_equal(network_connect(&request, &handle, &err), 0);
	assert_int_equal(network_finish(&request, &handle, -1, &err), 0);
	assert_int_equal(handle.helper_pid, 0);
	network_abort(&handle);
	network_mode_release(&mode);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),	      cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_refused_early), cmocka_unit_test(test_abort),
		cmocka_unit_test(test_no_helper),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
