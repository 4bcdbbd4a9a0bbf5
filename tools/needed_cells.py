"""Which code cells of a lesson the site has to run, found by reading them: those that its widgets need (`wanted`), less
those that need a training (`left_out`)."""

import ast
import re

MAKES = ast.FunctionDef, ast.ClassDef
SCOPES = ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
ORDER = {"value": 0, "iter": 0, "target": 1, "targets": 1}      # what a statement reads comes before what it binds
TRAINERS = {"fit", "fit_and_measure"}
PURE = {"print", "show"}                    # calls for what they show: they change nothing


def left_out(sources):
    """The numbers of the code cells that train, and of those that need what such a cell makes.

    A cell trains if it calls `fit` or `fit_and_measure`, the `step` of an optimizer in a long loop, or a function of
    the lesson that does. What it trains is the first argument, and whatever it binds; a loop of its own may change all
    that it names."""
    trainers, tainted, known, found = {*TRAINERS}, set(), set(), set()
    for number, source in enumerate(sources):
        tree = ast.parse(source)
        defined = [node for node in tree.body if isinstance(node, MAKES)]
        trainers |= {node.name for node in defined if trainings(node, trainers)}
        loose = ast.Module([node for node in tree.body if node not in defined], [])
        known |= imported(tree)
        known |= {node.name for node in defined}
        trained, bound = trainings(loose, trainers), names(loose, ast.Store)
        if trained or needed(tree) & tainted:
            found.add(number)
            tainted |= bound | {node.name for node in defined}
            for call in trained:
                tainted |= names(loose if called(call) == "step" else call.args[0], ast.Load) - known
            tainted |= {node.value.id for node in ast.walk(loose) if changes(node)} - known
        else:
            tainted -= bound
    return found


def wanted(sources, shows):
    """The numbers of the code cells to run so that those in `shows` show what they show when all cells run: these, and
    each earlier cell that binds a name that one of them reads, or that may change the object of such a name.

    Imports do not count: they stay in all cells. But torch does, which has a seed and a number of threads."""
    need, found, trees = set(), set(), [ast.parse(source) for source in sources]
    reads = {node.name: needed(ast.Module([node], [])) for tree in trees for node in tree.body
             if isinstance(node, MAKES)}
    known = set().union(*map(imported, trees)) - {"torch"}
    for number, tree in reversed([*enumerate(trees)]):
        makes = [node for node in tree.body if isinstance(node, MAKES)]
        if number in shows or need & (names(tree, ast.Store) | {node.name for node in makes} | touched(tree)):
            found.add(number)
            need -= {node.name for node in makes}       # made here, whatever an earlier cell made of them
            for statement in tree.body:
                if isinstance(statement, ast.Assign):
                    need -= set().union(*(names(target, ast.Store) for target in statement.targets))
            more = needed(tree) - known
            while more:             # a function reads its names when it is called, so a later cell may have made them
                need |= more
                more = set().union(*(reads.get(name, ()) for name in more)) - need - known
    return found


def only_imports(source):
    """What remains of a cell that is not run: its imports, which later cells may need."""
    return "\n".join(ast.unparse(node) for node in ast.parse(source).body
                     if isinstance(node, (ast.Import, ast.ImportFrom)))


def touched(tree):
    """The names whose objects a cell may change: written to by a dot or brackets, trained, in a call whose result
    nobody takes or whose name ends with _, or looped over by a variable of which one of these is true."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found |= names(node.value, ast.Load)                # a.b[0] = 1 changes a
        elif isinstance(node, ast.AugAssign):
            found |= names(node.target, ast.Store)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and called(node.value) not in PURE:
            found |= names(node.value, ast.Load)                # model.eval()
        elif isinstance(node, ast.Call) and (called(node) or "").endswith("_"):
            found |= names(node, ast.Load)                      # normal_(model.head.weight)
    for call in trainings(tree, TRAINERS):
        found |= names(tree if called(call) == "step" else call.args[0], ast.Load)
    for loop in reversed([node for node in ast.walk(tree) if isinstance(node, (ast.For, ast.comprehension))]):
        if names(loop.target, ast.Store) & found:               # `reversed`: the inner loops first
            found |= names(loop.iter, ast.Load)
    return found


def names(tree, context):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def imported(tree):
    return {alias.asname or alias.name.partition(".")[0] for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}


def own(tree):
    """The names that comprehensions and functions keep to themselves."""
    nodes = [*ast.walk(tree)]
    return set().union(*(names(node.target, ast.Store) for node in nodes if isinstance(node, ast.comprehension)),
                       {node.arg for node in nodes if isinstance(node, ast.arg)})


def needed(tree):
    """The names that a cell takes from the cells before it: those that it reads before it binds them itself."""
    bound, free = set(), set()

    def read(node):
        if isinstance(node, SCOPES):                # has names of its own
            free.update(names(node, ast.Load) - own(node) - names(node, ast.Store) - bound)
            bound.add(getattr(node, "name", None))
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                bound.add(node.id)
            elif node.id not in bound:
                free.add(node.id)
        else:
            if isinstance(node, ast.AugAssign):     # x += 1 reads x
                free.update(names(node.target, ast.Store) - bound)
            for _, value in sorted(ast.iter_fields(node), key=lambda field: ORDER.get(field[0], 2)):
                for part in value if isinstance(value, list) else [value]:
                    if isinstance(part, ast.AST):
                        read(part)

    read(tree)
    return free


def called(call):
    return getattr(call.func, "id", getattr(call.func, "attr", None))


def changes(node):
    """Whether this is x[i] or x.name that is written to, or a list x that grows."""
    return (isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Name)
            and (isinstance(node.ctx, ast.Store) or getattr(node, "attr", "") in ("append", "extend", "update")))


def trainings(tree, trainers):
    """The calls that train. A few steps cost nothing: those in a loop over range(3), or over models one by one."""
    loops = [loop for loop in ast.walk(tree) if isinstance(loop, (ast.For, ast.While))
             and not re.fullmatch(r"range\(\d{1,2}\)|\(.*\)", ast.unparse(getattr(loop, "iter", loop.body[0])))]
    long = {id(node) for loop in loops for node in ast.walk(loop)}
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and (
        (called(node) in trainers and node.args) or (called(node) == "step" and not node.args and id(node) in long))]
