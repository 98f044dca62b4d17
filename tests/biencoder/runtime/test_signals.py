import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from biencoder.runtime.signals import Interrupted, Interruption, waiting


@pytest.fixture(autouse=True)
def hangups_count():
    """SIGHUP has its default action, although nohup may have started the tests."""
    former = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, former)


def strike(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        (signal.SIGHUP, 129),  # a closed terminal
        (signal.SIGUSR1, 138),  # from a cluster, before its limit
        (signal.SIGXCPU, 152),
    ],
)
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


def test_the_former_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption().handled():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_under_nohup_a_closed_terminal_is_still_ignored():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption().handled() as interruption:
            strike(signal.SIGHUP)
            assert not interruption.pending
    finally:
        signal.signal(signal.SIGHUP, former)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGXCPU])
def test_a_signal_that_is_repeated_by_shell_or_kernel_does_not_cut_the_winding_up_short(number):
    interruption, done = Interruption(), []
    with interruption.handled():
        try:
            strike(number)
        except Interrupted:
            with interruption.held_silently():
                strike(number)
                done.append("saved")
    assert done == ["saved"]


WAITING = """
import torch
from biencoder.runtime import distributed, signals
signals.SECONDS_A_LINE = 0.1
with signals.Interruption().handled(), distributed.joined(torch.device("cpu")):
    pass
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_process_that_waits_for_others_says_so_and_ends_at_once(number):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    here = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    others = f"the other 1 of WORLD_SIZE=2 processes at localhost:{port}"
    command = [sys.executable, "-c", WAITING]
    environment = os.environ | here
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline().startswith(f"waits for {others} (at most 0:10:00), 0 s")
        process.send_signal(number)
        *_, last = process.stderr.read().splitlines()
    assert process.returncode == 128 + number
    assert last.startswith(f"interrupted by {number.name} while it waited for {others}")


def test_what_is_waited_for_leaves_nothing_behind():
    threads = threading.active_count()
    with Interruption().handled():
        with waiting("nobody"):
            assert threading.active_count() == threads + 1
        assert threading.active_count() == threads
        with pytest.raises(Interrupted):
            strike()


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
