/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-unpack.c - hostile and friendly tar files through the tar reader and the anchored writer
 *
 * Each case is a tar made row by row, unpacked into a directory beside a canary tree, and a list of what must be there after that
 * or the kind of error. Whatever the case, the canary must be untouched. The same cases run once more with openat2 switched
 * off (R1).
 */
#include "unit.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/err.h"
#include "base/fd.h"
#include "rootless/rootless.h"
#include "storage/unpack.h"
#include "tar_maker.h"

#define ROWS_MAX 12
#define FINE	 (-1)
#define ANY	 (-2) /* it may be refused or not: nothing outside is touched */
#define NUL_50                                                                                     \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0"
#define NUL_501	  NUL_50 NUL_50 NUL_50 NUL_50 NUL_50 NUL_50 NUL_50 NUL_50 NUL_50 NUL_50 "\0"
#define CANARY	  "canary"
#define CANARY_UP "../../" CANARY
#define LONG_100                                                                                   \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"890123456789"
#define LONG_256 LONG_100 LONG_100 "01234567890123456789012345678901234567890123456789012345"
#define CAPABILITY                                                                                 \
	"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

struct unpack_case {
	const char *name;
	int kind;	     /* FINE, or of the error */
	const char *message; /* a part of it */
	struct tar_row rows[ROWS_MAX];
	/*
	 * Lines "TYPE PATH[=VALUE]" of what must be there: d directory, f file with content, l link to, h same file as, w whiteout, o opaque
	 * directory, - nothing, p fifo, m mode, t time, x user attribute "PATH NAME=VALUE", s sparse file of this size, i implied
	 */
	const char *expected;
	enum layer_form form;
};

/* clang-format off */
static const struct unpack_case cases[] = {
	/* --- names --- */
	{"dotdot", ERR_CORRUPT, "'../x'", {{"../x", '0', "bad"}}},
	{"dotdot into the canary", ERR_CORRUPT, "..", {{CANARY_UP "/secret", '0', "bad"}}},
	{"dotdot in the middle", ERR_CORRUPT, "..", {{"a", '5'}, {"a/../../x", '0', "bad"}}},
	{"dotdot that stays inside", ERR_CORRUPT, "..", {{"a", '5'}, {"a/../b", '0', "bad"}}},
	{"dotdot at the end", ERR_CORRUPT, "..", {{"a/..", '5'}}},
	{"dotdot alone", ERR_CORRUPT, "..", {{"..", '5'}}},
	{"three dots are a name", FINE, NULL, {{".../..x", '0', "x"}}, "f .../..x=x"},
	{"absolute", FINE, NULL, {{"/abs", '0', "x"}}, "f abs=x"},
	{"absolute twice", FINE, NULL, {{"//a//b", '0', "x"}}, "f a/b=x"},
	{"dot slash", FINE, NULL, {{"./", '5', .mode = 0711}, {"./a/./b", '0', "x"}}, "m .=711\nf a/b=x"},
	{"empty name", ERR_CORRUPT, "no name", {{"", '0', "x"}}},
	{"root as file", ERR_CORRUPT, "root", {{".", '0', "x"}}},
	{"root as link to the canary", ERR_CORRUPT, "root", {{"./", '2', CANARY_UP}, {"x", '0', "bad"}}},
	{"root as hard link", ERR_CORRUPT, "root", {{"/", '1', "a"}}},
	{"root as fifo", ERR_CORRUPT, "root", {{".", '6'}}},
	{"root twice", FINE, NULL, {{"/", '5', .mode = 0700}, {".", '5', .mode = 0750}}, "m .=750"},
	{"newline and control bytes", FINE, NULL, {{"a\nb\x1b[31m", '0', "x"}}, "f a\\b\x1b[31m=x"},
	{"control bytes are escaped in messages", ERR_CORRUPT, "\\x1b", {{"a\x1b/..", '0', "x"}}},
	{"raw bytes in ustar", FINE, NULL, {{"\xfc\xff", '0', "x"}}, "f \xfc\xff=x"},
	{"UTF-8 in pax", FINE, NULL, {{"x", '0', "x", .pax = "path=\xc3\xbc\n"}}, "f \xc3\xbc=x\n- x"},
	{"raw bytes in pax", FINE, NULL, {{"x", '0', "x", .pax = "path=\xfc\xff\n"}}, "f \xfc\xff=x"},
	{"component of 255", FINE, NULL, {{"x", '0', "x", .pax = "path=a/" LONG_100 LONG_100 "b\n"}},
		"f a/" LONG_100 LONG_100 "b=x"},
	{"component of 256", ERR_LIMIT, "255", {{"x", '0', "x", .pax = "path=" LONG_256 "\n"}}},
	{"name by pax with dotdot", ERR_CORRUPT, "..", {{"x", '0', "bad", .pax = "path=a/../../" CANARY "/secret\n"}}},
	{"name by GNU", FINE, NULL, {{"././@LongLink", 'L', LONG_100 "/y", .magic = "ustar  "}, {"x", '0', "x", .magic = "ustar  "}},
		"f " LONG_100 "/y=x\n- x"},
	{"name by GNU with dotdot", ERR_CORRUPT, "..", {{"././@LongLink", 'L', "../x", .magic = "ustar  "},
		{"x", '0', "bad", .magic = "ustar  "}}},
	{"name by GNU without an entry", ERR_CORRUPT, NULL, {{"././@LongLink", 'L', LONG_100, .magic = "ustar  "}}},

	/* --- links --- */
	{"link out, kept", FINE, NULL, {{"a", '2', CANARY_UP}}, "l a=" CANARY_UP},
	{"link out, absolute, kept", FINE, NULL, {{"a", '2', "/etc"}}, "l a=/etc"},
	{"write through a link out", ERR_CORRUPT, "a", {{"a", '2', CANARY_UP}, {"a/secret", '0', "bad"}}},
	{"write through a link out that leads somewhere inside", FINE, NULL, {{"canary", '5'}, {"a", '2', CANARY_UP}, {"a/secret", '0', "x"}},
		"l a=" CANARY_UP "\nf " CANARY "/secret=x"},
	{"write through an absolute link", FINE, NULL, {{"a", '2', "/b"}, {"b", '5'}, {"a/x", '0', "x"}}, "f b/x=x\nl a=/b"},
	{"write through a link inside", FINE, NULL, {{"lib", '2', "usr/lib"}, {"usr/lib", '5'}, {"lib/x", '0', "x"}},
		"f usr/lib/x=x\nl lib=usr/lib"},
	{"write through a link to itself", ERR_CORRUPT, "a", {{"a", '2', "a"}, {"a/x", '0', "bad"}}},
	{"write through a link to a file", ERR_CORRUPT, "a", {{"f", '0', "x"}, {"a", '2', "f"}, {"a/x", '0', "bad"}}},
	{"write over a link", FINE, NULL, {{"a", '2', CANARY_UP "/secret"}, {"a", '0', "x"}}, "f a=x"},
	{"directory over a link", FINE, NULL, {{"a", '2', CANARY_UP}, {"a", '5', .mode = 0700}, {"a/secret", '0', "x"}},
		"m a=700\nf a/secret=x"},
	{"fifo over a link", FINE, NULL, {{"a", '2', CANARY_UP "/secret"}, {"a", '6'}}, "p a"},
	{"link over a directory", FINE, NULL, {{"a", '5'}, {"a/x", '0', "x"}, {"a", '2', CANARY_UP}, {"b", '0', "y"}},
		"l a=" CANARY_UP "\nf b=y"},
	{"link over the directory that is written to", ERR_CORRUPT, "a", {{"a/b/x", '0', "x"}, {"a", '2', CANARY_UP}, {"a/b/y", '0', "bad"}}},
	{"time of a directory that became a link", FINE, NULL, {{"a", '5', .mtime = 5}, {"a", '2', CANARY_UP}}, "l a=" CANARY_UP},
	{"empty target", ERR_CORRUPT, "nothing", {{"a", '2', ""}}},
	{"target by pax", FINE, NULL, {{"a", '2', "x", .pax = "linkpath=" LONG_100 "/" LONG_100 "\n"}}, "l a=" LONG_100 "/" LONG_100},
	{"hard link", FINE, NULL, {{"d/a", '0', "x"}, {"b", '1', "d/a"}, {"e/c", '1', "/d/./a"}}, "h b=d/a\nh e/c=d/a"},
	{"hard link through dotdot", ERR_CORRUPT, "..", {{"a", '1', CANARY_UP "/secret"}}},
	{"hard link to an absolute path outside", ERR_CORRUPT, "not made", {{"a", '1', "/etc/passwd"}}},
	{"hard link to a later entry", ERR_CORRUPT, "not made", {{"a", '1', "b"}, {"b", '0', "x"}}},
	{"hard link to a link out is a link", FINE, NULL, {{"a", '2', CANARY_UP "/secret"}, {"b", '1', "a"}}, "l b=" CANARY_UP "/secret"},
	{"hard link to a link out, then a file", FINE, NULL, {{"a", '2', CANARY_UP "/secret"}, {"b", '1', "a"}, {"b", '0', "x"}},
		"f b=x\nl a=" CANARY_UP "/secret"},
	{"hard link below a link out", ERR_CORRUPT, "not made", {{"a", '2', CANARY_UP}, {"b", '1', "a/secret"}}},
	{"hard link below a link inside", FINE, NULL, {{"d/f", '0', "x"}, {"a", '2', "d"}, {"b", '1', "a/f"}}, "h b=d/f"},
	{"hard link to a directory", ERR_CORRUPT, "directory", {{"d", '5'}, {"b", '1', "d"}}},
	{"hard link to the root", ERR_CORRUPT, "link", {{"b", '1', "."}}},
	{"hard link to itself", FINE, NULL, {{"a", '0', "x"}, {"a", '1', "a"}}, "f a=x"},
	{"hard link over a file", FINE, NULL, {{"a", '0', "x"}, {"b", '0', "y"}, {"b", '1', "a"}}, "h b=a"},
	{"hard link over the directory of its target", ERR_CORRUPT, NULL, {{"d/a", '0', "x"}, {"d", '1', "d/a"}}},
	{"hard link to a whiteout", ERR_CORRUPT, "removed", {{".wh.a", '0'}, {"b", '1', "a"}}},
	{"hard link with content", ERR_CORRUPT, "content", {{"a", '0', "x"}, {"b", '1', "a", .header_size = 512, .pax = "comment=x\n"}}},
	{"hard link that says a size, as old tars do", FINE, NULL, {{"a", '0', "x"}, {"b", '1', "a", .header_size = 1}, {"c", '0', "y"}},
		"h b=a\nf c=y"},
	{"file over a hard link leaves the other", FINE, NULL, {{"a", '0', "x"}, {"b", '1', "a"}, {"b", '0', "yy"}}, "f a=x\nf b=yy"},

	/* --- whiteouts --- */
	{"whiteout", FINE, NULL, {{"d/.wh.a", '0'}}, "w d/a"},
	{"whiteout, then the file", FINE, NULL, {{".wh.a", '0'}, {"a", '0', "x"}}, "f a=x"},
	{"the file, then whiteout", FINE, NULL, {{"a", '0', "x"}, {".wh.a", '0'}}, "f a=x"},
	{"whiteout, then the directory", FINE, NULL, {{".wh.a", '0'}, {"a", '5', .mode = 0700}, {"a/b", '0', "x"}}, "o a\nf a/b=x\nm a=700"},
	{"the directory, then whiteout", FINE, NULL, {{"a", '5'}, {"a/b", '0', "x"}, {".wh.a", '0'}}, "o a\nf a/b=x"},
	{"whiteout, then something below", FINE, NULL, {{".wh.a", '0'}, {"a/b", '0', "x"}}, "o a\nf a/b=x"},
	{"the link, then whiteout", FINE, NULL, {{"a", '2', CANARY_UP}, {".wh.a", '0'}}, "l a=" CANARY_UP},
	{"whiteout through a link out", ERR_CORRUPT, "a", {{"a", '2', CANARY_UP}, {"a/.wh.secret", '0'}}},
	{"whiteout twice", FINE, NULL, {{".wh.a", '0'}, {".wh.a", '0'}}, "w a"},
	{"whiteout as hard link", FINE, NULL, {{".wh.a", '1', ".wh..wh.aufs"}}, "w a"},
	{"whiteout as directory", ERR_CORRUPT, "whiteout", {{".wh.a", '5'}}},
	{"whiteout as link", ERR_CORRUPT, "whiteout", {{".wh.a", '2', CANARY_UP}}},
	{"below a whiteout", ERR_CORRUPT, "whiteout", {{".wh.a/b", '0', "x"}}},
	{"below a whiteout, deeper", ERR_CORRUPT, "whiteout", {{"d/.wh.a/b/c", '0', "x"}}},
	{"whiteout of nothing", ERR_CORRUPT, "impossible", {{".wh.", '0'}}},
	{"whiteout of dot", ERR_CORRUPT, "impossible", {{"a/.wh..", '0'}}},
	{"whiteout of dotdot", ERR_CORRUPT, "impossible", {{"a/.wh...", '0'}}},
	{"whiteout of a whiteout", ERR_CORRUPT, "impossible", {{"a/.wh..wh.b", '0'}}},
	{"opaque", FINE, NULL, {{"a", '5'}, {"a/.wh..wh..opq", '0'}}, "o a"},
	{"opaque keeps what this layer has", FINE, NULL, {{"a/b", '0', "x"}, {"a/.wh..wh..opq", '0'}, {"a/c", '0', "y"}},
		"o a\nf a/b=x\nf a/c=y"},
	{"opaque, then the directory", FINE, NULL, {{"a/.wh..wh..opq", '0'}, {"a", '5', .mode = 0750}}, "o a\nm a=750"},
	{"opaque root", FINE, NULL, {{".wh..wh..opq", '0'}, {"a", '0', "x"}}, "o .\nf a=x"},
	{"opaque through a link out", ERR_CORRUPT, "a", {{"a", '2', CANARY_UP}, {"a/.wh..wh..opq", '0'}}},
	{"opaque as directory", ERR_CORRUPT, "whiteout", {{"a/.wh..wh..opq", '5'}}},
	{"opaque as link", ERR_CORRUPT, "whiteout", {{"a/.wh..wh..opq", '2', CANARY_UP}}},
	{"files of aufs", FINE, NULL, {{".wh..wh.aufs", '0'}, {".wh..wh.plnk", '5'}, {".wh..wh.plnk/1.2", '0', "x"}, {"a", '0', "x"}},
		"f a=x\n- .wh..wh.aufs\n- .wh..wh.plnk"},

	/* --- duplicates and order --- */
	{"file twice", FINE, NULL, {{"a", '0', "one"}, {"a", '0', "2"}}, "f a=2"},
	{"directory twice", FINE, NULL, {{"a", '5'}, {"a/b", '0', "x"}, {"a", '5', .mode = 0711}}, "m a=711\nf a/b=x"},
	{"file over directory", FINE, NULL, {{"a/b/c", '0', "x"}, {"a", '0', "y"}}, "f a=y"},
	{"directory over file", FINE, NULL, {{"a", '0', "y"}, {"a", '5'}, {"a/b", '0', "x"}}, "f a/b=x"},
	{"directory that went and came again", FINE, NULL, {{"a/b", '0', "x"}, {"a", '0', "y"}, {"a", '5'}, {"a/c", '0', "z"}},
		"f a/c=z\n- a/b"},
	{"below a file", ERR_CORRUPT, "a", {{"a", '0', "x"}, {"a/b", '0', "y"}}},
	{"below a fifo", ERR_CORRUPT, "a", {{"a", '6'}, {"a/b", '0', "y"}}},
	{"parents are made", FINE, NULL, {{"a/b/c", '0', "x"}}, "m a=755\nm a/b=755\nf a/b/c=x\ni a\ni a/b"},
	{"parents come later", FINE, NULL, {{"a/b", '0', "x"}, {"a", '5', .mode = 0700}}, "m a=700\nf a/b=x"},
	{"time of directories", FINE, NULL, {{"a", '5', .mtime = 1234}, {"a/b", '0', "x", .mtime = 99}, {"a/c", '2', "x", .mtime = 77}},
		"t a=1234\nt a/b=99\nt a/c=77"},
	{"time before 1970", FINE, NULL, {{"a", '0', "x", .pax = "mtime=-5\n"}}, "t a=-5"},

	/* --- types --- */
	{"devices are skipped", FINE, NULL, {{"c", '3'}, {"b", '4'}, {"a", '0', "x"}}, "f a=x\n- c\n- b"},
	{"fifo", FINE, NULL, {{"a", '6', .mode = 0640}}, "p a\nm a=640"},
	{"old tar without magic", FINE, NULL, {{"a", '0', "x", .magic = "\0\0\0\0\0\0\0"}}, "f a=x"},
	{"unknown type is a file", FINE, NULL, {{"a", 'Z', "x"}}, "f a=x"},
	{"setuid and sticky", FINE, NULL, {{"a", '0', "x", .mode = 04755}, {"d", '5', .mode = 01777}, {"e", '5', .mode = 02755}, {"e/f", '5'},
		{"g", '0', "x", .mode = NO_MODE}}, "m a=4755\nm d=1777\nm e=2755\nm e/f=755\nm g=0"},

	/* --- attributes --- */
	{"user attribute", FINE, NULL, {{"a", '0', "x", .pax = "SCHILY.xattr.user.color=blue\n"}}, "x a user.color=blue"},
	{"attribute of a directory", FINE, NULL, {{"a", '5', .pax = "SCHILY.xattr.user.color=blue\n"}}, "x a user.color=blue"},
	{"overlay attributes are dropped", FINE, NULL,
		{{"a", '5', .pax = "SCHILY.xattr.user.overlay.opaque=y\nSCHILY.xattr.user.overlay.redirect=/b\n"
		"SCHILY.xattr.user.fuseoverlayfs.opaque=y\nSCHILY.xattr.user.containers.override_stat=0:0:4755\n"
		"SCHILY.xattr.trusted.overlay.opaque=y\nSCHILY.xattr.security.selinux=x\n"}},
		"x a user.overlay.opaque\nx a user.overlay.redirect\nx a user.fuseoverlayfs.opaque\nx a user.containers.override_stat"},
	{"bad ACL is ignored", FINE, NULL, {{"a", '0', "x", .pax = "SCHILY.acl.access=user::rwz,bogus\n"}}, "f a=x"},

	/* --- sizes --- */
	{"size by pax", FINE, NULL, {{"a", '0', "hello", .pax = "size=5\n", .header_size = SAY_ZERO}, {"b", '0', "x"}}, "f a=hello\nf b=x"},
	{"size by pax is too large", ERR_CORRUPT, NULL, {{"a", '0', "hello", .pax = "size=99999\n"}}},
	{"size by pax is negative", ERR_CORRUPT, NULL, {{"a", '0', "hello", .pax = "size=-1\n"}}},
	{"size by pax is huge", ERR_CORRUPT, NULL, {{"a", '0', "hello", .pax = "size=99999999999999999999\n"}}},
	{"size in the header is huge", ERR_CORRUPT, NULL, {{"a", '0', "hello", .header_size = 0x7ffffffffffffff}}},
	{"an archive in a file", FINE, NULL, {{"a", '0', "ustar inside", .pax = "size=12\n"}, {"b", '0', "x"}}, "f a=ustar inside\nf b=x"},
	{"pax header of 8 GiB", ERR_CORRUPT, NULL, {{"x", 'x', "11 path=ab\n", .header_size = 8L << 30}, {"a", '0', "x"}}},
	{"name by GNU of 8 GiB", ERR_CORRUPT, NULL, {{"././@LongLink", 'L', "a", .header_size = 8L << 30, .magic = "ustar  "}}},
	{"global header is harmless", FINE, NULL, {{"a", '0', "x", .global = "path=../bad\ncomment=hi\n"}}, "f a=x"},
	{"owner out of range", ERR_CORRUPT, "owner", {{"a", '0', "x", .pax = "uid=4294967295\n"}}},
	{"negative owner", ERR_CORRUPT, NULL, {{"a", '0', "x", .pax = "uid=-1\n"}}},
	{"damaged header", ERR_CORRUPT, "tar", {{"a", '0', "x"}, {"b", '0', "x", .damaged = true}}},
	{"damaged header at the start", ERR_CORRUPT, "tar", {{"b", '0', "x", .damaged = true}}},

	/* --- sparse files --- */
	{"sparse, GNU 0.1", FINE, NULL, {{"a", '0', "0123456789", .pax = "GNU.sparse.size=1000000\nGNU.sparse.numblocks=2\n"
		"GNU.sparse.map=0,4,900000,6\nGNU.sparse.name=s\n"}}, "s s=1000000"},
	{"sparse, GNU 1.0", FINE, NULL, {{"a", '0', "1\n900000\n4\n" NUL_501 "data", .data_size = 516,
		.pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=1000000\nGNU.sparse.name=s\n"}},
		"s s=1000000\n- a"},
	{"sparse, GNU 1.0, map without end", ERR_CORRUPT, NULL, {{"a", '0', "99999999\n1\n" NUL_501, .data_size = 512,
		.pax = "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=1000000\nGNU.sparse.name=s\n"}}},
	{"sparse with blocks out of order", ERR_CORRUPT, NULL, {{"a", '0', "0123456789", .pax = "GNU.sparse.size=1000000\n"
		"GNU.sparse.numblocks=2\nGNU.sparse.map=900000,4,0,6\nGNU.sparse.name=s\n"}}},
	{"sparse beyond its size", ERR_CORRUPT, NULL, {{"a", '0', "0123456789", .pax = "GNU.sparse.size=100\n"
		"GNU.sparse.numblocks=1\nGNU.sparse.map=900000,10\nGNU.sparse.name=s\n"}}},
	{"sparse with a name outside", ERR_CORRUPT, "..", {{"a", '0', "0123456789", .pax = "GNU.sparse.size=100\n"
		"GNU.sparse.numblocks=1\nGNU.sparse.map=0,10\nGNU.sparse.name=../s\n"}}},
	{"sparse with a numbered map of nonsense", ANY, NULL, {{"a", '0', "0123456789", .pax = "GNU.sparse.size=100\n"
		"GNU.sparse.map=-1,9223372036854775807\nGNU.sparse.name=s\n"}}},

	/* --- single form --- */
	{"single: owner and mode in an attribute", FINE, NULL, {{"a", '0', "x", .mode = 04755, .uid = 12, .gid = 34}, {"d", '5', .mode = NO_MODE,
		.uid = 5}, {"d/b", '0', "y"}}, "m a=755\nx a user.containers.override_stat=12:34:4755\nm d=700\n"
		"x d user.containers.override_stat=5:0:0\nf d/b=y\nx d/b user.containers.override_stat=0:0:644\nx . user.containers.override_stat=0:0:755", LAYER_SINGLE},
	{"single: whiteouts", FINE, NULL, {{".wh.a", '0'}, {"o/.wh..wh..opq", '0'}}, "w a\no o\nx o user.fuseoverlayfs.opaque=y", LAYER_SINGLE},
};
/* clang-format on */

/* --- the canary --- */

static void canary_make(int dir_fd)
{
	assert_int_equal(mkdirat(dir_fd, CANARY, 0700), 0);
	unit_write(dir_fd, CANARY "/secret", "token-5f3a");
	assert_int_equal(mkfifoat(dir_fd, CANARY "/fifo", 0600), 0);
	assert_int_equal(mkdirat(dir_fd, CANARY "/d", 0700), 0);
}

/* Everything that a touch would change. */
static void canary_look(int dir_fd, struct strbuf *look)
{
	static const char *const names[] = { "", "/secret", "/fifo", "/d" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		struct stat st;

		snprintf(path, sizeof(path), CANARY "%s", names[i]);
		assert_int_equal(fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
		strbuf_addf(look, "%s %o %lu %ld %ld.%ld\n", path, st.st_mode, st.st_nlink,
			    st.st_size, st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	}
	assert_int_equal(fd_read_file(dir_fd, CANARY "/secret", look, 100), 0);
}

/* --- expectations --- */

static void expect_file(int dir_fd, const char *path, const char *content)
{
	cleanup_strbuf struct strbuf got = STRBUF_INIT;

	assert_int_equal(fd_read_file(dir_fd, path, &got, 1 << 20), 0);
	assert_string_equal(got.data, content);
}

static void expect_xattr(int dir_fd, const char *path, const char *name, const char *value)
{
	char got[256] = "";
	cleanup_fd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fgetxattr(fd, name, got, sizeof(got) - 1);

	if (value == NULL)
		assert_int_equal(size, -1);
	else
		assert_string_equal(got, value);
}

static void expect_link(int dir_fd, const char *path, const char *target)
{
	char got[PATH_MAX] = "";

	assert_true(readlinkat(dir_fd, path, got, sizeof(got) - 1) > 0);
	assert_string_equal(got, target);
}

/* path is writable; value may be NULL */
static void expect_one(int dir_fd, char type, char *path, const char *value,
		       const struct unpack_result *result)
{
	struct stat st, other;
	bool there = fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	char *space;

	if (type == 'x') {
		space = strchr(path, ' ');
		*space = '\0';
		expect_xattr(dir_fd, path, space + 1, value);
		return;
	}
	if (type == 'i') {
		assert_true(strv_contains(&result->implied, path));
		return;
	}
	if (there == (type == '-'))
		fail_msg("'%s' is %s", path, there ? "there" : "missing");

	switch (type) {
	case '-':
		return;
	case 'd':
		assert_true(S_ISDIR(st.st_mode));
		return;
	case 'f':
		assert_true(S_ISREG(st.st_mode));
		expect_file(dir_fd, path, value);
		return;
	case 'l':
		expect_link(dir_fd, path, value);
		return;
	case 'h':
		assert_int_equal(fstatat(dir_fd, value, &other, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_ino, other.st_ino);
		return;
	case 'w':
		assert_true(S_ISCHR(st.st_mode));
		assert_int_equal(st.st_rdev, makedev(0, 0));
		return;
	case 'o':
		assert_true(S_ISDIR(st.st_mode));
		expect_xattr(dir_fd, path, "user.overlay.opaque", "y");
		return;
	case 'p':
		assert_true(S_ISFIFO(st.st_mode));
		return;
	case 'm':
		assert_int_equal(st.st_mode & 07777, strtoul(value, NULL, 8));
		return;
	case 't':
		assert_int_equal(st.st_mtime, strtol(value, NULL, 10));
		return;
	case 's':
		assert_int_equal(st.st_size, strtol(value, NULL, 10));
		assert_true(st.st_blocks * 512 < 65536);
		return;
	default:
		fail_msg("no such expectation: %c", type);
	}
}

static void expect_all(int dir_fd, const char *expected, const struct unpack_result *result)
{
	while (expected && *expected) {
		size_t length = strcspn(expected, "\n");
		char line[1024];

		assert_true(length < sizeof(line));
		memcpy(line, expected, length);
		line[length] = '\0';
		/* a backslash stands for a newline in a name */
		for (char *at = strchr(line, '\\'); at; at = strchr(at, '\\'))
			*at = '\n';
		char *value = strrchr(line, '=');
		if (value)
			*value++ = '\0';
		expect_one(dir_fd, line[0], line + 2, value, result);
		expected += length + (expected[length] == '\n');
	}
}

/* --- running a case --- */

static int memory_file(const struct strbuf *data)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, data->data, data->length), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void run_case(const struct unpack_case *test)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	cleanup_strbuf struct strbuf before = STRBUF_INIT;
	cleanup_strbuf struct strbuf after = STRBUF_INIT;
	struct unpack_result result = UNPACK_RESULT_INIT;
	struct unpack_limits limits;
	struct err err;
	struct unit_dir dir = unit_dir_make();

	for (size_t i = 0; i < ROWS_MAX && test->rows[i].name; i++)
		tar_add(&tar, &test->rows[i]);
	tar_end(&tar);
	canary_make(dir.fd);
	assert_int_equal(mkdirat(dir.fd, "store", 0700), 0);
	assert_int_equal(mkdirat(dir.fd, "store/tree", 0755), 0);
	canary_look(dir.fd, &before);

	cleanup_fd int tar_fd = memory_file(&tar);
	cleanup_fd int tree_fd = openat(dir.fd, "store/tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unpack_limits_default(&limits);
	int r = unpack_tar(tar_fd, tree_fd, test->form, &limits, &result, &err);

	canary_look(dir.fd, &after);
	assert_string_equal(before.data, after.data);
	if (test->kind == FINE) {
		if (r < 0)
			fail_msg("%s: %s", test->name, err.msg);
		expect_all(tree_fd, test->expected, &result);
	} else if (test->kind != ANY) {
		if (r == 0)
			fail_msg("%s: was accepted", test->name);
		if (err.kind != (enum err_kind)test->kind)
			fail_msg("%s: is '%s': %s", test->name, err_kind_name(err.kind), err.msg);
		if (test->message && strstr(err.msg, test->message) == NULL)
			fail_msg("%s: no '%s' in: %s", test->name, test->message, err.msg);
	}
	unpack_result_release(&result);
	unit_dir_remove(&dir);
}

static void test_case(void **state)
{
	run_case(*state);
}

static void test_without_openat2(void **state)
{
	path_set_openat2(false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(&cases[i]);
	path_set_openat2(true);
}

/* Zeros in a layer take no room, and what is around them is where it was. */
static void test_zeros_become_holes(void **state)
{
	enum { SIZE = 4 << 20, AT = (2 << 20) + 4321 };
	cleanup_strbuf struct strbuf content = STRBUF_INIT;
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	cleanup_strbuf struct strbuf got = STRBUF_INIT;
	struct unpack_result result = UNPACK_RESULT_INIT;
	struct unpack_limits limits;
	struct err err;
	struct unit_dir dir = unit_dir_make();
	struct stat st;

	strbuf_grow(&content, SIZE);
	memset(content.data, 0, SIZE);
	memcpy(content.data + AT, "middle", 6);
	content.data[0] = 'x';
	tar_add(&tar, &(struct tar_row){ "before", '0', "abc" });
	tar_add(&tar, &(struct tar_row){ "f", '0', content.data, .data_size = SIZE });
	tar_end(&tar);
	cleanup_fd int tar_fd = memory_file(&tar);
	unpack_limits_default(&limits);
	if (unpack_tar(tar_fd, dir.fd, LAYER_MAPPED, &limits, &result, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(result.diff_bytes, SIZE + 3);
	assert_int_equal(fstatat(dir.fd, "f", &st, 0), 0);
	assert_true(st.st_blocks * 512 <= 3 * 65536);
	assert_int_equal(fd_read_file(dir.fd, "f", &got, SIZE + 1), 0);
	assert_int_equal(got.length, SIZE);
	assert_memory_equal(got.data, content.data, SIZE);
	unpack_result_release(&result);
	unit_dir_remove(&dir);
}

/* Cut a friendly tar at every 100th byte: an error or a whole prefix of the entries, never a crash. */
static void test_truncated(void **state)
{
	cleanup_strbuf struct strbuf tar = STRBUF_INIT;
	struct unpack_limits limits;

	unpack_limits_default(&limits);
	tar_add(&tar, &(struct tar_row){ "a/b", '0', LONG_256 LONG_256 LONG_256 });
	tar_add(&tar, &(struct tar_row){ "x", '0', "x", .pax = "path=" LONG_100 "/c\n" });
	tar_add(&tar, &(struct tar_row){ "././@LongLink", 'L', LONG_100 "/y", .magic = "ustar  " });
	tar_add(&tar, &(struct tar_row){ "x", '0', "x", .magic = "ustar  " });
	size_t length = tar.length;
	for (size_t cut = 1; cut < length; cut += 100) {
		struct unpack_result result = UNPACK_RESULT_INIT;
		struct err err;
		struct unit_dir dir = unit_dir_make();

		tar.length = cut;
		cleanup_fd int tar_fd = memory_file(&tar);
		int r = unpack_tar(tar_fd, dir.fd, LAYER_MAPPED, &limits, &result, &err);
		if (r < 0)
			assert_int_equal(err.kind, ERR_CORRUPT);
		else
			assert_int_equal(cut % TAR_BLOCK, 0);
		unpack_result_release(&result);
		unit_dir_remove(&dir);
	}
}

int main(int argc, char **argv)
{
	enum { CASES = sizeof(cases) / sizeof(cases[0]) };
	static struct CMUnitTest tests[CASES + 3];

	for (size_t i = 0; i < CASES; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, test_case, NULL, NULL,
						(void *)&cases[i] };
	tests[CASES] = (struct CMUnitTest)cmocka_unit_test(test_without_openat2);
	tests[CASES + 1] = (struct CMUnitTest)cmocka_unit_test(test_truncated);
	tests[CASES + 2] = (struct CMUnitTest)cmocka_unit_test(test_zeros_become_holes);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	/* as the writer child is: root of a user namespace, here of one id */
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct err err;
	idmap_add(&maps.uid, 0, geteuid(), 1);
	idmap_add(&maps.gid, 0, getegid(), 1);
	maps.single = true;
	if (geteuid() != 0 && userns_enter(&maps, &err) < 0)
		fprintf(stderr, "without a user namespace: %s\n", err.msg);
	return cmocka_run_group_tests_name(argv[0], tests, NULL, NULL);
}
