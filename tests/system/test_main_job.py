"""The main job on real links: a slow line gets one ticket for the right client, its recovery is proven, nothing else happens."""
import json

import pytest

from lab.lab import Lab, read_bursts, wait_until
from plumbline import is_clean
from world import World

# On veth a full segment carries 1448 bytes of payload in 1514 (tests/lab/README.md).
PAYLOAD_OF_WIRE = 1448 / 1514

CONFIG = """
listen: {noc}:8443
tls: {{certificate: {state}/noc.pem, key: {state}/noc.key}}
database: {state}/collector.db
time_zone: Europe/Moscow
reference_files:
  - {{name: local, leg: local, node: core, url: "http://{local}:8080/local.bin", sha256: "{local_sha256}", nonce: required}}
  - {{name: hub, leg: hub, url: "http://{hub}:8080/hub.bin", sha256: "{hub_sha256}", nonce: required}}
service_plans:
  - {{name: three, local_min: 3Mbit/s, hub_min: 3Mbit/s, reliability: norm-2001, interval: 10s}}
decision: {{open_bad: 3, open_of: 4, blind_bad: 3, blind_of: 4, open_span: 15m, open_within: 6h, close_not_good: 0, close_of: 3}}
schedule: {{report: 1s}}
"""

TOPOLOGY = "node,kind,parents,name\ncore,core,,Core\nb1,building,core,Building 1\nb2,building,core,Building 2\n"
CLIENTS = """client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email
1,Orchard Bakery,A,yes,Anna,line-a,b1,Garden Street 1,three,Maria,1,m@orchard.example
2,Типография «Ромашка»,B,no,Anna,line-b,b2,"ул. Садовая, 2",three,Иван,2,p@romashka.example
"""


@pytest.mark.timeout(240)
def test_slow_line_gets_one_ticket_and_its_recovery_is_proven(root, build, tmp_path):
    with Lab("job", build, str(tmp_path)) as lab:
        story = World(lab, root, build, tmp_path, CONFIG, TOPOLOGY, CLIENTS)
        for site in ("site-a", "site-b"):
            lab.add_host(site)
        watched = lab.watch("site-b")
        lab.shape("site-b", "2mbit")
        story.start_collector()
        story.start_agent("site-a", "line-a")
        story.start_agent("site-b", "line-b")

        wait_until(lambda: len(story.made("site-b")) >= 2, 60, story.log)
        kill_and_restart(lab, story)
        opened = wait_until(story.tickets, 90, story.log)
        assert [(t["client"], t["line"], t["defect"], t["state"]) for t in opened] == [("2", "line-b", "slow-local", "open")]
        check_evidence(story, opened[0]["id"], watched)

        lab.free("site-b")
        kill_and_restart(lab, story)
        wait_until(lambda: story.tickets()[0]["state"] == "proven", 90, story.log)

        # Exactly one ticket, still, and nothing made was lost or counted twice.
        assert [t["id"] for t in story.tickets()] == [opened[0]["id"]]
        close_as_person(story, opened[0]["id"])
        statuses = [lab.stop(agent) for agent in story.agents.values()]
        made = sum(len(story.made(site)) for site in story.agents)
        statuses.append(lab.stop(story.running))
        stored = json.loads(story.collector.command("export", "measurements", "--format", "json").stdout)["items"]
        keys = [(m["line"], m["leg"], m["started_ms"]) for m in stored]
        assert len(keys) == len(set(keys))
        assert made - 4 <= len(keys) <= made   # the last ones may still be in the spool
        history = [json.loads(line) for line in story.collector.command("export", "history").stdout.splitlines()]
        assert [(m["line"], m["defect"], m["what"]) for m in history] == [
            ("line-b", "slow-local", "open"), ("line-b", "slow-local", "prove")]
        assert statuses == [0, 0, 0] and is_clean(story.log()), story.log()


def kill_and_restart(lab, story):
    lab.stop(story.running, with_signal=9)
    story.start_collector()


def check_evidence(story, ticket_id, watched):
    """The figures on the ticket are what linkwatch saw cross, within 3 %."""
    ticket = story.as_person(lambda person: person.get(f"/api/v1/tickets/{ticket_id}").json)
    figures = [m for m in ticket["evidence"]["measurements"] if m["judgement"] == "bad"]
    assert len(figures) >= 3
    for figure in figures:
        truth_bps = find_burst(watched, figure["started_ms"])["wire_bps"] * PAYLOAD_OF_WIRE
        print(f"ticket says {figure['throughput_bps']} bit/s, {truth_bps:.0f} crossed: {figure['throughput_bps'] / truth_bps:.4f}")
        assert abs(figure["throughput_bps"] / truth_bps - 1) < 0.03
    assert ticket["evidence"]["hub"], "the hub's figures stand beside"


def find_burst(watched, started_ms):
    """The burst in which a probe that started then was downloaded; the newest may still be crossing."""
    def crossed():
        return [b for b in read_bursts(watched) if b["started_ms"] - 1000 <= started_ms <= b["started_ms"] + b["duration_us"] / 1000]
    return wait_until(crossed, 30, lambda: f"a burst at {started_ms}: {read_bursts(watched)}")[-1]


def close_as_person(story, ticket_id):
    """An account marks nothing fixed any more (it is proven), and closes; the page says so; search finds part of a word."""
    def act(person):
        closed = person.post(f"/api/v1/tickets/{ticket_id}/close", {"note": "client told"})
        found = person.get("/api/v1/clients?q=РОМАШ").json["items"]
        page = person.get(f"/clients/{found[0]['id']}", **{"Accept-Language": "ru"})
        return {"closed": [closed.status, closed.json.get("state")], "found": [c["id"] for c in found], "page": page.text}

    seen = story.as_person(act)
    assert seen["closed"] == [200, "closed"]
    assert seen["found"] == ["2"]
    assert "Ромашка" in seen["page"] and ticket_id in seen["page"] and "<svg" in seen["page"]
