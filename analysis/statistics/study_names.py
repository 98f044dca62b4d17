"""Names studies: by their corpus and by the settings that tell them apart."""

from collections.abc import Callable, Collection

from analysis.printable import short

#: A setting of a study: field → value as text, None where it is unset.
Settings = dict[str, str | None]

#: What a setting means that is unset.
UNSET = {"data_dir": "sample corpus", "encoder": "unknown encoder", "init_from": "one stage"}

#: Fields that the names of studies are made of, in this order, and how each is written.
PHRASES: dict[str, Callable[[str], str]] = {
    "schema": lambda value: f"schema {value}",
    "recipe": str,
    "encoder": str,
    "init_from": lambda value: value if value == UNSET["init_from"] else f"from {short(value, 13)}",
    "leaked_pairs": lambda value: {"keep": "leaked pairs kept"}.get(value, "leaked pairs dropped"),
    "layers": lambda value: "1 layer" if value == "1" else f"{value} layers",
    "max_length": lambda value: f"{value} tokens",
    "epochs": lambda value: "1 epoch" if value == "1" else f"{value} epochs",
    "negatives": str,
    "fusion": str,
    "neighbors": lambda value: f"{value} search",
}

#: The two numbers that `negatives`, the name of a schedule, stands for.
SCHEDULE = {"hard_ratio_start", "hard_ratio_step"}

#: Fields that no recipe sets and that change an answer most: where one differs, that is told of
#: every recipe's studies, not only within each recipe.
BESIDE_RECIPES = {"encoder", "init_from", "leaked_pairs", "layers", "fusion", "neighbors"}

LONGEST_NAME = 48


def study_names(every: list[Settings]) -> list[str]:
    """Name each study by its corpus, then by each setting that differs from its reference study.

    The reference is the first study of the same corpus, schema and recipe; for BESIDE_RECIPES that
    of the same corpus and schema. The recipe is named where a corpus has several, the schema unless
    it is the newest. Values that few studies share come first, and a setting that would make the
    name longer than LONGEST_NAME is left out.
    """
    found: list[str] = []
    for settings in every:
        of_corpus = _alike("corpus", settings, every)
        of_schema = _alike("schema", settings, of_corpus)
        of_recipe = _alike("recipe", settings, of_schema)
        newest = max(other.get("schema") or "" for other in of_corpus)
        telling = ["schema"] * ((settings.get("schema") or "") != newest)
        telling += ["recipe"] * (len(of_recipe) < len(of_schema))
        fields = [*PHRASES, *sorted(settings.keys() - PHRASES.keys() - {"corpus"})]
        first = {f: (of_schema if f in BESIDE_RECIPES else of_recipe)[0].get(f) for f in fields}
        others = [field for field in fields if settings.get(field) != first[field]]
        others = [field for field in others if field not in redundant(others)]
        telling += sorted(others, key=lambda field: len(_alike(field, settings, of_schema)))
        name = short(str(settings["corpus"]), 24)
        for field in telling:
            longer = f"{name} · {phrase(field, settings.get(field))}"
            name = longer if len(longer) <= LONGEST_NAME else name
        found.append(name)
    return _numbered(found)


def redundant(differing: Collection[str]) -> set[str]:
    """Return which of these settings repeat another: the numbers of a schedule of hard negatives
    where its name differs, too, and a name that differs alone.
    """
    if "negatives" not in differing:
        return set()
    return SCHEDULE & set(differing) or {"negatives"}


def phrase(field: str, value: str | None) -> str:
    """Say the value of one setting in a name."""
    if value is None:
        return f"no {field}"
    return PHRASES.get(field, lambda text: f"{field} {text}")(value)


def slug(name: str) -> str:
    """Write a name with letters, digits and hyphens alone."""
    words = "".join(letter if letter.isalnum() else "-" for letter in name)
    return "-".join(filter(None, words.split("-"))) or "study"


def _alike(field: str, settings: Settings, every: list[Settings]) -> list[Settings]:
    """Select the studies with the value that `settings` have for a field."""
    return [other for other in every if other.get(field) == settings.get(field)]


def _numbered(names: list[str]) -> list[str]:
    """Number names that occur twice, and those that would have the same folder as another."""
    found: dict[str, str] = {}
    for name in names:
        said, number = short(name, LONGEST_NAME), 1
        while (folder := slug(said).casefold()) in found:  # some file systems know no case
            number += 1
            end = f" #{number}"
            said = short(name, LONGEST_NAME - len(end)) + end
        found[folder] = said
    return list(found.values())
