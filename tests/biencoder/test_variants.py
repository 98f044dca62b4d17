from biencoder.variants import ALIASES, VARIANTS, canonical_name


def test_the_four_variants_are_the_four_combinations_of_the_switches():
    assert len(set(VARIANTS.values())) == len(VARIANTS) == 4


def test_an_alias_leads_to_a_canonical_name():
    assert set(ALIASES.values()) <= set(VARIANTS)
    assert not set(ALIASES) & set(VARIANTS)


def test_the_switches_name_their_variant():
    assert canonical_name(layernorm=True, relu=False) == "with_layernorm"
    assert all(canonical_name(*switches) == name for name, switches in VARIANTS.items())
