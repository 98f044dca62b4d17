"""`analysis.readers.variant_names`: what a legacy file name says, and what it leaves open."""

import pytest

from analysis.readers.variant_names import Variant, canonical_name, decay_of_name, variant_of_name


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("wihtout_layernorm_relu_hard_negatives_logs.txt", "without_layernorm_relu"),
        ("with_layernorm_relu_hard_negatives_0.01_logs.txt", "with_layernorm_relu"),
        ("with_layernorm_logs.txt", "with_layernorm"),
        ("without_relu_logs.txt", "with_layernorm"),
        ("with_relu_logs.txt", "with_relu"),
        ("without_layernorm_logs.txt", "with_relu"),
        ("with_layernorm_without_relu.log", "with_layernorm"),
        ("With Layer-Norm and ReLU", "with_layernorm_relu"),
        ("wiht_layernrom_rleu_0.5", "with_layernorm_relu"),
        ("withot_relu.txt", "with_layernorm"),
        ("hard_negatives_with_relu", "with_relu"),
    ],
)
def test_free_spellings_name_their_variant(name, canonical):
    assert canonical_name(variant_of_name(name)) == canonical


@pytest.mark.parametrize(
    "name",
    [
        "logs.txt",
        "layernorm_relu.txt",  # with or without?
        "with_hard_negatives_relu.txt",  # 'with' speaks of the negatives
        "with_elu.txt",
        "width_relu.txt",
        "without_layernorm_leaky_relu.txt",
        "with_relu_without_relu.txt",
        "",
    ],
)
def test_a_name_that_does_not_say_stays_unknown(name):
    assert variant_of_name(name) is None


def test_one_feature_alone_means_what_the_table_of_variants_says():
    assert variant_of_name("with_relu") == Variant(layernorm=False, relu=True)
    assert variant_of_name("without_relu") == Variant(layernorm=True, relu=False)


@pytest.mark.parametrize(
    ("name", "decay"),
    [
        ("with_layernorm_relu_hard_negatives_0.01_logs.txt", 0.01),
        ("with_relu_negatives_.05", 0.05),
        ("with_relu_decay_0.1.txt", 0.1),
        ("with_relu_hard_negatives_2_logs.txt", None),  # as likely the number of the run
        ("with_relu_lr_0.01_logs.txt", None),
        ("with_relu_logs.txt", None),
    ],
)
def test_decay_is_the_decimal_number_after_the_negatives(name, decay):
    assert decay_of_name(name) == decay
