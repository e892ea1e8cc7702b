"""The RPM package, with rpmbuild."""

import shutil

from .common import ARCHES, DESCRIPTION, ROOT, SUMMARY, epoch, maintainer, run

# Files whose owner, mode or handling is not the usual one.
SPECIAL = {
    "etc/kinetail/": "%config(noreplace) %attr(0640, root, kinetail)",
    "usr/share/doc/": "%doc",
    "usr/share/man/": "%doc",
}


def listed(tree):
    lines = ["%dir %attr(0750, root, kinetail) /etc/kinetail", "%dir /usr/lib/kinetail",
             "%dir /usr/share/doc/kinetail", "%dir /usr/share/doc/kinetail/docs"]
    for file in tree.files():
        kind = next((kind for start, kind in SPECIAL.items() if file.startswith(start)), "")
        lines.append(f"{kind} /{file}".strip())
    return "\n".join(lines) + "\n"


def build(tree, arch, given):
    tree.completions("site-functions")
    work = tree.root.parent / f"{tree.root.name}-rpm"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "files").write_text(listed(tree))
    spec = (ROOT / "packaging/rpm/kinetail.spec").read_text()
    (work / "kinetail.spec").write_text(spec)
    values = {
        "_topdir": work,
        "_rpmdir": work / "out",
        "_rpmfilename": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
        "_tree": tree.root,
        "_listed": work / "files",
        "_version": given.version,
        "_summary": SUMMARY,
        "packager": maintainer(),
        "_text": DESCRIPTION.replace("\n", " "),
        # Amazon Linux 2 and RHEL 7 do not know zstd.
        "_binary_payload": "w1.gzdio" if given.fast else "w6.xzdio",
        "_build_id_links": "none",
        "debug_package": "%{nil}",
        "__os_install_post": "%{nil}",
        "use_source_date_epoch_as_buildtime": 1,
        "_buildhost": "localhost",
    }
    defines = [part for name, value in values.items() for part in ("--define", f"{name} {value}")]
    target = f"{ARCHES[arch].rpm}-linux"
    run(["rpmbuild", "-bb", "--quiet", "--nodeps", "--target", target, *defines, work / "kinetail.spec"],
        env={"SOURCE_DATE_EPOCH": str(epoch())})
    built = next((work / "out").glob("*.rpm"))
    path = given.output / built.name
    shutil.copy(built, path)
    return path
