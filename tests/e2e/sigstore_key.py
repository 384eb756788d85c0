# SPDX-License-Identifier: Apache-2.0
"""tests/e2e/sigstore_key.py NAME PASSPHRASE - NAME.private and NAME.pub as cosign makes them, and NAME.plain for openssl"""
import base64
import ctypes
import hashlib
import json
import os
import subprocess
import sys

name, passphrase = sys.argv[1:3]
sodium = ctypes.CDLL("libsodium.so.23")
sodium.sodium_init()


def openssl(*words):
    return subprocess.run(("openssl",) + words, check=True, capture_output=True).stdout


def text(data):
    return base64.b64encode(data).decode()


openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".plain")
openssl("ec", "-in", name + ".plain", "-pubout", "-out", name + ".pub")
der = openssl("pkcs8", "-topk8", "-nocrypt", "-in", name + ".plain", "-outform", "DER")
salt, nonce = os.urandom(32), os.urandom(24)
key = hashlib.scrypt(passphrase.encode(), salt=salt, n=32768, r=8, p=1, maxmem=128 << 20, dklen=32)
box = ctypes.create_string_buffer(len(der) + 16)
sodium.crypto_secretbox_easy(box, der, ctypes.c_ulonglong(len(der)), nonce, key)
body = text(json.dumps({
    "kdf": {"name": "scrypt", "params": {"N": 32768, "r": 8, "p": 1}, "salt": text(salt)},
    "cipher": {"name": "nacl/secretbox", "nonce": text(nonce)},
    "ciphertext": text(box.raw),
}).encode())
with open(name + ".private", "w") as file:
    file.write("-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n")
    for at in range(0, len(body), 64):
        file.write(body[at:at + 64] + "\n")
    file.write("-----END ENCRYPTED COSIGN PRIVATE KEY-----\n")
