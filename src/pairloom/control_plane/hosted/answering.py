"""One request to a variant, and SageMaker's words for what can go wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

from pairloom.control_plane.hosted.worker_logs import log_group
from pairloom.control_plane.wire.errors import AwsError
from pairloom.errors import UserError
from pairloom.hosting.deployment import Variant
from pairloom.hosting.errors import LostError, PoolBusyError, TooLongError, WorkerError
from pairloom.hosting.worker_client import Answer, Header, StreamedAnswer

if TYPE_CHECKING:
    from pairloom.control_plane.service import Service

__all__ = ["CUSTOM", "Request", "ask", "ask_for_pieces", "header_text"]

CUSTOM = b"x-amzn-sagemaker-custom-attributes"
INFERENCE = b"x-amzn-sagemaker-inference-id"
PATH = b"/invocations"
LONGEST_QUOTED = 1024
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a variant.

    Parameters
    ----------
    endpoint : str
    variant : Variant
    body : bytes
    content_type, accept, custom_attributes, inference_id : str
        Empty for none.
    began : float
        When the request came, as of `time.perf_counter`.
    timeout_s : float, optional
        Seconds the model has; by default what its workers were told.
    """

    endpoint: str
    variant: Variant
    body: bytes
    content_type: str
    accept: str
    custom_attributes: str
    inference_id: str
    began: float
    timeout_s: float | None = None

    @property
    def limit_s(self) -> float:
        """Seconds the model has to answer."""
        return self.timeout_s or self.variant.pool.plan.settings.timeout_s


def header_text(headers: Sequence[Header], name: bytes) -> str | None:
    """Return the first header of a name."""
    return next((value.decode("latin-1") for key, value in headers if key == name), None)


async def ask(service: Service, request: Request) -> Answer:
    """Return the answer of a model.

    Raises
    ------
    AwsError
        ModelError if the model refuses or fails; ServiceUnavailable if there are too many requests, or no worker.
    """
    sent = perf_counter()
    status = 0
    try:
        answer = await request.variant.pool.request(
            b"POST", PATH, _headers(request), request.body, timeout_s=request.limit_s
        )
        status = answer.status
    except Exception as error:
        _refuse(service, request, error)
    finally:
        request.variant.count(status, request.began, perf_counter() - sent)
    if answer.status >= 300:
        raise model_error(service, request, answer.status, answer.body.decode("utf-8", "replace"))
    return answer


async def ask_for_pieces(service: Service, request: Request) -> StreamedAnswer:
    """Return the answer of a model as soon as it begins; errors as of `ask`."""
    sent = perf_counter()
    status = 0
    try:
        answer = await request.variant.pool.stream(
            b"POST", PATH, _headers(request), request.body, timeout_s=request.limit_s
        )
        status = answer.status
        if status >= 300:
            said = b"".join([piece async for piece in answer.pieces])
            raise model_error(service, request, status, said.decode("utf-8", "replace"))
    except AwsError:
        raise
    except Exception as error:
        _refuse(service, request, error)
    finally:
        request.variant.count(status, request.began, perf_counter() - sent)
    return answer


def model_error(service: Service, request: Request, status: int, said: str) -> AwsError:
    """Return what a caller hears of a model that refused or failed."""
    group = log_group(request.endpoint)
    side = "client" if 400 <= status < 500 else "server"
    quoted = said.strip()[:LONGEST_QUOTED]
    place = f"https://{service.region}.console.aws.amazon.com/cloudwatch/home?region={service.region}"
    message = (
        f'Received {side} error ({status}) from primary with message "{quoted}". See {place}'
        f"#logEventViewer:group={group} in account {service.account_id} for more information."
    )
    arn = f"arn:aws:logs:{service.region}:{service.account_id}:log-group:{group}"
    fields = {"OriginalStatusCode": status, "OriginalMessage": quoted, "LogStreamArn": arn}
    return AwsError("ModelError", message, 424, fields)


def _headers(request: Request) -> list[Header]:
    told = (
        (b"content-type", request.content_type),
        (b"accept", request.accept),
        (CUSTOM, request.custom_attributes),
        (INFERENCE, request.inference_id),
    )
    try:
        return [(name, value.encode("latin-1")) for name, value in told if value]
    except UnicodeEncodeError as error:
        message = f"Headers must be of ASCII characters. Got '{error.object[:100]}'."
        raise AwsError("ValidationError", message) from error


def _refuse(service: Service, request: Request, error: Exception) -> NoReturn:
    if isinstance(error, TimeoutError):
        raise model_error(service, request, 0, TIMED_OUT) from error
    if isinstance(error, LostError | TooLongError):
        raise model_error(service, request, 500, str(error)) from error
    if isinstance(error, PoolBusyError):
        raise AwsError("ServiceUnavailable", str(error), 503) from error
    if isinstance(error, WorkerError):
        raise AwsError("ServiceUnavailable", f"The model does not answer: {error}", 503) from error
    if isinstance(error, UserError):
        raise AwsError("ValidationError", str(error)) from error
    raise error
