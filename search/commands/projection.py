"""What a search would cost on a device that is not at hand, by what was measured on it.

Nothing is trained, and JAX does not start. The projection is that of a dry run with
probes; what a part costs comes from figures of `benchmarks.bench_device`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from search.commands import gated_estimate, staged_estimate
from search.commands.device_costs import (
    ROOMS,
    AnyCellDevice,
    GatedDevice,
    Programs,
    StagedDevice,
    positions,
    weights_of,
)
from search.commands.device_figures import Figures, read_figures
from search.commands.dry_run import print_lines
from search.commands.taken import DEVICE, NOTHING
from search.errors import UserError
from search.output.words import counted, plain
from search.procedure.config import Config
from search.procedure.objective import Paired
from workers import (
    DEFAULT_BESIDE,
    DEFAULT_LANES,
    PoolOptions,
    Setting,
    is_plain,
)

Estimate = gated_estimate.GatedEstimate | staged_estimate.StagedEstimate
Line = tuple[str, str]


def project(
    config: Config, candidates: int, options: PoolOptions, paths: Sequence[Path]
) -> int:
    """Prints what the search would cost; the exit status.

    Args:
        config: The search.
        candidates: How many it has.
        options: How many devices; one unless there is a number.
        paths: Files of `bench_device`.

    Raises:
        UserError: They are no such files.
    """
    if options.address or options.per_gpu:
        raise UserError("`device_figures` has no use for `address` and `per_gpu`")
    figures = read_figures(paths)
    said = ", ".join(map(str, paths))
    print_lines(
        [
            ("device", plain(f"{figures.device}, as measured in {said}: a projection")),
            *project_lines(config, candidates, options.count or 1, figures),
        ]
    )
    return 0


def project_lines(
    config: Config, candidates: int, devices: int, figures: Figures
) -> Iterator[Line]:
    """What the search would cost, in lines for people."""
    programs = Programs(figures.own, DEFAULT_LANES[figures.platform])
    objective = config.objective
    if objective is None:
        gated = gated_estimate.estimate(config, GatedDevice(config, programs, devices))
        yield from gated_estimate.render(gated, config, candidates, devices, DEVICE)
        yield from _apart(gated, candidates)
    else:
        costs = StagedDevice(config, programs)
        staged = staged_estimate.estimate(config, objective, costs)
        yield from staged_estimate.render(
            staged, config, objective, candidates, devices, DEVICE
        )
        yield from _apart(staged, candidates)
        yield from _beside(config, objective, candidates, devices, figures)
    yield from _basis(config, programs)


def _apart(found: Estimate, candidates: int) -> Iterator[Line]:
    """Compiling and training, part by part, and how much is trained."""
    parts = {
        "opening": found.opening,
        "candidates": candidates * found.candidate,
        "finals": found.finals,
    }
    for name, spent in parts.items():
        if spent.total_s:
            compiling, training = spent.compile_s / 3600, spent.train_s / 3600
            yield (
                "hours",
                f"{name}: {compiling:,.2f} device-hours of compiling and "
                f"{training:,.2f} of training",
            )
    whole = sum(parts.values(), NOTHING)
    days, millions = whole.total_s / 86400, whole.updates / 1e6
    yield (
        "in all",
        f"{days:,.2f} device-days for {whole.trainings:,.0f} trainings of "
        f"{millions:,.0f} million updates together",
    )


def _beside(
    config: Config,
    objective: Paired,
    candidates: int,
    devices: int,
    figures: Figures,
) -> Iterator[Line]:
    """The same with many cells in one program, as accelerators have this search."""
    lanes = DEFAULT_BESIDE[figures.platform]
    if not lanes or not _shares_programs(config, objective):
        return
    if figures.any_cell is None:
        yield (
            "beside",
            "here each cell has a program of its own; on an accelerator this search "
            "has many in one, of which there are no figures (part h)",
        )
        return
    jobs = config.rules.in_flight / ROOMS / devices
    filled = min(float(lanes), max(1.0, jobs))
    costs = AnyCellDevice(config, figures.any_cell, lanes, filled)
    found = staged_estimate.estimate(config, objective, costs)
    compiling = devices * costs.opening(objective.panel[0])
    found = found._replace(opening=found.opening + compiling)
    whole = found.opening + candidates * found.candidate + found.finals
    yield (
        "beside",
        f"{candidates:,} candidates in {whole.total_s / devices / 3600:,.1f} hours "
        f"with {counted(devices, 'device')}, with programs of any cell: {lanes} lanes, "
        f"{filled:.0f} of them filled if each of {config.rules.in_flight} candidates "
        f"under way (rules.in_flight) has one job, in {ROOMS} sizes of cells",
    )
    yield from (("beside", text) for _, text in _apart(found, candidates))
    weights = [setting.parameters for setting in _settings(config)]
    yield "beside", f"measured: {figures.any_cell.said}"
    for where, text in figures.any_cell.beyond(weights, lanes):
        yield "beside", f"{where} {text}"


def _basis(config: Config, programs: Programs) -> Iterator[Line]:
    """What is measured, what lies between and beyond, and what is assumed."""
    speeds, lanes = programs.speeds, programs.lanes
    shapes = {setting.shape for setting in _settings(config)}
    yield "measured", f"gru of {speeds.said}; windows of {speeds.windows} positions"
    yield "between", "what was measured: by the logarithms of weights and of lanes"
    yield from speeds.beyond([weights_of(shape) for shape in shapes], lanes)
    size = config.rules.settings_per_job
    yield (
        "lanes",
        f"every program has {lanes}, and those that a job leaves empty cost as much; a "
        f"job has {counted(size, 'setting')} at most (rules.settings_per_job), of one "
        "cell, task and shape",
    )
    windows = {f"{positions(stage.task.task)}" for stage in config.tasks}
    yield (
        "assumed",
        f"windows of {', '.join(sorted(windows))} positions (T x B) in proportion to "
        "those; of the vocabulary it does not depend",
    )
    budgets = [f"{stage.plan.budget:,} on {stage.name}" for stage in config.tasks]
    if config.filter is not None:
        budgets.append(f"{config.filter.budget:,} in the filter")
    yield "assumed", f"all updates of every training: {', '.join(budgets)}"
    if any(shape.num_layers > 1 for shape in shapes):
        yield (
            "assumed",
            "a model of L layers is L of one layer, each with 1/L of the weights",
        )
    if config.objective is None:
        yield (
            "assumed",
            "settings are drawn evenly from the grid; each device compiles a program "
            "once for a cell, task and shape; half of the cells on a task are given "
            "the next",
        )
    yield "assumed", "every cell is as fast as the GRU; validation takes no time"


def _settings(config: Config) -> tuple[Setting, ...]:
    """All settings of the search and its finals."""
    objective = config.objective
    if objective is not None:
        return (*objective.panel, *objective.finals.panel)
    first = () if config.filter is None else (config.filter.first,)
    return (*first, *(s for stage in config.tasks for s in stage.plan.grid.settings))


def _shares_programs(config: Config, objective: Paired) -> bool:
    """Whether jobs of the search can be trained beside those of other cells."""
    size = config.rules.settings_per_job
    return all(
        is_plain(size, setting.shape, stage.training, stage.task.task)
        for stage in config.tasks
        for setting in objective.panel
    )
