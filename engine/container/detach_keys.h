/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/detach_keys.h - the keys that leave a terminal (private to engine/container)
 *
 * "ctrl-p,ctrl-q": single characters, or ctrl- and a letter or one of @ [ \ ] ^ _, separated by commas. What was typed of the sequence is held
 * back until it is complete (the terminal is left) or something else follows (it goes to the container after all).
 */
#ifndef ENGINE_CONTAINER_DETACH_KEYS_H
#define ENGINE_CONTAINER_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
#define DETACH_KEYS_MAX	    16

struct detach_keys {
	char keys[DETACH_KEYS_MAX];
	size_t count;	/* 0: there are none */
	size_t matched; /* typed so far, and held back */
};

/** text NULL: the default; "": none. ERR_USAGE. */
int detach_keys_parse(const char *text, struct detach_keys *ret_keys, struct err *err);
/**
 * Pass typed bytes through: out gets what goes to the container (room for length + DETACH_KEYS_MAX).
 * True when the sequence is complete; what follows it in data is not looked at.
 */
bool detach_keys_feed(struct detach_keys *keys, const char *data, size_t length, char *out,
		      size_t *ret_length);

#endif
