# SPDX-License-Identifier: Apache-2.0
"""A registry that misbehaves on demand, for tests/e2e/registry.bash.

usage: bad_registry.py LAYOUT WORK [CERTIFICATE KEY]

Serves the first image of the OCI layout as every NAME and tag. It listens on two ports of 127.0.0.1: A is the registry
(TLS when a certificate is given), B is a stranger that must never see a password. WORK/mode says how A misbehaves (read at
each request), WORK/log gets a line "A|B METHOD PATH RANGE AUTHORIZATION" per request, WORK/ports the two numbers.
"""
import hashlib
import http.server
import json
import os
import ssl
import sys
import threading
import time

layout, work = sys.argv[1:3]
lock = threading.Lock()
counts = {}
ports = {}


def stored(digest):
    with open(layout + "/blobs/sha256/" + digest.split(":")[1], "rb") as f:
        return f.read()


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


top = json.load(open(layout + "/index.json"))["manifests"][0]
good_manifest = stored(top["digest"])
good = json.loads(good_manifest)
config_digest = good["config"]["digest"]
layer_digests = [layer["digest"] for layer in good["layers"]]
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
extra = {}  # blobs that a mode has made up


def add(data):
    digest = digest_of(data)
    extra[digest] = data
    return digest


def changed(**members):
    document = dict(good)
    document.update(members)
    return json.dumps({k: v for k, v in document.items() if v is not None}).encode()


def with_layer(**members):
    return changed(layers=good["layers"][:-1] + [dict(good["layers"][-1], **members)])


def with_config(change):
    config = json.loads(stored(config_digest))
    change(config)
    data = json.dumps(config).encode()
    return changed(config=dict(good["config"], digest=add(data), size=len(data)))


def index_of(digest, size):
    entry = {"mediaType": OCI, "digest": digest, "size": size,
             "platform": {"os": "linux", "architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")}}
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()


def manifest(mode, reference, number):
    """What GET /manifests/REFERENCE answers: bytes and content type."""
    hexa = layer_digests[-1].split(":")[1]
    digests = {
        "digest-path": "sha256:../../../../../../tmp/x", "digest-short": "sha256:" + hexa[:63],
        "digest-long": "sha256:" + hexa + "0", "digest-upper": "sha256:" + hexa.upper(),
        "digest-md5": "md5:" + hexa[:32], "digest-empty": "sha256:", "digest-percent": "sha256:%2e%2e%2f" + hexa[9:],
        "digest-query": layer_digests[-1] + "?x=y", "digest-newline": layer_digests[-1] + "\r\nX: y",
    }
    if mode in digests:
        return with_layer(digest=digests[mode]), OCI
    if mode == "config-digest-path":
        return changed(config=dict(good["config"], digest="sha256:../../etc/passwd")), OCI
    if mode == "manifest":
        return good_manifest.replace(b'"schemaVersion":2', b'"schemaVersion": 2'), OCI
    if mode == "size-large":
        return with_layer(size=good["layers"][-1]["size"] + 1), OCI
    if mode == "size-small":
        return with_layer(size=good["layers"][-1]["size"] - 1), OCI
    if mode == "size-negative":
        return with_layer(size=-1), OCI
    if mode == "size-huge":
        return with_layer(size=1 << 62), OCI
    if mode == "both":
        return changed(manifests=[]), OCI
    if mode == "type":
        return good_manifest, INDEX
    if mode == "type-inside":
        return changed(mediaType=INDEX), OCI
    if mode == "twice":
        return good_manifest.replace(b"{", b'{"layers":[],', 1), OCI
    if mode == "schema1":
        return json.dumps({"schemaVersion": 1, "name": "x", "fsLayers": [], "history": []}).encode(), \
            "application/vnd.docker.distribution.manifest.v1+json"
    if mode == "large":
        return changed(padding="x" * (5 << 20)), OCI
    if mode == "deep":
        return b'{"schemaVersion":2,"x":' + b"[" * 100000 + b"]" * 100000 + b"}", OCI
    if mode == "no-json":
        return b"<html>not a registry</html>", "text/html"
    if mode == "diffid":
        def swap(config):
            config["rootfs"]["diff_ids"][-1] = "sha256:" + "0" * 64
        return with_config(swap), OCI
    if mode == "diffid-order":
        return with_config(lambda config: config["rootfs"]["diff_ids"].reverse()), OCI
    if mode == "diffid-count":
        return with_config(lambda config: config["rootfs"]["diff_ids"].pop()), OCI
    if mode == "urls":
        return with_layer(urls=["http://127.0.0.1:%d/stolen" % ports["B"]]), OCI
    if mode == "foreign":
        return with_layer(mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                          urls=["http://127.0.0.1:%d/stolen" % ports["B"]]), OCI
    if mode == "artifact":
        return changed(config=dict(good["config"], mediaType="application/vnd.example.thing+json")), OCI
    if mode == "layers-many":
        return changed(layers=[good["layers"][0]] * 600), OCI
    if mode == "index" and not reference.startswith("sha256:"):
        return index_of(top["digest"], len(good_manifest)), INDEX
    if mode == "index-other":  # the index names one manifest, the registry gives another one for its digest
        if reference.startswith("sha256:"):
            return changed(annotations={"x": "y"}), OCI
        return index_of(top["digest"], len(good_manifest)), INDEX
    if mode == "index-index":
        inner = index_of(top["digest"], len(good_manifest))
        if reference.startswith("sha256:"):
            return inner, INDEX
        return index_of(digest_of(inner), len(inner)), INDEX
    if mode == "changing" and number > 1:
        return changed(annotations={"n": str(number)}), OCI
    return good_manifest, OCI


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name = "A"

    def log_message(self, *args):
        pass

    def log(self):
        line = "%s %s %s %s %s\n" % (self.name, self.command, self.path, self.headers.get("Range", "-"),
                                     self.headers.get("Authorization", "-"))
        with lock, open(work + "/log", "a") as f:
            f.write(line)

    def count(self, key):
        with lock:
            counts[key] = counts.get(key, 0) + 1
            return counts[key]

    def reply(self, code, body=b"", kind="application/octet-stream", headers=(), sent=None):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if sent is None else body[:sent])
        if sent is not None:
            self.wfile.flush()
            self.close_connection = True

    def error(self, code, word, text):
        self.reply(code, json.dumps({"errors": [{"code": word, "message": text}]}).encode(), "application/json")

    def chunks(self, data, forever):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            if not forever:
                break
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        self.log()
        with open(work + "/mode") as f:
            mode, *arg = f.read().split()
        try:
            self.answer(mode, arg)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    do_POST = do_HEAD = do_GET

    def answer(self, mode, arg):
        part = self.path.split("?")[0].split("/")
        stranger = "http://127.0.0.1:%d" % ports["B"]
        host = self.headers.get("Host", "")
        scheme = "https" if len(sys.argv) > 3 else "http"

        if mode.startswith("auth") or mode.startswith("realm"):
            if self.answer_auth(mode, stranger, host, scheme):
                return
        if "manifests" in part:
            if mode == "missing":
                return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
            if mode == "denied":
                return self.error(403, "DENIED", "no \x1b[31mway\x07")
            if mode == "error-endless":
                self.send_response(500)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while True:
                    self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            if mode == "manifest-endless":
                return self.chunks(b"[" * 65536, True)
            if mode == "redirect-loop":
                return self.reply(302, headers=[("Location", self.path)])
            if mode == "redirect-file":
                return self.reply(302, headers=[("Location", "file:///etc/passwd")])
            if mode == "redirect-user":
                return self.reply(302, headers=[("Location", "http://a:b@127.0.0.1:%d/x" % ports["B"])])
            if mode == "redirect-http":
                return self.reply(307, headers=[("Location", stranger + self.path)])
            body, kind = manifest(mode, part[-1], self.count("manifest"))
            return self.reply(200, body, kind, [("Docker-Content-Digest", digest_of(body))])
        if "tags" in part:
            return self.reply(200, json.dumps({"name": "x", "tags": ["one", "two"]}).encode(), "application/json")
        if "blobs" in part:
            return self.answer_blob(mode, arg, part[-1], stranger)
        self.reply(404)

    def answer_auth(self, mode, stranger, host, scheme):
        own = "%s://%s" % (scheme, host)
        realms = {"auth-token": own + "/token", "realm-http": stranger + "/token", "realm-file": "file:///etc/passwd",
                  "realm-own-http": "http://%s/token" % host}
        if self.path.startswith("/token"):
            if mode == "realm-redirect":
                self.reply(307, headers=[("Location", stranger + self.path)])
            elif mode == "auth-evil-token":
                self.reply(200, b'{"token":"x\\r\\nX-Evil: y"}', "application/json")
            else:
                self.reply(200, b'{"token":"good-token"}', "application/json")
            return True
        if self.headers.get("Authorization") == "Bearer good-token" and mode == "auth-token":
            return False
        if mode == "auth-basic" and self.headers.get("Authorization", "").startswith("Basic "):
            return False
        if mode == "auth-redirect" and "blobs" not in self.path:
            return False
        if mode == "auth-redirect" and self.headers.get("Authorization", "").startswith("Basic "):
            self.reply(307, headers=[("Location", stranger + self.path)])
            return True
        challenge = 'Bearer realm="%s",service="x",scope="repository:x:pull"' % realms.get(mode, own + "/token")
        if mode in ("auth-basic", "auth-redirect"):
            challenge = 'Basic realm="x"'
        self.reply(401, headers=[("WWW-Authenticate", challenge)])
        return True

    def answer_blob(self, mode, arg, digest, stranger):
        bad = digest == layer_digests[-1]
        try:
            body = extra.get(digest) or stored(digest)
        except OSError:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown")
        if mode == "fail" and self.count(digest) <= int(arg[0]):
            return self.reply(503, b"try again", "text/plain", [("Retry-After", "0")])
        if mode == "redirect-b":
            return self.reply(307, headers=[("Location", stranger + self.path)])
        if mode == "tamper" and bad or mode == "config" and digest == config_digest:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]
        start = 0
        spec = self.headers.get("Range", "")
        if spec.startswith("bytes=") and mode != "no-range":
            start = int(spec[6:].split("-")[0])
        body, total = body[start:], len(body)
        code, headers = (206, [("Content-Range", "bytes %d-%d/%d" % (start, total - 1, total))]) if start else (200, [])
        kind = "application/octet-stream"
        if mode in ("truncate", "no-range") and bad and (mode == "truncate" or self.count("cut") == 1):
            return self.reply(code, body, kind, headers, sent=len(body) // 2)
        if mode == "cut" and bad and len(body) > 1000:
            return self.reply(code, body, kind, headers, sent=len(body) * 9 // 10)
        if mode == "short" and bad:
            body = body[:len(body) // 2]
        if mode == "long" and bad:
            body += b"\0" * 4096
        if mode == "long-chunked" and bad:
            return self.chunks(body + b"\0" * 4096, False)
        if mode == "endless" and bad:
            return self.chunks(b"\0" * 65536, True)
        if mode == "slow" and bad:
            self.reply(code, body, kind, headers, sent=len(body) // 2)
            return time.sleep(30)
        if mode == "drip" and bad:
            self.reply(code, body, kind, headers, sent=0)
            for at in range(len(body)):
                self.wfile.write(body[at:at + 1])
                time.sleep(1)
        self.reply(code, body, kind, headers)


class Stranger(Handler):
    name = "B"

    def answer(self, mode, arg):
        part = self.path.split("?")[0].split("/")
        if "blobs" in part:
            return self.answer_blob("ok", [], part[-1], "")
        if "manifests" in part:
            return self.reply(200, good_manifest, OCI)
        self.reply(200, b'{"token":"stolen"}', "application/json")


def serve(name, handler, certificate):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    ports[name] = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve("B", Stranger, None)
serve("A", Handler, sys.argv[3:5])
with open(work + "/ports.new", "w") as f:
    f.write("%d %d\n" % (ports["A"], ports["B"]))
os.rename(work + "/ports.new", work + "/ports")
threading.Event().wait()
