# The package with its native parts, and nothing to build them with.
#
#   docker build -t suncet_jax .                          # CPU
#   docker build -t suncet_jax --build-arg VARIANT=cuda . # CUDA 13, jax[cuda13]
#
#   docker run --rm -v "$PWD/runs:/runs" suncet_jax \
#     --config=configs/digits.py --workdir=/runs/digits
#
# With a GPU: `docker run --gpus=all`, and a driver from 580 on.

ARG PYTHON=3.13
ARG VARIANT=cpu

FROM python:${PYTHON}-slim AS build
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends g++ \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir=/wheels .

FROM python:${PYTHON}-slim AS cpu
ENV EXTRA=""

FROM python:${PYTHON}-slim AS cuda
ENV EXTRA="[cuda]"

# hadolint ignore=DL3006
FROM ${VARIANT}
# GCC's OpenMP, which oneDNN and the native convolutions load.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libgomp1 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /wheels /wheels
# hadolint ignore=DL3013
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)${EXTRA}" \
  && rm -r /wheels \
  && useradd --create-home --uid=1000 trainer \
  && mkdir /runs \
  && chown trainer /runs
USER 1000
WORKDIR /home/trainer
ENTRYPOINT ["python", "-m", "suncet_jax.main"]
CMD ["--help"]
