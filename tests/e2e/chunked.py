#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/e2e/chunked.py URL-OF-REPOSITORY TAG - is the first layer of this image what zstd:chunked says it is?

Reads it as another engine would: by the annotations of the manifest. Prints the digest of the tar that table, tar-split and contents make,
which must be the one of the stream."""
import base64, hashlib, json, subprocess, sys, urllib.request

url, tag = sys.argv[1:]
prefix = "io.github.containers.zstd-chunked."


def get(rest):
    request = urllib.request.Request("%s/%s" % (url, rest), headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
    return urllib.request.urlopen(request).read()


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def unpack(data):
    return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


layer = json.loads(get("manifests/" + tag))["layers"][0]
assert layer["mediaType"].endswith("+zstd"), layer
blob = get("blobs/" + layer["digest"])
at, length, size, kind = map(int, layer["annotations"][prefix + "manifest-position"].split(":"))
assert kind == 1 and sha(blob[at:at + length]) == layer["annotations"][prefix + "manifest-checksum"]
table = unpack(blob[at:at + length])
assert len(table) == size
table = json.loads(table)
at, length, size = map(int, layer["annotations"][prefix + "tarsplit-position"].split(":"))
assert sha(blob[at:at + length]) == table["tarSplitDigest"]
split = unpack(blob[at:at + length])
assert len(split) == size and blob[-8:] == b"GNUlInUx"
contents = {}
for entry in table["entries"]:
    if "digest" in entry:
        contents[entry["name"]] = unpack(blob[entry["offset"]:entry["endOffset"]])
        assert sha(contents[entry["name"]]) == entry["digest"] and len(contents[entry["name"]]) == entry["size"], entry
tar = b""
for line in split.decode().splitlines():
    line = json.loads(line)
    if line["type"] == 2:
        tar += base64.b64decode(line["payload"])
    elif line.get("size"):
        tar += contents[line["name"]]
assert sha(tar) == sha(unpack(blob))
print(sha(tar))
