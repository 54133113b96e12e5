#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds the plugin and the demo, and runs it on a stream that can be
# read only once, forwards; see --help. The exit status says whether all that was heard was right.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
top=$(dirname "$here")
# shellcheck source=docs/packages.sh
. "$here/packages.sh"

usage() {
  cat <<'TEXT'
sh docs/demo.sh [--play] [FILE | --command 'CMD ARGS']
  FILE       is piped in over 20 seconds; without one, a piece of music from a Debian package is
  --command  what CMD prints is piped in as fast as it comes; no shell reads CMD ARGS
  --play     to the speakers as well, which takes as long as the music
Each branch's audio is written to a WAV file in build/demo/.
TEXT
}

play='' file='' command=''
while [ $# -gt 0 ]; do
  case $1 in
    --play) play=--play ;;
    --command) command=${2:?--command needs a command line}; shift ;;
    --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$file" ] || { usage >&2; exit 2; }; file=$1 ;;
  esac
  shift
done
[ -z "$file" ] || [ -z "$command" ] || { usage >&2; exit 2; }

# shellcheck disable=SC2086 # lists of words
need_packages $build_packages $media_packages ${play:+$play_packages} || exit 1
if [ -z "$command" ]; then
  # shellcheck disable=SC2086
  [ -n "$file" ] || need_packages $music_packages || exit 1
  need_packages pv || exit 1
  file=${file:-$music_track}
  if ! [ -f "$file" ] || ! [ -r "$file" ]; then
    echo "Cannot read $file" >&2
    exit 1
  fi
  # So many bytes a second, however fast the reader is: a network in little.
  pace=$(($(wc -c <"$file") / 20 + 1))
  command="pv -q -L $pace '$(printf %s "$file" | sed "s/'/'\\\\''/g")'"
fi

build=$top/build
mkdir -p "$build/demo" || exit 1
[ -f "$build/build.ninja" ] || set -- meson setup -Dtests=disabled "$build" "$top"
if ! { [ $# -eq 0 ] || "$@"; } >"$build/demo/build.log" 2>&1 ||
   ! meson compile -C "$build" gstcatcher catcher-demo >>"$build/demo/build.log" 2>&1; then
  tail -n 40 "$build/demo/build.log" >&2
  exit 1
fi

GST_PLUGIN_PATH_1_0=$build/plugin GST_REGISTRY_1_0=$build/demo/registry.bin
export GST_PLUGIN_PATH_1_0 GST_REGISTRY_1_0
echo "Playing: $command"
exec "$build/docs/examples/catcher-demo" $play --out "$build/demo" --command "$command"
