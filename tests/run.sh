#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds, runs the tests; see --help. The last line is the sum.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=docs/packages.sh
. docs/packages.sh

usage() {
  cat <<'TEXT'
sh tests/run.sh [OPTION]...
With no option: all tests in build/, then the plugin's again under the leak tracer.
  --asan         again with the address and undefined behaviour sanitizers, in build-asan/
  --tsan         again with the thread sanitizer, in build-tsan/
  --sanitizers   both; also where CI=true
  --stress       then the stress tests for longer (20 s each; CATCHER_STRESS_SECONDS)
  --fuzz         then each fuzzer for a minute with clang, in build-fuzz/ (CATCHER_FUZZ_SECONDS)
  --bench        then the benchmarks, optimised, in build-bench/
TEXT
}

asan='' tsan='' stress='' fuzz='' bench=''
[ "${CI:-}" != true ] || asan=1 tsan=1
for option; do
  case $option in
    --asan) asan=1 ;;
    --tsan) tsan=1 ;;
    --sanitizers) asan=1 tsan=1 ;;
    --stress) stress=1 ;;
    --fuzz) fuzz=1 ;;
    --bench) bench=1 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

counts=$(mktemp) || exit 1
trap 'rm -f "$counts"' EXIT

# build FOLDER MESON_OPTION...
build() {
  folder=$1
  shift
  echo "== $folder"
  again=
  [ ! -f "$folder/meson-private/coredata.dat" ] || again=--reconfigure
  # shellcheck disable=SC2086
  if meson setup $again "$folder" -Dwerror=true -Dtests=enabled "$@" >"$folder.log" 2>&1 &&
     meson compile -C "$folder" >>"$folder.log" 2>&1; then
    mv "$folder.log" "$folder/build.log"
  else
    tail -n 60 "$folder.log"
    echo "fail $folder: it does not build (all of it: $folder.log)" >>"$counts"
    return 1
  fi
}

# run FOLDER NAME MESON_TEST_OPTION...: NAME tells the logs of runs in one folder apart.
run() {
  folder=$1 name=$2
  shift 2
  rm -f "$folder/meson-logs/$name"*.json
  echo "== $folder: $name"
  meson test -C "$folder" --no-rebuild --print-errorlogs --logbase "$name" "$@"
  status=$?
  log=$(find "$folder/meson-logs" -name "$name*.json")
  echo "log ${log:-$folder/meson-logs/$name.json} $status" >>"$counts"
}

# shellcheck disable=SC2086 # lists of words
need_packages $build_packages $adapter_packages $media_packages $codec_packages $app_packages \
  $music_packages check librapidcheck-dev relacy-dev libbenchmark-dev clang-format cmake doxygen ${fuzz:+clang libclang-rt-dev} \
  || { echo "0 passed, 1 failed"; exit 1; }

if build build -Dmodel=enabled -Dbench=enabled; then
  run build all
  run build leaks --setup leaks
  [ -z "$stress" ] || run build stress --setup stress
fi
# A warning is an error above; with the sanitizers g++ 12 has false ones.
if [ -n "$asan" ] && build build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false; then
  run build-asan asan --suite core --suite stress --suite plugin
fi
if [ -n "$tsan" ] && build build-tsan -Db_sanitize=thread -Db_lundef=false -Dwerror=false; then
  run build-tsan tsan --suite core --suite stress --suite plugin
fi
if [ -n "$fuzz" ] && CXX=clang++ build build-fuzz \
    -Dfuzz=enabled -Db_sanitize=address,undefined -Db_lundef=false; then
  run build-fuzz fuzz --benchmark --suite fuzz \
    --test-args=-max_total_time="${CATCHER_FUZZ_SECONDS:-60}"
fi
if [ -n "$bench" ] && build build-bench --buildtype=release -Dbench=enabled; then
  run build-bench bench --benchmark --verbose --num-processes 1
fi

echo
python3 tests/tools/sum_results.py "$counts"
