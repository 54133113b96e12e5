#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# link_plugins.sh SYSTEM_PLUGIN_DIR TARGET_DIR NAME...: fills TARGET_DIR with links to the plugins
# named that are installed, and nothing else.
set -eu
from=$1 to=$2
shift 2
mkdir -p "$to" "$(dirname "$to")/registry"
rm -f "$to"/*.so
for name; do
  [ ! -e "$from/libgst$name.so" ] || ln -s "$from/libgst$name.so" "$to/"
done
