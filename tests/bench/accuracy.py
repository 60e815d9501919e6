#!/usr/bin/python3
"""How true the agent's figures are: `check` on links of known rate and delay, beside what really crossed them.

    accuracy.py rates [--runs 3]       ratio of the judged rate to the truth, and the bytes a verdict cost, as a table
    accuracy.py judgements [--runs 200]  20 Mbit/s, 20 ms, true rates 0.8 to 1.25 of the threshold: wrong and unresolved ones
    accuracy.py all

Needs root and a build (make). --build, --congestion bbr|cubic|reno (of the file server; the kernel's own otherwise).
Targets: within 2 %, at 1 Gbit/s within 5 % or unresolved and at least half resolved; no wrong judgement of 200 and at
least half resolved; at most 40 MB for a healthy line of 100 Mbit/s that is promised 80."""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from lab.lab import PAYLOAD_OF_WIRE, Lab, read_bursts, wait_until  # noqa: E402

ONE_WAY_US = 10000   # 20 ms there and back
SILENCE_MS = 1000    # ends a burst: longer than TCP may pause within a download
HEADERS = {False: 66, True: 52}   # Ethernet, IP, TCP with timestamps; the delay wire has no Ethernet
LADDER_MIB = [1, 4, 16, 64, 256, 1024]

# Wire bit/s, the shaper's burst and queue.
RATES = [
    (240_000, "4kb", "500ms"),
    (1_000_000, "8kb", "200ms"),
    (10_000_000, "16kb", "50ms"),
    (100_000_000, "64kb", "40ms"),
    (1_000_000_000, "256kb", "20ms"),
]
# The promise as a share of what the line carries: one that it keeps, one that it does not.
PROMISES = [0.8, 1.1]


class Bench:
    """A file server and a site, on a link without (False) or with (True) delay."""

    def __init__(self, lab, build, run_dir, delayed, congestion):
        self.lab, self.build, self.run_dir, self.delayed = lab, build, run_dir, delayed
        self.site = "far" if delayed else "near"
        lab.add_host(self.site, ONE_WAY_US if delayed else 0)
        self.watch_path = lab.watch(self.site, SILENCE_MS)
        if congestion:
            lab.run("files", ["sysctl", "-qw", f"net.ipv4.tcp_congestion_control={congestion}"])

    def configure(self, threshold_bps):
        path = os.path.join(self.run_dir, "agent.yaml")
        lines = [f'thresholds: {{local_min: {threshold_bps} bit/s}}', "reference_files:"]
        for mib in LADDER_MIB:
            lines.append(f'  - {{name: local-{mib}m, leg: local, size: {mib}MiB, '
                         f'url: "http://{self.lab.address("files")}:8080/{mib}m.bin"}}')
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def check(self, threshold_bps):
        """One check; returns the record with the true rate beside it: what crossed while it was measured."""
        path = self.configure(threshold_bps)
        done = self.lab.run(self.site, [os.path.join(self.build, "plumbline-agent"), "check", "-c", path, "--json"], check=False)
        if done.returncode not in (0, 1, 3):
            raise RuntimeError(done.stderr)
        record = json.loads(done.stdout)["items"][0]
        burst = wait_until(lambda: self.burst_at(record["started_ms"]), 10, "linkwatch saw it")
        record["true_bps"] = self.find_truth(record, burst)
        return record

    def burst_at(self, started_ms):
        """The burst that the check made, once it is over; a stray packet may have begun it a little early."""
        return next((burst for burst in read_bursts(self.watch_path) if burst["started_ms"] < started_ms + 500
                     and burst["started_ms"] + burst["duration_us"] / 1000 > started_ms + 100), None)

    def find_truth(self, record, burst):
        """Payload that crossed during the measured window; during the whole burst where there is no such window. The counters
        charge one set of headers for each large segment, which the shaper will cut: hence the packets."""
        payload = 1 - burst["packets"] * HEADERS[self.delayed] / burst["wire_bytes"]
        if not record.get("steady_us"):
            return burst["wire_bps"] * payload
        setup_us = sum(record.get(name, 0) for name in ("dns_us", "connect_us", "tls_us", "first_byte_us"))
        from_us = (record["started_ms"] - burst["started_ms"]) * 1000 + setup_us + record["steady_from_us"]
        from_us -= ONE_WAY_US if self.delayed else 0
        series = burst["series"]

        def crossed(at_us):
            step, part = divmod(at_us / 10000, 1)
            step = min(max(int(step), 0), len(series) - 2)
            return series[step] + (series[step + 1] - series[step]) * part

        return (crossed(from_us + record["steady_us"]) - crossed(from_us)) * 8e6 / record["steady_us"] * payload


def units(bps):
    return f"{bps / 1e9:.3g} Gbit/s" if bps >= 1e9 else f"{bps / 1e6:.3g} Mbit/s" if bps >= 1e6 else f"{bps / 8e3:.3g} kB/s"


def measure_rates(benches, runs):
    print("| line | delay | promise | judged rate / what crossed: median (range) | / nominal | resolved | MB a verdict | judgements |")
    print("|---|---|---|---|---|---|---|---|")
    for rate, burst, latency in RATES:
        for bench in benches:
            if rate >= 1e9 and not bench.delayed:
                continue
            bench.lab.shape(bench.site, str(rate), burst, latency)
            for share in PROMISES:
                nominal = rate * PAYLOAD_OF_WIRE[bench.delayed]
                print_row(rate, share, nominal, [bench.check(int(nominal * share)) for _ in range(runs)], bench.delayed)


def print_row(rate, share, nominal, records, delayed):
    known = [r for r in records if r["judgement"] in ("good", "marginal", "bad")]
    ratios = sorted(r["throughput_bps"] / r["true_bps"] for r in known)
    shown = f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})" if ratios else "-"
    of_nominal = f"{statistics.median(r['throughput_bps'] for r in known) / nominal:.3f}" if ratios else "-"
    cost = statistics.median(r.get("bytes_spent", r["bytes"]) for r in records) / 1e6
    words = ", ".join(sorted({" ".join([r["judgement"], r.get("reason", "")]).strip() for r in records}))
    print(f"| {units(rate)} | {20 if delayed else 0} ms | {units(round(nominal * share, -3))} | {shown} | {of_nominal} | "
          f"{len(known)} of {len(records)} | {cost:.1f} | {words} |", flush=True)


def measure_judgements(bench, runs):
    """The line stays, the promise moves: what it truly carries is 0.8 to 1.25 of the threshold."""
    rate = 20_000_000
    nominal = rate * PAYLOAD_OF_WIRE[bench.delayed]
    draw = random.Random(1)
    wrong, resolved, spent, counted = [], 0, 0, {}
    bench.lab.shape(bench.site, str(rate), "32kb", "50ms")
    for _ in range(runs):
        share = draw.uniform(0.8, 1.25)
        record = bench.check(int(nominal / share))
        verdict = record["judgement"]
        key = " ".join([verdict, record.get("reason", "")]).strip()
        counted[key] = counted.get(key, 0) + 1
        resolved += verdict in ("good", "marginal", "bad")
        spent += record.get("bytes_spent", 0)
        if (verdict == "bad" and share >= 1.03) or (verdict == "good" and share <= 0.97):
            wrong.append((round(share, 3), verdict, record["throughput_bps"], round(record["true_bps"])))
    print(f"\n20 Mbit/s, 20 ms, {runs} probes: {len(wrong)} wrong, {resolved / runs:.0%} resolved, "
          f"{spent / runs / 1e6:.1f} MB each; {counted}")
    for row in wrong:
        print("  wrong: carries %s of the promise, %s, measured %s, crossed %s" % row)
    return not wrong and resolved * 2 >= runs


def make_files(run_dir):
    """Sparse files: TCP does not compress, and nobody looks at the content here."""
    files = os.path.join(run_dir, "files")
    os.makedirs(files)
    for mib in LADDER_MIB:
        with open(os.path.join(files, f"{mib}m.bin"), "wb") as file:
            file.truncate(mib << 20)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rates", "judgements", "all"])
    parser.add_argument("--runs", type=int)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--congestion")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as run_dir, Lab("acc", options.build, run_dir) as lab:
        lab.add_host("files")
        lab.start_nginx("files", os.path.join(ROOT, "config"), make_files(run_dir), os.path.join(run_dir, "nginx"))
        benches = [Bench(lab, options.build, run_dir, delayed, options.congestion) for delayed in (False, True)]
        wait_until(lambda: lab.run("near", ["curl", "-sfI", f"http://{lab.address('files')}:8080/1m.bin"],
                                   check=False).returncode == 0, 10, "the file server answers")
        if options.what != "judgements":
            measure_rates(benches, options.runs or 3)
        if options.what != "rates":
            return 0 if measure_judgements(benches[1], options.runs or 200) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
