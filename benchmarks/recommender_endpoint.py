"""`pairloom serve` with a recommender of MovieLens' shape: latency at 500 requests a second, with and without events.

./go bench recommender_endpoint
./go bench recommender_endpoint --users 138493 --items 27278 --events 5000000 --model item-to-item
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from pairloom.recommenders.catalogue import recommender_type
from pairloom.serving.running import RunningEndpoint, running
from recommenders import interactions
from support.http_load import Load, run_load
from support.machine import describe, second_core

RATE, CONNECTIONS = 500.0, 16
EVENTS_PER_S = 10


def send_events(endpoint: RunningEndpoint, n_users: int, n_items: int, ended: threading.Event) -> None:
    """Send an event every tenth of a second, as users would."""
    step = 0
    while not ended.wait(1 / EVENTS_PER_S):
        body = json.dumps({"user": step % n_users, "item": (7 * step) % n_items}).encode()
        request = urllib.request.Request(f"{endpoint.url}/events", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as response:
            response.read()
        step += 1


def print_row(model: str, what: str, load: Load) -> None:
    shown = " / ".join(f"{load.latency_ms[p]:.2f}" for p in ("p50", "p99", "p99.9", "p100"))
    print(f"| {model} | {what} | {shown} | {load.per_second:,.0f} | {load.n_bad} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", action="append", help="may be repeated; default: item-to-item, ease and implicit-als"
    )
    parser.add_argument("--users", type=int, default=943)
    parser.add_argument("--items", type=int, default=1682)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--small", action="store_true", help="a run of seconds that shows that it works")
    asked = parser.parse_args()
    if asked.small:
        asked.users, asked.items, asked.events, asked.seconds = 300, 200, 5000, 0.5
    print(describe("uvicorn", "uvloop"))
    print(
        f"second core gives {second_core():.2f} x; {asked.users:,} x {asked.items:,}, {asked.events:,} events\n"
    )
    print(
        f"| model | {RATE:.0f} requests/s for {asked.seconds:g} s | p50 / p99 / p99.9 / max ms | answers/s | errors |"
    )
    print("|---|---|---|---|---|")
    table = interactions(asked.users, asked.items, asked.events)
    for name in asked.model or ("item-to-item", "ease", "implicit-als"):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "recommender.tar.gz"
            recommender_type(name)().fit(table).save(model)
            options = "--workers", str(asked.workers), "--events", str(Path(folder) / "events")
            with running(model, *options, log=Path(folder) / "log") as endpoint:
                one = json.dumps({"user": 17, "n": 10}).encode()
                run_load(
                    endpoint.port, one, rate=0, seconds=min(1.0, asked.seconds), n_connections=CONNECTIONS
                )
                load = {"rate": RATE, "seconds": asked.seconds, "n_connections": CONNECTIONS}
                print_row(name, "a known user", run_load(endpoint.port, one, **load))
                history = json.dumps({"history": list(range(50)), "n": 10}).encode()
                print_row(name, "a history of 50", run_load(endpoint.port, history, **load))
                ended = threading.Event()
                sending = threading.Thread(
                    target=send_events, args=(endpoint, asked.users, asked.items, ended)
                )
                sending.start()
                try:
                    time.sleep(0.2)
                    print_row(
                        name, f"a known user, {EVENTS_PER_S} events/s", run_load(endpoint.port, one, **load)
                    )
                finally:
                    ended.set()
                    sending.join()


if __name__ == "__main__":
    main()
