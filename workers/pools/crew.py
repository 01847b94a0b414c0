"""The Ray actors of a pool: they start, follow the cluster, die and are replaced."""

import time
from collections.abc import Callable
from typing import Any, Final

from workers.errors import JobError, MachineError
from workers.machine.clock import RunningClock
from workers.pools.gpus import use_of_gpus
from workers.pools.nodes import LOST, Nodes, PoolNode
from workers.pools.options import PoolOptions
from workers.pools.pace import Pace
from workers.pools.ray_start import start_ray
from workers.pools.seats import ActorFactory, QueuedJob, Seat, said_by

START_S: Final = 120.0
"""Seconds without any worker after which a pool gives up."""

TOGETHER_S: Final = 5.0
"""Seconds after the first one that others are waited for: they begin together."""

LOOK_S: Final = 5.0
"""Seconds between two looks at the size of the cluster."""

RESTARTS: Final = 2
"""How often a Ray of this machine's own is started again when it has died."""

BAD_STARTS: Final = 3
"""Workers in a row that fail as they begin, on this machine, before a pool gives up."""


class Crew:
    """Long-lived Ray actors, as many as are wanted and have room.

    Making one starts or joins Ray, and waits until a worker is ready; it raises a
    `JobError` if none starts, or none may. A Ray of this machine's own that dies is
    started again, a few times; a cluster's is waited for, and its end is said.

    Args:
        options: How many workers, and where; not `inline`.
        numerics: Key of the numerics class that workers must have; None: that of the
            first one.
        lanes: See `Worker`.
        beside: See `Worker`.
        platforms: JAX's platforms; None leaves it to JAX.
        repeat: Takes back a job whose actor is lost through no fault of the job.

    Attributes:
        seats: The actors and what they are doing.
        clock: Time in which this process ran.
    """

    def __init__(
        self,
        options: PoolOptions,
        *,
        numerics: str | None,
        lanes: int | None,
        beside: int | None,
        platforms: str | None,
        repeat: Callable[[QueuedJob], None],
    ) -> None:
        self._count = options.count
        self._running = start_ray(self._count, options.address)
        self.ray = self._running.module
        self._numerics, self._mixed = numerics, options.mixed
        self._repeat = repeat
        self.seats: list[Seat] = []
        self._refused, self._restarts = 0, 0
        self._bad_starts, self._failure = 0, ""
        self.clock = RunningClock()
        self._gone = False  # a cluster that is not to be asked anything any more
        self._looked = self._last_ready = 0.0
        self._news: list[str] = []
        self._nodes = Nodes()
        # Whatever goes wrong now, no actor and no Ray of ours may be left behind.
        try:
            use = use_of_gpus(self.ray, options, numerics, lanes, beside)
            if use.note:
                self.tell(use.note)
            self._factory = ActorFactory(
                ray=self.ray,
                per_gpu=use.per_gpu,
                lanes=lanes,
                beside=beside,
                platforms=None if use.per_gpu else platforms,
                memory_bytes=options.memory_bytes,
            )
            self._grow()
            self._await_first()
        except BaseException:
            self.close()
            raise

    def busy(self) -> list[tuple[Seat, QueuedJob]]:
        """Actors that have a job, and the job; a pair for each that one has."""
        return [(seat, queued) for seat in self.seats for queued in seat.jobs]

    def ready(self) -> list[Seat]:
        """Actors that have said what they are."""
        return [seat for seat in self.seats if seat.about is not None]

    def about(self) -> list[dict[str, Any]]:
        """What each worker that is ready says of itself; see `Worker.about`."""
        return [seat.about for seat in self.seats if seat.about is not None]

    def nodes(self, pace: Pace) -> list[PoolNode]:
        """Who works where, and what was lost there; see `Pool.nodes`."""
        return self._nodes.rows(
            (s.about or {}, bool(s.jobs), pace.told(s.speed)) for s in self.ready()
        )

    def tell(self, line: str) -> None:
        """Has a person know."""
        self._news.append(line)

    def news(self) -> list[str]:
        """What has happened to workers since this was last asked."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Kills the actors, and stops Ray if it was started here."""
        gone = self._gone or self._running.ended()
        for seat in self.seats:
            if not gone:  # nobody would answer
                self._kill(seat)
        self.seats = []
        self._running.stop(keep_logs=bool(gone))

    # Waiting

    def wait(self, until: float) -> Seat | None:
        """A seat whose actor has answered, or died; None: time for something else."""
        asked = [seat for seat in self.seats if seat.reference is not None]
        wake = min((until, *(seat.kill_at for seat in asked)), default=until)
        wake = min(wake, self._looked + LOOK_S)
        seconds = max(0.0, wake - self.clock.read())
        if not asked:
            time.sleep(min(seconds, LOOK_S))
            return None
        references = [seat.reference for seat in asked]
        ready, _ = self.ray.wait(references, timeout=seconds)
        return next((seat for seat in asked if seat.reference in ready), None)

    def look(self) -> None:
        """Follows the cluster, now and then; gives up when no worker is to be had."""
        self.revived()
        now = self.clock.read()
        answers = True
        if now - self._looked >= LOOK_S:
            self._looked = now
            answers = self._answers()
            if answers:
                self._grow()
        if any(seat.about is not None for seat in self.seats):
            self._last_ready = now
        elif now - self._last_ready >= START_S and answers:
            raise JobError(self._nobody())

    def revived(self) -> bool:
        """Whether a Ray that was started here had died, and has been started again."""
        ended = self._running.ended()
        if not ended:
            return False
        if self._restarts == RESTARTS:
            raise MachineError(
                f"Ray has died {RESTARTS + 1} times ({ended} has ended; its logs are "
                f"in {self._running.folder}). What is done is kept"
            )
        self._restarts += 1
        self.tell(
            f"Ray has died ({ended} has ended; its logs are in {self._running.folder}) "
            "and is started again; what was under way is repeated"
        )
        for queued in {queued.number: queued for _, queued in self.busy()}.values():
            self._repeat(queued)
        for seat in self.seats:
            if seat.about is not None:
                self._nodes.left(seat.about, LOST)
        self.seats = []
        self._running.stop(keep_logs=True)
        self._running = start_ray(self._count, None)
        self._grow()
        self._looked = self._last_ready = self.clock.read()
        return True

    def _answers(self) -> bool:
        """Whether Ray does; if it never will again, the run has to stop."""
        try:
            return self._running.answers()
        except MachineError:
            self._gone = True
            raise

    def _await_first(self) -> None:
        """Waits until some worker is ready."""
        if self._running.local and not self._factory.room():
            raise MachineError(
                "Ray finds no GPU on this machine: leave `per_gpu` out, and workers "
                "have a core each"
            )
        while not self.about():
            self.look()
            self._welcome_next()
            if self._refused and not self.seats:
                raise JobError(self._news[-1])
        until = self.clock.read() + TOGETHER_S
        while self.clock.read() < until and not all(s.about for s in self.seats):
            self._welcome_next()

    def _welcome_next(self) -> None:
        """Takes in whoever is ready within a second."""
        seat = self.wait(self.clock.read() + 1.0)
        if seat is not None:
            self.welcome(seat)

    def _nobody(self) -> str:
        """Why a pool gives up."""
        since = f"no worker has been ready for {START_S:g} s"
        if self._failure:
            return (
                f"{since}; the last one failed as it began: {self._failure}. What is "
                "done is kept"
            )
        free = self.ray.available_resources().get("CPU", 0)
        share = " and a share of a GPU" if self._factory.per_gpu else ""
        return (
            f"{since}: each needs a CPU{share}, and Ray has {free:g} CPUs free. What "
            "is done is kept"
        )

    # Seats

    def welcome(self, seat: Seat) -> None:
        """Takes in an actor that is ready, unless it computes other bits."""
        try:
            about = self.ray.get(seat.reference)
        except self.ray.exceptions.RayError as error:
            if not self.revived():
                self._failed(seat, error)
            return
        self._bad_starts = 0
        # Results of another class would differ in their last bits from those there are.
        key = about["numerics"]["key"]
        self._numerics = self._numerics or key
        if key != self._numerics and not self._mixed:
            self._refused += 1
            self.tell(
                f"refused a worker on {about['machine']}: it computes other bits "
                f"(numerics class {key}, not {self._numerics}); mixed would admit it"
            )
            self._kill(seat)
            self.seats.remove(seat)
            return
        seat.about, seat.reference = about, None
        self._nodes.joined(about)

    def replace(self, seat: Seat, why: str | None = None) -> None:
        """Has another actor take its place; without `why` that is no loss."""
        if seat.about is not None and why is not None:
            self._nodes.left(seat.about, why)
        self._kill(seat)
        place = self.seats.index(seat)
        del self.seats[place]
        if len(self.seats) < self._wanted():
            self.seats.insert(place, self._factory.make())

    def _wanted(self) -> int:
        """Actors: in `auto`, no more than have room."""
        count = self._count if self._count is not None else self._factory.room()
        return count - self._refused

    def _grow(self) -> None:
        """Makes actors up to the number wanted."""
        wanted = self._wanted()
        while len(self.seats) < wanted:
            self.seats.append(self._factory.make())
        if self._count is None:  # the cluster has shrunk: nobody starts there any more
            waiting = [seat for seat in self.seats if seat.about is None]
            for seat in waiting[: max(0, len(self.seats) - wanted)]:
                self._kill(seat)
                self.seats.remove(seat)

    def _failed(self, seat: Seat, error: Exception) -> None:
        """Notes that an actor died before it began; `_grow` makes another."""
        self._failure = said_by(self.ray, error)
        self.seats.remove(seat)
        self._bad_starts += 1
        # On other machines it may be one of them that is to blame.
        if self._running.local and self._bad_starts >= BAD_STARTS:
            raise MachineError(
                f"{self._bad_starts} workers in a row have failed as they began: "
                f"{self._failure}. What is done is kept"
            )

    def _kill(self, seat: Seat) -> None:
        self.ray.kill(seat.handle, no_restart=True)
