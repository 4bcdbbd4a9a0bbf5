"""What a check answers, as a small card in a notebook and as one line of text everywhere else."""

import html
import re

# For each state its mark, its words, and a color that stands out on white and on black and that all eyes tell apart.
STATES = {"right": ("✓", "is right", "#14967a"), "wrong": ("✗", "is wrong", "#c2478f"),
          "not done": ("○", "is not done yet", "#888")}
CODE = ("font-family: var(--jp-code-font-family, monospace); font-size: .95em; border-radius: 3px; color: inherit; "
        "background: color-mix(in srgb, currentColor 9%, transparent); ")


class Card:
    """The answer of a check. exercise: its number. state: "right", "wrong" or "not done". said: one line of text; code
    in it stands between backticks. parts: what of the answer is right so far, a row each.

    A line of the learner's, "..., in the line `CODE`.", has a line of its own on the card, and what follows it, too."""

    def __init__(self, exercise, state, said, parts=()):
        self.exercise, self.state, self.said, self.parts = exercise, state, said, parts

    def __repr__(self):
        parts = "".join(f"  {STATES['right'][0]} {part}\n" for part in self.parts)
        return f"{parts}{STATES[self.state][0]} Exercise {self.exercise}: {self.said}".rstrip()

    def _repr_html_(self):
        mark, words, color = STATES[self.state]
        said, line, hint = re.fullmatch("(.*?)(?:, in the line `(.*?)`\\.(.*))?", self.said, re.DOTALL).groups()
        said, hint = (re.sub("`(.+?)`", f'<code style="{CODE}padding: 1px 4px; display: inline-block">\\1</code>',
                             html.escape(text or "").strip()) for text in (said, hint))
        code = line and (f'<pre style="{CODE}margin: 6px 0 0; padding: 5px 9px; white-space: pre-wrap; '
                         f'overflow-wrap: anywhere">{html.escape(line)}</pre>')
        mine = STATES["right"]
        parts = "".join(f'<div><span aria-hidden="true" style="color: {mine[2]}; font-weight: bold">{mine[0]}</span> '
                        f"{html.escape(part)}</div>" for part in self.parts)
        parts = parts and f'<div style="margin-bottom: 6px">{parts}</div>'
        return (f'<div role="status" style="border-left: 4px solid {color}; border-radius: 4px; padding: 8px 14px; '
                f"margin: 4px 0; max-width: 860px; background: color-mix(in srgb, {color} 9%, transparent); "
                "color: var(--jp-content-font-color1, inherit); overflow-wrap: break-word; line-height: 1.5; "
                'font-family: var(--jp-content-font-family, system-ui, sans-serif)">'
                f'{parts}<span aria-hidden="true" style="color: {color}; font-weight: bold; font-size: 1.2em">'
                f'{mark}</span> '
                f"<b>Exercise {self.exercise} {words}:</b> {said}{', in the line' if line else ''}{code or ''}"
                f"{hint and f'<div style=margin-top:6px>{hint}</div>'}</div>")
