/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_security.c - capabilities, seccomp, masks, devices, resource limits of the process, sysctls
 *
 * Starts from the default profile (engine/runtime.h, R8) and widens or narrows it only as the command line says.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "engine/container/record.h"

#include <errno.h>
#include <fnmatch.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- capabilities ---- */

static int capability_word(const char *option, const char *text, int *ret_number, struct err *err)
{
	*ret_number = capability_parse(text);
	if (*ret_number >= 0 && *ret_number <= capability_last())
		return 0;
	err_set(err, ERR_USAGE, "invalid %s '%s': there is no such capability", option, text);
	return err_hint(err, "Capabilities are words such as NET_ADMIN or CAP_SYS_PTRACE, or ALL.");
}

/* A set as bits; "all" is every capability. */
static int capability_bits(const char *option, const struct strv *words, uint64_t *bits, bool *all,
			   struct err *err)
{
	for (size_t i = 0; i < words->count; i++) {
		int number;

		if (strcasecmp(words->items[i], "all") == 0) {
			*all = true;
			continue;
		}
		if (capability_word(option, words->items[i], &number, err) < 0)
			return -1;
		*bits |= UINT64_C(1) << number;
	}
	return 0;
}

static int capabilities(struct create *create, struct err *err)
{
	cleanup_strv struct strv defaults = STRV_INIT, ambient = STRV_INIT;
	uint64_t add = 0, drop = 0, start = 0;
	bool add_all = create->privileged, drop_all = false;

	if (capability_bits("--cap-add", &create->opts->cap_add, &add, &add_all, err) < 0 ||
	    capability_bits("--cap-drop", &create->opts->cap_drop, &drop, &drop_all, err) < 0)
		return -1;
	if ((add & drop) != 0)
		return err_set(err, ERR_USAGE, "capability '%s' is both added and dropped",
			       capability_name(__builtin_ctzll(add & drop)));
	if (add_all && drop_all && !create->privileged)
		return err_set(err, ERR_USAGE,
			       "--cap-add ALL and --cap-drop ALL exclude each other");

	profile_capabilities(&defaults);
	if (!drop_all && capability_bits("the profile", &defaults, &start, &add_all, err) < 0)
		return -1;
	for (int number = 0; number <= capability_last(); number++) {
		uint64_t bit = UINT64_C(1) << number;
		bool on = (((start | add) & bit) != 0 || add_all) && (drop & bit) == 0 &&
			  !(drop_all && (add & bit) == 0);

		if (!on)
			continue;
		strv_add(&create->capabilities, capability_name(number));
		if ((add & bit) != 0)
			strv_add(&ambient, capability_name(number));
	}

	/* What was added by name follows the process to another user (ambient); the rest ends with the change of the id. */
	const char *user = json_get_string(create->record, NULL, KEY_RUNTIME, KEY_USER, NULL);
	bool root = user == NULL || str_equal(user, "root") || str_equal(user, "0") ||
		    str_after(user, "0:") != NULL || str_after(user, "root:") != NULL;
	const struct strv *effective = root ? &create->capabilities : &ambient;
	json_t *sets = json_object();

	json_put_strv(sets, "bounding", &create->capabilities);
	json_put_strv(sets, "effective", effective);
	json_put_strv(sets, "permitted", effective);
	json_put_strv(sets, "inheritable", root ? &(struct strv)STRV_INIT : &ambient);
	json_put_strv(sets, "ambient", root ? &(struct strv)STRV_INIT : &ambient);
	json_put(create_spec_object(create, "process"), "capabilities", sets);
	json_put_strv(create->record, "effectiveCaps", effective);
	return 0;
}

/* ---- --security-opt ---- */

struct security_words {
	bool no_new_privileges;
	const char *seccomp; /* NULL: the default; "unconfined"; a path */
	const char *proc_options;
	struct strv mask, unmask;
};

static void add_paths(struct strv *list, const char *text)
{
	strv_split(list, text, ':');
}

/* What procfs knows: who sees whose processes. */
static int check_proc_options(const char *text, const char *value, struct err *err)
{
	static const char *const known[] = { "hidepid=0",	  "hidepid=1",
					     "hidepid=2",	  "hidepid=4",
					     "hidepid=off",	  "hidepid=noaccess",
					     "hidepid=invisible", "hidepid=ptraceable",
					     "subset=pid" };
	cleanup_strv struct strv items = STRV_INIT;

	strv_split(&items, value, ',');
	for (size_t i = 0; i < items.count; i++) {
		bool is_known = str_after(items.items[i], "gid=") != NULL;

		for (size_t k = 0; k < ARRAY_SIZE(known); k++)
			is_known |= str_equal(items.items[i], known[k]);
		if (is_known)
			continue;
		err_set(err, ERR_USAGE, "invalid --security-opt '%s': '%s' is no option of proc",
			text, items.items[i]);
		return err_hint(err, "Use hidepid=0|1|2|4, subset=pid, gid=N.");
	}
	return 0;
}

static int security_word(const char *text, struct security_words *words, struct err *err)
{
	const char *value;

	if (str_equal(text, "no-new-privileges")) {
		words->no_new_privileges = true;
		return 0;
	}
	if ((value = str_after(text, "no-new-privileges=")) != NULL ||
	    (value = str_after(text, "no-new-privileges:")) != NULL) {
		if (parse_bool(value, &words->no_new_privileges) < 0)
			return err_set(
				err, ERR_USAGE,
				"invalid --security-opt '%s': the value must be true or false",
				text);
		return 0;
	}
	if ((value = str_after(text, "seccomp=")) != NULL ||
	    (value = str_after(text, "seccomp:")) != NULL) {
		words->seccomp = value;
		return 0;
	}
	if ((value = str_after(text, "mask=")) != NULL) {
		add_paths(&words->mask, value);
		return 0;
	}
	if ((value = str_after(text, "unmask=")) != NULL) {
		add_paths(&words->unmask, value);
		return 0;
	}
	/* without SELinux there is nothing to label, and that is what these ask for */
	if (str_equal(text, "label=disable") || str_equal(text, "label:disable") ||
	    str_equal(text, "label=nested") || str_equal(text, "apparmor=unconfined") ||
	    str_equal(text, "apparmor:unconfined"))
		return 0;
	if (str_after(text, "label=") != NULL || str_after(text, "label:") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot apply --security-opt '%s': dhow sets no SELinux labels",
			       text);
	if (str_after(text, "apparmor=") != NULL || str_after(text, "apparmor:") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot apply --security-opt '%s': a plain user may not load or "
			       "change AppArmor profiles",
			       text);
	if ((value = str_after(text, "proc-opts=")) != NULL) {
		words->proc_options = value;
		return check_proc_options(text, value, err);
	}
	if (str_equal(text, "systempaths=unconfined")) {
		strv_add(&words->unmask, "ALL");
		return 0;
	}
	err_set(err, ERR_USAGE, "invalid --security-opt '%s'", text);
	return err_hint(err, "Use no-new-privileges, seccomp=FILE|unconfined, mask=PATH[:PATH], "
			     "unmask=ALL|PATH[:PATH], proc-opts=OPTION[,OPTION], "
			     "systempaths=unconfined or label=disable.");
}

static bool path_is_unmasked(const struct strv *unmask, const char *path)
{
	for (size_t i = 0; i < unmask->count; i++)
		if (strcasecmp(unmask->items[i], "all") == 0 ||
		    fnmatch(unmask->items[i], path, 0) == 0)
			return true;
	return false;
}

static void masks(struct create *create, const struct security_words *words)
{
	cleanup_strv struct strv masked = STRV_INIT, read_only = STRV_INIT, out = STRV_INIT,
				 out_read_only = STRV_INIT;
	json_t *linux_object = create_spec_object(create, "linux");

	profile_masked_paths(&masked);
	profile_read_only_paths(&read_only);
	for (size_t i = 0; i < masked.count && !create->privileged; i++)
		if (!path_is_unmasked(&words->unmask, masked.items[i]))
			strv_add(&out, masked.items[i]);
	for (size_t i = 0; i < read_only.count && !create->privileged; i++)
		if (!path_is_unmasked(&words->unmask, read_only.items[i]))
			strv_add(&out_read_only, read_only.items[i]);
	strv_add_all(&out, &words->mask);
	json_put_strv(linux_object, "maskedPaths", &out);
	json_put_strv(linux_object, "readonlyPaths", &out_read_only);
}

static int seccomp(struct create *create, const struct security_words *words, struct err *err)
{
	json_t *profile = NULL;

	if (create->opts->seccomp_policy != NULL &&
	    !str_equal(create->opts->seccomp_policy, "default"))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot apply --seccomp-policy '%s': an image does not choose its "
			       "own profile (only \"default\")",
			       create->opts->seccomp_policy);
	if (str_equal_null(words->seccomp, "unconfined") ||
	    (create->privileged && words->seccomp == NULL))
		return 0;
	if (words->seccomp == NULL)
		profile = profile_seccomp_named(&create->capabilities);
	else
		profile = seccomp_profile_load(words->seccomp, &create->capabilities, err);
	if (profile == NULL)
		return -1;
	json_put(create_spec_object(create, "linux"), "seccomp", profile);
	return 0;
}

static int security_opt(struct create *create, struct err *err)
{
	struct security_words words = { false, NULL, NULL, STRV_INIT, STRV_INIT };
	int rc = 0;

	for (size_t i = 0; i < create->opts->security_opt.count && rc == 0; i++)
		rc = security_word(create->opts->security_opt.items[i], &words, err);
	for (size_t i = 0; i < words.mask.count && rc == 0; i++)
		if (words.mask.items[i][0] != '/')
			rc = err_set(err, ERR_USAGE,
				     "invalid --security-opt 'mask=%s': the path must be absolute",
				     words.mask.items[i]);
	if (rc == 0) {
		masks(create, &words);
		create->proc_options = words.proc_options;
		json_put_bool(create_spec_object(create, "process"), "noNewPrivileges",
			      words.no_new_privileges);
		rc = seccomp(create, &words, err);
	}
	strv_release(&words.mask);
	strv_release(&words.unmask);
	return rc;
}

/* ---- rlimits ---- */

static const struct {
	const char *name;
	const char *oci;
} rlimit_names[] = {
	{ "core", "RLIMIT_CORE" },	   { "cpu", "RLIMIT_CPU" },
	{ "data", "RLIMIT_DATA" },	   { "fsize", "RLIMIT_FSIZE" },
	{ "locks", "RLIMIT_LOCKS" },	   { "memlock", "RLIMIT_MEMLOCK" },
	{ "msgqueue", "RLIMIT_MSGQUEUE" }, { "nice", "RLIMIT_NICE" },
	{ "nofile", "RLIMIT_NOFILE" },	   { "nproc", "RLIMIT_NPROC" },
	{ "rss", "RLIMIT_RSS" },	   { "rtprio", "RLIMIT_RTPRIO" },
	{ "rttime", "RLIMIT_RTTIME" },	   { "sigpending", "RLIMIT_SIGPENDING" },
	{ "stack", "RLIMIT_STACK" },
};

static int rlimit_value(const char *text, uint64_t *ret)
{
	if (str_equal(text, "-1") || str_equal(text, "unlimited")) {
		*ret = RLIM_INFINITY;
		return 0;
	}
	return parse_u64(text, ret);
}

/* jansson's integers are signed: "unlimited" is written as the largest one and read back as RLIM_INFINITY by the runtime. */
static json_t *rlimit_json(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static int ulimit(json_t *list, const char *text, struct err *err)
{
	const char *equal = strchr(text, '=');
	const char *oci = NULL;
	uint64_t soft, hard;

	for (size_t i = 0; equal != NULL && i < ARRAY_SIZE(rlimit_names); i++)
		if (strlen(rlimit_names[i].name) == (size_t)(equal - text) &&
		    strncmp(rlimit_names[i].name, text, (size_t)(equal - text)) == 0)
			oci = rlimit_names[i].oci;
	if (oci == NULL) {
		err_set(err, ERR_USAGE, "invalid --ulimit '%s': there is no such limit", text);
		return err_hint(err, "Use NAME=SOFT[:HARD], for example nofile=1024:4096; names "
				     "are those of `ulimit`, in words.");
	}
	cleanup_strv struct strv values = STRV_INIT;
	strv_split(&values, equal + 1, ':');
	if (values.count > 2 || rlimit_value(values.items[0], &soft) < 0 ||
	    rlimit_value(values.items[values.count - 1], &hard) < 0)
		return err_set(
			err, ERR_USAGE,
			"invalid --ulimit '%s': the values must be numbers, or -1 for unlimited",
			text);
	if (soft > hard)
		return err_set(err, ERR_USAGE,
			       "invalid --ulimit '%s': the soft limit is above the hard one", text);

	/* the last word holds */
	for (size_t i = json_array_size(list); i-- > 0;) {
		if (str_equal(json_get_string(json_array_get(list, i), "", "type", NULL), oci))
			json_array_remove(list, i);
	}
	json_t *item = json_object();
	json_put_string(item, "type", oci);
	json_put(item, "soft", rlimit_json(soft));
	json_put(item, "hard", rlimit_json(hard));
	json_array_append_new(list, item);
	return 0;
}

int create_ulimits(struct create *create, struct err *err)
{
	json_t *process = create_spec_object(create, "process");
	json_t *list = json_object_get(process, "rlimits");

	if (!json_is_array(list)) {
		list = json_array();
		json_put(process, "rlimits", list);
	}
	/* "host": the caller's limits, which every container has that is not given others */
	if (strv_contains(&create->opts->ulimit, "host") && create->opts->ulimit.count > 1)
		return err_set(err, ERR_USAGE, "--ulimit host and --ulimit '%s' exclude each other",
			       create->opts->ulimit
				       .items[str_equal(create->opts->ulimit.items[0], "host")]);
	for (size_t i = 0; i < create->opts->ulimit.count; i++)
		if (!str_equal(create->opts->ulimit.items[i], "host") &&
		    ulimit(list, create->opts->ulimit.items[i], err) < 0)
			return -1;
	return 0;
}

/* ---- sysctls and the rest ---- */

static int sysctls(struct create *create, struct err *err)
{
	json_t *object = json_object();

	json_put(create_spec_object(create, "linux"), "sysctl", object);
	for (size_t i = 0; i < create->opts->sysctl.count; i++) {
		const char *text = create->opts->sysctl.items[i];
		const char *equal = strchr(text, '=');

		if (equal == NULL || equal == text)
			return err_set(err, ERR_USAGE,
				       "invalid --sysctl '%s': it must be NAME=VALUE", text);
		cleanup_free char *key = xstrndup(text, (size_t)(equal - text));
		json_put_string(object, key, equal + 1);
	}
	return 0;
}

static int oom_score(struct create *create, struct err *err)
{
	int32_t value;

	if (create->opts->oom_score_adj == NULL)
		return 0;
	if (parse_i32(create->opts->oom_score_adj, &value) < 0 || value < -1000 || value > 1000)
		return err_set(
			err, ERR_USAGE,
			"invalid --oom-score-adj '%s': it must be a number from -1000 to 1000",
			create->opts->oom_score_adj);
	json_put_int(create_spec_object(create, "process"), "oomScoreAdj", value);
	return 0;
}

static int personality(struct create *create, struct err *err)
{
	const char *text = create->opts->personality;

	if (text == NULL)
		return 0;
	if (!str_equal(text, "LINUX") && !str_equal(text, "LINUX32"))
		return err_set(err, ERR_USAGE,
			       "invalid --personality '%s': it must be LINUX or LINUX32", text);
	json_t *object = json_object();
	json_put_string(object, "domain", text);
	json_put(create_spec_object(create, "linux"), "personality", object);
	return 0;
}

/* ---- devices ---- */

void create_device_mount(struct create *create, const char *source, const char *target,
			 const char *rights)
{
	cleanup_strv struct strv options = STRV_INIT;

	strv_add(&options, "bind");
	strv_add(&options, "nosuid");
	strv_add(&options, "noexec");
	strv_add(&options, strchr(rights, 'w') == NULL ? "ro" : "rw");
	create_spec_mount(create, target, "bind", source, &options);

	json_t *list = json_object_get(create->record, "devices");
	json_t *item = json_object();
	json_put_string(item, "PathOnHost", source);
	json_put_string(item, "PathInContainer", target);
	json_put_string(item, "CgroupPermissions", rights);
	json_array_append_new(list, item);
}

/* All nodes below a directory such as /dev/snd. */
static int device_directory(struct create *create, const char *source, const char *target,
			    const char *rights, struct err *err)
{
	DIR *dir = opendir(source);

	if (dir == NULL)
		return err_sys(err, errno, "cannot add device directory '%s'", source);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			continue;
		cleanup_free char *from = xasprintf("%s/%s", source, entry->d_name);
		cleanup_free char *to = xasprintf("%s/%s", target, entry->d_name);
		create_device_mount(create, from, to, rights);
	}
	closedir(dir);
	return 0;
}

/* HOST[:CONTAINER][:rwm] */
static int device(struct create *create, const char *text, struct err *err)
{
	cleanup_strv struct strv parts = STRV_INIT;
	const char *rights = "rwm";
	const char *target;
	struct stat st;

	strv_split(&parts, text, ':');
	const char *last = parts.items[parts.count - 1];
	size_t target_count = parts.count;
	if (parts.count > 1 && *last != '/' && *last != '\0' &&
	    strspn(last, "rwm") == strlen(last)) {
		rights = last;
		target_count--;
	}
	target = target_count > 1 ? parts.items[1] : parts.items[0];
	if (target_count > 2 || target[0] != '/')
		return err_set(err, ERR_USAGE,
			       "invalid --device '%s': it must be PATH[:PATH][:rwm]", text);
	if (parts.items[0][0] != '/')
		return err_set(err, ERR_USAGE,
			       "invalid --device '%s': it must be PATH[:PATH][:rwm] or "
			       "VENDOR/CLASS=NAME",
			       text);
	if (stat(parts.items[0], &st) < 0)
		return err_sys(err, errno, "cannot add device '%s'", parts.items[0]);
	if (S_ISDIR(st.st_mode))
		return device_directory(create, parts.items[0], target, rights, err);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, ERR_USAGE, "cannot add device '%s': it is no device",
			       parts.items[0]);
	create_device_mount(create, parts.items[0], target, rights);
	return 0;
}

int create_devices(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;

	json_put(create->record, "devices", json_array());
	for (size_t i = 0; i < opts->devices.count; i++)
		if (!create_cdi_is_name(opts->devices.items[i]) &&
		    device(create, opts->devices.items[i], err) < 0)
			return -1;
	return create_cdi_devices(create, err);
}

int create_security(struct create *create, struct err *err)
{
	if (capabilities(create, err) < 0 || security_opt(create, err) < 0 ||
	    create_ulimits(create, err) < 0 || sysctls(create, err) < 0 ||
	    oom_score(create, err) < 0 || personality(create, err) < 0)
		return -1;
	return 0;
}
