"""An agent's side of the wire, written a second time (RFC 9421, RFC 9530) so that the C side is held against it."""
import base64
import gzip
import hashlib
import http.client
import json
import time
import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class AgentClient:
    def __init__(self, port):
        self.port = port
        self.key = Ed25519PrivateKey.generate()
        self.id = None
        self.generation = 0
        self.spool = str(uuid.uuid4())

    def public_key(self):
        return base64.b64encode(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    def send(self, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            connection.close()

    def enroll(self, token):
        status, _, body = self.send("POST", "/agent/v1/enroll", json.dumps(
            {"token": token, "public_key": self.public_key(), "host": "test", "version": "0"}),
            {"Content-Type": "application/json"})
        if status == 200:
            answer = json.loads(body)
            self.id, self.generation = answer["agent"], answer["generation"]
        return status, json.loads(body)

    def sign(self, method, target, body=None, keyid=None, created=None):
        """Headers of a signed request; body is bytes as sent."""
        path, _, query = target.partition("?")
        lines = [f'"@method": {method}', f'"@path": {path}', f'"@query": ?{query}']
        covered = ['"@method"', '"@path"', '"@query"']
        headers = {}
        if body is not None:
            headers["Content-Digest"] = "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"
            covered.append('"content-digest"')
            lines.append(f'"content-digest": {headers["Content-Digest"]}')
        parameters = f'({" ".join(covered)});created={int(created or time.time())};keyid="{keyid or self.id}";alg="ed25519"'
        lines.append(f'"@signature-params": {parameters}')
        headers["Signature-Input"] = "sig1=" + parameters
        headers["Signature"] = "sig1=:" + base64.b64encode(self.key.sign("\n".join(lines).encode())).decode() + ":"
        return headers

    def report(self, events, compress=True, spool=None, **overrides):
        """The bytes and headers of a report with these events."""
        document = {"spool": spool or self.spool, "sent_ms": int(time.time() * 1000), "sent_boottime_us": 1,
                    "generation": self.generation, "events": events, **overrides}
        return self.pack(json.dumps(document).encode(), compress)

    def pack(self, body, compress=True):
        headers = {"Content-Type": "application/json"}
        if compress:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        return body, {**headers, **self.sign("POST", "/agent/v1/reports", body)}

    def post_report(self, events, **overrides):
        body, headers = self.report(events, **overrides)
        status, _, answer = self.send("POST", "/agent/v1/reports", body, headers)
        document = json.loads(answer)
        if status == 200:
            self.generation = document["generation"]
        return status, document


def measurement(seq, **overrides):
    event = {"seq": seq, "boot": "b0000000-0000-4000-8000-000000000000", "type": "measurement", "leg": "local", "file": "local",
             "started_ms": 1_700_000_000_000 + seq * 1000, "boottime_us": seq * 1_000_000, "duration_us": 500_000, "bytes": 1048576,
             "rate_body_bps": 16_000_000, "rate_user_bps": 15_000_000, "throughput_bps": 16_000_000, "threshold_bps": 240_000,
             "dns_us": 100, "connect_us": 200, "first_byte_us": 300, "http_status": 200, "peer": "127.0.0.1:80", "sha256_ok": True,
             "judgement": "good", "reason": ""}
    event.update(overrides)
    return {key: value for key, value in event.items() if value is not None}
