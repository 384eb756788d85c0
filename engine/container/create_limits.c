/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_limits.c - what the cgroup of the container shall hold (R10), cgroup v2 only
 *
 * Options are checked here and written in the units of the cgroup files; whether the machine can carry them out is known at the start only, when
 * the cgroup is made.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/parse.h"
#include "engine/container/record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PIDS_LIMIT_DEFAULT    2048
#define CPU_PERIOD_DEFAULT_US 100000

static int bytes_option(const char *option, const char *text, bool allow_unlimited, int64_t *ret,
			struct err *err)
{
	uint64_t bytes;

	if (text == NULL)
		return 0;
	if (allow_unlimited && str_equal(text, "-1")) {
		*ret = INT64_MAX;
		return 0;
	}
	if (parse_bytes(text, &bytes) < 0 || bytes > INT64_MAX) {
		err_set(err, ERR_USAGE, "invalid %s '%s'", option, text);
		return err_hint(err, "Use a number with a unit, such as 512m or 2g%s.",
				allow_unlimited ? ", or -1 for no limit" : "");
	}
	*ret = bytes == 0 ? -1 : (int64_t)bytes;
	return 0;
}

static int memory(const struct container_create_opts *opts, json_t *limits, struct err *err)
{
	int64_t max = -1, swap = -1, low = -1;

	if (bytes_option("--memory", opts->memory, false, &max, err) < 0 ||
	    bytes_option("--memory-swap", opts->memory_swap, true, &swap, err) < 0 ||
	    bytes_option("--memory-reservation", opts->memory_reservation, false, &low, err) < 0)
		return -1;
	if (swap != -1 && max == -1)
		return err_set(err, ERR_USAGE,
			       "--memory-swap needs --memory: it is the sum of both");
	if (swap != -1 && swap < max)
		return err_set(
			err, ERR_USAGE,
			"--memory-swap '%s' is less than --memory '%s': it is the sum of both",
			opts->memory_swap, opts->memory);
	/* docker's and podman's rule: memory alone allows as much swap again */
	if (max != -1 && swap == -1)
		swap = max > INT64_MAX / 2 ? INT64_MAX : max * 2;
	json_put_int(limits, KEY_MEMORY_MAX, max);
	json_put_int(limits, KEY_MEMORY_SWAP_MAX,
		     swap == -1		 ? -1
		     : swap == INT64_MAX ? INT64_MAX
					 : swap - max);
	json_put_int(limits, KEY_MEMORY_LOW, low);
	return 0;
}

/* A list such as "0-3,7": bounded, because it is handed to the kernel as it is. */
static int cpu_list(const char *option, const char *text, struct err *err)
{
	if (text == NULL)
		return 0;
	if (*text != '\0' && strlen(text) <= 256 && strspn(text, "0123456789-,") == strlen(text) &&
	    strchr("-,", *text) == NULL)
		return 0;
	err_set(err, ERR_USAGE, "invalid %s '%.64s'", option, text);
	return err_hint(err, "Use a list of numbers and ranges, such as 0-3,7.");
}

static int cpu(const struct container_create_opts *opts, json_t *limits, struct err *err)
{
	int64_t period = opts->cpu_period > 0 ? opts->cpu_period : -1;
	int64_t quota = opts->cpu_quota != 0 ? opts->cpu_quota : -1;
	uint64_t nano = 0;

	if (opts->cpus != NULL) {
		if (parse_decimal_nano(opts->cpus, &nano) < 0)
			return err_set(err, ERR_USAGE,
				       "invalid --cpus '%s': it must be a number such as 1.5",
				       opts->cpus);
		if (opts->cpu_period != 0 || opts->cpu_quota != 0)
			return err_set(err, ERR_USAGE,
				       "--cpus cannot be used together with --cpu-period or "
				       "--cpu-quota: it sets both");
		if (nano > 0) {
			period = CPU_PERIOD_DEFAULT_US;
			quota = (int64_t)(nano / (1000000000 / CPU_PERIOD_DEFAULT_US));
		}
		if (nano > 0 && quota < 1000)
			return err_set(err, ERR_USAGE,
				       "invalid --cpus '%s': the smallest value is 0.01",
				       opts->cpus);
	}
	if (opts->cpu_period < 0 || opts->cpu_quota < -1 || opts->cpu_shares < 0)
		return err_set(err, ERR_USAGE,
			       "--cpu-period, --cpu-quota and --cpu-shares cannot be negative");
	if (cpu_list("--cpuset-cpus", opts->cpuset_cpus, err) < 0 ||
	    cpu_list("--cpuset-mems", opts->cpuset_mems, err) < 0)
		return -1;
	json_put_int(limits, KEY_CPU_PERIOD_US, period);
	json_put_int(limits, KEY_CPU_QUOTA_US, quota);
	/* shares 2..262144 are spread over weights 1..10000, as the kernel's documentation has it for v2 */
	int64_t shares = opts->cpu_shares > 262144 ? 262144 : opts->cpu_shares;
	json_put_int(limits, KEY_CPU_WEIGHT, shares >= 2 ? 1 + (shares - 2) * 9999 / 262142 : -1);
	json_put_string(limits, KEY_CPUSET_CPUS, opts->cpuset_cpus);
	json_put_string(limits, KEY_CPUSET_MEMS, opts->cpuset_mems);
	json_put_int(limits, "nanoCpus", (int64_t)nano);
	return 0;
}

static int pids(const struct container_create_opts *opts, json_t *limits, struct err *err)
{
	int64_t max = PIDS_LIMIT_DEFAULT;

	if (opts->pids_limit != NULL && (parse_i64(opts->pids_limit, &max) < 0 || max < -1))
		return err_set(err, ERR_USAGE,
			       "invalid --pids-limit '%s': it must be a number, or -1 for no limit",
			       opts->pids_limit);
	json_put_int(limits, KEY_PIDS_MAX, max <= 0 ? INT64_MAX : max);
	json_put_bool(limits, KEY_PIDS_DEFAULT, opts->pids_limit == NULL);
	return 0;
}

/* 10..1000 of docker are 1..10000 of the kernel. */
static int64_t io_weight(uint32_t weight)
{
	return 1 + ((int64_t)weight - 10) * 9999 / 990;
}

/* DEVICE:VALUE to the device's numbers and the value's text. */
static int io_device(const char *option, const char *text, dev_t *ret_device,
		     const char **ret_value, struct err *err)
{
	const char *colon = strrchr(text, ':');
	struct stat st;

	if (colon == NULL || colon == text || text[0] != '/') {
		err_set(err, ERR_USAGE, "invalid %s '%s'", option, text);
		return err_hint(err, "Use DEVICE:VALUE, for example /dev/sda:1mb.");
	}
	cleanup_free char *path = xstrndup(text, (size_t)(colon - text));
	if (stat(path, &st) < 0)
		return err_sys(err, errno, "cannot use the device of %s '%s'", option, text);
	if (!S_ISBLK(st.st_mode))
		return err_set(err, ERR_USAGE, "invalid %s '%s': '%s' is no block device", option,
			       text, path);
	*ret_device = st.st_rdev;
	*ret_value = colon + 1;
	return 0;
}

/* Rates and weights of single devices, as lines for io.max and io.weight. */
static int io_devices(const struct container_create_opts *opts, struct strv *files, struct err *err)
{
	const struct {
		const char *option, *word;
		const struct strv *items;
		bool is_bytes;
	} kinds[] = { { "--device-read-bps", "rbps", &opts->device_read_bps, true },
		      { "--device-write-bps", "wbps", &opts->device_write_bps, true },
		      { "--device-read-iops", "riops", &opts->device_read_iops, false },
		      { "--device-write-iops", "wiops", &opts->device_write_iops, false },
		      { "--blkio-weight-device", NULL, &opts->blkio_weight_device, false } };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t i = 0; i < kinds[k].items->count; i++) {
			const char *text = kinds[k].items->items[i], *value = "";
			bool is_weight = kinds[k].word == NULL;
			uint64_t number = 0;
			dev_t device = 0;

			if (io_device(kinds[k].option, text, &device, &value, err) < 0)
				return -1;
			int rc = kinds[k].is_bytes ? parse_bytes(value, &number)
						   : parse_u64(value, &number);
			if (rc < 0 || number == 0 || (is_weight && (number < 10 || number > 1000)))
				return err_set(err, ERR_USAGE,
					       "invalid %s '%s': the value must be %s",
					       kinds[k].option, text,
					       is_weight	   ? "a number from 10 to 1000"
					       : kinds[k].is_bytes ? "a size such as 10mb"
								   : "a number above 0");
			if (is_weight)
				strv_addf(files, "io.weight=%u:%u %lld", major(device),
					  minor(device), (long long)io_weight((uint32_t)number));
			else
				strv_addf(files, "io.max=%u:%u %s=%llu", major(device),
					  minor(device), kinds[k].word, (unsigned long long)number);
		}
	}
	return 0;
}

static int io(const struct container_create_opts *opts, json_t *limits, struct strv *files,
	      struct err *err)
{
	uint32_t weight = 0;

	if (opts->blkio_weight != NULL &&
	    (parse_u32(opts->blkio_weight, &weight) < 0 || weight < 10 || weight > 1000))
		return err_set(err, ERR_USAGE,
			       "invalid --blkio-weight '%s': it must be a number from 10 to 1000",
			       opts->blkio_weight);
	json_put_int(limits, KEY_IO_WEIGHT, weight == 0 ? -1 : io_weight(weight));
	return io_devices(opts, files, err);
}

int create_limits(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	json_t *limits = json_object(), *cgroup = json_object();
	const char *mode = opts->cgroups != NULL ? opts->cgroups : "enabled";
	cleanup_strv struct strv files = STRV_INIT;

	json_put(create->record, KEY_LIMITS, limits);
	json_put(create->record, KEY_CGROUP, cgroup);
	if (memory(opts, limits, err) < 0 || cpu(opts, limits, err) < 0 ||
	    pids(opts, limits, err) < 0 || io(opts, limits, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < opts->cgroup_conf.count; i++) {
		const char *text = opts->cgroup_conf.items[i];
		size_t name = strcspn(text, "=");

		if (text[name] != '=' || name == 0 ||
		    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._") != name ||
		    text[0] == '.' || str_after(text, "cgroup.") != NULL)
			return err_set(err, ERR_USAGE,
				       "invalid --cgroup-conf '%s': it must be FILE=VALUE, such as "
				       "memory.high=1073741824",
				       text);
	}
	strv_add_all(&files, &opts->cgroup_conf);
	json_put_strv(limits, KEY_FILES, &files);

	if (!str_equal(mode, "enabled") && !str_equal(mode, "disabled") &&
	    !str_equal(mode, "no-conmon") && !str_equal(mode, "split"))
		return err_set(err, ERR_USAGE,
			       "invalid --cgroups '%s': use enabled, disabled, no-conmon or split",
			       mode);
	if (opts->cgroup_parent != NULL &&
	    (strstr(opts->cgroup_parent, "..") != NULL || *opts->cgroup_parent == '\0'))
		return err_set(err, ERR_USAGE, "invalid --cgroup-parent '%s'", opts->cgroup_parent);
	const bool limited = opts->memory != NULL || opts->memory_reservation != NULL ||
			     opts->cpus != NULL || opts->cpu_quota != 0 || opts->cpu_shares != 0 ||
			     opts->cpuset_cpus != NULL || opts->cpuset_mems != NULL ||
			     opts->pids_limit != NULL || opts->blkio_weight != NULL ||
			     files.count > 0 || opts->cgroup_parent != NULL;
	if (str_equal(mode, "disabled") && limited) {
		err_set(err, ERR_USAGE,
			"--cgroups disabled excludes limits such as --memory, --cpus, "
			"--pids-limit, and --cgroup-parent");
		return err_hint(err, "Leave one of them out.");
	}
	if (opts->cgroup_parent != NULL && str_equal(mode, "split"))
		return err_set(err, ERR_USAGE,
			       "--cgroups split and --cgroup-parent exclude each "
			       "other: the parent is the cgroup of the caller");
	json_put_string(cgroup, KEY_MODE, mode);
	json_put_string(cgroup, KEY_PARENT, opts->cgroup_parent);
	return 0;
}

/* "0" takes a limit away: create has none then, but a running container has the old one. */
static void lift(json_t *limits, const char *given, const char *key)
{
	if (given != NULL && json_get_int(limits, -1, key, NULL) == -1)
		json_put_int(limits, key, INT64_MAX);
}

int create_limits_update(struct create *create, json_t **ret_changes, struct err *err)
{
	struct container_create_opts opts = *create->opts;
	json_t *old = json_object_get(create->record, KEY_LIMITS);
	cleanup_json json_t *changes = json_object();
	int64_t old_max = json_get_int(old, -1, KEY_MEMORY_MAX, NULL);
	cleanup_free char *old_text = xasprintf("%" PRId64, old_max);
	cleanup_strv struct strv files = STRV_INIT;
	cleanup_strv struct strv all_files = STRV_INIT;
	const char *key;
	json_t *value;

	/* the one that is not given is what it was */
	if (opts.memory == NULL && opts.memory_swap != NULL && old_max > 0 && old_max != INT64_MAX)
		opts.memory = old_text;
	if (memory(&opts, changes, err) < 0 || cpu(&opts, changes, err) < 0 ||
	    pids(&opts, changes, err) < 0 || io(&opts, changes, &files, err) < 0)
		return -1;
	lift(changes, opts.memory, KEY_MEMORY_MAX);
	lift(changes, opts.memory, KEY_MEMORY_SWAP_MAX);
	lift(changes, opts.cpus, KEY_CPU_QUOTA_US);
	if (opts.pids_limit == NULL) {
		json_put_int(changes, KEY_PIDS_MAX, -1);
		json_object_del(changes, KEY_PIDS_DEFAULT);
	}
	if (opts.cpus == NULL)
		json_object_del(changes, "nanoCpus");
	json_object_foreach (changes, key, value) {
		if (!json_is_null(value) &&
		    !(json_is_integer(value) && json_integer_value(value) == -1))
			json_put(old, key, json_incref(value));
	}
	/* lines are added: the last one for a device holds */
	json_get_strv(old, KEY_FILES, &all_files);
	strv_add_all(&all_files, &files);
	json_put_strv(old, KEY_FILES, &all_files);
	json_put_strv(changes, KEY_FILES, &files);
	if (json_get_int(old, -1, KEY_MEMORY_MAX, NULL) == INT64_MAX) {
		json_put_int(old, KEY_MEMORY_MAX, -1);
		json_put_int(old, KEY_MEMORY_SWAP_MAX, -1);
	}
	if (json_get_int(old, -1, KEY_CPU_QUOTA_US, NULL) == INT64_MAX)
		json_put_int(old, KEY_CPU_QUOTA_US, -1);
	*ret_changes = json_incref(changes);
	return 0;
}
