"""What the widgets share: a picture that is drawn again when a control moves."""

import html

import ipywidgets

from .. import plots


def live_picture(draw, controls, width):
    """A widget that shows draw(**values) and draws it again when a control moves.

    draw: returns a PIL image or a matplotlib figure. controls: {argument of draw: widget with a value}. width: of the
    picture, in pixels. An exception in draw is shown in place of being lost in the callback."""
    picture = ipywidgets.Image(format="png", layout={"width": f"{width}px", "max_width": "100%"})
    problem = ipywidgets.HTML()

    def update(change=None):
        try:
            picture.value = plots.to_png(draw(**{name: control.value for name, control in controls.items()}))
            problem.value = ""
        except Exception as error:
            problem.value = f"<b>This picture could not be drawn.</b> {html.escape(f'{type(error).__name__}: {error}')}"

    for control in controls.values():
        control.observe(update, "value")
    update()
    return ipywidgets.VBox([*controls.values(), picture, problem])
