#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# with_leaks.sh PROGRAM ARG...: runs a test under GStreamer's leak tracer, and fails if the test
# fails or an object is still alive at its end. The tracer reports from gst_deinit() (gstcheck calls
# it at exit) in the process that made the objects, so Check must not fork.
set -u
log=$(mktemp) || exit 99
trap 'rm -f "$log"' EXIT
unset GST_LEAKS_TRACER_SIG
GST_TRACERS=leaks GST_DEBUG=GST_TRACER:7 GST_DEBUG_NO_COLOR=1 GST_DEBUG_FILE=$log CK_FORK=no "$@"
status=$?
# The tracer describes its records first, so that a log without them means it was not there.
if ! grep -q 'object-alive\.class' "$log"; then
  echo "the leak tracer did not run"
  exit 1
fi
if grep 'object-alive, type-name=' "$log" | grep -v 'type-name=(string)%s'; then
  echo "These objects outlived the test."
  exit 1
fi
exit $status
