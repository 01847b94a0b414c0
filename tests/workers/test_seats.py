"""Which waiting job an idle worker takes: compiling is dear, and waiting is dearer."""

import pytest

from cells import ZOO
from tests.support.jobs import job
from workers import COMPILE_S
from workers.pools.seats import (
    KEPT_CELLS,
    LOOK_AHEAD,
    QueuedJob,
    Seat,
    best_for,
    share_for,
)

LATER = 1000.0


class _Handle:
    """An actor that is asked, and never answers."""

    @property
    def evaluate(self):
        return self

    evaluate_beside = evaluate

    def remote(self, *_):
        return object()


def seat(*names):
    """One that has carried out a job of each of these cells."""
    made = Seat(_Handle(), None, about={"node": ""})
    for name in names:
        made.give(queued(name), 0.0, 0.0)
        made.free()
    return made


def queued(name, priority=0.0, number=0):
    """A job that waits since time 0."""
    return QueuedJob(priority, number, job(ZOO[name]), 1.0)


def chosen(own, others, *waiting):
    """The name of the cell that a seat is given a job of."""
    queue = [queued(name, number, number) for number, name in enumerate(waiting)]
    return waiting[best_for(own, [own, *others], queue, LATER)]


@pytest.mark.parametrize(
    ("waiting", "taken"),
    [
        (("lstm", "mgu", "gru"), "gru"),  # its own, though others are more urgent
        (("lstm", "mgu"), "mgu"),  # nobody's, rather than another's
        (("lstm", "lstm"), "lstm"),  # another's, rather than nothing
    ],
)
def test_a_worker_takes_its_own_then_nobodys_then_anothers(waiting, taken):
    assert chosen(seat("gru"), [seat("lstm")], *waiting) == taken


def test_what_another_knows_is_left_to_it_for_as_long_as_compiling_takes():
    own, other = seat("gru"), seat("lstm")
    assert best_for(own, [own, other], [queued("lstm")], 0.9 * COMPILE_S) is None
    assert best_for(own, [own, other], [queued("lstm")], COMPILE_S) == 0


def test_of_equals_the_most_urgent_goes_first():
    queue = [queued("gru", 2.0, 0), queued("lstm", 2.0, 1), queued("gru", 3.0, 2)]
    own = seat("gru", "lstm")
    assert best_for(own, [own], queue, 0.0) == 0


def test_what_a_worker_no_longer_keeps_is_not_its_own():
    names = list(ZOO)[: KEPT_CELLS + 1]
    own = seat(*names)
    assert chosen(own, [seat(names[0])], names[0], names[-1]) == names[-1]
    assert len(own.cells) == KEPT_CELLS


def test_no_more_than_some_are_looked_at():
    waiting = [queued("lstm", 0.0, number) for number in range(LOOK_AHEAD)]
    own, last = seat("gru"), queued("gru", 1.0, LOOK_AHEAD)
    assert best_for(own, [own], [*waiting, last], 0.0) == 0


def with_lanes(lanes, *jobs):
    made = Seat(_Handle(), None, about={"node": "", "beside": lanes})
    made.give_beside(jobs, 0.0)
    return made


def test_a_worker_with_lanes_takes_the_most_urgent_that_it_has_room_for():
    waiting = [queued("gru", number, number) for number in range(5)]
    seat = with_lanes(4, queued("lstm", 0, 9))
    assert share_for(seat, [seat], waiting) == [0, 1, 2]
    waiting[1] = waiting[1]._replace(own=True)
    assert share_for(seat, [seat], waiting) == [0, 2, 3]


def test_workers_with_lanes_share_what_waits():
    waiting = [queued("gru", number, number) for number in range(5)]
    one, other = with_lanes(100), with_lanes(100, queued("lstm", 0, 9))
    assert share_for(one, [one, other], waiting) == [0, 1, 2]
    assert share_for(other, [one, other], waiting) == [0, 1]


def test_a_suspect_has_a_process_to_itself():
    suspect, other = queued("gru", 0, 0)._replace(suspect=True), queued("lstm", 1, 1)
    empty, taken = with_lanes(8), with_lanes(8, queued("mgu", 0, 9))
    assert share_for(empty, [empty, taken], [suspect, other]) == [0]
    assert share_for(taken, [empty, taken], [suspect, other]) == []
    assert share_for(with_lanes(8, suspect), [empty], [other]) == []
    # It comes first when it is the most urgent, and is no company before.
    assert share_for(empty, [empty], [other, suspect]) == [0]
