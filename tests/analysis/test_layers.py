"""Each module of the package imports from its own layer or one below it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "analysis"

#: From the ground up; a module directly in the package that is not named here is a command.
LAYERS = ({"errors", "printable", "schema"}, {"readers"}, {"statistics"}, {"rendering"})
COMMANDS = len(LAYERS)

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def layer(part):
    return next((number for number, parts in enumerate(LAYERS) if part in parts), COMMANDS)


def imports(module):
    """The dotted names of all that a module imports."""
    for node in ast.walk(ast.parse((PACKAGE / module).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_imports_nothing_from_a_layer_above_it(module):
    own = layer(module.parts[0].removesuffix(".py"))
    for name in imports(module):
        package, _, rest = name.partition(".")
        if package == "analysis":
            assert layer(rest.split(".")[0]) <= own, name
        assert package not in ("biencoder", "torch")
        if package == "commandline":
            assert own == COMMANDS or module.name == "errors.py"
