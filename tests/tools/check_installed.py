#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_installed.py WHAT BUILD TOP: what `meson install` of BUILD puts under a root of its own.

  layout     these files, and no others, but for headers
  pkgconfig  a program outside the tree builds and runs with what pkg-config says, shared and static
  cmake      one does with find_package(catcher-1.0), shared and static
The loader finds the shared library by LD_LIBRARY_PATH alone. Exits with 77 where a tool is missing.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

what, build, top = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
OUTSIDE = top / "tests" / "tools" / "outside"


def run(*command, **settings):
    """The output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **settings)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nends with {done.returncode}:\n{done.stdout}")
    return done.stdout


def need(tool):
    if not shutil.which(tool):
        print(f"skipped: no {tool} here")
        sys.exit(77)


def install(root):
    """Installs, and returns the prefix and libdir below `root`."""
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", root)
    # Where the core's file for pkg-config is, its library is.
    pc = next(root.rglob("catcher-1.0.pc"), None)
    if not pc:
        sys.exit("catcher-1.0.pc is not installed")
    values = dict(re.findall(r"^(\w+)=(.*)$", pc.read_text(), re.MULTILINE))
    return root / values["prefix"].lstrip("/"), pc.parent.parent


def layout(root, prefix, libdir):
    lib = libdir.relative_to(root)
    version = re.search(r"^Version: (.*)$", (libdir / "pkgconfig" / "catcher-1.0.pc").read_text(),
                        re.MULTILINE).group(1)
    wanted = {f"{lib}/gstreamer-1.0/libgstcatcher.so",
              f"{lib}/cmake/catcher-1.0/catcher-1.0Config.cmake",
              f"{lib}/cmake/catcher-1.0/catcher-1.0ConfigVersion.cmake"}
    names = ["catcher-1.0"] + [pc.stem for pc in (libdir / "pkgconfig").glob("catcher-*-1.0.pc")]
    for name in names:
        wanted |= {f"{lib}/lib{name}.{end}" for end in ("a", "so", "so.0", f"so.{version}")}
        wanted.add(f"{lib}/pkgconfig/{name}.pc")
    headers = set(root.rglob("*.hpp"))
    there = {path.relative_to(root).as_posix() for path in root.rglob("*")
             if not path.is_dir() and path not in headers}
    home = prefix / "include" / "catcher-1.0" / "catcher"
    faults = [f"missing: {path}" for path in sorted(wanted - there)]
    faults += [f"not expected: {path}" for path in sorted(there - wanted)]
    faults += [f"not below {home}: {path}" for path in sorted(headers) if home not in path.parents]
    installed = {path.relative_to(home) for path in home.rglob("*.hpp")}
    faults += [f"not installed: core/{path}" for path in sorted(
        path.relative_to(top / "core") for path in (top / "core").glob("*.hpp"))
               if path not in installed]
    # Whoever adds a header says whether it is API.
    api = set(re.findall(r'^#include "(.*)"', (top / "core" / "all.hpp").read_text(), re.MULTILINE))
    other = set(re.findall(r"`([\w/]+\.hpp)`", (top / "docs" / "abi.md").read_text()))
    names = {path.as_posix() for path in installed} - {"all.hpp"}
    faults += [f"neither in all.hpp nor in docs/abi.md: {name}" for name in sorted(
        name for name in names - api - other if not name.startswith("adapters/"))]
    faults += [f"in docs/abi.md, but not there: {name}" for name in sorted(other - names)]
    print(*faults, f"{len(there)} files, {len(headers)} headers, {len(faults)} faults", sep="\n")
    return not faults


def built_by_pkgconfig(root, _, libdir):
    environment = os.environ | {"PKG_CONFIG_SYSROOT_DIR": str(root),
                                "PKG_CONFIG_PATH": str(libdir / "pkgconfig")}
    for kind, static in (("shared", []), ("static", ["--static"])):
        flags = run("pkg-config", *static, "--cflags", "--libs", "catcher-1.0", env=environment)
        program = root / kind
        run("c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", *(["-static"] if static else []),
            OUTSIDE / "live.cpp", "-o", program, *flags.split())
        find = {} if static else {"LD_LIBRARY_PATH": str(libdir)}
        print(kind, flags.strip(), run(program, env=find, timeout=60).strip())
    return True


def built_by_cmake(root, prefix, libdir):
    run("cmake", "-S", OUTSIDE, "-B", root / "cmake", f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_SKIP_RPATH=ON")
    run("cmake", "--build", root / "cmake")
    for program, find in (("pulled", {"LD_LIBRARY_PATH": str(libdir)}), ("pulled_static", {})):
        print(program, run(root / "cmake" / program, env=find, timeout=60).strip())
    return True


checks = {"layout": layout, "pkgconfig": built_by_pkgconfig, "cmake": built_by_cmake}
need("cmake")  # without it at setup its files are not installed
with tempfile.TemporaryDirectory() as folder:
    sys.exit(not checks[what](pathlib.Path(folder), *install(pathlib.Path(folder))))
