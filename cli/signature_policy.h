/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/signature_policy.h - --signature-policy of the commands that take images in
 */
#ifndef CLI_SIGNATURE_POLICY_H
#define CLI_SIGNATURE_POLICY_H

struct cli;

/** Have the engine follow this policy.json in place of the usual ones. NULL changes nothing. */
void use_signature_policy(struct cli *cli, const char *file);

#endif
