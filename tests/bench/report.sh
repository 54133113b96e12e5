#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the benchmarks and writes docs/performance.md and its data, docs/performance.jsonl. Wants a
# machine that does nothing else for some ten minutes. Needs what tests/run.sh has installed.
set -eu
cd "$(dirname "$0")/../.."

usage() {
  cat <<'TEXT'
sh tests/bench/report.sh [OPTION]...
  --with FOLDER  the benchmarks that are there, instead of optimised ones in build-bench/
  --to FOLDER    where to write, instead of docs/
  --tiny         tiny inputs: shows that all of it works; the figures mean nothing
TEXT
}

with='' to=docs tiny=''
while [ $# -gt 0 ]; do
  case $1 in
    --with) with=$2; shift ;;
    --to) to=$2; shift ;;
    --tiny) tiny=1 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

benches='bench_shared bench_read bench_seek bench_append bench_wake
  bench_tee bench_realtime bench_flush_seek bench_single bench_memory bench_edge bench_channel'
if [ -z "$with" ]; then
  [ -f build-bench/meson-private/coredata.dat ] ||
    meson setup build-bench --buildtype=release -Dwerror=true -Dtests=enabled -Dbench=enabled
  # shellcheck disable=SC2086 # a list of words
  meson compile -C build-bench $benches
  with=build-bench/tests/bench
fi

# Elements are looked up in a registry of the report's own, not in the user's.
GST_REGISTRY_1_0=${GST_REGISTRY_1_0:-$with/report.registry}
export GST_REGISTRY_1_0

data=$to/performance.jsonl
rm -f "$data"
start=$(date +%s)
for bench in $benches; do
  status=0
  env CATCHER_BENCH_DATA="$data" CATCHER_BENCH_LARGE=1 ${tiny:+CATCHER_BENCH_TINY=1} "$with/$bench" ||
    status=$?
  # 77: its peer is not here; the page says so.
  case $status in 0 | 77) ;; *) exit $status ;; esac
done
python3 tests/bench/report.py --seconds $(($(date +%s) - start)) \
  "$data" tests/bench/performance.md.in "$to/performance.md"
