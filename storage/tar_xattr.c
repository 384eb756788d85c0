/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/tar_xattr.c - the allow-list, and the attributes of a file in a fixed order
 */
#include "storage/tar_xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "base/strv.h"

/* the kernel's limit of a value, and of the list of names */
#define XATTR_BYTES 65536
#define FEW_BYTES   1024
/* struct vfs_ns_cap_data of linux/capability.h: its size, and what its first word says in its highest byte */
#define CAPABILITY_3_BYTES 24
#define CAPABILITY_2_BYTES 20

bool tar_xattr_allowed(const char *name)
{
	return str_equal(name, "security.capability") ||
	       (str_after(name, "user.") && !str_after(name, "user.overlay.") &&
		!str_after(name, "user.fuseoverlayfs.") && !str_after(name, "user.containers."));
}

void tar_xattrs_init(struct tar_xattrs *xattrs)
{
	*xattrs = (struct tar_xattrs){ .data = STRBUF_INIT };
}

void tar_xattrs_release(struct tar_xattrs *xattrs)
{
	strbuf_release(&xattrs->data);
	free(xattrs->items);
	tar_xattrs_init(xattrs);
}

void tar_xattrs_clear(struct tar_xattrs *xattrs)
{
	strbuf_clear(&xattrs->data);
	xattrs->count = 0;
}

/*
 * A capability that was set in a user namespace has the host id of the namespace's root in it (revision 3); in an image it is
 * revision 2, which is the same without the last word.
 */
static size_t plain_capability(unsigned char *value, size_t size)
{
	if (size != CAPABILITY_3_BYTES || value[3] != 3)
		return size;
	value[3] = 2;
	return CAPABILITY_2_BYTES;
}

static int add(struct tar_xattrs *xattrs, int fd, const char *name)
{
	size_t name_size = strlen(name) + 1;

	strbuf_grow(&xattrs->data, name_size + XATTR_BYTES);
	char *to = xattrs->data.data + xattrs->data.length;
	ssize_t size = fgetxattr(fd, name, to + name_size, XATTR_BYTES);
	if (size < 0)
		return errno == ENODATA ? 0 : -errno; /* it went meanwhile */

	memcpy(to, name, name_size);
	size_t kept = (size_t)size;
	if (str_equal(name, "security.capability"))
		kept = plain_capability((unsigned char *)to + name_size, kept);
	xattrs->data.length += name_size + kept;
	if (xattrs->count == xattrs->size) {
		xattrs->size = xattrs->size ? xattrs->size * 2 : 16;
		xattrs->items = xreallocarray(xattrs->items, xattrs->size, sizeof(*xattrs->items));
	}
	/* the places are known when the memory moves no more */
	xattrs->items[xattrs->count++] = (struct tar_xattr){ NULL, NULL, kept };
	return 0;
}

static int add_all(struct tar_xattrs *xattrs, int fd, struct strv *names)
{
	if (names->count == 0)
		return 0;
	strv_sort(names);
	for (size_t i = 0; i < names->count; i++) {
		int r = add(xattrs, fd, names->items[i]);
		if (r < 0)
			return r;
	}

	const char *at = xattrs->data.data;
	for (size_t i = 0; i < xattrs->count; i++) {
		xattrs->items[i].name = at;
		xattrs->items[i].value = at + strlen(at) + 1;
		at += strlen(at) + 1 + xattrs->items[i].size;
	}
	return 0;
}

int tar_xattrs_read(struct tar_xattrs *xattrs, int fd)
{
	char few[FEW_BYTES];
	cleanup_free char *many = NULL;
	cleanup_strv struct strv names = STRV_INIT;
	char *list = few;

	tar_xattrs_clear(xattrs);
	ssize_t size = flistxattr(fd, few, sizeof(few));
	if (size < 0 && errno == ERANGE) {
		list = many = xmalloc(XATTR_BYTES);
		size = flistxattr(fd, many, XATTR_BYTES);
	}
	if (size < 0)
		return errno == ENOTSUP ? 0 : -errno;

	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(list + at) + 1)
		if (tar_xattr_allowed(list + at))
			strv_add(&names, list + at);
	return add_all(xattrs, fd, &names);
}
