# SPDX-License-Identifier: MIT
"""What an LED's changes say: its period and how steady it is."""

BEATS = 8       # the figures are about so many recent beats


class Blink:
    """One LED as it is seen."""

    def __init__(self):
        self.edges = []     # (time, state), of the recent past

    def add(self, edge):
        self.edges.append((edge.when, edge.state))
        del self.edges[:-200]

    def state(self, when):
        """On or off at a time."""
        for time, state in reversed(self.edges):
            if time <= when:
                return state
        return 0

    def rhythm(self):
        """(period, jitter) in seconds, or None while there is too little to say. Jitter is half
        the difference between the longest and the shortest period. A heartbeat's two beats make
        one period."""
        rises = [time for time, state in self.edges if state][-2 * BEATS - 1:]
        if len(rises) < 5:
            return None
        best = None
        for beats in (1, 2):
            spans = [b - a for a, b in zip(rises, rises[beats:])][-BEATS:]
            period = sum(spans) / len(spans)
            jitter = (max(spans) - min(spans)) / 2
            if best is None or jitter / period < best[1] / best[0] / 4:
                best = (period, jitter)
        return best

    def still(self, now):
        """Seconds without a change, if that is longer than its rhythm explains; or None."""
        rhythm = self.rhythm()
        if not self.edges or not rhythm:
            return None
        silence = now - self.edges[-1][0]
        return silence if silence > 2 * rhythm[0] + 0.5 else None

    def describe(self, now):
        rhythm = self.rhythm()
        still = self.still(now)
        if still:
            return f"still for {still:.0f} s"
        if not rhythm:
            return ""
        return f"{rhythm[0] * 1000:5.0f} ms ±{rhythm[1] * 1000:.1f}"
