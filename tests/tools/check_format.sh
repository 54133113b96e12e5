#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check_format.sh [TOP]: fails if clang-format would change a file. Skipped where it is missing.
set -eu
cd "${1:-.}"
if ! command -v clang-format >/dev/null; then
  echo "clang-format is not installed"
  exit 77
fi
find core plugin tests docs -name '*.[ch]pp' -print0 |
  xargs -0 -r clang-format --dry-run -Werror --style=file
