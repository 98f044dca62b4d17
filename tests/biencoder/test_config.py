import pytest
from pydantic import ValidationError

from biencoder.config import Config
from biencoder.recipes import RECIPES, SCHEDULES
from biencoder.variants import ALIASES, VARIANTS
from commandline import UsageError, parse


def test_no_flag_at_all_means_both_switches_on():
    config = Config()
    assert (config.layernorm, config.relu, config.variant) == (True, True, "with_layernorm_relu")


@pytest.mark.parametrize("name", [*VARIANTS, *ALIASES])
def test_a_variant_name_sets_both_switches_and_is_reported_by_its_canonical_name(name):
    config = Config(variant=name)
    canonical = ALIASES.get(name, name)
    assert (config.layernorm, config.relu) == VARIANTS[canonical]
    assert config.variant == canonical


def test_one_switch_starts_from_both_on_and_names_the_variant():
    assert Config(layernorm="False").variant == "with_relu"
    assert Config(relu="off").variant == "with_layernorm"
    assert Config(layernorm="0", relu="no").variant == "without_layernorm_relu"


def test_a_switch_may_repeat_what_the_variant_says():
    assert Config(variant="with_relu", relu="True").relu


def test_a_switch_that_contradicts_the_variant_is_named():
    with pytest.raises(ValidationError, match="--relu=False contradicts --variant=with_relu"):
        Config(variant="with_relu", relu="False")


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_negatives_preset_is_two_numbers_and_the_two_numbers_name_the_preset(name):
    start, step = SCHEDULES[name]
    config = Config(triplet_weight=1, negatives=name)
    assert (config.hard_ratio_start, config.hard_ratio_step) == (start, step)
    config = Config(triplet_weight=1, hard_ratio_start=start, hard_ratio_step=step)
    assert config.negatives == name


def test_a_preset_gives_way_to_a_number_that_keeps_its_direction():
    config = Config(triplet_weight=1, negatives="rising", hard_ratio_step=0.02)
    assert (config.hard_ratio_start, config.hard_ratio_step) == (0.0, 0.02)


def test_a_share_that_is_to_fall_starts_high_unless_it_is_told_where():
    assert (Config().negatives, Config().hard_ratio_start) == ("only_random", 0.0)
    config = Config(triplet_weight=1, hard_ratio_step=-0.02)
    assert (config.negatives, config.hard_ratio_start) == ("falling", SCHEDULES["falling"].start)
    config = Config(triplet_weight=1, hard_ratio_step=-0.02, hard_ratio_start=0.2)
    assert config.hard_ratio_start == 0.2


def test_a_recipe_is_its_flags_and_the_default_is_strong():
    for name, flags in RECIPES.items():
        config = Config(recipe=name)
        assert {flag: getattr(config, flag) for flag in flags} == flags
        assert config == Config(**flags | {"recipe": name})
    assert Config() == Config(recipe="strong")


def test_a_flag_overrides_negatives_which_override_the_recipe():
    assert Config(recipe="documented").negatives == "falling"
    assert Config(recipe="documented", negatives="rising").hard_ratio_step == 0.1
    config = Config(recipe="documented", negatives="rising", hard_ratio_step=0.2)
    assert (config.negatives, config.hard_ratio_step) == ("rising", 0.2)
    assert Config(recipe="documented", lr=0.5).lr == 0.5


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_works_under_every_recipe_and_changes_its_switches_alone(recipe, name):
    plain = Config(recipe=recipe).to_json()
    changed = Config(recipe=recipe, variant=name).to_json()
    differing = {flag for flag, value in changed.items() if plain[flag] != value}
    assert differing <= {"variant", "layernorm", "relu"}


def test_a_run_without_any_loss_is_refused():
    with pytest.raises(ValidationError, match="are all 0: nothing is left to train by"):
        Config(triplet_weight=0, in_batch_weight=0, listwise_weight=0)


def test_a_batch_of_one_pair_without_triplets_is_refused():
    with pytest.raises(ValidationError, match="--batch_size=1 .* nothing to tell the counter from"):
        Config(batch_size=1, triplet_weight=0, in_batch_weight=1)
    assert Config(batch_size=1, triplet_weight=1).batch_size == 1


@pytest.mark.parametrize(
    ("flags", "at_fault"),
    [
        ({"negatives": "only_hard"}, "--negatives=only_hard"),
        ({"hard_ratio_start": 0.5}, "--hard_ratio_start=0.5"),
        ({"hard_ratio_step": 0.1}, "--hard_ratio_step=0.1"),
        (
            {"recipe": "documented", "triplet_weight": 0, "in_batch_weight": 1},
            "--negatives=falling",
        ),
    ],
)
def test_hard_negatives_that_nothing_would_learn_from_are_refused(flags, at_fault):
    with pytest.raises(ValidationError, match=f"{at_fault} without --triplet_weight: no negative"):
        Config(**flags)


@pytest.mark.parametrize("flag", [{"margin": 3}, {"margin_unit": "absolute"}, {"mine_every": 5}])
def test_a_flag_of_triplets_is_refused_without_a_triplet_weight(flag):
    with pytest.raises(ValidationError, match=r"--m.* without --triplet_weight: there would be no"):
        Config(**flag)
    assert Config(recipe="documented", **flag)


@pytest.mark.parametrize("recipe", ["strong", "documented"])
def test_a_resolved_config_can_be_read_back(recipe):
    config = Config(recipe=recipe, triplet_weight=0, in_batch_weight=1, negatives="only_random")
    assert Config(**config.to_json()) == config


def test_a_number_that_contradicts_the_preset_is_named():
    with pytest.raises(ValidationError, match=r"--hard_ratio_step=-0.1 contradicts --negatives"):
        Config(negatives="rising", hard_ratio_step=-0.1)


@pytest.mark.parametrize(
    ("numbers", "instead"), [((0, -0.1), "fall: .*only_random"), ((1, 0.1), "rise: .*only_hard")]
)
def test_a_share_of_hard_negatives_that_cannot_move_is_refused(numbers, instead):
    start, step = numbers
    with pytest.raises(ValidationError, match=f"--hard_ratio_start={start}.* cannot {instead}"):
        Config(recipe="documented", hard_ratio_start=start, hard_ratio_step=step)


def test_the_config_cannot_be_changed_afterwards():
    with pytest.raises(ValidationError, match="frozen"):
        Config().lr = 1.0


def test_every_field_has_a_sentence():
    assert all(field.description.endswith(".") for field in Config.model_fields.values())


def test_the_json_form_rebuilds_the_same_config():
    config = Config(variant="without_relu", triplet_weight=1, negatives="constant", epochs=3)
    assert Config(**config.to_json()) == config


def test_evaluations_within_an_epoch_whose_end_is_not_evaluated_are_refused():
    with pytest.raises(ValidationError, match="--first_epoch_evals=4 .* --eval_every=2 leaves out"):
        Config(epochs=4, first_epoch_evals=4, eval_every=2)
    assert Config(epochs=1, first_epoch_evals=4, eval_every=2).first_epoch_evals == 4


def test_a_removed_flag_says_what_replaced_it(capsys):
    for flag, line in (("asymmetric", "copies are passed over"), ("trec", "biencoder evaluate")):
        with pytest.raises(UsageError, match=f"--{flag} was removed: .*{line}"):
            parse(Config, [f"--{flag}=True"])
        with pytest.raises(UsageError, match=f"--{flag} was removed"):
            parse(Config, [f"--no{flag}"])
