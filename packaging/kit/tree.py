"""The installed files and their paths, the same for every format."""

import gzip
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from .common import ARCHES, ROOT, epoch

DOCUMENTS = ("README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE")


class Tree:
    """A staged tree. Paths in it have no leading slash."""

    def __init__(self, root, binary, pages, papers):
        self.root = root
        self.config_files = []
        self.pages = pages
        self.binary = root / "usr/bin/kinetail"
        shutil.rmtree(root, ignore_errors=True)
        self.copy(binary, "usr/bin/kinetail", 0o755)
        # A binary of profile dist has no symbols; strip does not support other processors.
        subprocess.run(["strip", self.binary], stderr=subprocess.DEVNULL, check=False)
        self.copy(ROOT / "systemd/kinetail.service", "usr/lib/systemd/system/kinetail.service")
        self.copy(ROOT / "systemd/credentials.conf", "usr/share/doc/kinetail/credentials.conf")
        self.copy(ROOT / "systemd/kinetail.sysusers.conf", "usr/lib/sysusers.d/kinetail.conf")
        self.copy(ROOT / "packaging/files/take-over", "usr/lib/kinetail/take-over", 0o755)
        for name in ("kinetail.yaml", "environment"):
            self.copy(ROOT / "packaging/files" / name, f"etc/kinetail/{name}", 0o640)
            self.config_files.append(f"etc/kinetail/{name}")
        # For first steps; its patterns are relative to the directory above it.
        for path in sorted((ROOT / "config").rglob("*")):
            if path.is_file() and path.name != "kinetail.reference.yaml":
                self.copy(path, f"usr/share/kinetail/{path.relative_to(ROOT)}")
        self.documents(papers)
        self.man_pages()

    def put(self, data, path, mode=0o644):
        to = self.root / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data)
        to.chmod(mode)

    def copy(self, source, path, mode=0o644):
        self.put(Path(source).read_bytes(), path, mode)

    def documents(self, papers):
        to = "usr/share/doc/kinetail"
        for name in DOCUMENTS:
            self.copy(ROOT / name, f"{to}/{name}")
        for page in sorted((ROOT / "docs").glob("*.md")):
            self.copy(page, f"{to}/docs/{page.name}")
        self.copy(ROOT / "config/kinetail.reference.yaml", f"{to}/kinetail.reference.yaml")
        for name, text in papers.items():
            self.put(text.encode(), f"{to}/{name}")

    def man_pages(self):
        for page in sorted((self.pages / "man").iterdir()):
            packed = gzip.compress(page.read_bytes(), mtime=0)
            self.put(packed, f"usr/share/man/man1/{page.name}.gz")

    def completions(self, zsh):
        """The directory of zsh completions depends on the distribution."""
        source = self.pages / "completions"
        places = {
            "bash/kinetail": "bash-completion/completions/kinetail",
            "fish/kinetail.fish": "fish/vendor_completions.d/kinetail.fish",
            "zsh/_kinetail": f"zsh/{zsh}/_kinetail",
        }
        for name, place in places.items():
            self.copy(source / name, f"usr/share/{place}")

    def files(self):
        """Every file, by its path in the tree."""
        paths = sorted(path for path in self.root.rglob("*") if path.is_file())
        return [str(path.relative_to(self.root)) for path in paths]

    def glibc(self):
        """The glibc that the binary needs, such as (2, 17); nothing if it is static."""
        symbols = subprocess.run(
            ["readelf", "--wide", "--version-info", "--dynamic", self.binary],
            check=True, capture_output=True, text=True,
        ).stdout
        needed = {word.strip("[]") for word in symbols.split() if word.startswith("[lib")}
        versions = [
            tuple(int(part) for part in word[len("GLIBC_"):].split("."))
            for word in symbols.split()
            if word.startswith("GLIBC_2.")
        ]
        return (max(versions) if versions else None), needed


def reset(info, mode=None):
    """A member of an archive without traces of the build machine."""
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mtime = epoch()
    if mode is not None:
        info.mode = mode
    return info


def add(archive, path, data, mode=0o644, owner=0):
    info = reset(tarfile.TarInfo(path), mode)
    info.uid = info.gid = owner
    if owner:
        info.uname = info.gname = ""
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def tarball(tree, arch, given):
    """For machines without a package manager: unpack it in / or elsewhere."""
    tree.completions("site-functions")
    name = f"kinetail-{given.version}-linux-{ARCHES[arch].rust}"
    path = given.output / f"{name}.tar.gz"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file in tree.files():
            source = tree.root / file
            add(archive, f"{name}/{file}", source.read_bytes(), source.stat().st_mode & 0o777)
    level = 1 if given.fast else 9
    path.write_bytes(gzip.compress(packed.getvalue(), level, mtime=0))
    return path
