/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/sandbox_steps.h - the two large steps of sandbox_enter(); private to this folder
 */
#ifndef ROOTLESS_SANDBOX_STEPS_H
#define ROOTLESS_SANDBOX_STEPS_H

struct sandbox;
struct err;

/** Files and TCP ports by Landlock, as far as the kernel knows them. Needs no_new_privs. 0 also when there is no Landlock. */
int sandbox_landlock(const struct sandbox *sandbox, struct err *err);
/** System calls by an allow list. Needs no_new_privs. The last step: nothing else can be given up after it. */
int sandbox_seccomp(const struct sandbox *sandbox, struct err *err);

#endif
