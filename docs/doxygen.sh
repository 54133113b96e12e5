#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# doxygen.sh TOP OUTPUT: pages of the library's public headers, in OUTPUT/html. A warning is an error.
# Public is what core/all.hpp includes, and the adapters.
set -eu
command -v doxygen >/dev/null || { echo 'no doxygen here' >&2; exit 77; }
mkdir -p "$2"
cd "$1"
CATCHER_HEADERS=$(echo core/all.hpp $(sed -n 's/^#include "\(.*\)"/core\/\1/p' core/all.hpp) \
  $(find core/adapters -name '*.hpp' | sort))
CATCHER_DOC=$2
export CATCHER_HEADERS CATCHER_DOC
doxygen docs/Doxyfile
echo "$(echo "$CATCHER_HEADERS" | wc -w) headers, without warnings, in $2/html"
