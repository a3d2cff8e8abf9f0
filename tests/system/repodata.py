#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what a repository's metadata says, one fact a line, sorted: two writers that mean the same
print the same. Left out is what may differ: times and locations of files."""
import gzip
import os
import sys
import xml.etree.ElementTree as tree

RPM = "{http://linux.duke.edu/metadata/rpm}"
SKIPPED = {"time", "location"}


def load(root, kind):
    index = tree.parse(os.path.join(root, "repodata", "repomd.xml")).getroot()
    for data in index.iter("{http://linux.duke.edu/metadata/repo}data"):
        if data.get("type") == kind:
            href = data.find("{http://linux.duke.edu/metadata/repo}location").get("href")
            with gzip.open(os.path.join(root, href)) as f:
                return tree.parse(f).getroot()
    raise SystemExit(f"{root}: no {kind}")


def short(tag):
    return tag.replace(RPM, "rpm:").split("}")[-1]


def facts(element, path, out):
    for child in element:
        name = short(child.tag)
        if path == "" and name in SKIPPED:
            continue
        here = f"{path}/{name}"
        out.append(f"{here} {sorted(child.attrib.items())} {(child.text or '').strip()!r}")
        facts(child, here, out)


def main():
    for kind in ("primary", "filelists", "other"):
        root = load(sys.argv[1], kind)
        print(kind, root.tag, root.get("packages"))
        packages = []
        for package in root:
            out = []
            facts(package, "", out)
            key = package.get("pkgid") or package.find("{http://linux.duke.edu/metadata/common}checksum").text
            packages.append((key, [f"{kind} {sorted(package.attrib.items())}"] + sorted(out)))
        for _, lines in sorted(packages):
            print("\n".join(lines))


main()
