"""The checks of the exercises accept every right answer, and say what is wrong with a wrong one.

The answers are in tests/answers, one file per lesson; the stubs and solutions are the lessons' own.
"""

import copy
import html
import inspect
import linecache
import math
import re
import statistics
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

import lessons
from answers import RIGHT, WRONG, but, capstone
from mixer_lib import MlpMixer, exercises, patchify, unpatchify
from mixer_lib.analysis import convolution_share, token_map
from mixer_lib.exercises import card, checking

NAMES = dict(copy=copy, torch=torch, nn=nn, F=nn.functional, cross_entropy=nn.functional.cross_entropy, np=np,
             math=math, one_hot=nn.functional.one_hot, conv2d=nn.functional.conv2d, gelu=nn.functional.gelu,
             conv_transpose2d=nn.functional.conv_transpose2d, mean=statistics.mean, variance=statistics.variance,
             patchify=patchify, unpatchify=unpatchify, MlpMixer=MlpMixer, convolution_share=convolution_share,
             token_map=token_map,
             D=49, S=16, L=4, K=10)                             # the letters that lesson 6 leaves behind


def find_exercises():
    """{check: (stub, solution)}, the source of the tagged cells, the check being what the next code cell calls.

    Helpers of a solution stand in the code cells right above it."""
    found = {}
    for pair in lessons.find_pairs():
        if pair.name != pair.text.stem:
            solutions = lessons.read_text(pair.text)
            stubs = lessons.exercises(lessons.read_text(pair.text.parents[1] / pair.text.name))
            code = [cell for cell in solutions.cells if cell.cell_type == "code"]
            for tag, cell in lessons.exercises(solutions).items():
                check = re.search(r"exercises\.(check_\w+)\(", code[code.index(cell) + 1].source)[1]
                first = last = solutions.cells.index(cell)
                while solutions.cells[first - 1].cell_type == "code":
                    first -= 1
                solution = "\n".join(cell.source for cell in solutions.cells[first:last + 1])
                found[check] = (stubs[tag].source, solution)
    return found


EXERCISES = find_exercises()


def run_cell(source):
    """The last function or class that `source` defines; as in a notebook, Python can quote its lines."""
    file = "<cell>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = dict(NAMES)
    exec(compile(source, file, "exec"), names)
    return names[re.findall(r"^(?:def|class) (\w+)", source, re.M)[-1]]


def written(check, body):
    """The stub of an exercise with `body` in place of its `...`."""
    stub = EXERCISES[check][0]
    assert stub.count("    ...  # your code here") == 1
    return run_cell(stub.replace("    ...  # your code here", textwrap.indent(textwrap.dedent(body).strip(), "    ")))


def does(check, statements):
    """An answer that runs `statements`: where a class is asked for, they are its __init__."""
    if EXERCISES[check][0].startswith("class "):
        statements = f"def __init__(self, **sizes):\n{textwrap.indent(statements, '    ')}"
    return written(check, statements)


@pytest.fixture
def message(capsys):
    """message(check, answer): the last line of what the check prints, which alone says right, wrong or not done."""
    def run(check, answer):
        capsys.readouterr()
        assert getattr(exercises, check)(answer) is None
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert not err and len([line for line in lines if re.match("[✓✗○] Exercise", line)]) == 1, out
        return lines[-1]
    return run


def table(answers):
    return [pytest.param(check, *((entry,) if isinstance(entry, str) else entry), id=f"{check[6:]}-{name}")
            for check, entries in answers.items() for name, entry in entries.items()]


# ---- every exercise -----------------------------------------------------------------------------------------------

every_check = pytest.mark.parametrize("check", EXERCISES)


def test_no_check_is_left_out():
    checks = {name for name in vars(exercises) if name.startswith("check_")}
    assert checks == set(EXERCISES), "every check belongs to an exercise of a lesson"
    for check in checks:
        assert len(RIGHT.get(check, ())) >= 2, f"RIGHT needs two other right answers for {check}"
        assert len(WRONG.get(check, ())) >= 5, f"WRONG needs five wrong answers for {check}"


@every_check
def test_solution_is_accepted(message, check):
    assert message(check, run_cell(EXERCISES[check][1])).startswith("✓ Exercise")


@every_check
def test_stub_is_not_done_yet(message, check):
    said = message(check, run_cell(EXERCISES[check][0]))
    assert said.startswith("○ Exercise") and "returns nothing yet" in said


@pytest.mark.parametrize("check, body", table(RIGHT))
def test_right_answer_is_accepted(message, check, body):
    assert message(check, written(check, body)).startswith("✓ Exercise")


@pytest.mark.parametrize("check, word, body", table(WRONG))
def test_wrong_answer_is_told_what_is_wrong(message, check, word, body):
    said = message(check, written(check, body))
    assert said.startswith("✗ Exercise") and re.search(word, said), said
    assert len(said) < 400 and "  " not in said and said[-1] in ".?", said


@every_check
def test_printing_is_not_returning(message, check):
    said = message(check, does(check, "print('the answer')"))
    assert said.startswith("○") and "to print is not enough" in said


@every_check
def test_failing_answer_is_reported(message, check):
    for body, says in {
        "return [][7]": r"stopped with IndexError: list index out of range, in the line `return \[\]\[7\]`\.$",
        "return torch.zeros(6).reshape(4, 4)": "RuntimeError: .*invalid for input of size 6",
        "raise NotImplementedError": "stopped with NotImplementedError, in the line",
        "import sys\nsys.exit()": "stopped with SystemExit",
        "return undefined": "NameError: name 'undefined' is not defined",
        "assert False": "AssertionError",
    }.items():
        said = message(check, does(check, body))
        assert said.startswith("✗ Exercise") and re.search(says, said), said


@every_check
def test_endless_recursion_is_reported(message, check):
    def again(*arguments, **named):
        return again(*arguments, **named)

    assert re.match(r"✗ .* again\(.*\) stopped with RecursionError", message(check, again))


@every_check
def test_wrong_signature_is_reported(message, check):
    said = message(check, lambda one, two, three, four, five, six, seven, eight, nine: None)
    assert said.startswith("✗") and "stopped with TypeError: " in said and "argument" in said


@every_check
def test_no_answer_breaks_a_check(message, check):
    for nonsense in ("nonsense", b"", object(), math.nan, -1, True, (), [], [[]], {}, {1: 2}, (None, None), ("a", "b"),
                     ([], {}), torch.tensor([]), torch.tensor(1j), torch.tensor([[1, 2]]), np.array(["a", "b"]), int,
                     range(3)):
        said = message(check, lambda *arguments, **named: nonsense)  # noqa: B023
        assert said.startswith("✗ Exercise") and "cannot make sense" not in said, said


@every_check
def test_result_in_place_of_function(message, check):
    assert "the function itself" in message(check, (16, 192))


@every_check
def test_interrupt_goes_through(check):
    def endless(*arguments, **named):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getattr(exercises, check)(endless)


@every_check
def test_random_numbers_of_the_lesson_are_left_alone(message, check):
    state = torch.random.get_rng_state()
    message(check, run_cell(EXERCISES[check][1]))
    assert torch.equal(state, torch.random.get_rng_state())


# ---- the capstone -------------------------------------------------------------------------------------------------

MIXER = capstone.MIXER


@pytest.mark.parametrize("changes, stands, says", [
    ([], ["all 15 parts", "mean and head", "patch embedding, skip", "token mixing", "channel mixing",
          "token mixing before channel mixing", "the stack of blocks", "gradients", "other sizes"], "✓ Exercise C.1"),
    ([("nn.Linear(S, D_S)", "nn.Linear(C, D_S)")], [], "✗ .* fc1 of token mixing"),
    ([("forward", "backward")], ["all 15 parts"], "○ .* the parts are right, but `forward` is still missing"),
    ([("return self.head(x)", "print(self.head(x))")], ["all 15 parts"], "○ .* returns nothing yet"),
    ([("x.mean(dim=1)", "x.sum(dim=1)")], ["all 15 parts"], "✗ .* not their mean"),
    ([("nn.GELU", "nn.ReLU")], ["all 15 parts", "mean and head", "patch embedding, skip"], "✗ .* ReLU"),
], ids=["right", "a part is wrong", "only __init__", "it prints", "the end is wrong", "token mixing is wrong"])
def test_capstone_says_which_parts_are_right(capsys, changes, stands, says):
    exercises.check_mixer(written("check_mixer", but(MIXER, *changes)))
    *parts, said = [line for line in capsys.readouterr().out.splitlines() if line[:3] in ("  ✓", "✓ E", "✗ E", "○ E")]
    assert len(parts) == len(stands) and all(map(str.__contains__, parts, stands)), parts
    assert re.match(says, said), said


def test_capstone_shows_its_parts_as_rows_of_the_card(monkeypatch):
    shown = []
    monkeypatch.setattr(checking, "display", shown.append)
    exercises.check_mixer(written("check_mixer", but(MIXER, ("x.mean(dim=1)", "x.sum(dim=1)"))))
    exercises.check_mixer(written("check_mixer", MIXER))
    wrong, right = (card._repr_html_() for card in shown)
    assert wrong.count("✓") == 1 and "all 15 parts" in wrong and "<b>Exercise C.1 is wrong" in wrong
    assert right.count("✓") == 10 and right.index("all 15") < right.index("gradients") < right.index("<b>Exercise C.1")


def test_capstone_compares_exactly(message):
    """A mistake of a thousandth is seen, wherever it is."""
    for line in ("x = self.embed(x)", "y = block.norm1(x).mT", "x = x + y.mT", "y = block.norm2(x)", "x = x + y\n",
                 "x = self.norm(x)", "x = x.mean(dim=1)"):
        slightly = line.replace(line.rstrip(), line.rstrip() + " * 1.001")
        said = message("check_mixer", written("check_mixer", but(MIXER, (line, slightly))))
        assert said.startswith("✗"), line


def test_capstone_takes_the_class(message):
    sizes = dict.fromkeys(["image_size", "patch_size", "in_channels", "num_classes", "num_blocks", "hidden_dim",
                           "tokens_mlp_dim", "channels_mlp_dim"], 2)
    assert "the class itself" in message("check_mixer", MlpMixer(**sizes))
    assert "mixer_lib's MlpMixer" in message("check_mixer", MlpMixer)
    assert "mixer_lib's Mixer" in message("check_mixer", type("Mixer", (MlpMixer,), {}))


def test_capstone_quotes_the_learners_line(message):
    answer = written("check_mixer", but(MIXER, ("return self.head(x)", "return self.tail(x)")))
    said = message("check_mixer", answer)
    assert "forward stopped with AttributeError" in said and "in the line `return self.tail(x)`." in said


# ---- what the checks share ----------------------------------------------------------------------------------------

def test_check_that_fails_itself_raises_nothing(capsys):
    @checking.exercise("0.0", "never.")
    def check(answer):
        raise KeyError("oh")

    assert inspect.signature(check).parameters.keys() == {"answer"}
    check(lambda: 1)
    assert capsys.readouterr().out == "✗ Exercise 0.0: the check cannot make sense of what <lambda> returns " \
                                      "(KeyError: 'oh').\n"


@pytest.mark.parametrize("answer, mark, words", [
    (lambda a, b, c: (a // b * (a // b), b * b * c), "✓", "is right"), (lambda *_: (1, 2), "✗", "is wrong"),
    (lambda *_: None, "○", "is not done yet")], ids=["right", "wrong", "not done"])
def test_card_says_in_words_what_the_line_says(monkeypatch, answer, mark, words):
    shown = []
    monkeypatch.setattr(checking, "display", shown.append)
    exercises.check_table_shape(answer)
    plain, page = repr(shown[0]), shown[0]._repr_html_()
    assert len(shown) == 1
    assert plain.startswith(f"{mark} Exercise 1.1: ") and "\n" not in plain
    assert page.startswith('<div role="status"') and f"<b>Exercise 1.1 {words}:</b>" in page
    assert re.search(f'<span aria-hidden="true"[^>]*>{mark}</span>', page)      # a sign that is not read aloud
    text = html.unescape(re.sub("<.*?>", "", page))
    assert text == plain.replace("1.1", f"1.1 {words}").replace("`", "")


def test_card_shows_code_as_code(monkeypatch):
    shown = []
    monkeypatch.setattr(checking, "display", shown.append)
    exercises.check_table_shape(written("check_table_shape", "return '`<b>`' < 1"))
    page = shown[0]._repr_html_()
    assert re.search(r"in the line<pre[^>]*>return &#x27;`&lt;b&gt;`&#x27; &lt; 1</pre></div>$", page), page
    again = card.Card("1.1", "wrong", "f() stopped with E, in the line `x.T`. Use `.mT`.")._repr_html_()
    assert re.search(r"in the line<pre[^>]*>x\.T</pre><div [^>]*>Use <code[^>]*>\.mT</code>\.</div></div>$", again)
    assert "<b>`" not in page and "stopped with TypeError: &#x27;&lt;&#x27; not supported" in page
    exercises.check_table_shape(lambda *_: None)
    assert re.search(r"ending in <code[^>]*>return \.\.\.</code> \(", shown[1]._repr_html_())


def test_card_has_each_state_in_a_color_of_its_own_that_is_not_a_sign():
    marks, _, colors = zip(*card.STATES.values())
    assert len({*marks}) == len({*colors}) == 3
    assert not {*colors} & {"#e07b28", "#2f86d1"}
