#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demo shows what it promises, cleans up after itself whatever happens, and
# understands its options. With SANGAM_BINARY set it installs and builds
# nothing, and runs that program.
set -euo pipefail

source=${SANGAM_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
export SANGAM_BINARY=${SANGAM_BINARY:-$source/build/asan/sangam}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sangam demo test-XXXXXX")
export TMPDIR=$scratch # everything the demo leaves behind would be here
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "demo.sh: $1" >&2
    exit 1
}

check_clean() {
    local command
    [[ -z $(ls "$scratch") ]] || fail "$1 left $(ls "$scratch")"
    for command in /proc/[0-9]*/cmdline; do
        [[ $(tr '\0' ' ' 2>/dev/null <"$command") != *" -C $scratch"* ]] ||
            fail "$1 left a node running, $command"
    done 2>/dev/null
}

"$source/deploy/demo" --check
check_clean 'the demo'

status=0
said=$("$source/deploy/demo" --chekc 2>&1) || status=$?
[[ $status == 2 && $said == *"unknown option '--chekc'"* ]] ||
    fail "a wrong option: exit $status, '$said'"

# Interrupted in the middle of its story.
"$source/deploy/demo" >/dev/null 2>&1 &
demo=$!
for _ in {1..300}; do
    ! compgen -G "$scratch/sangam-demo-*/PB-ASR-C01.pid" >/dev/null || break
    sleep 0.1
done
kill -s TERM "$demo"
status=0
wait "$demo" || status=$?
[[ $status == 143 ]] || fail "an interrupted demo ends with $status"
check_clean 'an interrupted demo'
