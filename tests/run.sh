#!/bin/sh
# make test: installs what tests need, builds both ways, and runs everything.
set -eu
cd "$(dirname "$0")/.."
sh systemd/packaging/install-packages.sh build test

echo "== build"
make -j2 all
make -j2 SAN=address,undefined all lab

echo "== unit tests, with sanitizers"
make -j2 SAN=address,undefined unit

echo "== whole tree and system tests"
exec /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/tree tests/system "$@"
