/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/capabilities.h - sets of capabilities: words, and giving them up (private to engine/runtime)
 */
#ifndef ENGINE_RUNTIME_CAPABILITIES_H
#define ENGINE_RUNTIME_CAPABILITIES_H

#include <jansson.h>
#include <stdint.h>

struct err;

/** A list of names as bits; a name that this kernel does not have is left out (runtime specification), an unknown word is ERR_USAGE. */
int capabilities_from_json(const json_t *list, uint64_t *ret, struct err *err);

/** Drop what is not in it from the bounding set. 0 or -errno. */
int capabilities_bound(uint64_t bounding);
/** Set the three sets of this process. 0 or -errno. */
int capabilities_set(uint64_t effective, uint64_t permitted, uint64_t inheritable);
/** Make the ambient set. 0 or -errno. */
int capabilities_ambient(uint64_t ambient);

#endif
