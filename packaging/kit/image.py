"""The container image, as an OCI layout in one file; no daemon and no network is needed.

It has the static binary, certificates, a user and its state directory, and no shell. A dynamic binary
is taken with the libraries of this machine, for tests.
"""

import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
from datetime import datetime, timezone
from pathlib import Path

from .common import ARCHES, SUMMARY, Failure, epoch, log
from .tree import add, reset

# No name is needed for it; Kubernetes wants a number for runAsNonRoot.
USER = 65532
STATE = "var/lib/kinetail"

# Where distributions keep the bundle of certificates.
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")

PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nkinetail:x:{USER}:{USER}:kinetail:/{STATE}:/sbin/nologin\n"
GROUP = f"root:x:0:\nkinetail:x:{USER}:\n"

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def libraries(binary):
    """The loader and libraries of a dynamic binary, by the paths it looks under."""
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", listed)))


def directory(archive, path, mode=0o755, owner=0):
    info = reset(tarfile.TarInfo(path), mode)
    info.type = tarfile.DIRTYPE
    info.uid = info.gid = owner
    if owner:
        info.uname = info.gname = ""
    archive.addfile(info)


def layer(tree):
    files = {
        "usr/bin/kinetail": (tree.binary.read_bytes(), 0o755),
        "etc/passwd": (PASSWD.encode(), 0o644),
        "etc/group": (GROUP.encode(), 0o644),
        "etc/nsswitch.conf": (b"hosts: files dns\n", 0o644),
    }
    bundle = next((Path(path) for path in CERTIFICATES if Path(path).exists()), None)
    if bundle is None:
        raise Failure("no certificates on this machine; install ca-certificates")
    files["etc/ssl/certs/ca-certificates.crt"] = (bundle.read_bytes(), 0o644)
    for name in ("LICENSE", "THIRD-PARTY-LICENSES", "sbom.cdx.json"):
        path = f"usr/share/doc/kinetail/{name}"
        files[path] = ((tree.root / path).read_bytes(), 0o644)
    if tree.glibc()[0]:
        log("the binary is not static: the image gets this machine's libraries, which is for tests only")
        for library in libraries(tree.binary):
            files[library.lstrip("/")] = (Path(library).resolve().read_bytes(), 0o755)
    directories = {str(parent) for path in files for parent in Path(path).parents} - {"."}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(directories | {"etc/kinetail", "var", "var/lib"}):
            directory(archive, path)
        directory(archive, "tmp", 0o1777)
        directory(archive, STATE, 0o700, USER)
        for path, (data, mode) in sorted(files.items()):
            add(archive, path, data, mode)
    return packed.getvalue()


def config(arch, diff, version):
    created = datetime.fromtimestamp(epoch(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "created": created,
        "architecture": ARCHES[arch].oci,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": ["/usr/bin/kinetail"],
            "Cmd": ["run"],
            "WorkingDir": f"/{STATE}",
            "Volumes": {f"/{STATE}": {}},
            "StopSignal": "SIGTERM",
            "Env": [
                f"HOME=/{STATE}",
                f"STATE_DIRECTORY=/{STATE}",
                "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
            ],
            "Labels": {
                "org.opencontainers.image.title": "kinetail",
                "org.opencontainers.image.description": SUMMARY,
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [diff]},
        "history": [{"created": created, "created_by": "packaging/build", "comment": "kinetail"}],
    }


def build(tree, arch, given):
    blobs = {}

    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    def document(content):
        return json.dumps(content, sort_keys=True).encode()

    plain = layer(tree)
    packed = gzip.compress(plain, 1 if given.fast else 9, mtime=0)
    diff = f"sha256:{hashlib.sha256(plain).hexdigest()}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(document(config(arch, diff, given.version)), CONFIG),
        "layers": [blob(packed, LAYER)],
    }
    entry = blob(document(manifest), MANIFEST)
    entry["platform"] = {"architecture": ARCHES[arch].oci, "os": "linux"}
    entry["annotations"] = {"org.opencontainers.image.ref.name": given.version}
    index = {"schemaVersion": 2, "manifests": [entry]}
    path = given.output / f"kinetail-{given.version}-{ARCHES[arch].oci}.oci.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "oci-layout", document({"imageLayoutVersion": "1.0.0"}))
        add(archive, "index.json", document(index))
        for name, data in sorted(blobs.items()):
            add(archive, name, data)
    return path
