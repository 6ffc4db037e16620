#!/usr/bin/env python3
"""Reads an archive or bundle of cvarchive without cvarchive, in memory that does not grow with it.

    read_archive.py [-i IDENTITY] FILE               lists projects and images
    read_archive.py [-i IDENTITY] FILE IMAGE OUT     writes one image to OUT

It takes the Python standard library and the commands zstd and, for what is encrypted, age with a
private key in IDENTITY. FILE is a bundle, an archive in its vault, or one alone, which has no image
bytes. Without an error, all digests were right. docs/format.md specifies the rest.
"""
import argparse, hashlib, hmac, json, pathlib, shutil, subprocess, sys, tarfile, tempfile, uuid

def decrypted(path, identity):
    file = open(path, "rb", buffering=0)
    encrypted = file.read(21) == b"age-encryption.org/v1"
    file.seek(0)
    return subprocess.Popen(["age", "--decrypt", "-i", identity or "/dev/null"], stdin=file, stdout=subprocess.PIPE).stdout if encrypted else file

def untar(file):
    return tarfile.open(fileobj=subprocess.Popen(["zstd", "-dcq"], stdin=file, stdout=subprocess.PIPE).stdout, mode="r|")

def read(tar, want):
    """Lists an archive, or finds the object of one of its images."""
    digests, found = {}, None
    for member in tar:
        digest, text = hashlib.sha256(), []
        for line in tar.extractfile(member):
            digest.update(line)
            if not member.name.endswith("/images.jsonl"):
                text.append(line)
                continue
            image = json.loads(line)
            held = image.get("object", ("-", 0, "-"))
            held = held if isinstance(held, dict) else dict(zip(("sha256", "size", "ext"), held))  # fields in the first archives
            if want is None:
                print(f"  {uuid.UUID(image['id'])}  {held['sha256']}.{held['ext']}")
            elif image["id"].replace("-", "").lower() == want.replace("-", "").lower():
                found = held if "object" in image else None
        digests[member.name] = digest.hexdigest()
        if member.name.endswith("/project.json") and want is None:
            print("{name}  {id}".format(**json.loads(b"".join(text))))
    manifest = json.loads(b"".join(text))  # the last member
    if not manifest["formatVersion"].startswith("1.") or manifest.get("requires"):
        sys.exit(f"this reads format 1, and the archive has {manifest['formatVersion']} {manifest.get('requires', '')}")
    if any(digests.get(m["name"]) != m["sha256"] for m in manifest["members"]):
        sys.exit("the archive was altered: a member has another digest than the manifest says")
    return found

def plain_name(held):
    return f"objects/sha256/{held['sha256'][:2]}/{held['sha256']}.{held['ext']}"

def object_path(vault, held, identity):
    """Says where a vault keeps an object."""
    marker = json.loads((vault / "cvarchive.json").read_text())
    if "encryption" not in marker:
        return vault / plain_name(held)
    age = subprocess.run(["age", "--decrypt", "-i", identity], input=marker["encryption"]["namingKey"].encode(), stdout=subprocess.PIPE, check=True)
    secret = hmac.digest(marker["id"].encode(), age.stdout.strip(), "sha256")  # HKDF: extract, and expand
    key = hmac.digest(secret, b"cvarchive object names v1\x01", "sha256")
    name = hmac.digest(key, bytes.fromhex(held["sha256"]), "sha256").hex()
    return vault / "objects/hmac" / name[:2] / (name + ".age")

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("-i", dest="identity"), p.add_argument("file"), p.add_argument("image", nargs="?"), p.add_argument("out", nargs="?")
a = p.parse_args()
tar, content = untar(decrypted(a.file, a.identity)), None
if tar.next() and (first := tar.next()) and first.name.startswith("archives/"):  # a bundle: README, the archive, …
    with tempfile.TemporaryFile(buffering=0) as inner:
        shutil.copyfileobj(tar.extractfile(first), inner)
        inner.seek(0)
        held = read(untar(inner), a.image)
    content = held and next((tar.extractfile(m) for m in tar if m.name == plain_name(held)), None)
else:
    held = read(untar(decrypted(a.file, a.identity)), a.image)
if a.image is not None:
    held or sys.exit("the archive does not hold the bytes of such an image")
    data = (content or decrypted(object_path(pathlib.Path(a.file).resolve().parents[2], held, a.identity), a.identity)).read()
    hashlib.sha256(data).hexdigest() == held["sha256"] or sys.exit("the image's bytes were altered")
    pathlib.Path(a.out or sys.exit("give a file to write to")).write_bytes(data)
