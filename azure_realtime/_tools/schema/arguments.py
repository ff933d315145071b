"""
Conversion of a model's JSON arguments to the types of a function's hints.

1. It is strict: ``"5"`` is no number, ``"false"`` no bool, 1 no bool; 5.0 is the whole
   number 5, as in JSON Schema.
2. An error names the argument, the expected type and the value, so that the model can
   correct it.
3. The members of a union are tried in their order.

Each function has its own converter, because the meaning of annotations kept as text
depends on the scope of the function. Strictly private.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import cattrs

from ..._logging import text_of
from ..._spelling import closest
from .annotations import Field, fields_of
from .bounds import Bound
from .hints import (
    ARRAYS,
    choices_of,
    is_array,
    is_enum,
    is_literal,
    is_mapping,
    is_record,
    is_typed_dict,
    is_union,
    items_of,
    origin_of,
    peel,
)
from .json_schema import SCALARS, SchemaMaker, in_words
from .models import is_model, make_model, problem_of
from .scalars import READERS, Read
from .to_json import brief_json

Hook = Callable[[Any, Any], Any]


class Mismatch(ValueError):
    """
    A value does not match its hint.

    Attributes:
        problem: What is wrong, for the model.
        path: The names and indices that lead to the value.
        fits: Whether its type is right, but not its value.
    """

    def __init__(
        self, problem: str, path: tuple[str | int, ...] = (), *, fits: bool = False
    ) -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path
        self.fits = fits

    def inside(self, key: str | int) -> Mismatch:
        """
        Return the same error with *key* before its path.
        """
        return Mismatch(self.problem, (key, *self.path))

    def __str__(self) -> str:
        where = "".join(
            f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path
        )
        return f"argument '{where.lstrip('.')}': {self.problem}"


def _expected(words: str, value: Any) -> Mismatch:
    return Mismatch(f"expected {words}, got {brief_json(value)}")


class ArgumentReader:
    """
    Reads the arguments of one function.

    Args:
        schemas: Makes the schemas of the same function.
    """

    def __init__(self, schemas: SchemaMaker) -> None:
        self._schemas = schemas
        self._converter = cattrs.Converter(detailed_validation=False)
        factories: list[tuple[Callable[[Any], bool], Callable[[Any], Hook]]] = [
            (is_record, self._record),
            (is_model, self._model),
            (is_mapping, self._mapping),
            (is_array, self._array),
            (is_literal, lambda hint: _hook(self._choice(hint))),
            (is_union, self._union),
        ]
        for applies, factory in factories:
            self._converter.register_structure_hook_factory(applies, factory)

    def reader(self, hint: Any) -> Read:
        """
        Return the function that converts to type *hint*; it raises `Mismatch`.
        """
        hint, _, bounds = peel(hint)
        read = self._reader(hint)
        return _bounded(read, bounds) if bounds else read

    def _reader(self, hint: Any) -> Read:
        # not by cattrs, which uses its hook for str also for `class A(str, Enum)`
        if hint in READERS:
            return _scalar(hint)
        if is_enum(hint):
            return self._choice(hint)
        # not cached: `str | date` == `date | str`, but the order matters (rule 3)
        hook = self._converter.get_structure_hook(hint, cache_result=False)
        return lambda value: hook(value, hint)

    def record(
        self, fields: tuple[Field, ...], others: Any = None
    ) -> Callable[[Mapping[str, Any]], tuple[dict[str, Any], list[Mismatch]]]:
        """
        Return the function that reads an object field by field.

        The function returns the valid values and all errors, and never raises.

        Args:
            fields: The fields of the object.
            others: The hint of fields with other names; None refuses them.
        """
        readers = {field.name: self.reader(field.hint) for field in fields}
        required = [field.name for field in fields if field.required]
        read_other = None if others is None else self.reader(others)

        def read(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mismatch]]:
            problems = [
                Mismatch("it is missing", (name,))
                for name in required
                if name not in given
            ]
            values: dict[str, Any] = {}
            for name, value in given.items():
                read_value = readers.get(name, read_other)
                if read_value is None:
                    guess = closest(name, readers)
                    meant = f", did you mean '{guess}'?" if guess else ""
                    problems.append(
                        Mismatch(f"there is no argument of that name{meant}", (name,))
                    )
                    continue
                try:
                    values[name] = read_value(value)
                except Mismatch as exc:
                    problems.append(exc.inside(name))
            return values, problems

        return read

    def _choice(self, hint: Any) -> Read:
        pairs = choices_of(hint)
        words = in_words(self._schemas.schema(hint))

        def structure(value: Any) -> Any:
            for word, choice in pairs:
                # in Python, True == 1
                if word == value and isinstance(word, bool) == isinstance(value, bool):
                    return choice
            raise _expected(words, value)

        return structure

    def _union(self, hint: Any) -> Hook:
        members = get_args(hint)
        readers = [self.reader(member) for member in members]
        words = in_words(self._schemas.schema(hint))
        only = len(members) - (type(None) in members) == 1

        def structure(value: Any, _: Any) -> Any:
            for read in readers:
                try:
                    return read(value)
                except Mismatch as exc:
                    # the only member besides None: its error says more than "expected"
                    if only and (exc.path or exc.fits):
                        raise
            raise _expected(words, value)

        return structure

    def _array(self, hint: Any) -> Hook:
        first, others = items_of(hint)
        kind = ARRAYS[origin_of(hint)]
        readers = [self.reader(item) for item in first]
        read_other = None if others is None else self.reader(others)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, (list, tuple)):
                raise _expected("a list", value)
            if read_other is None and len(value) != len(readers):
                raise _expected(f"a list of {len(readers)}", value)
            items: list[Any] = []
            for index, item in enumerate(value):
                read = read_other or readers[index]
                try:
                    items.append(read(item))
                except Mismatch as exc:
                    raise exc.inside(index) from None
            try:
                return kind(items)
            except TypeError:  # unhashable members of a set
                raise _expected("a list of simple values", value) from None

        return structure

    def _mapping(self, hint: Any) -> Hook:
        key, item = get_args(hint) or (str, Any)
        read_key, read_item = self.reader(key), self.reader(item)

        def structure(value: Any, _: Any) -> Any:
            made: dict[Any, Any] = {}
            for name, content in _object(value).items():
                try:
                    made[read_key(name)] = read_item(content)
                except Mismatch as exc:
                    raise exc.inside(name) from None
            return made

        return structure

    def _record(self, cls: Any) -> Hook:
        read = self.record(fields_of(cls, self._schemas.names))
        make = dict if is_typed_dict(cls) else cls

        def structure(value: Any, _: Any) -> Any:
            values, problems = read(_object(value))
            if problems:
                raise problems[0]
            try:
                return make(**values)
            except Exception as exc:  # from a validator of the class
                raise Mismatch(text_of(exc), fits=True) from exc

        return structure

    def _model(self, cls: Any) -> Hook:
        def structure(value: Any, _: Any) -> Any:
            try:
                return make_model(cls, value)
            except Exception as exc:
                problem, path = problem_of(exc) or (text_of(exc), ())
                raise Mismatch(problem, path, fits=True) from exc

        return structure


def _scalar(hint: Any) -> Read:
    read, words = READERS[hint], in_words(SCALARS[hint])

    def structure(value: Any) -> Any:
        try:
            return read(value)
        except (TypeError, ValueError, ArithmeticError):
            raise _expected(words, value) from None

    return structure


def _bounded(read: Read, bounds: tuple[Bound, ...]) -> Read:
    def structure(value: Any) -> Any:
        made = read(value)
        for bound in bounds:
            if not bound.holds(made):
                msg = f"expected {bound.words}, got {brief_json(value)}"
                raise Mismatch(msg, fits=True)
        return made

    return structure


def _hook(read: Read) -> Hook:
    return lambda value, _: read(value)


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise _expected("an object", value)
