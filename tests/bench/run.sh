#!/bin/sh
# make bench: ratios of two things measured side by side in one run. The last table stands in results.md beside this file.
set -eu
cd "$(dirname "$0")/../.."
sh systemd/packaging/install-packages.sh build bench
make -j2 all build/tests/bench/transfer_bench build/tests/bench/ingest_bench build/tests/bench/disk_bench \
	build/tests/bench/deciding_bench build/tests/bench/localise_bench build/tests/bench/simulate

echo "== a download through the agent's transfer module beside a bare read() loop"
build/tests/bench/transfer_bench
echo "== measurements stored durably through HTTP beside PostgreSQL and bare SQLite writers"
build/tests/bench/ingest_bench build/plumbline-collector
echo "== bytes on disk for a measurement"
build/tests/bench/disk_bench
echo "== what a report means beside storing it"
build/tests/bench/deciding_bench
echo "== localisation beside reading its input, and how often it finds what was planted"
build/tests/bench/localise_bench
echo "== false tickets of healthy lines, hours to the ticket of faulty ones"
build/tests/bench/simulate
