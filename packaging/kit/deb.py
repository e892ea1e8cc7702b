"""The Debian package, with dpkg-deb."""

import hashlib
import os

from .common import DESCRIPTION, ROOT, SUMMARY, Failure, epoch, maintainer, run

SCRIPTS = ("postinst", "prerm", "postrm")

# What a dynamic binary may need in addition to glibc.
LIBRARIES = {"libgcc_s.so.1": "libgcc-s1 | libgcc1"}
OF_GLIBC = ("libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libresolv.so", "ld-linux")


def depends(tree):
    glibc, needed = tree.glibc()
    found = [f"libc6 (>= {glibc[0]}.{glibc[1]})"] if glibc else []
    for library in sorted(needed):
        if library in LIBRARIES:
            found.append(LIBRARIES[library])
        elif not library.startswith(OF_GLIBC):
            raise Failure(f"the binary needs {library}, which is in no package that is known here")
    return found


def copyright_file():
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: kinetail\n\n"
        "Files: *\n"
        "Copyright: the kinetail authors\n"
        "License: Apache-2.0\n"
        " The text is in /usr/share/common-licenses/Apache-2.0. The licenses of linked code\n"
        " into the binary are in /usr/share/doc/kinetail/THIRD-PARTY-LICENSES.\n"
    )


def control(tree, arch, version):
    size = sum((tree.root / file).stat().st_size for file in tree.files())
    fields = {
        "Package": "kinetail",
        "Version": version,
        "Architecture": arch,
        "Maintainer": maintainer(),
        "Installed-Size": str(-(-size // 1024)),
        "Depends": ", ".join(["ca-certificates", "passwd", *depends(tree)]),
        "Recommends": "systemd",
        "Section": "admin",
        "Priority": "optional",
        "Description": SUMMARY + "\n" + "\n".join(f" {line}" for line in DESCRIPTION.split("\n")),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def build(tree, arch, given):
    tree.completions("vendor-completions")
    tree.put(copyright_file().encode(), "usr/share/doc/kinetail/copyright")
    files = tree.files()
    sums = [f"{hashlib.md5((tree.root / file).read_bytes()).hexdigest()}  {file}\n" for file in files]
    tree.put(control(tree, arch, given.version).encode(), "DEBIAN/control")
    tree.put("".join(f"/{file}\n" for file in tree.config_files).encode(), "DEBIAN/conffiles")
    tree.put("".join(sums).encode(), "DEBIAN/md5sums")
    for script in SCRIPTS:
        tree.copy(ROOT / "packaging/debian" / script, f"DEBIAN/{script}", 0o755)
    for directory, _, _ in os.walk(tree.root):
        os.chmod(directory, 0o755)
    path = given.output / f"kinetail_{given.version}_{arch}.deb"
    # Debian 10 and Ubuntu 20.04 do not know zstd.
    compression = ["-Zgzip", "-z1"] if given.fast else ["-Zxz"]
    run(["dpkg-deb", "--root-owner-group", *compression, "--build", tree.root, path],
        env={"SOURCE_DATE_EPOCH": str(epoch())})
    return path
