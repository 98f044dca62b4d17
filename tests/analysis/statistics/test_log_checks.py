import pytest
from checked_runs import RISING, evaluations, logged, notes, only


def test_divergence_is_a_loss_that_grows_beyond_the_first_epochs() -> None:
    note = only(notes(evaluations(), logged("step", "loss", 2.0, 1.0, 3.2, 9.0)))
    assert (note["note"], note["epoch"], note["figure"]) == ("divergence", 2, 3.2)
    assert note["text"] == "the mean loss of epoch 3 is 3.2, in the first epoch it was 2.0"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_counted_with_its_first_epoch(value: float | None) -> None:
    note = only(notes(evaluations(), logged("step", "triplet_loss", 1.0, value, 1.0, value)))
    assert (note["note"], note["epoch"], note["figure"]) == ("not finite", 1, 2)
    assert note["text"] == "triplet_loss is NaN or infinite 2 times, first after epoch 1"


def test_a_schedule_that_stands_though_it_has_a_step_is_noted() -> None:
    note = only(notes(evaluations(), logged("mine", "hard_ratio", 0.8, 0.8), hard_ratio_step=-0.1))
    assert (note["note"], note["epoch"], note["figure"]) == ("hard_ratio constant", 1, 0.8)
    assert "though its step is -0.1" in note["text"]


@pytest.mark.parametrize("step", [0.0, None])
def test_a_schedule_that_is_constant_by_config_is_not(step: float | None) -> None:
    assert notes(evaluations(), logged("mine", "hard_ratio", 0.8, 0.8), hard_ratio_step=step) == []


def test_a_split_that_an_evaluation_lacks_is_noted_with_its_epoch() -> None:
    note = only(notes(evaluations(test=[*RISING[:8], None, None])))
    assert (note["note"], note["epoch"], note["figure"]) == ("missing split", 8, 2)
    assert note["text"] == "test is missing from 2 of 10 evaluations, first at epoch 8"


def test_a_run_that_goes_on_may_be_amid_its_first_evaluation() -> None:
    going_on = notes(evaluations(test=[]), status="running")
    assert "missing split" not in [note["note"] for note in going_on]


def test_a_split_that_was_never_evaluated_is_said_to_be() -> None:
    assert only(notes(evaluations(test=[])))["text"] == "test was never evaluated"
    assert [n["text"] for n in notes([])] == [
        f"{split} was never evaluated" for split in ("training", "validation", "test")
    ]


@pytest.mark.parametrize("name", ["jsonl", "jsonl schema 1"])
@pytest.mark.parametrize(("status", "kind"), [("stopped", "did not end"), ("running", "running")])
def test_a_run_log_without_end_says_how_far_it_came_and_whether_it_goes_on(
    name: str, status: str, kind: str
) -> None:
    run = {"format": name, "status": status, "reason": "so", "config": '{"epochs": 20}'}
    note = only(notes(evaluations(), **run))
    assert (note["note"], note["epoch"]) == (kind, 9)
    assert note["text"] == f"{status} after epoch 9 of 20: so"


def test_a_run_that_was_interrupted_says_why() -> None:
    note = only(notes(evaluations(), status="interrupted", reason="stopped by the user"))
    assert note["text"] == "interrupted after epoch 9 of 10: stopped by the user"


def test_a_legacy_log_that_stops_within_an_epoch_is_noted_and_one_that_does_not_is_not() -> None:
    legacy = {"format": "legacy", "status": None, "config": None}
    assert notes(evaluations(), logged("step", "loss", *[1.0] * 9), **legacy) == []
    note = only(notes(evaluations(), logged("step", "loss", *[1.0] * 10), **legacy))
    assert note["text"] == "the log stops within epoch 9, before its evaluation"
