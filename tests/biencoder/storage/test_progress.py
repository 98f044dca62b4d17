from biencoder.storage.progress import Best


def test_the_best_epoch_is_the_earliest_of_the_highest_validation_top1():
    best = Best()
    taken = [
        best.update(
            epoch,
            {
                "validation": {"top1": validation, "head_top1": 0.5},
                "test": {"top1": test, "head_top1": epoch / 10},
            },
        )
        for epoch, (validation, test) in enumerate([(0.1, 0.9), (0.3, 0.2), (0.3, 0.8), (0.2, 1.0)])
    ]
    assert taken == [True, True, False, False]
    assert (best.epoch, best.top1["test"]) == (1, 0.2)
    assert best.head_top1 == {"validation": 0.5, "test": 0.1}
