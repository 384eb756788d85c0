/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer.h - how dhow and libexec/dhow/transfer talk (private; shared by both sides)
 *
 * fd 3: the request, one JSON text of at most TRANSFER_REQUEST_MAX bytes, then end of file. It is a pipe because it holds passwords,
 * which must be in no argument and no environment (R18).
 *
 *	{"op": "pull",				or "tags"
 *	 "store": {"root": "/...", "runRoot": "/...", "additionalRoots": []},
 *	 "source": {"kind": "registry", "endpoints": [ENDPOINT...], "tag": "latest", "digest": ""},
 *		   or {"kind": "oci", "path": "/...", "name": "latest"}, or {"kind": "dir", "path": "/..."}
 *		   ("own": true: of a layout below tmp/ of the store, whose files may become blobs)
 *	 "platform": {"os": "linux", "architecture": "amd64", "variant": ""},
 *	 "proxy": {"https_proxy": "..."},		as in the environment of the user
 *	 "retry": 3, "retryDelayMs": 1000, "retryDelayGrows": true, "stallTimeoutS": 60, "parallel": 3}
 *
 *	ENDPOINT: {"registry": "localhost:5000", "path": "library/alpine", "insecure": false,
 *		   "username": "", "password": "", "identityToken": "", "certDirs": ["/..."]}
 *
 * fd 4: events, one JSON object in a line of at most TRANSFER_LINE_MAX bytes:
 *
 *	{"event": "start", "id": DIGEST, "total": N}	and "bytes" (with "done"), "done", "skipped"
 *	{"event": "text", "text": "..."}		for people
 *	{"event": "warning", "text": "..."}
 *	{"event": "tags", "tags": ["..."]}		one or more, for "tags"
 *	{"event": "subject", "manifest": DIGEST, "index": DIGEST or "", "instances": [DIGEST...]}	for "signatures": what the source means
 *	{"event": "signature", "kind": "blob" or "sigstore", ...}	and each signature of it, as signature.h has it
 *	{"event": "result", "manifest": DIGEST, "index": DIGEST or "", "endpoint": N}	last
 *	{"event": "error", "kind": "not-found", "message": "...", "hint": "..."}	or this is last
 *
 * "pull" with "layers": N fetches the documents and the N lowest layers only: what a cache of builds needs of an image.
 *
 * "push": also {"push": {"path": directory of a layout, "blobs": [DIGEST or {"digest": DIGEST, "from": REPOSITORY}...],
 *			    "mountFrom": another repository of the registry for those that name none, or "",
 *			    "make": [{"kind": "gzip"|"zstd"|"zstd:chunked", "level": N, "diffId": DIGEST}...],
 *			    "manifest": DIGEST or "", "mediaType": "...", "tag": "latest",
 *			    "attachments": [SIGNATURE of sigstore...], or nothing}}
 * The source names the one endpoint. The tar of each layer to "make" comes as a descriptor over the socket fd 5, in their order. Events:
 * {"event": "made", "number": N, "id": DIGEST, "bytes": N, "annotations": TEXT}, and {"event": "missing", "id": DIGEST} for a blob that the registry lacks and the
 * layout too: then the manifest is not sent, though the result comes.
 *
 * "login": the endpoint is asked for nothing, with its credentials.
 *
 * "signatures": a source as for "pull", and {"signatures": {"lookaside": URL of the repository in a storage or "", "attachments": bool}}.
 *
 * "untar": {"op": "untar", "store": ..., "source": {}, "uid": N, "gid": N, "replaceKind": bool, "private": bool}. fd 5 is the archive,
 * compressed or not; over the socket fd 6 one message comes with the directory to unpack into and, perhaps, a pidfd whose user
 * namespace it belongs to.
 *
 * "fetch": {"op": "fetch", "depth": "top"|"config"|"all"} like "pull", but documents and blobs are stored as they are and nothing is
 * unpacked; the result's manifest is the document that was asked for. "head": the manifest's existence is all that is asked for, and the digest
 * that the registry says it has.
 *
 * "search": {"op": "search", "search": {"term": "...", "limit": N}}, the endpoint has no path. Events {"event": "found", "row": {"name",
 * "description", "stars", "official", "automated"}} come before the result.
 *
 * "get": {"op": "get", "source": {"url": "https://..."}, ...}: fd 5 is the file to write to.
 *
 * "filter": {"op": "filter", "source": {}, "mode": "inflate"|"gzip"|"zstd", "level": N}: from fd 5 to fd 6; the result's manifest is the
 * digest of what was written.
 *
 * Everything that the result names is in the store, checked; nothing is visible as an image: the record is dhow's to write.
 * SIGINT and SIGTERM end it with an error event of kind "interrupted".
 */
#ifndef ENGINE_IMAGE_TRANSFER_H
#define ENGINE_IMAGE_TRANSFER_H

#define TRANSFER_REQUEST_FD  3
#define TRANSFER_EVENT_FD    4
#define TRANSFER_EXTRA_FD    5
#define TRANSFER_REQUEST_MAX (1U << 20)
#define TRANSFER_LINE_MAX    (1U << 20)

#define TRANSFER_RETRY_DEFAULT	  3
#define TRANSFER_PARALLEL_DEFAULT 3
#define TRANSFER_PARALLEL_MAX	  6
#define TRANSFER_STALL_DEFAULT_S  60

#endif
