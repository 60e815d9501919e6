#!/bin/sh
# make bench: ratios of two things measured side by side in one run. The last table stands in results.md beside this file.
set -eu
cd "$(dirname "$0")/../.."
sh systemd/packaging/install-packages.sh build
make -j2 all build/tests/bench/transfer_bench build/tests/bench/ingest_bench \
	build/tests/bench/deciding_bench build/tests/bench/localise_bench

echo "== a download through the agent's transfer module beside a bare read() loop"
build/tests/bench/transfer_bench
echo "== measurements stored durably through HTTP beside bare SQLite writers"
build/tests/bench/ingest_bench build/plumbline-collector
echo "== what a report means beside storing it"
build/tests/bench/deciding_bench
echo "== localisation beside reading its input, and how often it finds what was planted"
build/tests/bench/localise_bench
