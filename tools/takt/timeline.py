# SPDX-License-Identifier: MIT
"""A picture of LEDs over time, as SVG: for each scene a band with a line for each LED."""

from xml.sax.saxutils import escape

LEFT, RIGHT, TOP, LINE, BAND = 190, 190, 34, 17, 68
COLOURS = ("#0b7a8f", "#a86a00", "#2b7d2b")
GREY = "#666"


class Strip:
    """One LED: name, state at the beginning, [(seconds, state)], and a remark; `still`: it stands."""

    def __init__(self, name, state, edges, remark, still=False):
        self.name, self.state, self.edges, self.remark, self.still = name, state, edges, remark, still


def _wave(strip, x, y, seconds, width):
    """An SVG path: up is on."""
    level = lambda state: y - (10 if state else 0)
    path = [f"M{x} {level(strip.state)}"]
    for at, state in strip.edges:
        if 0 <= at <= seconds:
            path.append(f"H{x + at / seconds * width:.1f}V{level(state)}")
    return "".join(path) + f"H{x + width}"


def picture(title, scenes, seconds, width=560):
    """`scenes`: [(name, [Strip])]; all show as many seconds."""
    total, height = LEFT + width + RIGHT, TOP + BAND * len(scenes) + 26
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" '
           f'font-family="sans-serif" font-size="11">',
           f'<rect width="{total}" height="{height}" fill="#fff"/>',
           f'<text x="10" y="20" font-size="13">{escape(title)}</text>']
    for n, (name, strips) in enumerate(scenes):
        top = TOP + n * BAND
        if n % 2 == 0:
            out.append(f'<rect y="{top}" width="{total}" height="{BAND}" fill="#f4f4f4"/>')
        out.append(f'<text x="10" y="{top + 14}" font-weight="bold">{escape(name)}</text>')
        for i, strip in enumerate(strips):
            y = top + 28 + i * LINE
            colour = GREY if strip.still else COLOURS[i % len(COLOURS)]
            out += [f'<text x="{LEFT - 10}" y="{y}" text-anchor="end" fill="{colour}">'
                    f'{escape(strip.name)}</text>',
                    f'<path d="{_wave(strip, LEFT, y, seconds, width)}" fill="none" '
                    f'stroke="{colour}"/>',
                    f'<text x="{LEFT + width + 10}" y="{y}" fill="{colour}">'
                    f'{escape(strip.remark)}</text>']
    bottom = TOP + BAND * len(scenes)
    for second in range(int(seconds) + 1):
        x = LEFT + second / seconds * width
        out.append(f'<text x="{x:.0f}" y="{bottom + 16}" text-anchor="middle" fill="{GREY}">'
                   f'{second} s</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
