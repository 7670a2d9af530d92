"""What the Python SDK costs its caller: `npm run bench -- python`.

Each figure is from a process of its own, the median of three. The server is the built one on its embedded database.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "sdk" / "python"))

ROUNDS = 3
EVENTS = 15_000
PACED = 2_000
PAYLOAD = {"query": "password reset", "max_results": 5, "text": "x" * 900}


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure(what: str) -> dict[str, float]:
    """Runs in a process of its own, with the server in the environment."""
    import logging

    from sentrial import SentrialClient

    logging.disable()
    client = SentrialClient(spool=False)  # what is measured is memory, and nothing is left behind
    session = client.create_session(name="bench")
    client.flush(1)

    def track() -> None:
        client.track_tool_call(session, "search_knowledge_base", PAYLOAD, {"articles": ["KB-001"]}, duration_ms=150)

    for _ in range(200):
        track()
    if what == "call":
        taken = []
        cpu = 0
        for _ in range(PACED):
            before, started = time.thread_time_ns(), time.perf_counter_ns()
            track()
            taken.append(time.perf_counter_ns() - started)
            cpu += time.thread_time_ns() - before
            time.sleep(0.0005)  # an agent does other things too, and the thread gets to send
        taken.sort()
        result = {"p50": taken[PACED // 2] / 1e3, "p99": taken[PACED * 99 // 100] / 1e3, "cpu": cpu / PACED / 1e3}
    elif what == "throughput":
        started = time.monotonic()
        for _ in range(EVENTS):
            track()
        recorded = time.monotonic() - started
        client.flush(300)
        stats = client.stats()
        assert stats.waiting == stats.dropped == 0, stats
        result = {"delivered": EVENTS / (time.monotonic() - started), "recorded": EVENTS / recorded}
    else:
        before = resident_mb()
        for _ in range(EVENTS):
            track()
        most = resident_mb()
        for _ in range(4 * EVENTS):
            track()
        result = {"before": before, "15,000": most, "75,000": resident_mb(), "dropped": client.stats().dropped}
    client.close(0)
    return result


def main() -> None:
    from tests.support.server import free_port, start_server

    def rounds(what: str, url: str, key: str) -> dict[str, float]:
        results = []
        for _ in range(ROUNDS):
            environment = {"SENTRIAL_API_URL": url, "SENTRIAL_API_KEY": key, "PATH": "/usr/bin:/bin"}
            done = subprocess.run([sys.executable, __file__, what], env=environment, stdout=subprocess.PIPE, check=True)
            results.append(json.loads(done.stdout))
        return {name: statistics.median(result[name] for result in results) for name in results[0]}

    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder)) as server:
        away = f"http://127.0.0.1:{free_port()}"
        print("| one call, 1 KB | p50, µs | p99, µs | CPU of the caller, µs |\n| --- | --- | --- | --- |")
        for name, url in (("server up", server.url), ("server gone", away)):
            call = rounds("call", url, server.key)
            print(f"| {name} | {call['p50']:.0f} | {call['p99']:.0f} | {call['cpu']:.0f} |")
        through = rounds("throughput", server.url, server.key)
        print(f"\n{EVENTS:,} events from one thread: recorded {through['recorded']:,.0f}/s, stored {through['delivered']:,.0f}/s\n")
        print("| memory, MB | at start | 15,000 events | 75,000 events | dropped |\n| --- | --- | --- | --- | --- |")
        for name, url in (("server up", server.url), ("server gone", away)):
            memory = rounds("memory", url, server.key)
            cells = " | ".join(f"{memory[column]:,.0f}" for column in ("before", "15,000", "75,000", "dropped"))
            print(f"| {name} | {cells} |")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
