"""Bad input of every kind gets its error: where and what, the right status; nothing is stored, the process stays up."""
import json
import os
import pty
import re
import signal
import socket
import subprocess
import termios

import pytest

from agent_client import AgentClient, measurement
from lab.lab import read_text, wait_until
from plumbline import Collector, Person, is_clean, run_here

CONFIG = """
listen: 127.0.0.1:{port}
database: {state}/collector.db
reference_files:
  - {{name: local, leg: local, url: "http://127.0.0.1:{port}/reference/local.bin", sha256: "{sha256}"}}
service_plans:
  - {{name: norm-2001, local_min: 30KB/s, hub_min: 20KB/s, reliability: norm-2001, interval: 15m}}
"""
CLIENTS = """client_id,client_name,tier,key,manager,line_id,node,address,service_plan,contact_name,contact_phone,contact_email
1,Orchard Bakery,A,yes,Anna,line-a,core,Garden Street 1,norm-2001,Maria,1,m@orchard.example
"""
PASSWORD = "correct horse battery"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    def __init__(self, build, state):
        self.port, self.state = free_port(), str(state)
        self.log = f"{state}/collector.log"
        self.collector = Collector(build, state, CONFIG.format(port=self.port, state=state, sha256="0" * 64))
        self.collector.import_csv("topology", "node,kind,parents,name\ncore,core,,Core\n")
        self.collector.import_csv("clients", CLIENTS)
        self.collector.add_user("anna", "tech", PASSWORD)
        self.collector.add_user("victor", "viewer", PASSWORD)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.collector.argv_run(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 30, lambda: read_text(self.log))
        self.url = f"http://127.0.0.1:{self.port}"
        self.agent = AgentClient(self.port)
        status, answer = self.agent.enroll(self.collector.json("token", "new", "--line", "line-a")["token"])
        assert status == 200, answer

    def answers(self):
        assert self.process.poll() is None, read_text(self.log)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def raw(self, request):
        """Sends bytes as they are; returns status and everything up to the close (or the first whole answer)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        status = re.match(rb"HTTP/1\.1 (\d+)", answer)
        return int(status.group(1)) if status else None, answer

    def stored(self):
        return json.loads(self.collector.command("export", "measurements", "--format", "json").stdout)["items"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    build = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                         os.environ.get("PLUMBLINE_BUILD", "build/san"))
    server = Running(build, tmp_path_factory.mktemp("bad"))
    yield server
    assert server.stop() == 0, read_text(server.log)
    assert is_clean(read_text(server.log)), read_text(server.log)


# --- configuration: program, text, what the message must contain

BAD_YAML = [
    ("agent", "state_dirr: /x\n", [":1:1: ", "state_dirr"]),
    ("agent", "thresholds: {local_min: 30}\n", [":1:25: ", "KB/s"]),
    ("agent", "schedule: {interval: 15m, interval: 5m}\n", [":1:27: ", "interval"]),
    ("agent", "reference_files:\n  - {name: a, leg: west, url: \"http://x/\"}\n", [":2:20: ", "local"]),
    ("agent", "a: [\n", [":"]),
    ("agent", "state_dir: &x /x\n", [":1:", "anchor"]),
    ("agent", "[" * 50000, [":1:", "deep"]),
    ("agent", "state_dir: /x\n---\nstate_dir: /y\n", [":2:", "document"]),
    ("agent", "thresholds: {local_min: 30, hub_min: 20}\nbogus: 1\n", [":1:25: ", ":1:38: ", ":2:1: "]),   # all, not the first
    ("collector", "listen: 192.0.2.1:8443\ndatabase: /x\n", ["tls", "127.0.0.1"]),
    ("collector", "time_zone: Mars/Olympus\n", [":1:12: ", "Mars/Olympus"]),
    ("collector", "decision: {open_bad: 9, open_of: 4}\n", ["open_bad", "open_of"]),
    ("collector", "service_plans:\n  - {name: a}\n  - {name: a}\n", [":3:", "a"]),
    ("collector", "database: \xff\n".encode("latin-1"), [":"]),
]


@pytest.mark.parametrize("program, text, wanted", BAD_YAML)
def test_bad_yaml_is_named_by_line_and_column(build, tmp_path, program, text, wanted):
    path = tmp_path / "bad.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run_here([os.path.join(build, f"plumbline-{program}"), "check-config", "-c", str(path)], check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 2 and is_clean(said)
    assert all(f"{path}" in line for line in said.splitlines() if line.strip()), said
    assert all(piece in said for piece in wanted), said


# --- CSV: text, where, what

HEAD = CLIENTS.splitlines()[0] + "\n"
BAD_CSV = [
    ("clients", HEAD + "1,A,D,yes,M,l1,core,S,norm-2001,,,\n", ":2:5: ", "tier"),
    ("clients", HEAD + "1,A,A,maybe,M,l1,core,S,norm-2001,,,\n", ":2:7: ", "key"),
    ("clients", HEAD + "1,A,A,yes,M,l1,nowhere,S,norm-2001,,,\n", ":2:", "nowhere"),
    ("clients", HEAD + "1,A,A,yes,M,l1,core,S,gold,,,\n", ":2:", "gold"),
    ("clients", HEAD + "1,A,A,yes,M,l1,core,S,norm-2001,,,\n1,A,A,yes,M,l1,core,S,norm-2001,,,\n", ":3:", "l1"),
    ("clients", HEAD + "1,A,A,yes,M,l1\n", ":2:", "6 values"),
    ("clients", "client_id,client_name\n1,A\n", ":1:", "tier"),
    ("clients", HEAD + "1,\"A,A,yes\n", ":2:", "quot"),
    ("topology", "node,kind,parents,name\na,x,b,A\nb,x,a,B\n", ":", "cycle"),
    ("topology", "node,kind,parents,name\na,x,zz,A\n", ":2:", "zz"),
    ("topology", "", ":1:1: ", "header row"),
]


@pytest.mark.parametrize("what, text, where, word", BAD_CSV)
def test_bad_csv_is_refused_whole(running, what, text, where, word):
    path = f"{running.state}/bad.csv"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    before = [running.collector.command("export", each).stdout for each in ("clients", "topology")]
    done = running.collector.command("import", what, path, check=False)
    assert done.returncode == 2 and f"{path}{where}" in done.stderr and word in done.stderr, done.stderr
    assert [running.collector.command("export", each).stdout for each in ("clients", "topology")] == before


# --- reports: how the request is spoilt, status, a word of the detail

def spoil_signature(headers):
    value = headers["Signature"]
    return {**headers, "Signature": value[:8] + ("A" if value[8] != "A" else "B") + value[9:]}


def without(headers, name):
    return {key: value for key, value in headers.items() if key != name}


def bad_reports(agent):
    good, headers = agent.report([measurement(1)])
    plain, plain_headers = agent.report([measurement(1)], compress=False)
    return {
        "no signature": (good, without(headers, "Signature"), 401, "ignature"),
        "no signature input": (good, without(headers, "Signature-Input"), 401, "ignature"),
        "no digest": (good, without(headers, "Content-Digest"), 401, "igest"),
        "spoilt signature": (good, spoil_signature(headers), 401, "ignature"),
        "another body": (plain.replace(b"local", b"locol"), plain_headers, 401, "igest"),
        "unknown agent": (good, {**headers, **agent.sign("POST", "/agent/v1/reports", good, keyid="a-none")}, 401, "agent"),
        "another path signed": (good, {**headers, **agent.sign("POST", "/agent/v1/enroll", good)}, 401, "ignature"),
        "not gzip": (plain, {**plain_headers, "Content-Encoding": "gzip"}, 400, "gzip"),
        "unknown coding": (plain, {**plain_headers, "Content-Encoding": "br"}, 415, "gzip"),
        "not JSON": (*agent.pack(b"{"), 400, "line 1"),
        "duplicate key": (*agent.pack(b'{"spool":"a","spool":"b"}'), 400, "duplicate"),
        "deep": (*agent.pack(b"[" * 1000), 400, "deep"),
        "not an object": (*agent.pack(b"[]"), 400, "object"),
        "no events": (*agent.report(None), 400, "events"),
        "spool is no UUID": (*agent.report([measurement(1)], spool="x"), 400, "spool"),
        "a bomb": (*agent.pack(b'{"spool": "' + b" " * 50_000_000), 413, "bytes"),
        "generation beyond all": (*agent.report([measurement(1)], generation=2 ** 63 - 1), 400, "generation"),
        "generation is no number": (*agent.report([measurement(1)], generation="x"), 400, "generation"),
    }


def test_bad_reports_store_nothing(running):
    before = running.stored()
    for name, (body, headers, status, word) in bad_reports(running.agent).items():
        got, answer_headers, answer = running.agent.send("POST", "/agent/v1/reports", body, headers)
        problem = json.loads(answer)
        assert got == status and answer_headers["content-type"] == "application/problem+json", (name, got, problem)
        assert problem["status"] == status and word in json.dumps(problem), (name, problem)
    assert running.stored() == before
    assert running.agent.post_report([])[0] == 200   # alive, and the agent is still welcome


def test_a_bad_event_harms_only_itself(running):
    events = [measurement(1), measurement(2, leg="west"), measurement(3, bytes="many"), measurement(4, started_ms=None), measurement(5)]
    status, answer = running.agent.post_report(events)
    assert status == 200 and answer["acked_seq"] == 5
    assert [(r["seq"], next(w for w in ("leg", "bytes", "started_ms") if w in r["detail"])) for r in answer["rejected"]] == [
        (2, "leg"), (3, "bytes"), (4, "started_ms")]
    assert running.agent.post_report(events)[0] == 200   # the same again has the effect of once
    started = sorted(m["started_ms"] for m in running.stored())
    assert started == [measurement(1)["started_ms"], measurement(5)["started_ms"]]


def test_a_copied_disk_is_kept_apart(running):
    copied = AgentClient(running.port)
    status, _ = copied.enroll(running.collector.json("token", "new", "--line", "line-a")["token"])
    assert status == 200
    old = copied.generation
    for seq in (101, 102, 103):
        assert copied.post_report([measurement(seq)])[0] == 200
    before = running.stored()
    copied.generation = old
    assert copied.post_report([measurement(104)])[0] == 200
    assert running.stored() == before
    marked = [a for a in running.collector.json("agent", "list")["items"] if a["id"] == copied.id]
    assert marked[0]["copied_ms"]


# --- enrolment

def test_enrolment_refuses(running):
    token = running.collector.json("token", "new", "--line", "line-a")["token"]
    first, second = AgentClient(running.port), AgentClient(running.port)
    assert first.enroll("nonsense")[0] == 401
    assert first.enroll(token)[0] == 200
    assert first.enroll(token)[0] == 200, "the same key asking again gets the same answer"
    assert second.enroll(token)[0] == 409
    for body, word in ((b"{}", "token"), (b'{"token": "x", "public_key": "short", "host": "h", "version": "0"}', "public_key")):
        status, _, answer = first.send("POST", "/agent/v1/enroll", body, {"Content-Type": "application/json"})
        assert status == 400 and word in json.dumps(json.loads(answer)["errors"]), answer


def test_a_revoked_agent_is_refused_at_once(running):
    agent = AgentClient(running.port)
    agent.enroll(running.collector.json("token", "new", "--line", "line-a")["token"])
    assert agent.post_report([])[0] == 200
    running.collector.command("agent", "revoke", agent.id)
    assert agent.post_report([])[0] == 401


# --- HTTP: raw bytes, status

RAW = [
    ("no Host", b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("folded header", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    ("both lengths", b"POST /agent/v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("two lengths", b"POST /agent/v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("chunked on 1.0", b"POST /agent/v1/reports HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("target contradicts Host", b"GET http://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("CONNECT", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", None),
    ("garbage", b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ("long target", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("long head", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 60000 + b"\r\n\r\n", 431),
    ("body announced too large", b"POST /agent/v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
    ("no such page", b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    ("no such method here", b"DELETE /agent/v1/enroll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
    ("path escapes", b"GET /reference/..%2fcollector.db HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
]


@pytest.mark.parametrize("name, request_bytes, status", RAW, ids=[row[0] for row in RAW])
def test_bad_http_is_refused_and_the_connection_closed(running, name, request_bytes, status):
    got, answer = running.raw(request_bytes)
    assert got == status or (status is None and got is not None and 400 <= got <= 501), answer[:300]
    assert running.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")[0] == 200


# --- people

def test_people_are_refused_what_is_not_theirs(running):
    nobody = Person(running.url)
    assert nobody.get("/api/v1/clients").status == 401
    assert nobody.get("/clients/1").status in (302, 303) and "/login" in nobody.get("/clients/1").headers["Location"]
    assert nobody.post("/api/v1/session", {"user": "anna", "password": "wrong"}).status == 401
    assert nobody.post("/api/v1/session", {"user": "anna"}).json["errors"][0]["field"] == "password"
    anna = Person(running.url).log_in("anna", PASSWORD)
    assert anna.get("/api/v1/clients/none").status == 404
    assert anna.get("/api/v1/clients?limit=0").status == 400
    assert anna.get("/api/v1/clients?cursor=%21").status == 400
    assert anna.get("/api/v1/lines/line-a/measurements?from_ms=x").status == 400
    assert anna.post("/api/v1/tickets/none/fixed", {"cause": "x", "done": "y", "expense": "z"}).status == 404
    anna.csrf = "0" * 64
    assert anna.post("/api/v1/tickets/none/close").status == 403
    victor = Person(running.url).log_in("victor", PASSWORD)
    assert victor.post("/api/v1/tickets/none/close").status == 403
    running.collector.command("user", "disable", "victor")
    assert victor.get("/api/v1/clients").status == 401


@pytest.mark.parametrize("program", ["plumbline-agent", "plumbline-collector"])
def test_missing_configuration_is_named(build, program):
    done = run_here([os.path.join(build, program), "check-config", "-c", "/nowhere/x.yaml"], check=False)
    assert done.returncode == 2
    assert done.stderr == (f"{program}: configuration: /nowhere/x.yaml: No such file or directory, copy the sample there or name "
                           "another with -c\n")


def test_terminal_echoes_again_after_an_interrupted_question(build, running):
    argv = [os.path.join(build, "plumbline-collector"), "user", "add", "paul", "--role", "viewer", "-c", running.collector.config_path]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)
    asked = b""
    while b"Password: " not in asked:
        asked += os.read(terminal, 1024)
    wait_until(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO, 10, "the question")
    os.write(terminal, b"\x03")
    wait_until(lambda: termios.tcgetattr(terminal)[3] & termios.ECHO, 10, "the question")
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGINT
    os.close(terminal)
