/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-err.c - kinds, messages and their way through a pipe
 */
#include "unit.h"

#include "base/alloc.h"
#include "base/err.h"

static void test_set_and_wrap(void **state)
{
	struct err err;

	assert_int_equal(err_set(&err, ERR_NOT_FOUND, "no volume '%s'", "db"), -1);
	assert_int_equal(err_hint(&err, "Make it with 'volume create %s'.", "db"), -1);
	assert_int_equal(err_wrap(&err, "cannot start container '%s'", "web"), -1);
	assert_int_equal(err_hint(&err, "Something less precise."), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "cannot start container 'web': no volume 'db'");
	assert_string_equal(err.hint, "Make it with 'volume create db'.");

	err_set(&err, ERR_FAILED, "another");
	assert_string_equal(err.hint, "");
}

static void test_errno_kinds(void **state)
{
	static const struct {
		int errno_value;
		enum err_kind kind;
		const char *msg;
	} rows[] = {
		{ ENOSPC, ERR_NO_SPACE, "x: no space left on device" },
		{ EDQUOT, ERR_NO_SPACE, "x: disk quota exceeded" },
		{ EPERM, ERR_DENIED, "x: operation not permitted" },
		{ EACCES, ERR_DENIED, "x: permission denied" },
		{ EROFS, ERR_DENIED, "x: read-only file system" },
		{ EINTR, ERR_INTERRUPTED, "x: interrupted system call" },
		{ ENOENT, ERR_FAILED, "x: no such file or directory" },
		{ -ENOENT, ERR_FAILED, "x: no such file or directory" },
		{ 4000, ERR_FAILED, "x: error 4000" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;

		assert_int_equal(err_sys(&err, rows[i].errno_value, "x"), -1);
		assert_int_equal(err.kind, rows[i].kind);
		assert_string_equal(err.msg, rows[i].msg);
	}
}

static void test_long_text_loses_its_middle(void **state)
{
	struct err err;
	char name[3000];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	err_set(&err, ERR_FAILED, "cannot open '%s': the cause", name);
	assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
	assert_memory_equal(err.msg, "cannot open 'nnn", 16);
	assert_non_null(strstr(err.msg, "n...n"));
	assert_string_equal(err.msg + strlen(err.msg) - 12, "': the cause");

	/* the outermost context and the innermost cause stay, however often it is wrapped */
	for (int i = 0; i < 50; i++)
		err_wrap(&err, "context %d is long enough to push the others out", i);
	assert_memory_equal(err.msg, "context 49 is", 13);
	assert_string_equal(err.msg + strlen(err.msg) - 12, "': the cause");
}

static void test_characters_stay_whole(void **state)
{
	/* every shift of a text of three-byte characters: no cut within one */
	for (size_t shift = 0; shift < 6; shift++) {
		struct err err;
		char text[3000] = "abcdef";
		size_t at = shift;

		while (at + 4 < sizeof(text)) {
			memcpy(text + at, "\xe2\x82\xac", 3);
			at += 3;
		}
		text[at] = '\0';
		err_set(&err, ERR_FAILED, "%s", text);
		at = shift;
		while (err.msg[at] != '\0') {
			size_t length = (unsigned char)err.msg[at] == 0xe2 ? 3 : 1;

			if (length == 1)
				assert_int_equal(err.msg[at], '.');
			else
				assert_memory_equal(err.msg + at, "\xe2\x82\xac", 3);
			at += length;
		}
	}
}

static void test_no_control_bytes(void **state)
{
	struct err err;

	err_set(&err, ERR_FAILED, "a\nb\tc\x1b[31m\x7f");
	assert_string_equal(err.msg, "a b c?[31m?");
}

static void test_every_kind_has_its_row(void **state)
{
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		int status = err_exit_status(kind);
		int http = err_http_status(kind);

		assert_true(strlen(err_kind_name(kind)) > 1);
		assert_int_equal(status, kind == ERR_CANNOT_RUN	  ? 126
					 : kind == ERR_NO_COMMAND ? 127
								  : 125);
		assert_true(http >= 400 && http < 600);
		for (int other = 0; other < kind; other++)
			assert_string_not_equal(err_kind_name(kind), err_kind_name(other));
	}
	assert_string_equal(err_kind_name(ERR_NOT_FOUND), "not-found");
	assert_int_equal(err_http_status(ERR_NOT_FOUND), 404);
	/* a number from outside is not trusted */
	assert_string_equal(err_kind_name(-1), "failed");
	assert_int_equal(err_exit_status(1000), 125);
}

static void test_through_a_pipe(void **state)
{
	struct err sent;
	struct err got;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	err_set(&sent, ERR_NO_COMMAND, "no such command");
	assert_int_equal(err_send(fds[1], &sent), 0);
	assert_int_equal(err_receive(fds[0], &got), 1);
	assert_int_equal(got.kind, ERR_NO_COMMAND);
	assert_string_equal(got.msg, "no such command");

	/* a liar: no terminators, no such kind */
	memset(&sent, 'x', sizeof(sent));
	assert_int_equal(write(fds[1], &sent, sizeof(sent)), sizeof(sent));
	assert_int_equal(err_receive(fds[0], &got), 1);
	assert_int_equal(got.kind, ERR_FAILED);
	assert_int_equal(strlen(got.msg), ERR_MSG_MAX - 1);
	assert_int_equal(strlen(got.hint), ERR_HINT_MAX - 1);

	/* half a message, then the end */
	assert_int_equal(write(fds[1], &sent, 10), 10);
	close(fds[1]);
	assert_int_equal(err_receive(fds[0], &got), -EPROTO);
	assert_int_equal(err_receive(fds[0], &got), 0);
	close(fds[0]);
}

static void test_debug_lines(void **state)
{
	int fds[2];
	int saved_fd = dup(STDERR_FILENO);
	char line[200];
	ssize_t got;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	debug("not seen");
	debug_set_level(DEBUG_DEBUG);
	debug("layer '%s'", "x");
	debug_set_level(DEBUG_WARN);
	dup2(saved_fd, STDERR_FILENO);
	close(fds[1]);
	got = read(fds[0], line, sizeof(line) - 1);
	assert_true(got > 0);
	line[got] = '\0';
	assert_string_equal(line, "dhow: debug: layer 'x'\n");
	assert_int_equal(debug_get_level(), DEBUG_WARN);
	close(fds[0]);
	close(saved_fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_set_and_wrap),
	cmocka_unit_test(test_errno_kinds),
	cmocka_unit_test(test_long_text_loses_its_middle),
	cmocka_unit_test(test_characters_stay_whole),
	cmocka_unit_test(test_no_control_bytes),
	cmocka_unit_test(test_every_kind_has_its_row),
	cmocka_unit_test(test_through_a_pipe),
	cmocka_unit_test(test_debug_lines),
};
UNIT_MAIN(tests)
