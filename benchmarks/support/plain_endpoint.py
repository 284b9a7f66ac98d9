"""The rival: the endpoint one writes in an afternoon, with Starlette, json and numpy, scoring the same model."""

from __future__ import annotations

import os

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pairloom.artifact import load_artifact

machine = load_artifact(os.environ["PLAIN_ENDPOINT_MODEL"]).model.machine  # type: ignore[attr-defined]
bias, weights, factors = machine.bias, machine.weights.copy(), machine.factors.copy()


async def invocations(request: Request) -> Response:
    scores = []
    for instance in (await request.json())["instances"]:
        features = instance["data"]["features"]
        keys, values = features["keys"], np.array(features["values"], np.float32)
        products = factors[keys] * values[:, None]
        pairs = 0.5 * (np.square(products.sum(axis=0)) - np.square(products).sum(axis=0)).sum()
        scores.append({"score": float(bias + weights[keys] @ values + pairs)})
    return JSONResponse({"predictions": scores})


application = Starlette(routes=[Route("/invocations", invocations, methods=["POST"])])
