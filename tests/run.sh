#!/bin/sh
# make test: installs what tests need, builds both ways, and runs everything but the story, which takes six minutes and two
# quiet cores: make story.
set -eu
cd "$(dirname "$0")/.."
sh systemd/packaging/install-packages.sh build test

echo "== build"
make -j2 all
make -j2 SAN=address,undefined all lab

if [ "${1-}" = story ]; then
    exec /usr/bin/python3 -m pytest -p no:cacheprovider -q -s tests/system/test_story.py
fi

echo "== unit tests, with sanitizers"
make -j2 SAN=address,undefined unit

echo "== whole tree and system tests"
exec /usr/bin/python3 -m pytest -p no:cacheprovider -q tests/tree tests/system --ignore=tests/system/test_story.py "$@"
