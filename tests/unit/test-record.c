/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-record.c - records: whole or not there, and damage is seen
 */
#include "unit.h"

#include <dirent.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/record.h"
#include "base/strbuf.h"

#define BODY "{\"name\":\"web\"}\n"

static size_t count_entries(int dir_fd)
{
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY));
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

static void test_crc(void **state)
{
	assert_int_equal(crc32_ieee("123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_ieee("", 0), 0);
	assert_int_equal(crc32_ieee("a", 1), 0xe8b7be43);
}

static void test_write_and_read(void **state)
{
	static const unsigned flags[] = {
		0,
		RECORD_DURABLE,
		RECORD_EXCLUSIVE,
		RECORD_DURABLE | RECORD_EXCLUSIVE,
	};
	struct unit_dir dir = unit_dir_make();
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		cleanup_strbuf struct strbuf body = STRBUF_INIT;
		unsigned version = 0;
		struct stat st;

		assert_int_equal(
			record_write(dir.fd, "r", "seed", 2, BODY, strlen(BODY), flags[i], &err),
			0);
		strbuf_adds(&body, "old");
		assert_int_equal(record_read(dir.fd, "r", "seed", 3, &body, &version, &err), 1);
		assert_string_equal(body.data, BODY);
		assert_int_equal(version, 2);
		assert_int_equal(fstatat(dir.fd, "r", &st, 0), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_nlink, 1);
		/* nothing is left over */
		assert_int_equal(count_entries(dir.fd), 1);
		unlinkat(dir.fd, "r", 0);
	}
	unit_dir_remove(&dir);
}

static void test_text_on_disk(void **state)
{
	struct unit_dir dir = unit_dir_make();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct err err;
	char data[100] = "";
	int fd;

	record_format(&text, "seed", 1, "123456789", 9);
	assert_string_equal(text.data, "dhow-record seed 1 9 cbf43926\n123456789");
	assert_int_equal(record_write(dir.fd, "r", "seed", 1, "123456789", 9, 0, &err), 0);
	fd = openat(dir.fd, "r", O_RDONLY);
	assert_int_equal(read(fd, data, sizeof(data) - 1), text.length);
	assert_string_equal(data, text.data);
	close(fd);
	unit_dir_remove(&dir);
}

static void test_exclusive_has_one_winner(void **state)
{
	struct unit_dir dir = unit_dir_make();
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	struct err err;
	int winners = 0;

	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			char text[8];

			snprintf(text, sizeof(text), "%d", i);
			if (record_write(dir.fd, "n", "seed", 1, text, 1, RECORD_EXCLUSIVE, &err) ==
			    0)
				_exit(1);
			_exit(err.kind == ERR_EXISTS ? 0 : 2);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		winners += WEXITSTATUS(status);
	}
	assert_int_equal(winners, 1);
	assert_int_equal(record_read(dir.fd, "n", "seed", 1, &body, NULL, &err), 1);

	/* without EXCLUSIVE it is replaced */
	assert_int_equal(record_write(dir.fd, "n", "seed", 1, "new", 3, 0, &err), 0);
	assert_int_equal(record_read(dir.fd, "n", "seed", 1, &body, NULL, &err), 1);
	assert_string_equal(body.data, "new");
	assert_int_equal(count_entries(dir.fd), 1);
	unit_dir_remove(&dir);
}

/* Every cut and every flipped bit of the file is ERR_CORRUPT, never another content. */
static void test_damage_is_seen(void **state)
{
	struct unit_dir dir = unit_dir_make();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct err err;

	record_format(&text, "seed", 1, BODY, strlen(BODY));
	for (size_t i = 0; i < text.length; i++) {
		for (int bit = -1; bit < 8; bit++) {
			cleanup_strbuf struct strbuf copy = STRBUF_INIT;
			cleanup_strbuf struct strbuf body = STRBUF_INIT;
			int fd = openat(dir.fd, "r", O_WRONLY | O_CREAT | O_TRUNC, 0600);

			strbuf_add(&copy, text.data, bit < 0 ? i : text.length);
			if (bit >= 0)
				copy.data[i] ^= (char)(1 << bit);
			assert_int_equal(write(fd, copy.data, copy.length), copy.length);
			close(fd);
			/* version 1 may become 0, 3, 5, 9: the version is no secret of the checksum */
			if (record_read(dir.fd, "r", "seed", 1, &body, NULL, &err) == 1) {
				assert_string_equal(body.data, BODY);
				assert_true(i == strlen("dhow-record seed "));
				continue;
			}
			assert_int_equal(err.kind, ERR_CORRUPT);
			assert_non_null(strstr(err.msg, "'r'"));
			assert_int_equal(body.length, 0);
		}
	}
	unit_dir_remove(&dir);
}

static void test_what_is_no_record(void **state)
{
	static const char *const rows[] = {
		"",
		"\n",
		"dhow-record",
		"dhow-record \n",
		"dhow-record seed 1 0\n",
		"dhow-record seed 1 0 0000000\n",
		"dhow-record seed 1 0 000000000\n",
		"dhow-record seed 1 0 00000000 \n",
		"dhow-record  seed 1 0 00000000\n",
		"dhow-record seed -1 0 00000000\n",
		"dhow-record seed 1 0x0 00000000\n",
		"dhow-record seed 1 18446744073709551616 00000000\n",
		"dhow-record seed 1 0 00000000\nx",
		"dhow-record seed 1 1 00000000\n",
		"dhow-record other 1 0 00000000\n",
		"dhow-record seed 2 0 00000000\n",
		"{\"name\":\"web\"}",
	};
	struct unit_dir dir = unit_dir_make();
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_strbuf struct strbuf body = STRBUF_INIT;

		unit_write(dir.fd, "r", rows[i]);
		assert_int_equal(record_read(dir.fd, "r", "seed", 1, &body, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_CORRUPT);
	}
	{
		cleanup_strbuf struct strbuf body = STRBUF_INIT;

		unit_write(dir.fd, "r", "dhow-record seed 1 0 00000000\n");
		assert_int_equal(record_read(dir.fd, "r", "seed", 1, &body, NULL, &err), 1);
		assert_int_equal(record_read(dir.fd, "missing", "seed", 1, &body, NULL, &err), 0);
		unlinkat(dir.fd, "r", 0);
		assert_int_equal(mkdirat(dir.fd, "r", 0700), 0);
		assert_int_equal(record_read(dir.fd, "r", "seed", 1, &body, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_CORRUPT);
		assert_int_equal(symlinkat("/etc/passwd", dir.fd, "l"), 0);
		assert_int_equal(record_read(dir.fd, "l", "seed", 1, &body, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_CORRUPT);
		assert_int_equal(mkfifoat(dir.fd, "f", 0600), 0);
		assert_int_equal(record_read(dir.fd, "f", "seed", 1, &body, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_CORRUPT);
	}
	unit_dir_remove(&dir);
}

static void test_json(void **state)
{
	struct unit_dir dir = unit_dir_make();
	cleanup_json json_t *json = json_object();
	cleanup_json json_t *got = NULL;
	json_t *unset = NULL;
	struct err err;

	json_put_string(json, "name", "web");
	assert_int_equal(record_write_json(dir.fd, "r", "seed", 1, json, RECORD_EXCLUSIVE, &err),
			 0);
	assert_int_equal(record_read_json(dir.fd, "r", "seed", 1, &got, &err), 1);
	assert_true(json_equal(json, got));
	assert_int_equal(record_read_json(dir.fd, "missing", "seed", 1, &unset, &err), 0);
	assert_int_equal(record_write(dir.fd, "r", "seed", 1, "no json", 7, 0, &err), 0);
	assert_int_equal(record_read_json(dir.fd, "r", "seed", 1, &unset, &err), -1);
	assert_int_equal(err.kind, ERR_CORRUPT);
	assert_null(unset);
	unit_dir_remove(&dir);
}

static void test_raw_and_failures(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct stat st;
	struct err err;
	mode_t old_umask = umask(077);

	assert_int_equal(record_publish_raw(dir.fd, "raw", "x", 1, 0644, 0, &err), 0);
	umask(old_umask);
	assert_int_equal(fstatat(dir.fd, "raw", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(record_publish_raw(dir.fd, "no/dir", "x", 1, 0600, 0, &err), -1);
	assert_int_equal(record_publish_raw(dir.fd, "no/dir", "x", 1, 0600, RECORD_EXCLUSIVE, &err),
			 -1);
	assert_int_equal(record_publish_raw(-1, "x", "x", 1, 0600, 0, &err), -1);
	assert_int_equal(count_entries(dir.fd), 1);
	unit_dir_remove(&dir);
}

/* A directory that is known by path only must do for all of it. */
static void test_path_descriptor(void **state)
{
	struct unit_dir dir = unit_dir_make();
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	struct err err;
	int fd = openat(dir.fd, ".", O_PATH | O_DIRECTORY);

	assert_int_equal(record_write(fd, "r", "seed", 1, BODY, strlen(BODY),
				      RECORD_EXCLUSIVE | RECORD_DURABLE, &err),
			 0);
	assert_int_equal(record_read(fd, "r", "seed", 1, &body, NULL, &err), 1);
	assert_int_equal(
		record_write(fd, "r", "seed", 1, BODY, strlen(BODY), RECORD_EXCLUSIVE, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	close(fd);
	unit_dir_remove(&dir);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_crc),
	cmocka_unit_test(test_write_and_read),
	cmocka_unit_test(test_text_on_disk),
	cmocka_unit_test(test_exclusive_has_one_winner),
	cmocka_unit_test(test_damage_is_seen),
	cmocka_unit_test(test_what_is_no_record),
	cmocka_unit_test(test_json),
	cmocka_unit_test(test_raw_and_failures),
	cmocka_unit_test(test_path_descriptor),
};
UNIT_MAIN(tests)
