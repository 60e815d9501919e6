#!/bin/sh
# make bench: ratios of two things measured side by side in one run. The last tables stand in results.md beside this file.
#   run.sh [STEP...]      all steps (accuracy takes longest), or those named
# accuracy and footprint lay links of their own and need root.
set -eu
cd "$(dirname "$0")/../.."
steps="transfer ingest disk deciding localise simulate accuracy footprint"

run_step() {
    case $1 in
    transfer)
        echo "== a download through the agent's transfer module beside a bare read() loop"
        build/tests/bench/transfer_bench ;;
    ingest)
        echo "== measurements stored durably through HTTP beside PostgreSQL and bare SQLite writers"
        build/tests/bench/ingest_bench build/plumbline-collector ;;
    disk)
        echo "== bytes on disk for a measurement"
        build/tests/bench/disk_bench ;;
    deciding)
        echo "== what a report means beside storing it"
        build/tests/bench/deciding_bench ;;
    localise)
        echo "== localisation beside reading its input, and how often it finds what was planted"
        build/tests/bench/localise_bench ;;
    simulate)
        echo "== false tickets of healthy lines, hours to the ticket of faulty ones"
        build/tests/bench/simulate ;;
    accuracy)
        echo "== how true the agent's figures are"
        /usr/bin/python3 tests/bench/accuracy.py all ;;
    footprint)
        echo "== what the agent costs beside a bare program"
        /usr/bin/python3 tests/bench/footprint.py ;;
    *)
        echo "run.sh: no step $1, there are: $steps" >&2
        exit 2 ;;
    esac
}

sh systemd/packaging/install-packages.sh build test bench
make -j2 all lab build/tests/bench/transfer_bench build/tests/bench/ingest_bench build/tests/bench/disk_bench \
    build/tests/bench/deciding_bench build/tests/bench/localise_bench build/tests/bench/simulate build/tests/bench/floor
# shellcheck disable=SC2086  # a list of words
[ $# -gt 0 ] || set -- $steps
for step in "$@"; do
    run_step "$step"
done
