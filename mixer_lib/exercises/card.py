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
    in it stands between backticks.

    A line of the learner's that the text ends with, "..., in the line `CODE`.", has a line of its own on the card."""

    def __init__(self, exercise, state, said):
        self.exercise, self.state, self.said = exercise, state, said

    def __repr__(self):
        return f"{STATES[self.state][0]} Exercise {self.exercise}: {self.said}".strip()

    def _repr_html_(self):
        mark, words, color = STATES[self.state]
        said, _, line = self.said.partition(", in the line `")
        said = re.sub("`(.+?)`", f'<code style="{CODE}padding: 1px 4px; display: inline-block">\\1</code>',
                      html.escape(said))
        code = line and (f'<pre style="{CODE}margin: 6px 0 0; padding: 5px 9px; white-space: pre-wrap; '
                         f'overflow-wrap: anywhere">{html.escape(line.removesuffix("`."))}</pre>')
        return (f'<div role="status" style="border-left: 4px solid {color}; border-radius: 4px; padding: 8px 14px; '
                f"margin: 4px 0; max-width: 860px; background: color-mix(in srgb, {color} 9%, transparent); "
                "color: var(--jp-content-font-color1, inherit); overflow-wrap: break-word; line-height: 1.5; "
                'font-family: var(--jp-content-font-family, system-ui, sans-serif)">'
                f'<span aria-hidden="true" style="color: {color}; font-weight: bold; font-size: 1.2em">{mark}</span> '
                f"<b>Exercise {self.exercise} {words}:</b> {said}{', in the line' if line else ''}{code}</div>")
