"""Outages as agents report them: the same answer at once, late, out of order and twice; whose they are; what people see."""
import csv
import io
import json
import os
import random
import time

import pytest

from agent_client import AgentClient
from lab.lab import read_text
from plumbline import Person, is_clean
from test_bad_input import CLIENTS, PASSWORD, Running

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = int(time.time() * 1000)
FROM = (NOW // HOUR) * HOUR - 30 * DAY
MINUTE = 60_000
NODES = {"line-a": "b1", "line-b": "b2", "line-c": "b3", "line-d": "b4", "line-e": "b4", "line-f": "b4", "line-g": "b4",
         "line-h": "b5", "line-i": "b6", "line-j": "b7"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    build = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                         os.environ.get("PLUMBLINE_BUILD", "build/san"))
    server = Running(build, tmp_path_factory.mktemp("outages"))
    head, row = CLIENTS.splitlines()
    server.collector.import_csv("topology", "node,kind,parents,name\ncore,core,,Core\n" + "".join(
        f"{node},building,core,{node}\n" for node in set(NODES.values())))
    server.collector.import_csv("clients", head + "\n" + "".join(
        row.replace("line-a,core", f"{line},{node}") + "\n" for line, node in NODES.items()))
    server.people = Person(server.url).log_in("victor", PASSWORD)
    yield server
    assert server.stop() == 0, read_text(server.log)
    assert is_clean(read_text(server.log)), read_text(server.log)


def agent_of(running, line):
    agent = AgentClient(running.port)
    status, answer = agent.enroll(running.collector.json("token", "new", "--line", line)["token"])
    assert status == 200, answer
    return agent


def alive(from_ms, to_ms):
    return {"type": "alive", "boot": "b", "started_ms": from_ms, "ended_ms": to_ms, "boottime_us": 1, "synced": True}


def outage(cause, from_ms, to_ms=None, **more):
    event = {"type": "outage", "boot": "b", "started_ms": from_ms, "boottime_us": 1, "cause": cause, "shortest_ms": 0,
             "longest_ms": max(0, (to_ms or from_ms) - from_ms), **more}
    if to_ms is not None:
        event["ended_ms"] = to_ms
    return event


def month():
    """A line watched hour by hour, but for a night without power on the tenth day."""
    night = range(240, 248)
    events = [alive(FROM + hour * HOUR, FROM + (hour + 1) * HOUR) for hour in range(30 * 24) if hour not in night]
    events.append(outage("power", FROM + 240 * HOUR, FROM + 248 * HOUR))
    events.append(outage("access", FROM + 5 * DAY, FROM + 5 * DAY + MINUTE))
    events.append(outage("access", FROM + 5 * DAY + 150_000, FROM + 5 * DAY + 210_000))   # one event with the one before
    events.append(outage("access", FROM + 7 * DAY, FROM + 7 * DAY + 13_000))
    events.append(outage("upstream", FROM + 12 * DAY))
    events.append(outage("upstream", FROM + 12 * DAY, FROM + 12 * DAY + 10 * MINUTE))
    events.append(outage("gateway", FROM + 14 * DAY, FROM + 14 * DAY + 5 * MINUTE))
    events.append(outage("local-server", FROM + 15 * DAY, FROM + 15 * DAY + 20 * MINUTE))
    events.append(outage("clock", FROM + 16 * DAY, FROM + 16 * DAY + 2 * HOUR))
    return [{"seq": seq, **event} for seq, event in enumerate(events, 1)]


def send(agent, events):
    status, answer = agent.post_report(events)
    assert status == 200 and answer["rejected"] == [], answer


def outages(running, line, query=f"?from_ms={FROM}&to_ms={FROM + 30 * DAY}"):
    reply = running.people.get(f"/api/v1/lines/{line}/outages{query}")
    assert reply.status == 200, reply.text
    return reply.json


WANTED = [
    {"started_ms": FROM + 5 * DAY, "ended_ms": FROM + 5 * DAY + 210_000, "down_ms": 120_000, "cause": "access",
     "attributed_to": "provider", "brief": False, "in_maintenance_ms": 0},
    {"started_ms": FROM + 7 * DAY, "ended_ms": FROM + 7 * DAY + 13_000, "down_ms": 13_000, "cause": "access",
     "attributed_to": "provider", "brief": True, "in_maintenance_ms": 0},
    {"started_ms": FROM + 10 * DAY, "ended_ms": FROM + 10 * DAY + 8 * HOUR, "down_ms": 8 * HOUR, "cause": "power",
     "attributed_to": "client", "brief": False, "in_maintenance_ms": 0, "site_power": False},
    {"started_ms": FROM + 12 * DAY, "ended_ms": FROM + 12 * DAY + 10 * MINUTE, "down_ms": 10 * MINUTE, "cause": "upstream",
     "attributed_to": "provider", "brief": False, "in_maintenance_ms": 0},
    {"started_ms": FROM + 14 * DAY, "ended_ms": FROM + 14 * DAY + 5 * MINUTE, "down_ms": 5 * MINUTE, "cause": "gateway",
     "attributed_to": "client", "brief": False, "in_maintenance_ms": 0},
    {"started_ms": FROM + 15 * DAY, "ended_ms": FROM + 15 * DAY + 20 * MINUTE, "down_ms": 20 * MINUTE, "cause": "local-server",
     "attributed_to": "nobody", "brief": False, "in_maintenance_ms": 0},
]


def test_late_and_twice_is_the_same_as_at_once(running):
    events = month()
    at_once = agent_of(running, "line-a")
    send(at_once, events)
    first = outages(running, "line-a")
    assert first["items"] == WANTED
    down_ms, known_ms = 12 * MINUTE, 30 * DAY - 8 * HOUR
    assert first["availability"] == {
        "from_ms": FROM, "to_ms": FROM + 30 * DAY, "available_ppm": (known_ms - down_ms) * 1_000_000 // known_ms,
        "coverage_ppm": known_ms * 1_000_000 // (30 * DAY), "insufficient_coverage": False, "down_ms": down_ms,
        "maintenance_ms": 0, "unknown_ms": 8 * HOUR, "outages": 2, "briefs": 1}

    late = agent_of(running, "line-b")
    pieces = [events[i:i + 50] for i in range(0, len(events), 50)]
    random.Random(9).shuffle(pieces)
    for piece in pieces + pieces[:3]:
        send(late, piece)
    assert outages(running, "line-b") == first

    backwards = agent_of(running, "line-c")
    for event in reversed(events[-20:]):
        send(backwards, [event])
    send(backwards, events)
    assert outages(running, "line-c") == first


def test_an_upstream_outage_is_no_lines_fault_and_one_of_the_access_network_is(running):
    watched = [{"seq": hour + 1, **alive(FROM + hour * HOUR, FROM + (hour + 1) * HOUR)} for hour in range(30 * 24 + 1)]
    events = {"line-d": [], "line-e": [outage("upstream", FROM + DAY, FROM + DAY + HOUR)],
              "line-f": [outage("access", FROM + 25 * DAY, FROM + 25 * DAY + MINUTE)]}
    for line, more in events.items():
        send(agent_of(running, line), watched + [{"seq": 1000 + i, **event} for i, event in enumerate(more)])
    lines = {line["id"]: line for line in running.people.get("/api/v1/clients/1").json["lines"]}
    # The last hour is told up to its last report only.
    assert [lines[line]["quality"]["reliable"] for line in ("line-d", "line-e", "line-f", "line-g")] == [
        "good", "good", "bad", "unmeasured"]
    assert lines["line-g"]["outages"]["availability"]["insufficient_coverage"]
    assert "available_ppm" not in lines["line-g"]["outages"]["availability"]


def test_outages_open_and_prove_one_ticket_whatever_order_they_come_in(running):
    """norm-2001: opened by the first outage, proven by the midnight after 14 quiet days, re-opened by the next."""
    begin_ms, again_ms = FROM + 2 * DAY, FROM + 20 * DAY
    events = [alive(FROM + hour * HOUR, FROM + (hour + 1) * HOUR) for hour in range(30 * 24)]
    events += [outage("access", begin_ms, begin_ms + MINUTE), outage("access", again_ms, again_ms + MINUTE)]
    events = [{"seq": seq, **event} for seq, event in enumerate(events, 1)]
    shuffled = [events[i:i + 90] for i in range(0, len(events), 90)]
    random.Random(4).shuffle(shuffled)
    histories = []
    for line, pieces in (("line-h", [events]), ("line-i", shuffled)):
        agent = agent_of(running, line)
        for piece in pieces:
            send(agent, piece)
        listed = running.people.get("/api/v1/tickets?client=1").json["items"]
        ticket, = (ticket for ticket in listed if ticket["line"] == line)
        shown = running.people.get(f"/api/v1/tickets/{ticket['id']}").json
        assert shown["defect"] == "unreliable" and shown["state"] == "open" and shown["reopen_count"] == 1
        assert [item["started_ms"] for item in shown["evidence"]["outages"]] == [begin_ms]
        assert "access network" in running.people.get(f"/tickets/{ticket['id']}", **{"Accept-Language": "en"}).text
        histories.append({(move["action"], move["at_ms"]) for move in shown["custody"] if move["action"] != "revised"})
    proven_ms = ((begin_ms + MINUTE + 14 * DAY - 1) // DAY + 1) * DAY
    assert histories[0] == {("opened", begin_ms + MINUTE), ("proven", proven_ms), ("reopened", again_ms + MINUTE)}
    assert histories[1] >= histories[0]
    fixer = Person(running.url).log_in("anna", PASSWORD)
    assert fixer.post(f"/api/v1/tickets/{ticket['id']}/accept").status == 200
    done = fixer.post(f"/api/v1/tickets/{ticket['id']}/fixed", {"cause": "a wet joint", "done": "spliced anew"})
    assert done.status == 200 and done.json["state"] == "fixed", done.text
    agent.post_report([{"seq": 5000, **outage("access", int(time.time() * 1000) + 1000, int(time.time() * 1000) + MINUTE + 1000)}])
    assert running.people.get(f"/api/v1/tickets/{ticket['id']}").json["state"] == "returned"


def test_a_site_without_power_is_nobodys(running):
    agents = {line: agent_of(running, line) for line in ("line-d", "line-e", "line-f", "line-g")}
    begin_ms = FROM + 3 * DAY

    def attributed_to():
        return [item["attributed_to"] for item in outages(running, "line-d")["items"] if item["started_ms"] == begin_ms]

    send(agents["line-d"], [{"seq": 1, **outage("power", begin_ms, begin_ms + HOUR)}])
    send(agents["line-e"], [{"seq": 1, **outage("power", begin_ms, begin_ms + HOUR + 90_000)}])
    assert attributed_to() == ["client"], "two of four"
    send(agents["line-f"], [{"seq": 1, **outage("power", begin_ms, begin_ms + HOUR - 150_000)}])
    assert attributed_to() == ["client"], "the third came back more than two minutes earlier"
    send(agents["line-g"], [{"seq": 1, **outage("power", begin_ms, begin_ms + HOUR - 120_000)}])
    assert attributed_to() == ["nobody"], "three of four"


def test_a_clock_that_says_1970_is_not_believed(running):
    agent = agent_of(running, "line-j")
    boottime_us = 9_000_000_000
    status, answer = agent.post_report([
        {"seq": 1, **outage("access", 1000, 1000 + 5 * MINUTE), "boottime_us": boottime_us - 1_000_000_000},
        {"seq": 2, **outage("access", 1000, 1000 + 5 * MINUTE), "boottime_us": 5, "boot": "another"}],
        sent_boottime_us=boottime_us, boot="b")
    assert status == 200 and answer["rejected"] == []
    item, = outages(running, "line-j", "?from_ms=0")["items"]
    assert abs(item["started_ms"] - (int(time.time() * 1000) - 1_000_000)) < 60_000 and item["down_ms"] == 5 * MINUTE


def test_the_page_says_it_in_words(running):
    page = running.people.get("/clients/1", **{"Accept-Language": "en"}).text
    assert "access network" in page and "10" + chr(160) + "min" in page and "Time watched" in page
    page = running.people.get("/clients/1?lang=ru").text
    assert "сеть доступа" in page and "кратковременный" in page


def test_export_says_the_same(running):
    exported = json.loads(running.collector.command("export", "outages", "--format", "json").stdout)["items"]
    mine = [{key: item[key] for key in item if key not in ("client", "line")} for item in exported if item["line"] == "line-a"]
    assert mine == WANTED
    rows = list(csv.DictReader(io.StringIO(running.collector.command("export", "outages", "--since", "26d").stdout)))
    assert rows and all(int(row["ended_ms"]) > NOW - 26 * DAY for row in rows)
    assert {"client", "line", "cause", "attributed_to"} <= set(rows[0])


def test_what_makes_no_sense_is_rejected(running):
    agent = agent_of(running, "line-g")
    status, answer = agent.post_report([{"seq": 1, **outage("access", 9, 8)}, {"seq": 2, **outage("moon", 9, 10)},
                                        {"seq": 3, "type": "alive", "started_ms": 5}])
    assert status == 200
    assert [rejected["detail"].split(":")[0] for rejected in answer["rejected"]] == ["ended_ms", "cause", "ended_ms"]
    reply = running.people.get("/api/v1/lines/line-g/outages?from_ms=9&to_ms=8")
    assert reply.status == 400 and reply.json["errors"][0]["field"] == "from_ms"
    assert running.people.get("/api/v1/lines/nowhere/outages").status == 404
