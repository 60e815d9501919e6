#!/bin/sh
# make run: a collector on loopback with a SQLite file, and an agent enrolled for the sample client of clients.csv.
#   STATE=build/run   where everything is kept between runs
#   PORT=8480         where the collector listens on 127.0.0.1
set -eu
cd "$(dirname "$0")/../.."
sh systemd/packaging/install-packages.sh build
make -j2

state=${STATE:-build/run}
port=${PORT:-8480}
build=${BUILD:-build}
mkdir -p "$state/reference" "$state/agent"
chmod 700 "$state"
state=$(cd "$state" && pwd)
collector="$build/plumbline-collector"
agent="$build/plumbline-agent"
address="http://127.0.0.1:$port"
collector_pid='' agent_pid='' user=''

stop() {
    trap - EXIT INT TERM
    for pid in $agent_pid $collector_pid; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in $agent_pid $collector_pid; do
        wait "$pid" 2>/dev/null || true
    done
    [ -z "$user" ] || "$collector" user disable "$user" -c "$state/collector.yaml" >/dev/null || true
    rm -f "$state/password"
    echo "Stopped. Everything is kept in $state; make run goes on from there."
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

make_reference() {   # once: name -> its digest in name.sha256
    [ -s "$state/reference/$1.sha256" ] && return
    rm -f "$state/reference/$1.bin"
    "$collector" reference "$state/reference/$1.bin" --size 1MiB --json |
        sed -n 's/.*"sha256": *"\([0-9a-f]*\)".*/\1/p' >"$state/$1.sha256.new"
    mv "$state/$1.sha256.new" "$state/reference/$1.sha256"
}
make_reference local
make_reference hub

sed -e "s|@STATE@|$state|" -e "s|@PORT@|$port|" \
    -e "s|@LOCAL_SHA256@|$(cat "$state/reference/local.sha256")|" \
    -e "s|@HUB_SHA256@|$(cat "$state/reference/hub.sha256")|" config/demo/collector.yaml >"$state/collector.yaml"
cat >"$state/agent.yaml" <<YAML
collector: {url: "$address"}
state_dir: $state/agent
YAML

"$collector" import topology config/demo/topology.csv -c "$state/collector.yaml"
"$collector" import clients config/demo/clients.csv -c "$state/collector.yaml"
user=demo-$(od -An -N2 -tx1 /dev/urandom | tr -d ' \n')
password=$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')
(umask 077 && printf '%s\n' "$password" >"$state/password")
"$collector" user add "$user" --role admin --password-file "$state/password" -c "$state/collector.yaml"

"$collector" run --print-measurements -c "$state/collector.yaml" 2>"$state/collector.log" &
collector_pid=$!
tries=0
until grep -q 'listening on' "$state/collector.log"; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ] || ! kill -0 $collector_pid 2>/dev/null; then
        echo "plumbline: the collector did not start; the end of $state/collector.log says why:" >&2
        tail -n 5 "$state/collector.log" >&2
        exit 1
    fi
    sleep 0.1
done

if [ ! -s "$state/agent/identity.json" ]; then
    "$collector" token new --line line-1 --json -c "$state/collector.yaml" |
        sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' >"$state/token"
    "$agent" enroll --collector "$address" --token-file "$state/token" -c "$state/agent.yaml"
    rm -f "$state/token"
fi
"$agent" run -c "$state/agent.yaml" 2>"$state/agent.log" &
agent_pid=$!

echo
echo "  Plumbline is at   $address/clients/1"
echo "  Log in as         $user"
echo "  with password     $password"
echo "  Ctrl-C stops it.  Logs: $state/collector.log, $state/agent.log"
echo
wait "$collector_pid"
