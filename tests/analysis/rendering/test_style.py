import matplotlib
import polars as pl

from analysis.rendering.style import VARIANTS, house_style, styles


def configurations(*pairs: tuple[str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=["configuration", "variant"], orient="row")


def test_no_two_configurations_look_alike() -> None:
    known = [(f"{variant} {number}", variant) for variant in VARIANTS for number in range(9)]
    unknown = [(f"r{number}", None) for number in range(60)]
    looks = styles(configurations(*known, *unknown))
    assert len(set(looks.values())) == 96
    assert looks["with_relu 0"].color == "#009E73"  # the variant's own


def test_the_colour_of_a_variant_is_the_same_whatever_else_is_present() -> None:
    of_step = ("with_relu, step 0.1", "with_relu")
    crowd = [("r0", None), ("with_layernorm", "with_layernorm"), ("with_relu", "with_relu")]
    for table in (configurations(of_step), configurations(*crowd, of_step)):
        assert styles(table)[of_step[0]].color == "#009E73"
    own = {look.color for look in styles(configurations(*((v, v) for v in VARIANTS))).values()}
    assert styles(configurations(*crowd))["r0"].color not in own


def test_pictures_look_alike_whatever_is_set_outside_of_them() -> None:
    with matplotlib.rc_context({"text.usetex": True, "lines.linewidth": 9}):
        with house_style():
            assert not matplotlib.rcParams["text.usetex"]
            assert matplotlib.rcParams["lines.linewidth"] == 1.5
        assert matplotlib.rcParams["text.usetex"]
