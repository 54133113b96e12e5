#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The soak: tests/stress/soak.cpp for an hour (CATCHER_SOAK_SECONDS) with two threads
# (CATCHER_SOAK_THREADS), at the lowest priority. Prints a line a minute; ends with 0 if nothing
# grew and every byte was right. Needs what tests/run.sh has installed.
set -eu
cd "$(dirname "$0")/.."

[ -f build/meson-private/coredata.dat ] || meson setup build -Dwerror=true -Dtests=enabled
meson compile -C build soak
exec nice -n 19 build/tests/stress/soak
