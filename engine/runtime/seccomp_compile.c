/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/seccomp_compile.c - linux.seccomp to a BPF program
 *
 * The program looks at the architecture, then finds the number of the call in a tree of comparisons (nine for four hundred calls), then
 * looks at arguments. What several rules say about one call: those with conditions come first, and among them those that do not allow;
 * then the last one without conditions; then the default. So a denied value stays denied, whatever else is allowed (R9: with
 * rules that are OR-ed, "not 38" and "not 40" allow both).
 *
 * An argument that the kernel takes as an int is compared as one: the upper half is free for the caller to fill, and
 * socket(1 << 32 | AF_ALG) is socket(AF_ALG).
 *
 * A call of an architecture (or of x32) that the profile does not name gets ENOSYS when the default is an error, else the process ends:
 * the numbers mean other calls there. So do numbers above all that are known here, when the default is an error, so that programs
 * fall back to what they did before (R9).
 */
#include "engine/runtime/seccomp.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENTS_MAX	  6
#define ARCHITECTURES_MAX 16
#define RULES_MAX	  65536
#define X32_BIT		  0x40000000U
#define ERRNO_MAX	  4095

/* ---- words ---- */

struct action_info {
	const char *name;
	uint32_t action;
	bool has_errno;
};

static const struct action_info actions[] = {
	{ "SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false },
	{ "SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true },
	{ "SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false },
	{ "SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false },
	{ "SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true },
	{ "SCMP_ACT_LOG", SECCOMP_RET_LOG, false },
};

enum comparison {
	COMPARE_NE,
	COMPARE_LT,
	COMPARE_LE,
	COMPARE_EQ,
	COMPARE_GE,
	COMPARE_GT,
	COMPARE_MASKED_EQ,
	COMPARISON_COUNT
};

static const char *const comparison_names[COMPARISON_COUNT] = {
	[COMPARE_NE] = "SCMP_CMP_NE",
	[COMPARE_LT] = "SCMP_CMP_LT",
	[COMPARE_LE] = "SCMP_CMP_LE",
	[COMPARE_EQ] = "SCMP_CMP_EQ",
	[COMPARE_GE] = "SCMP_CMP_GE",
	[COMPARE_GT] = "SCMP_CMP_GT",
	[COMPARE_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

struct arch_info {
	const char *name;
	uint32_t token; /* of libseccomp; for all but x32 also the kernel's */
};

static const struct arch_info architectures[] = {
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
};

static const struct {
	const char *name;
	unsigned flag;
} filter_flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
};

/* Calls that are younger than Debian 12's libseccomp; they have one number everywhere (x32: with its bit). */
static const struct {
	const char *name;
	int number;
} young_calls[] = {
	{ "futex_waitv", 449 },	      { "set_mempolicy_home_node", 450 },
	{ "cachestat", 451 },	      { "fchmodat2", 452 },
	{ "map_shadow_stack", 453 },  { "futex_wake", 454 },
	{ "futex_wait", 455 },	      { "futex_requeue", 456 },
	{ "statmount", 457 },	      { "listmount", 458 },
	{ "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 },
	{ "lsm_list_modules", 461 },  { "mseal", 462 },
	{ "setxattrat", 463 },	      { "getxattrat", 464 },
	{ "listxattrat", 465 },	      { "removexattrat", 466 },
	{ "open_tree_attr", 467 },    { "file_getattr", 468 },
	{ "file_setattr", 469 },
};
#define LAST_KNOWN_CALL 469

/*
 * i386 has these calls twice: inside of socketcall() and ipc(), for which libseccomp gives pseudo numbers, and since Linux 4.3 and 5.1 by numbers
 * of their own. A filter can look at the arguments of the latter only.
 */
static const struct {
	const char *name;
	int number;
} i386_calls[] = {
	{ "socket", 359 },	{ "socketpair", 360 }, { "bind", 361 },
	{ "connect", 362 },	{ "listen", 363 },     { "accept4", 364 },
	{ "getsockopt", 365 },	{ "setsockopt", 366 }, { "getsockname", 367 },
	{ "getpeername", 368 }, { "sendto", 369 },     { "sendmsg", 370 },
	{ "recvfrom", 371 },	{ "recvmsg", 372 },    { "shutdown", 373 },
	{ "semget", 393 },	{ "semctl", 394 },     { "shmget", 395 },
	{ "shmctl", 396 },	{ "shmat", 397 },      { "shmdt", 398 },
	{ "msgget", 399 },	{ "msgsnd", 400 },     { "msgrcv", 401 },
	{ "msgctl", 402 },
};

/* Arguments (bits of their index) that the kernel takes as int, where a comparison decides about access. */
static const struct {
	const char *name;
	unsigned arguments;
} narrow_calls[] = {
	{ "ioctl", 1 << 0 | 1 << 1 },
	{ "socket", 1 << 0 | 1 << 1 | 1 << 2 },
	{ "socketpair", 1 << 0 | 1 << 1 | 1 << 2 },
	{ "socketcall", 1 << 0 },
};

/* ---- parsed profile ---- */

struct condition {
	unsigned index;
	enum comparison comparison;
	uint64_t value, value_two;
	bool narrow;
};

struct rule {
	uint32_t action;
	unsigned condition_count;
	struct condition conditions[ARGUMENTS_MAX];
};

/* one call of one architecture and one of the rules for it */
struct call {
	uint32_t number;
	uint32_t order;
	const struct rule *rule;
};

struct call_list {
	struct call *items;
	size_t count, size;
};

struct profile {
	uint32_t default_action, foreign_action;
	uint32_t tokens[ARCHITECTURES_MAX];
	size_t token_count;
	struct call_list calls[ARCHITECTURES_MAX]; /* x32's are in x86_64's */
	struct rule **rules;
	size_t rule_count, rule_size;
};

static void profile_release(struct profile *profile)
{
	for (size_t i = 0; i < profile->token_count; i++)
		free(profile->calls[i].items);
	for (size_t i = 0; i < profile->rule_count; i++)
		free(profile->rules[i]);
	free(profile->rules);
}

static int read_action(const json_t *object, const char *action_key, const char *errno_key,
		       uint32_t *ret, struct err *err)
{
	const char *name = json_get_string(object, "", action_key, NULL);
	int64_t number = json_get_int(object, EPERM, errno_key, NULL);
	bool has_number = json_is_integer(json_object_get(object, errno_key));

	if (str_equal(name, "SCMP_ACT_NOTIFY"))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use the seccomp profile: SCMP_ACT_NOTIFY is not supported");
	if (number < 0 || number > ERRNO_MAX)
		return err_set(err, ERR_USAGE,
			       "cannot use the seccomp profile: '%s' must be from 0 to %d",
			       errno_key, ERRNO_MAX);

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!str_equal(name, actions[i].name))
			continue;
		if (has_number && !actions[i].has_errno)
			return err_set(err, ERR_USAGE,
				       "cannot use the seccomp profile: '%s' cannot be combined "
				       "with '%s'",
				       errno_key, name);
		*ret = actions[i].action | (actions[i].has_errno ? (uint32_t)number : 0);
		return 0;
	}
	return err_set(err, ERR_USAGE, "cannot use the seccomp profile: unknown %s '%s'",
		       action_key, name);
}

static int read_condition(const json_t *object, struct condition *condition, struct err *err)
{
	const char *name = json_get_string(object, "", "op", NULL);
	int64_t index = json_get_int(object, -1, "index", NULL);

	if (index < 0 || index >= ARGUMENTS_MAX)
		return err_set(err, ERR_USAGE,
			       "cannot use the seccomp profile: the index of an argument must be "
			       "from 0 to %d",
			       ARGUMENTS_MAX - 1);

	for (int i = 0; i < COMPARISON_COUNT; i++) {
		if (!str_equal(name, comparison_names[i]))
			continue;
		*condition = (struct condition){
			.index = (unsigned)index,
			.comparison = i,
			.value = (uint64_t)json_get_int(object, 0, "value", NULL),
			.value_two = (uint64_t)json_get_int(object, 0, "valueTwo", NULL),
		};
		return 0;
	}
	return err_set(err, ERR_USAGE, "cannot use the seccomp profile: unknown operator '%s'",
		       name);
}

static int read_rule(const json_t *entry, struct rule *rule, struct err *err)
{
	const json_t *args = json_object_get(entry, "args");
	size_t i;
	json_t *arg;

	*rule = (struct rule){ 0 };
	if (read_action(entry, "action", "errnoRet", &rule->action, err) < 0)
		return -1;
	if (json_array_size(args) > ARGUMENTS_MAX)
		return err_set(err, ERR_USAGE,
			       "cannot use the seccomp profile: a rule has more than %d conditions",
			       ARGUMENTS_MAX);

	json_array_foreach (args, i, arg) {
		if (read_condition(arg, &rule->conditions[rule->condition_count++], err) < 0)
			return -1;
	}
	return 0;
}

static int read_architectures(const json_t *seccomp, struct profile *profile, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(seccomp, "architectures"), i, item) {
		const char *name = json_string_value(item);
		size_t known = 0;

		while (known < ARRAY_SIZE(architectures) &&
		       (name == NULL || !str_equal(name, architectures[known].name)))
			known++;
		if (known == ARRAY_SIZE(architectures))
			return err_set(err, ERR_USAGE,
				       "cannot use the seccomp profile: unknown architecture '%s'",
				       name != NULL ? name : "");
		if (profile->token_count == ARCHITECTURES_MAX)
			return err_set(err, ERR_LIMIT,
				       "cannot use the seccomp profile: more than %d architectures",
				       ARCHITECTURES_MAX);
		profile->tokens[profile->token_count++] = architectures[known].token;
	}

	uint32_t native = seccomp_arch_native();
	for (i = 0; i < profile->token_count; i++) {
		if (profile->tokens[i] == native)
			return 0;
	}
	/* without any, or without the one we run on: that one belongs to it */
	if (profile->token_count < ARCHITECTURES_MAX)
		profile->tokens[profile->token_count++] = native;
	return 0;
}

static int read_header(const json_t *seccomp, struct profile *profile, unsigned *ret_flags,
		       struct err *err)
{
	size_t i;
	json_t *item;

	*ret_flags = 0;
	if (read_action(seccomp, "defaultAction", "defaultErrnoRet", &profile->default_action,
			err) < 0)
		return -1;
	profile->foreign_action =
		(profile->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO
			? SECCOMP_RET_ERRNO | ENOSYS
			: SECCOMP_RET_KILL_PROCESS;

	json_array_foreach (json_object_get(seccomp, "flags"), i, item) {
		const char *name = json_string_value(item);
		size_t known = 0;

		while (known < ARRAY_SIZE(filter_flags) &&
		       (name == NULL || !str_equal(name, filter_flags[known].name)))
			known++;
		if (known == ARRAY_SIZE(filter_flags))
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot use the seccomp profile: flag '%s' is not supported",
				       name != NULL ? name : "");
		*ret_flags |= filter_flags[known].flag;
	}
	if (json_object_get(seccomp, "listenerPath") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use the seccomp profile: 'listenerPath' is not supported");
	return read_architectures(seccomp, profile, err);
}

/* ---- calls ---- */

static int call_number(uint32_t token, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(young_calls); i++) {
		if (str_equal(name, young_calls[i].name))
			return young_calls[i].number | (token == SCMP_ARCH_X32 ? (int)X32_BIT : 0);
	}
	for (size_t i = 0; token == SCMP_ARCH_X86 && i < ARRAY_SIZE(i386_calls); i++) {
		if (str_equal(name, i386_calls[i].name))
			return i386_calls[i].number;
	}
	/* negative: not on this architecture, or not known at all */
	return seccomp_syscall_resolve_name_arch(token, name);
}

static void add_call(struct call_list *list, uint32_t number, const struct rule *rule)
{
	if (list->count == list->size) {
		list->size = list->size == 0 ? 512 : list->size * 2;
		list->items = xreallocarray(list->items, list->size, sizeof(*list->items));
	}
	list->items[list->count] =
		(struct call){ .number = number, .order = (uint32_t)list->count, .rule = rule };
	list->count++;
}

static unsigned narrow_arguments(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(narrow_calls); i++) {
		if (str_equal(name, narrow_calls[i].name))
			return narrow_calls[i].arguments;
	}
	return 0;
}

static const struct rule *keep_rule(struct profile *profile, const struct rule *rule,
				    unsigned narrow)
{
	struct rule *kept = xmemdup(rule, sizeof(*rule));

	for (unsigned i = 0; i < kept->condition_count; i++)
		kept->conditions[i].narrow = narrow & (1U << kept->conditions[i].index);
	if (profile->rule_count == profile->rule_size) {
		profile->rule_size = profile->rule_size == 0 ? 64 : profile->rule_size * 2;
		profile->rules =
			xreallocarray(profile->rules, profile->rule_size, sizeof(*profile->rules));
	}
	profile->rules[profile->rule_count++] = kept;
	return kept;
}

/* x32 has the kernel's token of x86_64: its numbers differ by a bit and go into the same tree. */
static struct call_list *list_of(struct profile *profile, size_t index)
{
	if (profile->tokens[index] == SCMP_ARCH_X32) {
		for (size_t i = 0; i < profile->token_count; i++) {
			if (profile->tokens[i] == SCMP_ARCH_X86_64)
				return &profile->calls[i];
		}
	}
	return &profile->calls[index];
}

static int add_entry(struct profile *profile, const json_t *entry, struct err *err)
{
	const json_t *names = json_object_get(entry, "names");
	const struct rule *shared = NULL;
	struct rule rule;
	size_t i;
	json_t *item;

	if (read_rule(entry, &rule, err) < 0)
		return -1;
	if (json_array_size(names) == 0)
		return err_set(err, ERR_USAGE,
			       "cannot use the seccomp profile: a rule has no names");

	json_array_foreach (names, i, item) {
		const char *name = json_string_value(item);
		const struct rule *kept;

		if (name == NULL)
			return err_set(err, ERR_USAGE,
				       "cannot use the seccomp profile: a name is not a string");
		if (profile->rule_count >= RULES_MAX)
			return err_set(err, ERR_LIMIT,
				       "cannot use the seccomp profile: more than %d rules",
				       RULES_MAX);
		if (rule.condition_count > 0)
			kept = keep_rule(profile, &rule, narrow_arguments(name));
		else
			kept = shared = shared != NULL ? shared : keep_rule(profile, &rule, 0);

		for (size_t arch = 0; arch < profile->token_count; arch++) {
			int number = call_number(profile->tokens[arch], name);

			if (number >= 0)
				add_call(list_of(profile, arch), (uint32_t)number, kept);
		}
	}
	return 0;
}

/* Conditions first, those that refuse before those that allow; the last without conditions is the one that counts. */
static int rank(const struct call *call)
{
	if (call->rule->condition_count == 0)
		return 2;
	return call->rule->action == SECCOMP_RET_ALLOW ? 1 : 0;
}

static int compare_calls(const void *a, const void *b)
{
	const struct call *left = a;
	const struct call *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	if (rank(left) != rank(right))
		return rank(left) - rank(right);
	if (rank(left) == 2)
		return left->order > right->order ? -1 : left->order < right->order;
	return left->order < right->order ? -1 : left->order > right->order;
}

/* ---- code ---- */

struct code {
	struct sock_filter *items;
	size_t count, size;
};

static size_t emit(struct code *code, uint16_t operation, uint8_t jump_true, uint8_t jump_false,
		   uint32_t value)
{
	if (code->count == code->size) {
		code->size = code->size == 0 ? 1024 : code->size * 2;
		code->items = xreallocarray(code->items, code->size, sizeof(*code->items));
	}
	code->items[code->count] = (struct sock_filter){ operation, jump_true, jump_false, value };
	return code->count++;
}

static void emit_load(struct code *code, uint32_t offset)
{
	emit(code, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void emit_return(struct code *code, uint32_t action)
{
	emit(code, BPF_RET | BPF_K, 0, 0, action);
}

static uint32_t argument_offset(unsigned index, bool high)
{
	uint32_t offset =
		(uint32_t)(offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));

	return offset + ((__BYTE_ORDER == __LITTLE_ENDIAN) == high ? sizeof(uint32_t) : 0);
}

/* jumps of a rule that wait for an end: behind the condition (it holds) or behind the rule (it does not) */
#define JUMP_HERE  0
#define JUMP_HOLDS 254
#define JUMP_FAILS 255

static void emit_compare(struct code *code, uint16_t operation, uint32_t value, uint8_t if_true,
			 uint8_t if_false)
{
	emit(code, BPF_JMP | operation | BPF_K, if_true, if_false, value);
}

static void emit_condition(struct code *code, const struct condition *condition)
{
	uint32_t low = (uint32_t)condition->value;
	uint32_t high = (uint32_t)(condition->value >> 32);
	size_t first = code->count;
	bool wide = !condition->narrow;

	if (condition->comparison == COMPARE_MASKED_EQ) {
		uint32_t low_two = (uint32_t)condition->value_two;
		uint32_t high_two = (uint32_t)(condition->value_two >> 32);

		if (wide && (high != 0 || high_two != 0)) {
			emit_load(code, argument_offset(condition->index, true));
			emit(code, BPF_ALU | BPF_AND | BPF_K, 0, 0, high);
			emit_compare(code, BPF_JEQ, high_two, JUMP_HERE, JUMP_FAILS);
		}
		emit_load(code, argument_offset(condition->index, false));
		emit(code, BPF_ALU | BPF_AND | BPF_K, 0, 0, low);
		emit_compare(code, BPF_JEQ, low_two, JUMP_HERE, JUMP_FAILS);
	} else {
		bool below =
			condition->comparison == COMPARE_LT || condition->comparison == COMPARE_LE;
		bool equality =
			condition->comparison == COMPARE_EQ || condition->comparison == COMPARE_NE;

		if (wide) {
			emit_load(code, argument_offset(condition->index, true));
			if (!equality)
				emit_compare(code, BPF_JGT, high, below ? JUMP_FAILS : JUMP_HOLDS,
					     JUMP_HERE);
			emit_compare(code, BPF_JEQ, high, JUMP_HERE,
				     below || condition->comparison == COMPARE_NE ? JUMP_HOLDS
										  : JUMP_FAILS);
		}
		emit_load(code, argument_offset(condition->index, false));
		switch (condition->comparison) {
		case COMPARE_EQ:
			emit_compare(code, BPF_JEQ, low, JUMP_HERE, JUMP_FAILS);
			break;
		case COMPARE_NE:
			emit_compare(code, BPF_JEQ, low, JUMP_FAILS, JUMP_HERE);
			break;
		case COMPARE_GT:
			emit_compare(code, BPF_JGT, low, JUMP_HERE, JUMP_FAILS);
			break;
		case COMPARE_GE:
			emit_compare(code, BPF_JGE, low, JUMP_HERE, JUMP_FAILS);
			break;
		case COMPARE_LT:
			emit_compare(code, BPF_JGE, low, JUMP_FAILS, JUMP_HERE);
			break;
		default: /* COMPARE_LE */
			emit_compare(code, BPF_JGT, low, JUMP_FAILS, JUMP_HERE);
			break;
		}
	}

	/* "holds" ends here */
	for (size_t i = first; i < code->count; i++) {
		struct sock_filter *item = &code->items[i];

		if (BPF_CLASS(item->code) != BPF_JMP)
			continue;
		if (item->jt == JUMP_HOLDS)
			item->jt = (uint8_t)(code->count - i - 1);
		if (item->jf == JUMP_HOLDS)
			item->jf = (uint8_t)(code->count - i - 1);
	}
}

static void emit_rule(struct code *code, const struct rule *rule)
{
	size_t first = code->count;

	for (unsigned i = 0; i < rule->condition_count; i++)
		emit_condition(code, &rule->conditions[i]);
	emit_return(code, rule->action);

	for (size_t i = first; i < code->count; i++) {
		struct sock_filter *item = &code->items[i];

		if (BPF_CLASS(item->code) != BPF_JMP)
			continue;
		if (item->jt == JUMP_FAILS)
			item->jt = (uint8_t)(code->count - i - 1);
		if (item->jf == JUMP_FAILS)
			item->jf = (uint8_t)(code->count - i - 1);
	}
}

/* a range of numbers that are treated alike */
struct leaf {
	uint32_t first;
	uint32_t action;	  /* of all, when there are no rules with conditions */
	const struct call *calls; /* of one number, or NULL */
	size_t call_count;
};

struct leaf_list {
	struct leaf *items;
	size_t count, size;
};

static void add_leaf(struct leaf_list *list, struct leaf leaf)
{
	struct leaf *last = list->count > 0 ? &list->items[list->count - 1] : NULL;

	/* a later one that starts at the same number takes its place */
	if (last != NULL && last->first == leaf.first) {
		list->count--;
		last = list->count > 0 ? &list->items[list->count - 1] : NULL;
	}
	if (last != NULL && last->calls == NULL && leaf.calls == NULL &&
	    last->action == leaf.action)
		return;
	if (list->count == list->size) {
		list->size = list->size == 0 ? 256 : list->size * 2;
		list->items = xreallocarray(list->items, list->size, sizeof(*list->items));
	}
	list->items[list->count++] = leaf;
}

static void add_leaf_of_calls(struct leaf_list *list, const struct call *calls, size_t count,
			      uint32_t default_action)
{
	bool has_conditions = calls[0].rule->condition_count > 0;

	add_leaf(list, (struct leaf){
			       .first = calls[0].number,
			       .action = has_conditions ? default_action : calls[0].rule->action,
			       .calls = has_conditions ? calls : NULL,
			       .call_count = has_conditions ? count : 0,
		       });
}

static void emit_leaf(struct code *code, const struct leaf *leaf)
{
	for (size_t i = 0; i < leaf->call_count; i++) {
		emit_rule(code, leaf->calls[i].rule);
		if (leaf->calls[i].rule->condition_count == 0)
			return;
	}
	emit_return(code, leaf->action);
}

static void emit_tree(struct code *code, const struct leaf *leaves, size_t count)
{
	if (count == 1) {
		emit_leaf(code, leaves);
		return;
	}

	size_t middle = count / 2;
	emit(code, BPF_JMP | BPF_JGE | BPF_K, 0, 1, leaves[middle].first);
	/* conditional jumps reach 255 instructions only */
	size_t jump = emit(code, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_tree(code, leaves, middle);
	code->items[jump].k = (uint32_t)(code->count - jump - 1);
	emit_tree(code, leaves + middle, count - middle);
}

static void emit_calls(struct code *code, const struct profile *profile, struct call_list *calls,
		       uint32_t token, bool has_x32)
{
	struct leaf_list leaves = { NULL, 0, 0 };
	uint32_t default_action = profile->default_action;
	bool errors = (default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
	uint32_t unknown_action = errors ? SECCOMP_RET_ERRNO | ENOSYS : default_action;
	/* other architectures than these have one range from 0 on */
	bool dense = token == SCMP_ARCH_X86_64 || token == SCMP_ARCH_X86 ||
		     token == SCMP_ARCH_AARCH64 || token == SCMP_ARCH_RISCV64;
	bool below_x32 = true;

	if (calls->count > 0)
		qsort(calls->items, calls->count, sizeof(*calls->items), compare_calls);

	add_leaf(&leaves, (struct leaf){ .first = 0, .action = default_action });
	for (size_t i = 0, next; i < calls->count; i = next) {
		uint32_t number = calls->items[i].number;

		for (next = i + 1; next < calls->count && calls->items[next].number == number;)
			next++;
		if (below_x32 && number >= X32_BIT) {
			if (dense)
				add_leaf(&leaves, (struct leaf){ .first = LAST_KNOWN_CALL + 1,
								 .action = unknown_action });
			add_leaf(&leaves,
				 (struct leaf){ .first = X32_BIT, .action = default_action });
			below_x32 = false;
		}
		add_leaf_of_calls(&leaves, &calls->items[i], next - i, default_action);
		add_leaf(&leaves, (struct leaf){ .first = number + 1, .action = default_action });
	}
	if (dense && below_x32)
		add_leaf(&leaves,
			 (struct leaf){ .first = LAST_KNOWN_CALL + 1, .action = unknown_action });
	if (token == SCMP_ARCH_X86_64 && !has_x32)
		add_leaf(&leaves,
			 (struct leaf){ .first = X32_BIT, .action = profile->foreign_action });

	emit_load(code, offsetof(struct seccomp_data, nr));
	emit_tree(code, leaves.items, leaves.count);
	free(leaves.items);
}

static void emit_profile(struct code *code, struct profile *profile)
{
	bool has_x32 = false;
	bool has_x86_64 = false;

	for (size_t i = 0; i < profile->token_count; i++) {
		has_x32 |= profile->tokens[i] == SCMP_ARCH_X32;
		has_x86_64 |= profile->tokens[i] == SCMP_ARCH_X86_64;
	}

	emit_load(code, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < profile->token_count; i++) {
		uint32_t token = profile->tokens[i];

		if (token == SCMP_ARCH_X32) {
			if (has_x86_64)
				continue;
			token = SCMP_ARCH_X86_64;
		}
		emit(code, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, token);
		size_t jump = emit(code, BPF_JMP | BPF_JA, 0, 0, 0);
		emit_calls(code, profile, &profile->calls[i], token, has_x32);
		code->items[jump].k = (uint32_t)(code->count - jump - 1);
	}
	emit_return(code, profile->foreign_action);
}

/* ---- door ---- */

void seccomp_filter_release(struct seccomp_filter *filter)
{
	free(filter->code);
	*filter = (struct seccomp_filter)SECCOMP_FILTER_INIT;
}

int seccomp_profile_check(const json_t *seccomp, struct err *err)
{
	struct profile profile = { 0 };
	unsigned flags;
	size_t i;
	json_t *entry;

	if (read_header(seccomp, &profile, &flags, err) < 0)
		return -1;
	json_array_foreach (json_object_get(seccomp, "syscalls"), i, entry) {
		struct rule rule;

		if (read_rule(entry, &rule, err) < 0)
			return -1;
	}
	return 0;
}

int seccomp_filter_compile(const json_t *seccomp, struct seccomp_filter *ret_filter,
			   struct err *err)
{
	struct profile profile = { 0 };
	struct code code = { NULL, 0, 0 };
	unsigned flags;
	size_t i;
	json_t *entry;
	json_t *expanded = seccomp_profile_expand(seccomp);

	if (expanded != NULL)
		seccomp = expanded;
	int r = read_header(seccomp, &profile, &flags, err);
	json_array_foreach (json_object_get(seccomp, "syscalls"), i, entry) {
		if (r < 0)
			break;
		r = add_entry(&profile, entry, err);
	}
	if (r == 0)
		emit_profile(&code, &profile);
	profile_release(&profile);
	json_decref(expanded);
	if (r == 0 && code.count > BPF_MAXINSNS)
		r = err_set(err, ERR_LIMIT,
			    "cannot use the seccomp profile: it needs %zu instructions, and the "
			    "kernel takes %d",
			    code.count, BPF_MAXINSNS);
	if (r < 0) {
		free(code.items);
		return -1;
	}

	*ret_filter =
		(struct seccomp_filter){ .code = code.items, .count = code.count, .flags = flags };
	return 0;
}

int seccomp_filter_apply(const struct seccomp_filter *filter)
{
	struct sock_fprog program = { .len = (unsigned short)filter->count,
				      .filter = filter->code };
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);

	return r < 0 ? -errno : 0;
}
