/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/alloc.h - memory that is there or the process ends, and cleanup by scope
 *
 * A command may die at any instruction anyway (P6), so running out of memory ends it with one line on stderr and status
 * 125. A size that comes from outside meets its limit before it meets the allocator (R13).
 *
 *	cleanup_free char *path = xasprintf("%s/%s", dir, name);
 *	...
 *	*ret_path = TAKE_PTR(path);
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
/** NULL gives NULL. */
char *xstrdup_null(const char *text);
char *xstrndup(const char *text, size_t length);
void *xmemdup(const void *data, size_t size);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** End the process because memory is out, when somebody else's allocator said so. */
void alloc_failed(void) __attribute__((noreturn));

static inline void alloc_free_ptr(void *ptr_to_ptr)
{
	free(*(void **)ptr_to_ptr);
}
#define cleanup_free __attribute__((cleanup(alloc_free_ptr)))

/** Hand a pointer over: its value, and NULL is left behind. */
#define TAKE_PTR(ptr)                                                                              \
	({                                                                                         \
		__typeof__(ptr) taken_ptr_ = (ptr);                                                \
		(ptr) = NULL;                                                                      \
		taken_ptr_;                                                                        \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/** Define a cleanup function for `struct x *` from x_free(): DEFINE_CLEANUP(layer) makes layer_free_ptr(). */
#define DEFINE_CLEANUP(type)                                                                       \
	static inline void type##_free_ptr(struct type **ptr_to_ptr)                               \
	{                                                                                          \
		type##_free(*ptr_to_ptr);                                                          \
	}

#endif
