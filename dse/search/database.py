"""A study in Optuna's database: its trials read, started and finished, by the one driver.

Whatever the database does, an error of it is one sentence that names it. What is read is foreign:
`dse.search.recall` holds it against the parts, which are the truth.
"""

from __future__ import annotations

import json
import os
import sqlite3
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from dse.search.address import Address
from dse.search.journal import Journal
from evaluators.errors import EvaluationError, InputError, shown
from studies.objectives import OBJECTIVES

BATCH, PIN, FAILURE = "batch", "pin", "failure"
"""User attributes of a trial: the first trial of its batch; its id as a pinned one; what stopped
its evaluation."""

FIXED = "fixed_params"
"""The system attribute by which Optuna enqueues a trial: what is given of its parameters."""

REBUILD = "move the database away and resume with --rebuild, which makes it anew from the parts"

CONSTRAINT = "constraints:"
"""How the system attribute of a constraint starts."""

_OF_DAMAGE = (AssertionError, LookupError, RecursionError, TypeError, ValueError)
"""What Optuna's readers raise, and ours, for content that no study has."""


@contextmanager
def readable_errors(address: Address) -> Iterator[None]:
    """Turn every exception of Optuna, SQLAlchemy or a driver of theirs into one sentence."""
    try:
        yield
    except (InputError, EvaluationError):
        raise
    except Exception as error:  # a damaged database raises whatever its readers raise
        raise unusable(address, error) from error


def unusable(address: Address, error: BaseException) -> InputError:
    """Return the error of a database that cannot be used."""
    while error.__cause__ is not None:
        error = error.__cause__
    cause = getattr(error, "orig", None) or error
    known = isinstance(error, (optuna.exceptions.OptunaError, sqlalchemy.exc.SQLAlchemyError))
    text = address.without_secrets(str(cause).split("\n")[0])
    told = text if known or isinstance(cause, RuntimeError) else f"{type(cause).__name__}: {text}"
    database = f"the database {shown(address.shown, 200)}"
    if isinstance(cause, _OF_DAMAGE):
        return InputError(f"{database} is damaged: {shown(told, 200)}; restore it, or {REBUILD}")
    return InputError(f"{database} cannot be used: {shown(told, 200)}")


def connected(address: Address, busy_s: float) -> BaseStorage:
    """Open a database; one that is a file waits `busy_s` for another process that locks it.

    Raises:
        InputError: where it cannot be used, or its driver is not installed.

    """
    with readable_errors(address):
        if address.url is None:
            return JournalStorage(Journal(str(address.file)))
        options: dict[str, Any] = {}
        if address.file is not None:  # its name may be one that no URL can write
            name = os.fsencode(address.file.absolute())
            options["creator"] = partial(
                sqlite3.connect, name, timeout=busy_s, check_same_thread=False
            )
        try:
            return RDBStorage(address.template, engine_kwargs=options)
        except ImportError as error:
            raise InputError(
                f"storage '{shown(address.shown, 200)}': its driver is missing ({error}); for "
                "PostgreSQL, pip install 'attention-dse[postgres]'"
            ) from None


class Database:
    """One study of a storage.

    Args:
        study: the study as Optuna opens it.
        address: of its storage, for errors.

    """

    def __init__(self, study: optuna.Study, address: Address) -> None:
        backend = getattr(study._storage, "_backend", None)  # behind Optuna's cache of trials
        self._storage = backend if isinstance(backend, RDBStorage) else study._storage
        self._id = study._study_id
        self.address = address

    def trials(self, first: int = 0, after: int = -1) -> list[FrozenTrial]:
        """Return the trials from number `first` on, without their times and intermediate values.

        `after` is the id of the trial before them, -1 where there is none.
        """
        with readable_errors(self.address):
            if isinstance(self._storage, RDBStorage):
                found = _rows(self._storage.engine, self._id, after)
            else:
                found = self._storage.get_all_trials(self._id, deepcopy=False)[first:]
        if [trial.number for trial in found] != list(range(first, first + len(found))):
            raise InputError(
                f"the database {shown(self.address.shown, 200)} is damaged: its trials are not "
                f"numbered one by one; restore it, or {REBUILD}"
            )
        return found

    def start(self, trial: FrozenTrial) -> int:
        """Add a trial as it stands, running or finished; return its id."""
        with readable_errors(self.address):
            return self._storage.create_new_trial(self._id, template_trial=trial)

    def take_up(self, waiting: FrozenTrial, trial: FrozenTrial) -> int:
        """Start a trial that was enqueued; return its id."""
        number = waiting._trial_id
        with readable_errors(self.address):
            for name, value in trial.params.items():
                if name not in waiting.params:
                    distribution = trial.distributions[name]
                    internal = distribution.to_internal_repr(value)
                    self._storage.set_trial_param(number, name, internal, distribution)
            for key, value in trial.user_attrs.items():
                self._storage.set_trial_user_attr(number, key, value)
            if waiting.state is TrialState.WAITING:
                self._storage.set_trial_state_values(number, TrialState.RUNNING)
        return number

    def finish(self, number: int, trial: FrozenTrial) -> None:
        """Finish the running trial of that id as `tell` does."""
        with readable_errors(self.address):
            tell(self._storage, number, trial)


def tell(storage: BaseStorage, number: int, trial: FrozenTrial) -> None:
    """Give the running trial of that id what a finished one has, its state last."""
    if FAILURE in trial.user_attrs:
        storage.set_trial_user_attr(number, FAILURE, trial.user_attrs[FAILURE])
    for name, magnitude in trial.constraints.items():
        storage.set_trial_system_attr(number, f"{CONSTRAINT}{name}", magnitude)
    storage.set_trial_state_values(number, trial.state, trial.values)


def directions(objectives: Sequence[str]) -> list[StudyDirection]:
    """Return whether Optuna is to minimise or maximise each objective."""
    return [
        StudyDirection.MAXIMIZE if OBJECTIVES[name].maximised else StudyDirection.MINIMIZE
        for name in objectives
    ]


def has_study(storage: BaseStorage, address: Address, name: str) -> bool:
    """Tell whether a storage has a study of that name."""
    with readable_errors(address):
        return name in {each.study_name for each in storage.get_all_studies()}


def open_study(
    storage: BaseStorage,
    address: Address,
    name: str,
    metrics: Mapping[str, StudyDirection],
    attrs: Mapping[str, Any],
) -> optuna.Study:
    """Open a study; make it where it is missing, or what its driver was killed before it could.

    Args:
        storage: where it is.
        address: of the storage, for errors.
        name: the study's.
        metrics: the names of its objectives, and their directions.
        attrs: its user attributes; the last says what it is.

    """
    ways = list(metrics.values())
    with readable_errors(address):
        if has_study(storage, address, name):
            study = optuna.load_study(study_name=name, storage=storage)
        else:
            study = optuna.create_study(study_name=name, storage=storage, directions=ways)
        begun = list(study.user_attrs) in ([], list(attrs)[:-1])
        if begun and study.directions == ways and not storage.get_n_trials(study._study_id):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(list(metrics))
            for key, value in attrs.items():
                study.set_user_attr(key, value)
        return study


def _rows(engine: sqlalchemy.Engine, study: int, after: int) -> list[FrozenTrial]:
    """Read trials table by table: Optuna's own reader takes 20 times as long."""
    trial = models.TrialModel.__table__.c
    wanted = (trial.study_id == study) & (trial.trial_id > after)
    with engine.connect() as connection:

        def of(model: Any, *names: str) -> dict[int, list[Any]]:
            column = model.__table__.c
            query = (
                sqlalchemy.select(column.trial_id, *(column[name] for name in names))
                .join(models.TrialModel, trial.trial_id == column.trial_id)
                .where(wanted)
                .order_by(*model.__table__.primary_key)
            )
            grouped: dict[int, list[Any]] = defaultdict(list)
            for key, *row in connection.execute(query):
                grouped[key].append(row)
            return grouped

        params = of(models.TrialParamModel, "param_name", "param_value", "distribution_json")
        values = of(models.TrialValueModel, "objective", "value", "value_type")
        users = of(models.TrialUserAttributeModel, "key", "value_json")
        systems = of(models.TrialSystemAttributeModel, "key", "value_json")
        query = sqlalchemy.select(trial.trial_id, trial.number, trial.state)
        numbered = connection.execute(query.where(wanted).order_by(trial.trial_id))
        return [
            _trial(each, number, state, params[each], values[each], users[each], systems[each])
            for each, number, state in numbered
        ]


def _trial(
    identity: int,
    number: int,
    state: TrialState,
    params: list[Any],
    values: list[Any],
    users: list[Any],
    systems: list[Any],
) -> FrozenTrial:
    distributions = {name: _distribution(text) for name, _, text in params}
    finite = models.TrialValueModel.stored_repr_to_value
    told = [finite(value, kind) for _, value, kind in sorted(values, key=lambda row: row[0])]
    return FrozenTrial(
        number=number,
        state=state,
        value=None,
        values=told or None,
        datetime_start=None,
        datetime_complete=None,
        params={name: distributions[name].to_external_repr(value) for name, value, _ in params},
        distributions=distributions,
        user_attrs=_attrs(users),
        system_attrs=_attrs(systems),
        intermediate_values={},
        trial_id=identity,
    )


def _attrs(rows: list[Any]) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in rows}


@cache
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)
