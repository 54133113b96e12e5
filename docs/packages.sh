# shellcheck shell=sh disable=SC2034
# SPDX-License-Identifier: LGPL-2.1-or-later
# The Debian packages that docs/demo.sh and tests/run.sh need. Sourced, not run.

# To compile the plugin.
build_packages='g++ meson ninja-build pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev'
# To decode a track, and to look at elements.
media_packages='gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good'
# To compile adapters to other libraries, and examples that use these.
adapter_packages='libasio-dev libavformat-dev libavcodec-dev libswresample-dev libglib2.0-dev libopus-dev
  libsoup-3.0-dev'
# Codecs that the tests take where they are: x264, AAC, and what decodes them.
codec_packages='gstreamer1.0-plugins-ugly gstreamer1.0-plugins-bad gstreamer1.0-libav'
# Players that are given a URI.
app_packages='gstreamer1.0-plugins-base-apps'
# To hear it.
play_packages='gstreamer1.0-alsa gstreamer1.0-pulseaudio'
# Music: 175 s of stereo Vorbis at 44.1 kHz, by remaxim, CC-BY-SA-3.0.
music_packages='hex-a-hop-data'
music_track=/usr/share/games/hex-a-hop/hex-a-hop/music-game-1.ogg

# need_packages NAME...: installs those that are missing; if none is, it does nothing.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "Not Debian: what these packages hold is taken to be here: $*" >&2
    return 0
  fi
  missing=''
  for package; do
    # shellcheck disable=SC2016 # dpkg's variable
    case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
      *'ok installed') ;;
      *) missing="$missing $package" ;;
    esac
  done
  [ -n "$missing" ] || return 0

  as_root=''
  [ "$(id -u)" = 0 ] || as_root=sudo
  if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
    echo "Missing, and only root can install them:$missing" >&2
    return 1
  fi
  echo "Installing:$missing"
  apt_log=$(mktemp) || return 1
  # shellcheck disable=SC2086 # a list of words
  if ! { $as_root apt-get update -q &&
         $as_root env DEBIAN_FRONTEND=noninteractive \
           apt-get install -q -y --no-install-recommends $missing; } >"$apt_log" 2>&1; then
    tail -n 20 "$apt_log" >&2
    rm -f "$apt_log"
    echo "Could not install:$missing" >&2
    return 1
  fi
  rm -f "$apt_log"
}
