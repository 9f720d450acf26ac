#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Event traces: recorded in whole systems, and converted."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from takt import description, edges, machine, perfetto                       # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

NAME = 0x72656b6e696c62     # "blinker"
LINES = f"""
[tracer] trace cpu 0 hz 1000000 lost 7
[tracer] trace 0 64 2 32 5 9 {NAME:x} 0 {NAME:x}
[tracer] trace 0 6e 3 1a
no trace at all
[tracer] trace 0 78 7 32 9 5 fa
[tracer] trace 0 8c 2 0
[tracer] trace 0 fa 8 32 9 5 1f4
[tracer] trace end
"""


def converter(steps):
    trace = perfetto.Trace(LINES.splitlines())
    check(trace.complete and trace.lost == {0: 7}, "not all lines are understood")
    trace.now = [(100, 100.0001)]
    events = perfetto.convert(trace, [machine.Edge(100.00012, 2, 1)], {2: "blinker"})["traceEvents"]
    runs = [e for e in events if e["ph"] == "X" and e["pid"] == perfetto.CPUS]
    check(len(runs) == 1 and runs[0]["name"] == "blinker" and runs[0]["ts"] == 0
          and abs(runs[0]["dur"] - 40) < 1e-6 and runs[0]["args"]["priority"] == 50,
          f"what ran: {runs}")
    budgets = [(e["ts"], e["args"]["us"]) for e in events
               if e["ph"] == "C" and e["pid"] == perfetto.BUDGETS]
    check(budgets == [(20, 0), (150, 500)], f"budgets: {budgets}")
    priorities = [(e["ts"], e["args"]["priority"]) for e in events
                  if e["ph"] == "C" and e["pid"] == perfetto.PRIORITIES]
    check(priorities == [(0, 50), (40, 0)], f"priorities: {priorities}")
    irqs = [e["name"] for e in events if e["ph"] == "i" and e["pid"] == perfetto.IRQS]
    check(irqs == ["interrupt 26"], f"interrupts: {irqs}")
    leds = [(e["ts"], e["dur"]) for e in events if e["ph"] == "X" and e["pid"] == perfetto.LEDS]
    check(len(leds) == 1 and abs(leds[0][0] - 20) < 2 and abs(sum(leds[0]) - 150) < 2,
          f"LEDs: {leds}")
    well_formed(events)
    steps.done("printed records become events")

    log = edges.Log()
    log.write(b"[blinker] edge blinker 1 1 due 120000 set 1000..3000 ns\n")
    leds = {2: description.Led("blinker", "blinker", 0.25, 0)}
    events = perfetto.convert(trace, perfetto.counted(log, leds), {2: "blinker"}, exact=True)
    leds = [(e["ts"], e["dur"]) for e in events["traceEvents"]
            if e["ph"] == "X" and e["pid"] == perfetto.LEDS]
    check(leds == [(22, 128)], f"LEDs by the board's counter: {leds}")
    steps.done("LEDs are put where their programs say that they changed")


def record(system, *options):
    """What tools/trace makes of a system."""
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        path = pathlib.Path(folder) / "trace.json"
        run = subprocess.run(["/usr/bin/python3", str(TOP / "tools/trace"), system, "-o", path,
                              *options], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=200, check=False)
        check(run.returncode == 0, f"tools/trace {system}: status {run.returncode}:\n# "
              + run.stdout.replace("\n", "\n# "))
        return json.loads(path.read_text())


def well_formed(events):
    """What viewers ask for: numbers from 1 on (0 is Linux's idle process to Perfetto), each track with
    a number and a name of its own, and the keys that each kind of event must have."""
    keys = {"M": {"args"}, "X": {"ts", "dur", "tid"}, "i": {"ts", "tid", "s"}, "C": {"ts", "args"}}
    for e in events:
        check(e["ph"] in keys and {"pid", "name"} | keys[e["ph"]] <= set(e), f"an event: {e}")
        check(e["pid"] > 0 and e.get("tid", 1) > 0, f"a process or thread 0: {e}")
        check(e.get("ts", 0) >= 0 and e.get("dur", 0) >= 0, f"before the beginning: {e}")
        check(e["ph"] != "C" or all(isinstance(n, (int, float)) for n in e["args"].values()),
              f"a counter that does not count: {e}")
    named = [(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"]
    check(len({tid for _, tid in named}) == len(named), f"tracks share a number: {named}")
    shown = {(e["pid"], e["tid"]) for e in events if e["ph"] in "Xi"}
    check(shown <= set(named), f"tracks without a name: {shown - set(named)}")


def names(events, what, pid):
    return [e["args"]["name"] for e in events if e["name"] == what and e["pid"] == pid]


def overlaps(events, pid):
    """Events on the same track that do not wait for each other, by more than rounding."""
    found, ends = 0, {}
    for e in sorted((e for e in events if e["ph"] == "X" and e["pid"] == pid),
                    key=lambda e: e["ts"]):
        found += e["ts"] < ends.get(e["tid"], 0) - 0.001 or e["dur"] < 0
        ends[e["tid"]] = e["ts"] + e["dur"]
    return found


def calls(events):
    """From when to when the gpio server was called: it may be kept from going on in between."""
    spans, called = [], {}
    for e in events:
        if e["ph"] == "i" and e["name"].startswith("gate."):
            called[e["tid"]] = e["ts"]
        elif e["ph"] == "i" and e["name"] == "reply" and e["args"]["server"] == "gpio":
            spans.append((called.get(e["tid"], e["ts"]), e["ts"]))
    return spans


def demo(steps):
    trace = record("demo", "--after", "14", "--millis", "1500")
    events = trace["traceEvents"]
    check(names(events, "thread_name", perfetto.CPUS) == ["CPU 0", "CPU 1"], "tracks of CPUs")
    check(names(events, "thread_name", perfetto.IRQS) == ["CPU 0 interrupts",
                                                          "CPU 1 interrupts"], "interrupts' tracks")
    leds = names(events, "thread_name", perfetto.LEDS)
    check(len(leds) == 3 and leds[2] == "LED 2 blinker", f"LEDs' tracks: {leds}")
    well_formed(events)
    steps.done("tracks of CPUs, interrupts, LEDs")

    runs = [e for e in events if e["ph"] == "X" and e["pid"] == perfetto.CPUS]
    cpu_of = {perfetto.track(perfetto.CPUS, cpu): cpu for cpu in (0, 1)}
    where = {(e["name"], cpu_of[e["tid"]], e["args"]["priority"]) for e in runs}
    for expected in (("blinker", 0, 50), ("gpio", 0, 50)):     # gpio on its client's time
        check(expected in where, f"{expected} did not run, but {sorted(where)}")
    check(any(cpu == 1 for _, cpu, _ in where), "nothing ran on CPU 1")
    check(not overlaps(events, perfetto.CPUS), "two threads at once on a CPU")
    steps.done("threads by name, with their priorities")

    check(any(e["ph"] == "i" and e["name"] == "interrupt 27" for e in events),
          "no interrupt of Linux's timer")
    # Which are used up within the second is the host's doing, too.
    check(any(e["ph"] == "C" and e["pid"] == perfetto.BUDGETS for e in events), "no budgets")
    urgent = {e["args"]["priority"] for e in events
              if e["ph"] == "C" and e["pid"] == perfetto.PRIORITIES}
    check({0, 10, 50} <= urgent, f"priorities that the CPUs ran at: {urgent}")
    steps.done("interrupts, budgets and priorities")

    on = [e for e in events if e["ph"] == "X" and e["pid"] == perfetto.LEDS]
    third = perfetto.track(perfetto.LEDS, 2)
    check(len([e for e in on if e["tid"] == third]) >= 5, "LED 2 did not blink")
    check(not overlaps(events, perfetto.LEDS), "an LED is on twice")
    end = max(e["ts"] for e in events if "ts" in e)
    spans = calls(events)
    # Its first and last state may have begun before, or end after the trace.
    for e in (e for e in on if e["ts"] > 0 and e["ts"] + e["dur"] < end - 1):
        near = min(max(since - e["ts"], e["ts"] - until) for since, until in spans)
        check(near < 2000, f"LED {e['tid']} went on {near:.0f} us from any call to gpio")
    steps.done("LEDs change when the gpio server is called")


def picture(steps):
    """Counted time, one CPU: the moment that the manual shows, and how long it takes."""
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        trace, svg = pathlib.Path(folder) / "trace.json", pathlib.Path(folder) / "trace.svg"
        recorded = record("scenes-1", "--icount", "--after", "0.2", "--millis", "400", "--priority",
                          "15")
        trace.write_text(json.dumps(recorded))
        run = subprocess.run([TOP / "tools/trace-picture", trace, svg], text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(run.returncode == 0, f"tools/trace-picture: {run.stdout}")
        said = re.match(r"LED 1 goes on ([\d.]+) us after .*; linux is back after ([\d.]+) us", run.stdout)
        check(said and 0 < float(said[1]) < 8 and float(said[1]) < float(said[2]) < 60, run.stdout)
        drawn = xml.etree.ElementTree.parse(svg).getroot()
        texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
        check({"interrupts", "linux", "rtos", "gpio", "priority", "LED 1"} <= texts, f"{texts}")
    steps.done("an interrupt takes the CPU from Linux, to the microsecond")


def example(steps):
    events = record("example", "--after", "1", "--millis", "1200")["traceEvents"]
    ran = {e["name"] for e in events if e["ph"] == "X"}
    check({"ask", "counter"} <= ran, f"ran: {sorted(ran)}")
    steps.done("a system without a console server")


if __name__ == "__main__":
    steps = Steps()
    for body in (converter, demo, example, picture):
        steps.run(body)
    steps.plan()
