"""The packages' layers: no import goes upwards, no two sub-packages import each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: From the ground; each entry names modules or sub-packages of the package.
LAYERS = {
    "biencoder": (
        ("arrays", "errors"),
        ("runtime",),
        ("config", "recipes", "variants"),
        ("data",),
        ("model",),
        ("storage",),
        ("retrieval",),
        ("training",),
        ("api", "convert"),
        ("__main__",),
    ),
    "analysis": (
        ("errors", "printable"),
        ("schema",),
        ("readers",),
        ("statistics",),
        ("rendering",),
        ("api", "commands", "watching"),
        ("plot", "summary", "report", "to_legacy", "to_tensorboard"),
    ),
}

#: What a package must never import.
FORBIDDEN = {
    "biencoder": {"analysis", "commandline"},
    "analysis": {"biencoder", "commandline", "torch"},
}

#: The commands alone know the command line.
COMMANDS = {"__main__", "convert", "commands"}


def imports_of(path: Path) -> set[str]:
    """The dotted names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def faults(root: Path, package: str) -> list[str]:
    """A sentence for each import of a package that goes upwards, sideways in a cycle, or out."""
    layer_of = {name: level for level, names in enumerate(LAYERS[package]) for name in names}
    edges: set[tuple[str, str]] = set()
    sentences = []
    for path in sorted((root / package).rglob("*.py")):
        importer = path.relative_to(root / package)
        part = importer.parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        if part not in layer_of:
            sentences.append(f"{importer} is in no layer")
            continue
        for name in sorted(imports_of(path)):
            top, _, rest = name.partition(".")
            if top in FORBIDDEN[package] and not (top == "commandline" and part in COMMANDS):
                sentences.append(f"{importer} imports {name}")
            imported = rest.partition(".")[0]
            if top != package or imported not in layer_of:
                continue
            if layer_of[imported] > layer_of[part]:
                sentences.append(f"{importer} imports {name}, which is of a higher layer")
            if imported != part:
                edges.add((part, imported))
    sentences += [f"{a} and {b} import each other" for a, b in edges if a < b and (b, a) in edges]
    return sentences


@pytest.mark.parametrize("package", LAYERS)
def test_a_module_imports_from_its_own_layer_or_a_lower_one(package):
    assert faults(ROOT, package) == []


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"data/a.py": "from biencoder.errors import X"}, []),
        ({"data/a.py": "def f():\n    from biencoder.training import run"}, ["higher layer"]),
        ({"data/a.py": "import analysis.plot"}, ["imports analysis.plot"]),
        ({"data/a.py": "import commandline"}, ["imports commandline"]),
        ({"__main__.py": "import commandline"}, []),
        ({"extras/a.py": ""}, ["is in no layer"]),
        (
            {
                "config.py": "from biencoder import variants",
                "variants.py": "import biencoder.config",
            },
            ["config and variants import each other"],
        ),
    ],
)
def test_a_fault_of_layers_is_named(tmp_path, files, found):
    for name, text in files.items():
        path = tmp_path / "biencoder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sentences = faults(tmp_path, "biencoder")
    assert len(sentences) == len(found), sentences
    assert all(part in sentence for part, sentence in zip(found, sentences, strict=True))
