#!/usr/bin/env bash
# Runs the lines of README.md that are marked for it, on data made up here and beside a stock rsync daemon.
set -euo pipefail
cd "$(dirname "$0")/.."

work=target/hosts
rm -rf "$work"
mkdir -p "$work/photos/2024/may" "$work/copy/2024" "$work/inbox"
head -c 3000000 /dev/urandom >"$work/old"
{ head -c 1000000 "$work/old"; echo "something else"; tail -c +1000200 "$work/old"; } >"$work/new"
cp "$work/new" "$work/photos/2024/may/big"
cp "$work/old" "$work/photos/copy of big"
ln -s may "$work/photos/2024/latest"
head -c 70000 /dev/zero >"$work/photos/zeros"
touch -d "2020-01-01 12:00:00.123456789" "$work/photos/zeros"
# A basis for one file, and a file that has to go.
mkdir -p "$work/copy/2024/may"
cp "$work/old" "$work/copy/2024/may/big"
echo gone >"$work/copy/2024/gone"
# The same where files are sent.
mkdir -p "$work/inbox/module/2024/may"
cp "$work/old" "$work/inbox/module/2024/may/big"
echo gone >"$work/inbox/module/gone"

cat >"$work/rsyncd.conf" <<CONFIG
use chroot = no
munge symlinks = no
uid = $(id -u)
gid = $(id -g)
pid file = $PWD/$work/pid
lock file = $PWD/$work/lock
log file = $PWD/$work/log
[photos]
path = $PWD/$work/photos
[inbox]
path = $PWD/$work/inbox
read only = no
CONFIG
rsync --daemon --no-detach --address=127.0.0.1 --port=8730 --config="$work/rsyncd.conf" &
daemon=$!
trap 'kill "$daemon"' EXIT
for _ in $(seq 50); do
    rsync rsync://127.0.0.1:8730/ >/dev/null 2>&1 && break
    sleep 0.1
done

awk '/^```sh run/ { run = 1; print "("; next } /^```/ && run { run = 0; print ")" } run' examples/README.md >"$work/lines.sh"
bash -euxo pipefail "$work/lines.sh"
echo "examples: ok"
