"""A service's address as `pairloom up` leaves it, over a port that answers."""

import http.server
import json
import threading
from types import SimpleNamespace

import pytest


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def announce(data, url):
    data.mkdir(exist_ok=True)
    address = {"url": url, "pid": 1, "region": "eu-north-1", "account_id": "123456789012"}
    (data / "service.json").write_text(json.dumps(address))
    keys = "[default]\naws_access_key_id = AKIDOFTHESERVICE\naws_secret_access_key = secret/of+the%service\n"
    (data / "credentials").write_text(keys)


@pytest.fixture
def announced(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    announce(tmp_path / "data", url)
    yield SimpleNamespace(data=tmp_path / "data", url=url)
    server.shutdown()
    thread.join()
    server.server_close()
