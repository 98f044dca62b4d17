import os
import signal
import subprocess
import sys

import pytest

from biencoder.runtime.signals import Interrupted, Interruption


def strike(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_becomes_an_exception_with_the_shells_status(number, status):
    with pytest.raises(Interrupted) as error, Interruption().handled():
        strike(number)
    assert error.value.status == status


def test_a_signal_waits_for_what_is_held_together():
    interruption, done = Interruption(), []

    def job():
        with interruption.handled(), interruption.held():
            strike()
            assert interruption.pending
            done.append("whole")

    with pytest.raises(Interrupted):
        job()
    assert done == ["whole"]


def test_winding_up_is_not_disturbed_by_the_signal_that_caused_it():
    interruption, done = Interruption(), []
    with interruption.handled():
        try:
            strike()
        except Interrupted:
            with interruption.held_silently():
                done.append("saved")
    assert done == ["saved"]


def test_the_former_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption().handled():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_signal_ends_the_process_at_once():
    script = (
        "import os, signal\n"
        "from biencoder.runtime.signals import Interruption\n"
        "i = Interruption()\n"
        "with i.handled(), i.held():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('still here')\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (143, "")


def test_processes_of_one_run_end_at_the_point_that_they_agree_on():
    interruption, done = Interruption(), []

    def job():
        with interruption.handled(), interruption.agreed(lambda own: own):
            strike()
            strike()  # as torchrun repeats it
            with interruption.held():
                done.append("a step")
            interruption.raise_if_signalled()
            done.append("another step")

    with pytest.raises(Interrupted) as error:
        job()
    assert error.value.status == 143
    assert done == ["a step"]


def test_a_process_heeds_the_signal_that_another_one_got():
    interruption = Interruption()
    with interruption.agreed(lambda own: signal.SIGINT), pytest.raises(Interrupted) as error:
        interruption.raise_if_signalled()
    assert error.value.status == 130


def test_nothing_is_heeded_where_no_signal_came():
    interruption = Interruption()
    interruption.raise_if_signalled()
    with interruption.agreed(lambda own: own):
        interruption.raise_if_signalled()
