"""`analysis.statistics.study_names`: what studies are called."""

from settings_of_runs import ENCODER, decided, logged, named

from analysis.statistics.studies import studies
from analysis.statistics.study_names import LONGEST_NAME


def test_a_study_is_named_by_its_corpus_and_by_what_tells_it_from_the_first_of_that() -> None:
    runs = [
        decided(data_dir="a/arguana", epochs=3, encoder="m"),
        decided("0" * 16, "1" * 16, data_dir="b/other", epochs=9, encoder="n"),
        decided("0" * 16, data_dir="a/arguana", epochs=1, encoder="n"),
        decided("0" * 16, data_dir="a/arguana", epochs=2, encoder="n"),
        decided(data_dir="a/arguana", epochs=3, encoder="m", init_from="first"),
        decided(data_dir="a/arguana", epochs=3, encoder="m", leaked_pairs="keep"),
    ]
    assert named(*runs) == [
        "arguana",
        "other",
        "arguana · 1 epoch · n",
        "arguana · 2 epochs · n",
        "arguana · from first",
        "arguana · leaked pairs kept",
    ]


def test_what_tells_a_study_from_all_others_is_named_before_what_many_share() -> None:
    small = {"data_dir": "arguana-counterargs", "max_length": 32, "lr": 1e-4, "batch_size": 16}
    runs = [
        decided(data_dir="arguana-counterargs", max_length=256, lr=5e-5, batch_size=32),
        decided(**small),
        decided(**small, negatives="rising", hard_ratio_step=0.1),
        decided(**small, neighbors="ball_tree"),
        decided(**small, fusion="only_cls"),
        decided(**small, init_from="20261123T120000Z_with_relu_s0_abcdef"),
        decided(**small, leaked_pairs="keep"),
    ]
    assert named(*runs) == [
        "arguana-counterargs",
        "arguana-counterargs · 32 tokens · batch_size 16",
        "arguana-counterargs · rising · 32 tokens",
        "arguana-counterargs · ball_tree search",
        "arguana-counterargs · only_cls · 32 tokens",
        "arguana-counterargs · from 20261…_abcdef",
        "arguana-counterargs · leaked pairs kept",
    ]


def test_of_several_recipes_each_is_named() -> None:
    strong, documented = decided(recipe="strong", lr=1), decided(recipe="documented", lr=2)
    assert named(strong, documented) == ["sample corpus · strong", "sample corpus · documented"]
    assert named(strong) == ["sample corpus"]


def test_a_study_of_a_recipe_is_named_by_what_tells_it_from_the_first_of_that_recipe() -> None:
    runs = [
        decided(recipe="strong", lr=1),
        decided(recipe="documented", lr=2),
        decided(recipe="documented", lr=2, epochs=4),
    ]
    assert named(*runs)[2] == "sample corpus · documented · 4 epochs"


def test_what_no_recipe_sets_is_told_of_the_first_study_of_a_recipe_too() -> None:
    runs = decided(recipe="documented", lr=2), decided(recipe="strong", lr=1, leaked_pairs="keep")
    assert named(*runs)[1] == "sample corpus · strong · leaked pairs kept"


def test_a_setting_that_is_unset_in_a_study_is_named_so() -> None:
    first = decided(data_dir="a", init_from="x", margin=1)
    assert named(first, decided(data_dir="a", margin=None)) == ["a", "a · one stage · no margin"]


def test_names_are_short_and_unique_whatever_is_in_them() -> None:
    long = "x" * 300
    runs = [
        decided(data_dir=long),
        decided("0" * 16, data_dir=long, encoder=long),
        *(decided("1" * 16, data_dir=long, encoder="y" * 99, **{long: n}) for n in range(12)),
        *(decided(data_dir=long, margin=10**n) for n in range(12)),
        decided(ENCODER, "1" * 16, data_dir=f"{long} #2"),
        decided(ENCODER, "2" * 16, data_dir="\x1b[31m\ud800对"),
    ]
    found = named(*runs)
    assert len(found) == len(set(found)) == len(runs)
    assert max(map(len, found)) <= LONGEST_NAME
    assert all(name.isprintable() for name in found)


def test_studies_that_no_short_name_tells_apart_are_numbered() -> None:
    runs = [decided(data_dir="x" * 24, note="y" * 30 + end) for end in "abc"]
    assert named(*runs) == ["x" * 24, "x" * 24 + " #2", "x" * 24 + " #3"]


def test_a_number_never_makes_a_name_that_another_study_has() -> None:
    runs = [
        decided(ENCODER, "1" * 16, data_dir="a #2"),
        decided(data_dir="a", note="y" * 50),
        decided(data_dir="a", note="z" * 50),
    ]
    assert named(*runs) == ["a #2", "a", "a #3"]


def test_a_folder_has_letters_digits_and_hyphens_and_is_of_one_study_alone() -> None:
    runs = [
        decided("0" * 16, "0" * 16, data_dir="../a b/A_b.c"),
        decided("0" * 16, "1" * 16, data_dir="A-b.c"),
        decided("0" * 16, "2" * 16, data_dir="a-b-c"),  # some file systems know no case
        decided("0" * 16, "3" * 16, data_dir="%"),
        decided("0" * 16, "3" * 16, data_dir="%", step=0.1),
        decided("0" * 16, "3" * 16, data_dir="%", step=-0.1),
    ]
    slugs = [study.slug for study in studies(logged(*runs))]
    assert slugs == ["A-b-c", "A-b-c-2", "a-b-c-3", "study", "step-0-1", "step-0-1-2"]
