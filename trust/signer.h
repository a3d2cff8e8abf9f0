/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that holds the private keys. It never sees a path of a build, never opens
 * anything after loading its keys (RLIMIT_NOFILE 0, no new privileges, not dumpable; with a key
 * in a token or behind a program at most 64 descriptors behind a fence, decision 0041), and
 * answers one message: (role, payload type, signature time, payload of at most 1 MiB). It
 * checks that the type fits the role, computes PAE or the OpenPGP digest itself, and logs the
 * use. An OpenPGP signature time before the key's own is raised to it: stock clients refuse a
 * signature older than its key.
 *
 * signer_start forks and re-executes /proc/self/exe with SIGNER_ARGV1, so neither the chamber
 * helper nor the signer holds the other's descriptors. cli/main calls signer_serve when argv[1]
 * is SIGNER_ARGV1, before anything else.
 */
#pragma once

#include "trust/key.h"

#define SIGNER_ARGV1       "--signer-process"
#define SIGNER_MAX_PAYLOAD ((size_t)1024 * 1024)

/* Payload types and the roles that may sign each. */
#define SIGNER_TYPE_INTOTO                                                                     \
	"application/vnd.in-toto+json" /* builder, image, rebuilder: DER ECDSA over PAE */
/* The same by the key that comes next: a second signature while keys are rotated. */
#define SIGNER_TYPE_INTOTO_NEXT SIGNER_TYPE_INTOTO SIGNER_NEXT
#define SIGNER_NEXT             ";key=next"
#define SIGNER_TYPE_RPM                                                                        \
	"application/x-rpm-header" /* packages: OpenPGP signature packet, binary */
#define SIGNER_TYPE_REPOMD                                                                     \
	"application/x-repomd" /* metadata: OpenPGP signature packets, binary, one per key     \
				  that is active or next */
/* "application/x-repomd;expires=N": they end N seconds after their time. */
#define SIGNER_EXPIRES ";expires="

#define SIGNER_TYPE_CHECKPOINT                                                                 \
	"application/x-tlog-checkpoint" /* log: Ed25519 over the text, which must be a         \
					   checkpoint; witness: over its cosignature/v1        \
					   message at the signature time */

#define SIGNER_TYPE_TIMESTAMP                                                                  \
	"application/x-timestamp-imprint" /* timestamp: an RFC 3161 token over a SHA-256, at   \
					     the signer's own time */

struct signer;
int signer_start(const char *key_dir, struct signer **out, struct err *err) MUST_CHECK;
/* signer_start in two: most runs sign nothing, and only want to know whose signatures count.
 * The process is started by signer_wake, or by the first signature. */
int signer_open(const char *key_dir, struct signer **out, struct err *err) MUST_CHECK;
/* Before it is woken: the file that holds the passphrase of its keys; it is read by the process
 * that signs. Else that process asks on the terminal if it must. */
int signer_passphrase(struct signer *s, const char *path, struct err *err) MUST_CHECK;
int signer_wake(struct signer *s, struct err *err) MUST_CHECK;
void signer_stop(struct signer *s);
DEFINE_CLEANUP(struct signer *, signer_stop);
/* sig receives the raw signature. created: OpenPGP signature time (ignored for the builder). */
int signer_sign(struct signer *s, enum key_role role, const char *payload_type, int64_t created,
		const void *payload, size_t n, struct buf *sig, struct err *err) MUST_CHECK;
/* Signs an in-toto statement with the builder key and writes the bundle. */
int signer_bundle(struct signer *s, const void *statement, size_t n, struct buf *bundle,
		  struct err *err) MUST_CHECK;
/* The same with the key of another role that may sign statements. */
int signer_bundle_as(struct signer *s, enum key_role role, const void *statement, size_t n,
		     struct buf *bundle, struct err *err) MUST_CHECK;
/* The public keys of the set the signer holds. */
const struct keyring *signer_keys(const struct signer *s);
/* The child's side: returns the exit code. */
int signer_serve(int argc, char **argv) MUST_CHECK;
