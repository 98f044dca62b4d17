import polars as pl

from analysis.rendering.style import styles


def test_no_two_configurations_of_a_format_look_alike() -> None:
    names = [f"c{number}" for number in range(20)]
    variants = ["with_relu"] * 3 + [None] * 17
    table = pl.DataFrame({"configuration": names, "format": "jsonl", "variant": variants})
    looks = styles(table)
    assert len(set(looks.values())) == 20
    assert looks["c0"].color == "#009E73"  # the variant's own
