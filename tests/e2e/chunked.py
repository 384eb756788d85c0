#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/e2e/chunked.py URL-OF-REPOSITORY TAG [LIE] - is the first layer of this image what zstd:chunked says it is?

Reads it as another engine would: by the annotations of the manifest. Prints the digest of the tar that table, tar-split and contents make,
which must be the one of the stream. With LIE it puts an image there, with that for a tag, whose table is wrong in this way while the stream
is right: checksum, position (annotations), split (other bytes), table (no JSON), digest (of a file)."""
import base64, hashlib, json, subprocess, sys, urllib.request

url, tag = sys.argv[1:3]
lie = sys.argv[3] if len(sys.argv) > 3 else None
prefix = "io.github.containers.zstd-chunked."


def get(rest):
    request = urllib.request.Request("%s/%s" % (url, rest), headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
    return urllib.request.urlopen(request).read()


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def unpack(data):
    return subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def put(url, data, kind="application/octet-stream"):
    urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT", headers={"Content-Type": kind}))


def pack(data):
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def frame(data):
    return (0x184D2A50).to_bytes(4, "little") + len(data).to_bytes(4, "little") + data


def tell_lie(manifest, layer, blob, table, split):
    """Frames of files as they are, then a table of our own."""
    notes = layer["annotations"]
    blob = blob[:int(notes[prefix + "manifest-position"].split(":")[0]) - 8]
    if lie == "split":
        split = split[:-1] + bytes([split[-1] ^ 1])
    if lie == "digest":
        victim = next(entry for entry in table["entries"] if entry["name"].endswith("/f200"))
        victim["digest"] = sha(b"something else")
    text = json.dumps(table).encode() if lie != "table" else b'{"entries": [[[[ "'
    packed = pack(text)
    notes[prefix + "manifest-checksum"] = sha(packed if lie != "checksum" else b"")
    notes[prefix + "manifest-position"] = "%d:%d:%d:1" % (len(blob) + 8, len(packed), len(text) if lie != "position" else 3)
    at = len(blob) + len(packed) + 16
    notes[prefix + "tarsplit-position"] = "%d:%d:%s" % (at, len(split), notes[prefix + "tarsplit-position"].split(":")[2])
    blob += frame(packed) + frame(split)
    layer["digest"], layer["size"] = sha(blob), len(blob)
    begun = urllib.request.urlopen(urllib.request.Request(url + "/blobs/uploads/", data=b"", method="POST"))
    where = begun.headers["Location"]
    put(where + ("&" if "?" in where else "?") + "digest=" + layer["digest"], blob)
    put(url + "/manifests/" + lie, json.dumps(manifest).encode(), manifest["mediaType"])


manifest = json.loads(get("manifests/" + tag))
layer = manifest["layers"][0]
assert layer["mediaType"].endswith("+zstd"), layer
blob = get("blobs/" + layer["digest"])
at, length, size, kind = map(int, layer["annotations"][prefix + "manifest-position"].split(":"))
assert kind == 1 and sha(blob[at:at + length]) == layer["annotations"][prefix + "manifest-checksum"]
table = unpack(blob[at:at + length])
assert len(table) == size
table = json.loads(table)
at, length, size = map(int, layer["annotations"][prefix + "tarsplit-position"].split(":"))
assert sha(blob[at:at + length]) == table["tarSplitDigest"]
packed_split = blob[at:at + length]
split = unpack(packed_split)
assert len(split) == size and blob[-8:] == b"GNUlInUx"
if lie:
    tell_lie(manifest, layer, blob, table, packed_split)
    sys.exit()
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
