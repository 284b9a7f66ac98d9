"""A model in somebody's own code, by the functions that SageMaker's framework containers call.

``model_fn(folder)`` loads the model; ``input_fn(body, content_type)``, ``predict_fn(data, model)`` and
``output_fn(prediction, accept)`` answer a request, or ``transform_fn(model, body, content_type, accept)`` in place of
all three. Where one of the three is missing, JSON, CSV and NPY become arrays and arrays become these, and the model's
`predict` is called, or the model itself.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pairloom.errors import UserError
from pairloom.serving.refused import Refused
from pairloom.serving.scoring import Answer

__all__ = ["ScriptModel", "import_script"]

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
TYPES = (JSON, CSV, NPY)
PAIR = 2


def import_script(code: Path, program: str) -> ModuleType:
    """Import a script, with the modules beside it.

    Parameters
    ----------
    code : Path
    program : str
        Path of the script below `code`.

    Raises
    ------
    UserError
        If it is not there, or cannot be imported.
    """
    script = (code / program).resolve()
    if not script.is_relative_to(code.resolve()) or not script.is_file() or script.suffix != ".py":
        raise UserError(f"Script: SAGEMAKER_PROGRAM must be a Python file of the source. Got {program!r}.")
    for folder in dict.fromkeys([code.resolve(), script.parent]):
        sys.path.insert(0, str(folder))
    name = script.stem
    if name in sys.modules:
        raise UserError(f"Script: {program} must not have the name of a module that is in use. Rename it.")
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UserError(f"Script: {program} must be importable. Got {_said(error)}.") from error
    return module


class ScriptModel:
    """Answers requests by the functions of a script.

    Parameters
    ----------
    module : module
    folder : Path
        Holds the model data, unpacked.
    default_accept : str
        ``Accept`` of requests that have none. Default: application/json.

    Raises
    ------
    UserError
        If it has no `model_fn`, or that fails.
    """

    inline = False

    def __init__(self, module: ModuleType, folder: Path, *, default_accept: str = "") -> None:
        load = _function(module, "model_fn")
        if load is None:
            raise UserError(f"Script: {module.__name__} must have a function model_fn(folder). Got none.")
        try:
            self._model: Any = load(str(folder))
        except (Exception, SystemExit) as error:
            raise UserError(f"Script: model_fn must load the model. Got {_said(error)}.") from error
        self._transform = _function(module, "transform_fn")
        self._read = _function(module, "input_fn") or _read
        self._predict = _function(module, "predict_fn") or _predict
        self._write = _function(module, "output_fn") or _write
        self._default_accept = default_accept or JSON

    def answer(self, body: bytes, *, content_type: str = "", accept: str = "") -> Answer:
        """Answer a request; what the script raises goes on.

        Raises
        ------
        Refused
            With 415 or 406, for a type that the script leaves to the defaults and these do not know.
        """
        asked_type = content_type or JSON
        wanted = self._default_accept if accept in ("", "*/*") else accept
        if self._transform is not None:
            told = self._transform(self._model, _given(body, asked_type), asked_type, wanted)
        else:
            data = self._read(_given(body, asked_type), asked_type)
            told = self._write(self._predict(data, self._model), wanted)
        return _answer(told, wanted)


def _function(module: ModuleType, name: str) -> Callable[..., Any] | None:
    found = getattr(module, name, None)
    return found if callable(found) else None


def _given(body: bytes, content_type: str) -> bytes | str:
    """Return a body as scripts expect it: text for text."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type.endswith("json") or media_type == "application/jsonlines":
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise Refused(400, f"Request body: must be UTF-8, as {media_type} is. Got: {error}.") from error
    return body


def _answer(told: Any, wanted: str) -> Answer:
    content_type = wanted
    if isinstance(told, tuple) and len(told) == PAIR:  # (body, content type)
        told, content_type = told
    body = told.encode() if isinstance(told, str) else told
    if not isinstance(body, bytes | bytearray):
        raise TypeError(f"output_fn must return text or bytes, or one of these and a type. Got {type(body)}.")
    return Answer(bytes(body), str(content_type), 0)


def _read(body: bytes | str, content_type: str) -> Any:
    media_type = content_type.partition(";")[0].strip().lower()
    raw = body.encode() if isinstance(body, str) else body
    try:
        if media_type == JSON:
            return np.asarray(json.loads(raw))
        if media_type == CSV:
            return np.genfromtxt(io.BytesIO(raw), delimiter=",")
        if media_type == NPY:
            return np.load(io.BytesIO(raw), allow_pickle=False)
    except (ValueError, EOFError, RecursionError) as error:
        raise Refused(400, f"Request body: must be {media_type}. Got: {error}.") from error
    raise Refused(415, f"Content-Type must be one of {', '.join(TYPES)}. Got '{content_type[:200]}'.")


def _predict(data: Any, model: Any) -> Any:
    predict = getattr(model, "predict", None)
    return predict(data) if callable(predict) else model(data)


def _write(prediction: Any, accept: str) -> tuple[bytes, str]:
    for part in accept.split(","):
        media_type = part.partition(";")[0].strip().lower()
        values = np.asarray(prediction)
        if media_type in (JSON, "application/*", "*/*"):
            return json.dumps(values.tolist()).encode(), JSON
        stream = io.BytesIO()
        if media_type == CSV:
            np.savetxt(stream, values, delimiter=",", fmt="%s")
            return stream.getvalue(), CSV
        if media_type == NPY:
            np.save(stream, values, allow_pickle=False)
            return stream.getvalue(), NPY
    raise Refused(406, f"Accept must allow one of {', '.join(TYPES)}. Got '{accept[:200]}'.")


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:600]
