"""What all widgets share: a picture that is drawn again when a control moves."""

import asyncio
import html
import inspect

import ipywidgets

from .. import plots


def live_picture(draw, controls, width):
    """A widget that shows draw(**values) and draws it again when a control moves.

    draw: returns a PIL image or a matplotlib figure. Where the last picture takes long, it may yield several: the first
    is shown at once, and each of the others when it is ready, unless a control has moved in the meantime. controls:
    {argument of draw: widget with a value}. width: of the picture, in pixels. An exception in draw is shown below the
    picture; otherwise it would be lost in the callback."""
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
        """Show the next picture. Returns whether there was one."""
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
            await asyncio.sleep(0)  # lets the move of a control come first
            if drawings is not answer or not show_next(drawings):
                return

    for control in controls.values():
        control.observe(update, "value")
    update()
    return ipywidgets.VBox([*controls.values(), picture, problem])


def in_order(draw, values):
    """The pictures that draw(**values) gives, one after the other."""
    drawn = draw(**values)
    if inspect.isgenerator(drawn):
        yield from drawn
    else:
        yield drawn
