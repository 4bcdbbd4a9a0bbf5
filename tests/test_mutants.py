"""The list of mutants fits the library as it is now. `make mutants` runs them."""

import ast

import pytest

import mutants


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.old[:30]}")
def test_mutant_fits(mutant):
    """Its line is there once, the mistake is still Python, and its tests exist."""
    assert ast.dump(ast.parse(mutants.mutated(mutant))) != ast.dump(ast.parse(mutants.mutated(
        mutant._replace(new=mutant.old))))
    for test in mutants.test_ids(mutant):
        path, _, name = test.partition("::")
        assert f"def {name or 'test_'}" in (mutants.ROOT / path).read_text(encoding="utf-8"), f"there is no {test}"
