"""The delay of an idle line and of a full one, on a link whose queue holds so many milliseconds and no more."""
import json
import os

import pytest

from lab.lab import PAYLOAD_OF_WIRE, Lab
from plumbline import is_clean

RATE_BPS = 20_000_000
QUEUE_MS = 50


def make_line(lab, root, state, icmp):
    """A file server and a site behind a queue of QUEUE_MS. The wire between keeps the sender from seeing that queue: within one
    kernel TCP would hold its packets back before they fill it."""
    lab.add_host("files", delay_us=1000)
    lab.add_host("site")
    lab.run("files", ["sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno"])
    if icmp:
        lab.run("site", ["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"])
    os.makedirs(f"{state}/files")
    with open(f"{state}/files/local-64m.bin", "wb") as file:
        file.write(os.urandom(1 << 20) * 64)
    lab.start_nginx("files", f"{root}/config", files=f"{state}/files", work_dir=f"{state}/nginx")
    lab.run("files", ["sh", "-c", "until curl -sfI http://127.0.0.1:8080/local-64m.bin; do sleep 0.1; done"])
    lab.shape("site", str(RATE_BPS), latency=f"{QUEUE_MS}ms")
    return f"http://{lab.address('files')}:8080/local-64m.bin"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", ["icmp", "tcp"])
def test_a_queue_that_fills_is_seen(root, build, tmp_path, way):
    """Reno's TCP fills the queue until it overflows, then halves what is under way: nearly half of the queue always stands."""
    with Lab("load", build, str(tmp_path)) as lab:
        url = make_line(lab, root, tmp_path, icmp=way == "icmp")
        done = lab.run("site", [f"{build}/plumbline-agent", "check", "--local", url, "--local-min", "30Mbit/s", "--json"], check=False)
        measured, = json.loads(done.stdout)["items"]
    names = ("idle_p50_us", "loaded_p50_us", "loaded_p95_us", "loaded_increase_us", "loaded_http_p50_us", "loaded_way", "loaded_sent",
             "loaded_lost", "rtt_us", "connect_us", "cross_rx_bps", "throughput_bps")
    print({name: measured.get(name) for name in names})
    assert measured["loaded_way"] == way
    assert measured["idle_p50_us"] < 10_000
    assert measured["loaded_p50_us"] - measured["idle_p50_us"] == measured["loaded_increase_us"] > 0.4 * QUEUE_MS * 1000
    assert measured["loaded_p50_us"] <= measured["loaded_p95_us"] < 2 * QUEUE_MS * 1000
    assert measured["loaded_http_p50_us"] > measured["loaded_p50_us"], "to connect and to ask are two round trips"
    assert measured["loaded_sent"] > 100 and measured["loaded_lost"] < measured["loaded_sent"] / 4

    # What is measured beside the download takes little from it, and does not pass for the client's own traffic.
    assert done.returncode == 1 and measured["judgement"] == "bad" and "reason" not in measured
    assert measured["throughput_bps"] > 0.8 * RATE_BPS * PAYLOAD_OF_WIRE[False]
    assert measured["cross_rx_bps"] < 0.05 * measured["threshold_bps"]
    assert is_clean(done.stderr), done.stderr
