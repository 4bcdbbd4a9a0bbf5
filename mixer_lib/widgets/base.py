"""What the widgets share: a picture that is drawn again when a control moves."""

import asyncio
import html
import inspect

import ipywidgets

from .. import plots


def live_picture(draw, controls, width):
    """A widget that shows draw(**values) and draws it again when a control moves.

    draw: returns a PIL image or a matplotlib figure; or yields several, when the last takes long: the first is shown at
    once, each of the others when it is there, unless a control has moved meanwhile. controls: {argument of draw: widget
    with a value}. width: of the picture, in pixels. An exception in draw is shown in place of being lost in the
    callback."""
    picture = ipywidgets.Image(format="png", layout={"width": f"{width}px", "max_width": "100%"})
    problem = ipywidgets.HTML()
    answer = task = None            # asyncio keeps no task alive itself

    def update(change=None):
        nonlocal answer, task
        answer = drawings = in_order(draw, {name: control.value for name, control in controls.items()})
        if show_next(drawings):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:    # no kernel here that could go on later
                while show_next(drawings):
                    pass
            else:
                task = loop.create_task(show_rest(drawings))

    def show_next(drawings):
        """Whether there was one more."""
        try:
            picture.value = plots.to_png(next(drawings))
            problem.value = ""
        except StopIteration:
            return False
        except Exception as error:
            problem.value = f"<b>This picture could not be drawn.</b> {html.escape(f'{type(error).__name__}: {error}')}"
            return False
        return True

    async def show_rest(drawings):
        while True:
            await asyncio.sleep(0)  # a move of a control comes first
            if drawings is not answer or not show_next(drawings):
                return

    for control in controls.values():
        control.observe(update, "value")
    update()
    return ipywidgets.VBox([*controls.values(), picture, problem])


def in_order(draw, values):
    """Every picture of an answer, one after the other."""
    drawn = draw(**values)
    if inspect.isgenerator(drawn):
        yield from drawn
    else:
        yield drawn
