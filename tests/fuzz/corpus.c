/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/corpus.c - run a fuzz target over files, without a fuzzer
 *
 * `make corpus` links it with each fuzz target, so that inputs that once failed are tried again by every compiler. Besides
 * each file itself it tries all of its beginnings and each byte flipped, up to a limit.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VARIANTS_MAX 2048

static unsigned long runs;

/* A copy of exactly this size, so that a sanitizer sees a read behind the end. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static void run_variants(uint8_t *data, size_t size)
{
	size_t limit = size < VARIANTS_MAX ? size : VARIANTS_MAX;

	run(data, size);
	for (size_t i = 0; i < limit; i++) {
		run(data, i);
		data[i] ^= 1U << (i % 8);
		run(data, size);
		data[i] ^= 1U << (i % 8);
	}
}

static int run_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(name);
		return 1;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL)
		abort();
	got = read(fd, data, (size_t)st.st_size);
	close(fd);
	if (got >= 0)
		run_variants(data, (size_t)got);
	free(data);
	return got < 0;
}

static int run_path(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int failed = 0;

	if (dir == NULL)
		return run_file(AT_FDCWD, path);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			failed |= run_file(dirfd(dir), entry->d_name);
	}
	closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= run_path(argv[i]);
	printf("%s: %lu inputs\n", name != NULL ? name + 1 : argv[0], runs);
	return failed;
}
