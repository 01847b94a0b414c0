"""One unit of work, and what names it wherever it is carried out."""

import dataclasses
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from cells import Cell, canonicalize, digest, from_json, load_op, to_json
from workers.errors import JobError
from workers.job.json_form import changed, dumps, hash_text
from workers.job.setting import Setting, Shape
from workers.job.spec import PLAIN, TaskSpec, Training


@dataclass(frozen=True)
class Job:
    """One unit of work; `evaluate(job)` is a pure function of it.

    Made by `make_job`, which brings the cell and the settings into their one form.

    Attributes:
        cell: The canonical cell.
        digest: The cell's.
        task: What it is trained on.
        settings: Settings of one shape, each trained on its own.
        budget: Most updates of a setting.
        seed: Repeats of a job differ in it.
        training: How it trains.
        ops: `module:op` of a person's own ops that the cell may use.
    """

    cell: Cell
    digest: str = field(compare=False)
    task: TaskSpec
    settings: tuple[Setting, ...]
    budget: int
    seed: int = 0
    training: Training = PLAIN
    ops: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """The shape of all its settings."""
        return self.settings[0].shape

    @property
    def optimizer(self) -> str:
        """That of its settings, or else of its training."""
        return self.shape.optimizer or self.training.optimizer

    @cached_property
    def id(self) -> str:
        """What the job is, as 32 hexadecimal digits: equal ids, equal evaluations."""
        settings = (setting.text for setting in self.settings)
        return hash_text("\n".join(("job", self.study, str(self.budget), *settings)))

    @cached_property
    def study(self) -> str:
        """See `study_id`."""
        return study_id(self.digest, self.task, self.seed, self.training)

    def run_id(self, setting: Setting) -> str:
        """See the function of the same name."""
        return run_id(self.study, setting)

    def seed_of(self, setting: Setting, purpose: str) -> int:
        """A seed below 2**63 for one use of randomness in one setting's training.

        It comes from cell, task, setting and the job's seed, and from nothing else:
        neither from the budget nor from when or where the job is carried out.
        """
        task = self.task.identity
        parts = [purpose, self.digest, task, setting.to_dict(), self.seed]
        return int(hash_text(dumps(parts)), 16) >> 65

    def to_json(self) -> str:
        """The job as one line of JSON."""
        return dumps(
            {
                "cell": to_json(self.cell),
                "task": changed(self.task),
                "settings": [setting.to_dict() for setting in self.settings],
                "budget": self.budget,
                "seed": self.seed,
                "training": self.training.to_dict(),
                "ops": self.ops,
            }
        )

    @staticmethod
    def from_json(text: str) -> "Job":
        """Reads a job from `to_json`'s form, importing the ops that it names.

        Raises:
            CellError: An op cannot be loaded, or the cell is not valid.
            JobError: The text is no job.
        """
        try:
            values = json.loads(text)
            # First, since the cell may use them.
            ops = tuple(values["ops"])
            for spec in ops:
                load_op(spec)
            cell = from_json(values["cell"])
            overrides = tuple((k, v) for k, v in values["task"].pop("overrides", ()))
            return Job(
                cell=cell,
                digest=digest(cell),
                task=TaskSpec(**values["task"], overrides=overrides),
                settings=tuple(Setting.from_dict(s) for s in values["settings"]),
                budget=values["budget"],
                seed=values["seed"],
                training=Training.from_dict(values["training"]),
                ops=ops,
            )
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise JobError(f"not a job: {type(error).__name__}: {error}") from None


def make_job(
    cell: Cell,
    task: TaskSpec,
    settings: tuple[Setting, ...],
    budget: int,
    *,
    seed: int = 0,
    training: Training = PLAIN,
    ops: tuple[str, ...] = (),
    known: str | None = None,
) -> Job:
    """A job on the canonical form of a cell, settings in order and without repeats.

    Args:
        cell: The cell.
        task: What it is trained on.
        settings: See `Job`.
        budget: See `Job`.
        seed: See `Job`.
        training: See `Job`.
        ops: See `Job`.
        known: The digest of a cell that is canonical already, to save finding it.

    Raises:
        JobError: No settings, settings of several shapes, or a budget below 1.
    """
    if not settings:
        raise JobError("a job needs at least one setting")
    shapes = sorted({setting.shape for setting in settings})
    if len(shapes) > 1:
        raise JobError(f"settings of one job share a shape, got {shapes}")
    if budget < 1:
        raise JobError(f"a budget is at least 1 update, got {budget}")
    # One form of what is asked for: equal jobs have equal ids.
    overrides = tuple(sorted(task.overrides))
    if overrides != task.overrides:
        task = dataclasses.replace(task, overrides=overrides)
    if known is None:
        form = canonicalize(cell)
        cell, known = form.cell, form.digest
    return Job(
        cell=cell,
        digest=known,
        task=task,
        settings=tuple(sorted(set(settings), key=lambda s: s.text)),
        budget=budget,
        seed=seed,
        training=training,
        ops=ops,
    )


@lru_cache(maxsize=4_000)
def study_id(digest: str, task: TaskSpec, seed: int, training: Training) -> str:
    """What a cell's trainings share, as 32 hexadecimal digits.

    With a setting it is a run, see `run_id`; with a budget that is one result.

    Args:
        digest: The digest of the cell.
        task: What it is trained on.
        seed: Repeats differ in it.
        training: How it trains.
    """
    parts = {
        "cell": digest,
        "task": task.identity,
        "seed": seed,
        "training": training.to_dict(),
    }
    return hash_text(dumps(parts))


@lru_cache(maxsize=4_000)
def run_id(study: str, setting: Setting) -> str:
    """What the training of one setting is, whatever its budget: 32 hexadecimal digits.

    The first half is the study's, so that its runs lie side by side in a file that is
    ordered by them.

    Args:
        study: See `study_id`.
        setting: The setting.
    """
    return study[:16] + hash_text(study + setting.text)[:16]
