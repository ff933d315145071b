"""
Conversion of a model's JSON arguments to the types of a function's hints.

1. It is strict: ``"5"`` is no number, ``"false"`` no bool, 1 no bool; 5.0 is the whole
   number 5, as in JSON Schema.
2. An error names the argument, the expected type and the value, so that the model can
   correct it.
3. The members of a union are tried in their order.

Each function has its own reader, because the meaning of annotations kept as text
depends on the scope of the function. Strictly private.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Union, get_args

from ..._logging import text_of
from ..._spelling import closest
from .bounds import Bound
from .fields import Field, fields_of
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
    members_of,
    origin_of,
    unwrap,
)
from .json_schema import SCALARS, SchemaMaker, in_words
from .models import model_maker, problem_of
from .pydantic_types import is_model
from .scalars import READERS, Read
from .to_json import brief_json


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

    @property
    def reason(self) -> str:
        """
        The problem, after the path inside the value if there is one.
        """
        where = "".join(
            f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path
        )
        return f"'{where.lstrip('.')}': {self.problem}" if where else self.problem

    def __str__(self) -> str:
        return f"argument {self.reason}"


#: Returns the values of an object and the errors in it.
ReadObject = Callable[[Mapping[str, Any]], tuple[dict[str, Any], list[Mismatch]]]


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
        # in the order of `SchemaMaker`
        self._kinds: list[tuple[Callable[[Any], bool], Callable[[Any], Read]]] = [
            (is_union, self._union),
            (is_literal, self._choice),
            (is_enum, self._choice),
            (is_array, self._array),
            (is_mapping, self._mapping),
            (is_model, self._model),
            (is_record, self._record),
        ]

    def reader(self, hint: Any) -> Read:
        """
        Return the function that converts to type *hint*; it raises `Mismatch`.
        """
        hint, _, bounds = unwrap(hint)
        read = self._reader(hint)
        return _bounded(read, bounds) if bounds else read

    def _reader(self, hint: Any) -> Read:
        for applies, make in self._kinds:
            if applies(hint):
                return make(hint)
        return _scalar(hint)

    def record(
        self,
        fields: tuple[Field, ...],
        others: Any = None,
        hidden: Collection[str] = (),
    ) -> ReadObject:
        """
        Return the function that reads an object field by field.

        The function returns the valid values by the names of the parameters, and all
        errors. It raises only what a default's factory raises.

        Args:
            fields: The fields of the object.
            others: The hint of fields with other names; None refuses them.
            hidden: Names that are refused nevertheless.
        """
        readers = {field.name: self.reader(field.hint) for field in fields}
        required = [field.name for field in fields if field.required]
        parameters = {field.name: field.parameter for field in fields}
        makers = [
            (field.name, field.parameter or field.name, field.make)
            for field in fields
            if field.make is not None
        ]
        read_other = None if others is None else self.reader(others)

        def read(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mismatch]]:
            problems = [
                Mismatch("it is missing", (name,))
                for name in required
                if name not in given
            ]
            values: dict[str, Any] = {}
            for name, value in given.items():
                read_value = readers.get(name, None if name in hidden else read_other)
                if read_value is None:
                    guess = closest(name, readers)
                    meant = f", did you mean '{guess}'?" if guess else ""
                    problems.append(
                        Mismatch(f"there is no argument of that name{meant}", (name,))
                    )
                    continue
                try:
                    made = read_value(value)
                except Mismatch as exc:
                    problems.append(exc.inside(name))
                    continue
                if (parameter := parameters.get(name, name)) is not None:
                    values[parameter] = made
            if not problems:
                for name, parameter, make in makers:
                    if name not in given:
                        values[parameter] = make()
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

    def _union(self, hint: Any) -> Read:
        members = members_of(hint)
        readers = [self.reader(member) for member in members]
        models = [member for member in members if is_model(member)]
        best: Read | None = None
        if len(models) > 1:
            # pydantic selects the model by its discriminator, or the one that fits best
            best = self._model(Union[tuple(models)])  # noqa: UP007
            readers.insert(members.index(models[0]), best)
        words = in_words(self._schemas.schema(hint))

        def structure(value: Any) -> Any:
            errors: list[Mismatch] = []
            for read in readers:
                try:
                    return read(value)
                except Mismatch as exc:
                    # of a member of its type: it says more than "expected"
                    if (exc.path or exc.fits) and read is not best:
                        errors.append(exc)
            if len(errors) == 1:
                raise errors[0]
            problem = _expected(words, value).problem
            reasons = "; or ".join(error.reason for error in errors)
            raise Mismatch(f"{problem} ({reasons})" if reasons else problem)

        return structure

    def _array(self, hint: Any) -> Read:
        first, others = items_of(hint)
        kind = ARRAYS[origin_of(hint)]
        readers = [self.reader(item) for item in first]
        read_other = None if others is None else self.reader(others)

        def structure(value: Any) -> Any:
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

    def _mapping(self, hint: Any) -> Read:
        key, item = get_args(hint) or (str, Any)
        read_key, read_item = self.reader(key), self.reader(item)

        def structure(value: Any) -> Any:
            made: dict[Any, Any] = {}
            for name, content in _object(value).items():
                try:
                    made[read_key(name)] = read_item(content)
                except Mismatch as exc:
                    raise exc.inside(name) from None
            return made

        return structure

    def _record(self, hint: Any) -> Read:
        read = self.record(fields_of(hint, self._schemas.names))
        cls = origin_of(hint)
        make = dict if is_typed_dict(cls) else cls

        def structure(value: Any) -> Any:
            values, problems = read(_object(value))
            if problems:
                raise problems[0]
            try:
                return make(**values)
            except Exception as exc:  # from a validator of the class
                raise Mismatch(text_of(exc), fits=True) from exc

        return structure

    def _model(self, hint: Any) -> Read:
        make = model_maker(hint)

        def structure(value: Any) -> Any:
            try:
                return make(value)
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


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise _expected("an object", value)
