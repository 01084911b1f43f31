#!/usr/bin/env python3
"""The licences of what is compiled into the program and the page.

    tests/licences/make.py         writes THIRD-PARTY.md
    tests/licences/make.py check   fails if a licence is not in deny.toml, or the file is old

Each crate of the program with all features, on any system, with the text of its licence: of
those to choose from, MIT's where there is one. Needs cargo, and the crates' sources (they are
there after a build).
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "THIRD-PARTY.md"
# What is built for tests and by build scripts alone is not in the program.
NORMAL = None


def packages():
    """The crates that are compiled in, by name and version; ours are left out."""
    command = ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"]
    data = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    by_id = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    waiting, seen = list(data["workspace_members"]), set()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        for dependency in nodes[at]["deps"]:
            if any(kind["kind"] is NORMAL for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    found = [by_id[id] for id in seen if by_id[id]["source"]]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def page():
    """What of npm's is in the page: name, version, licence."""
    lock = json.loads((ROOT / "crates/page/web/package-lock.json").read_text())
    for path, package in lock["packages"].items():
        if path and not package.get("dev"):
            yield path.removeprefix("node_modules/"), package["version"], package["license"]


def allowed():
    section = (ROOT / "deny.toml").read_text().split("[licenses]")[1].split("]\n")[0]
    return set(re.findall(r'^ +"(.*)",$', section, re.M))


def fits(expression, allow):
    """Whether an SPDX expression can be met by these licences: ORs of ANDs, or the reverse."""
    words = re.findall(r"\(|\)|[^\s()/]+(?: WITH [^\s()]+)?|/", expression)
    words = ["OR" if word == "/" else word for word in words]

    def any_of(at):
        met, at = all_of(at)
        while at < len(words) and words[at] == "OR":
            more, at = all_of(at + 1)
            met = met or more
        return met, at

    def all_of(at):
        met, at = one(at)
        while at < len(words) and words[at] == "AND":
            more, at = one(at + 1)
            met = met and more
        return met, at

    def one(at):
        if words[at] == "(":
            met, at = any_of(at + 1)
            return met, at + 1
        return words[at] in allow, at + 1

    return any_of(0)[0]


def licence_text(package):
    """MIT's text if the crate has it, else the first licence that it has."""
    folder = Path(package["manifest_path"]).parent
    files = [path for path in folder.iterdir() if re.match(r"(LICEN[CS]E|COPYING|UNLICENSE)", path.name, re.I)]
    files = sorted(path for path in files if path.is_file())
    mit = [path for path in files if "MIT" in path.name.upper()]
    for path in mit + files:
        lines = path.read_text(errors="replace").strip().splitlines()
        return "\n".join(line.rstrip() for line in lines)
    return None


def table(found):
    rows = [f"| {p['name']} | {p['version']} | {p['license']} | {p['repository'] or ''} |" for p in found]
    rows += [f"| {name} (npm, in the page) | {version} | {licence} | |" for name, version, licence in page()]
    return "\n".join(["| | version | licence | |", "|---|---|---|---|", *rows])


def main():
    found, allow = packages(), allowed()
    licences = [(p["name"], p["license"] or "") for p in found]
    licences += [(name, licence) for name, _, licence in page()]
    bad = [f"{name}: {licence}" for name, licence in licences if not fits(licence, allow)]
    if bad:
        sys.exit("not among the licences that deny.toml allows: " + "; ".join(bad))
    head = table(found)
    if sys.argv[1:] == ["check"]:
        if head not in OUT.read_text():
            sys.exit("THIRD-PARTY.md is not up to date: run `just licences`")
        print(f"{len(licences)} licences are allowed and listed")
        return
    texts = {}
    for package in found:
        text = licence_text(package) or f"{package['license']}; the crate has no file with its text."
        texts.setdefault(text, []).append(f"{package['name']} {package['version']}")
    # Its text as the page's build leaves it: npm's packages need not be there.
    for name, version, _ in page():
        text = (ROOT / f"crates/page/dist/{name}-license.txt").read_text().strip()
        texts.setdefault(text, []).append(f"{name} {version}")
    parts = [
        "# Licences of third parties",
        "What is compiled into `reshet` and its page, on any system and with all features. Written by\n"
        "`just licences`. The digits of `crates/mnist` are CC BY-SA 3.0: see its README.",
        head,
    ]
    for text, names in sorted(texts.items(), key=lambda item: item[1][0]):
        parts.append("## " + ", ".join(sorted(names)))
        parts.append("```text\n" + text.replace("```", "'''") + "\n```")
    OUT.write_text("\n\n".join(parts) + "\n")
    print(f"{OUT}: {len(found)} crates")


main()
