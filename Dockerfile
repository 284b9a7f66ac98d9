# syntax=docker/dockerfile:1
#
# An image that SageMaker, or any batch system, starts as `docker run IMAGE train` and `docker run IMAGE serve`:
#
#   docker build --build-arg ALGORITHM=factorization-machines --tag pairloom .
#
# SageMaker runs containers as root, because it mounts /opt/ml as root: set RUN_AS=pairloom where the folders mounted
# there belong to user id 1000.

ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml CMakeLists.txt README.md LICENSE ./
COPY native native
COPY src src
ARG EXTRAS=arrow
RUN pip wheel --no-cache-dir --wheel-dir /wheels ".[${EXTRAS}]"

FROM python:${PYTHON}
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --no-compile /wheels/*.whl \
    && ln -s "$(command -v pairloom-train)" /usr/local/bin/train \
    && ln -s "$(command -v pairloom-serve)" /usr/local/bin/serve \
    && useradd --uid 1000 --create-home pairloom \
    && mkdir --parents /opt/ml \
    && chown pairloom /opt/ml
ARG ALGORITHM=factorization-machines
ENV PAIRLOOM_ALGORITHM=${ALGORITHM} \
    PYTHONUNBUFFERED=1
ARG RUN_AS=root
USER ${RUN_AS}
WORKDIR /opt/ml
EXPOSE 8080
CMD ["train"]
