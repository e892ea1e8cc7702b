"""The linked packages of the binary: a bill of materials (CycloneDX), and the licenses."""

import hashlib
import json
import re
import uuid
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path

from .common import ROOT, epoch, run

LICENSE_FILES = re.compile(r"(?i)^(un)?(licen[cs]e|copying|copyright|notice|authors)([._-].*)?$")

# C code inside packages: its name, and where its version is.
BUNDLED = {
    "libsqlite3-sys": ("sqlite", "sqlite3/sqlite3.h", r'#define SQLITE_VERSION\s+"([^"]+)"', "blessing"),
    "aws-lc-sys": ("aws-lc", "aws-lc/include/openssl/base.h",
                   r'#define AWSLC_VERSION_NUMBER_STRING "([^"]+)"', "ISC AND (Apache-2.0 OR ISC)"),
}


@lru_cache
def metadata(target):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    return json.loads(run(command, capture=True))


def closure(target):
    """The linked packages, by ID, and their dependencies."""
    data = metadata(target)
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    main = next(id for id, package in packages.items()
                if package["name"] == "kinetail" and package["source"] is None)
    needs, waiting = {}, [main]
    while waiting:
        id = waiting.pop()
        if id in needs:
            continue
        normal = [dep["pkg"] for dep in nodes[id]["deps"]
                  if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        # Macros run at build time and are not in the binary.
        needs[id] = sorted(dep for dep in normal if not any(
            "proc-macro" in target["kind"] for target in packages[dep]["targets"]))
        waiting.extend(needs[id])
    return main, packages, needs


def checksums():
    text = (ROOT / "Cargo.lock").read_text()
    found = re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([^"]+)"', text)
    return {(name, version): checksum for name, version, checksum in found}


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def expression(package):
    # Old manifests write MIT/Apache-2.0.
    return (package["license"] or "NOASSERTION").replace("/", " OR ")


def component(package, sums):
    entry = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        "licenses": [{"expression": expression(package)}],
    }
    if package["description"]:
        entry["description"] = " ".join(package["description"].split())
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        entry["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return entry


def bundled(packages, needs):
    """The C libraries inside packages."""
    found = []
    for id in sorted(needs):
        package = packages[id]
        if package["name"] in BUNDLED:
            name, header, pattern, license = BUNDLED[package["name"]]
            text = (Path(package["manifest_path"]).parent / header).read_text(errors="replace")
            version = re.search(pattern, text).group(1)
            found.append((purl(package), {
                "type": "library",
                "bom-ref": f"pkg:generic/{name}@{version}",
                "name": name,
                "version": version,
                "purl": f"pkg:generic/{name}@{version}",
                "licenses": [{"expression": license}],
            }))
    return found


def bill(target, version):
    main, packages, needs = closure(target)
    sums = checksums()
    libraries = [component(packages[id], sums) for id in sorted(needs) if id != main]
    inside = bundled(packages, needs)
    libraries.extend(entry for _, entry in inside)
    program = component(packages[main], {})
    program.update({"type": "application", "version": version})
    depends = [{"ref": purl(packages[id]), "dependsOn": sorted(purl(packages[dep]) for dep in deps)}
               for id, deps in sorted(needs.items())]
    for holder, entry in inside:
        next(item for item in depends if item["ref"] == holder)["dependsOn"].append(entry["bom-ref"])
        depends.append({"ref": entry["bom-ref"], "dependsOn": []})
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": program,
            "properties": [{"name": "kinetail:target", "value": target}],
        },
        "components": libraries,
        "dependencies": depends,
    }
    # The same content has the same number.
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    content["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def texts(package):
    """The license texts in a package."""
    directory = Path(package["manifest_path"]).parent
    paths = [path for path in sorted(directory.iterdir())
             if path.is_file() and LICENSE_FILES.match(path.name)]
    if package["license_file"]:
        paths.append(directory / package["license_file"])
    found = {path.read_text(errors="replace").strip() for path in paths}
    return sorted(text for text in found if text)


def licenses(target):
    """Every license text once, below the packages that it applies to."""
    main, packages, needs = closure(target)
    holders, without, lines = {}, [], []
    for id in sorted(needs, key=lambda id: (packages[id]["name"], packages[id]["version"])):
        package = packages[id]
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}: {expression(package)}")
        own = texts(package)
        if not own:
            without.append(f"{name}: {expression(package)}, {package['repository'] or 'crates.io'}")
        for text in own:
            holders.setdefault(text, []).append(name)
    rule = "=" * 80
    parts = ["What is linked into kinetail, and under which license.\n", "\n".join(lines), ""]
    parts.append("Packages that come without a text; the license is the one that is named, as below:")
    parts.append("\n".join(f"  {line}" for line in without) or "  none")
    for text, names in sorted(holders.items(), key=lambda item: item[1]):
        parts.append(f"\n{rule}\n{', '.join(names)}\n{rule}\n\n{text}")
    return "\n".join(parts) + "\n"


def papers(target, version):
    return {"sbom.cdx.json": bill(target, version), "THIRD-PARTY-LICENSES": licenses(target)}
