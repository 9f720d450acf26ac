#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""FreeRTOS as a paravirtual guest: its own tests, its shell, its end, and which scheduling context its
tasks run on. Where it is at hand."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

CHECKS = 24             # of 5 virtual seconds
LED = 1
# ns: the tasks' work, what interrupts may add to that of an urgent one, the hog's turn, and how late
# the urgent task may be.
WORK, STOLEN, HOG, LATE = 50000, 10000, 400000, 5000


def built(system):
    return (machine.BUILD / f"systems/{system}.cpio").exists()


def upstream(steps):
    """Time is counted, 16 ns for an instruction: what upstream's tests expect of it holds."""
    options = {"smp": 1, "icount": 5}
    with machine.Machine(lambda trace: machine.command("freertos-upstream", trace, **options)) as m:
        for n in range(1, CHECKS + 1):
            scenario.expect(m.serial, rf"check {n}:(.*?)\r", 120, f"no check {n}")
            result = m.serial.match[1].decode().strip()
            check(result == "good", f"after {5 * n} s: {result}")
        steps.done(f"upstream's tests run for {5 * CHECKS} s")


def ask(m, command, answer, timeout=30):
    m.serial.send(command + "\r")
    scenario.expect(m.serial, answer, timeout, f"no answer to '{command}'")
    return m.serial.before.decode(errors="replace"), m.serial.match


def shell(steps):
    options = {"smp": 1, "icount": 5}
    with machine.Machine(lambda trace: machine.command("freertos", trace, **options)) as m:
        check(m.leds.wait(lambda: len(m.leds.of(LED)) > 20, 60), "the LED does not blink")
        text, _ = ask(m, "tasks", r"heap: \d+ bytes free.*\r")
        for task in ("led", "report", "shell", "IDLE", "Tmr Svc"):
            check(re.search(rf"{task} .*priority", text), f"no task {task}: {text}")
        steps.done("the shell lists the tasks")
        _, match = ask(m, "ticks", r"(\d+) ticks, (\d+) of them by interrupt\r")
        ticks, interrupts = (int(group) for group in match.groups())
        check(ticks > 4000 and interrupts < ticks / 20, f"{interrupts} interrupts in {ticks} ticks")
        steps.done("there is no tick in idle times, and none is lost")
        text, match = ask(m, "stats", r"consumed (\d+) us, at tick (\d+)\r")
        consumed, tick = (int(group) for group in match.groups())
        share = {name: int(us) for name, us in re.findall(r"(\w+(?: \w+)?) +(\d+) us", text)}
        check(0 < consumed < tick * 1000 / 10, f"{consumed} us consumed in {tick} ms")
        check(sum(share.values()) <= consumed and share["IDLE"] > 0, f"{share} of {consumed}")
        steps.done("time of tasks is what the guest consumed, sleep is not in it")
        ask(m, "help", "overflow")

        for command, words in (("assert", r"stopped: assertion failed \(.*shell\.c:\d+\)"),
                               ("overflow", r"stopped: stack overflow \(shell\)")):
            ask(m, command, words, 60)
            scenario.expect(m.serial, "rtos.*ended, code -1", 30, f"it does not end by {command}")
            begin = m.leds.count()
            scenario.blinks(m.leds, LED, 6, 60, begin, "the next one")
            steps.done(f"{command}: the program ends with a message, and is started again")


def tag(steps, number):
    """What runs how long, in counted time, where a hog is between the base and the tick's context."""
    with machine.Machine(lambda trace: machine.command(f"freertos-tag-{number}", trace, smp=1,
                                                       icount=True)) as m:
        scenario.expect(m.serial, r"tag: late (\d+) ns, urgent (\d+) ns, background (\d+) ns\r", 120,
                        "no figures")
        return [int(group) for group in m.serial.match.groups()]


def tags(steps):
    late, urgent, background = tag(steps, 1)
    check(late <= LATE, f"the urgent task is {late} ns late")
    check(urgent <= WORK + STOLEN, f"the urgent task's work takes {urgent} ns")
    check(background >= WORK + HOG, f"the hog does not interrupt the background: {background} ns")
    steps.done(f"a task with the tick's tag: {late} ns late; the hog interrupts the other one only")
    late, urgent, background = tag(steps, 0)
    check(urgent >= WORK + HOG or late >= HOG, f"without a tag it is as good: {late}, {urgent} ns")
    check(background >= WORK + HOG, f"the hog does not interrupt the background: {background} ns")
    steps.done(f"the same on the base: the hog interrupts both, {late} ns late, {urgent} ns")


if __name__ == "__main__":
    steps = Steps()
    if built("freertos"):
        steps.run(shell)
        steps.run(tags)
    if built("freertos-upstream"):
        steps.run(upstream)
    if not steps.count:
        steps.done("# SKIP FreeRTOS is not at hand (FREERTOS_KERNEL_PATH, FREERTOS_DEMO_PATH)")
    steps.plan()
