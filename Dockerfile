# One image for every process of Duecourse; the command says which. Stores are not in it: name yours by URL.
FROM python:3.11-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

# Every locked package is fetched under its hash; from these files alone, what running takes is installed.
FROM base AS build
WORKDIR /app
COPY requirements.lock ./
RUN pip download --quiet --require-hashes --dest /wheels --requirement requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY duecourse duecourse
COPY channels channels
COPY workers workers
# EXTRAS=[sandbox] adds the sandbox provider.
ARG EXTRAS=""
# Editable: the flat names `channels` and `workers` are importable from one place only, /app.
RUN python -m venv /venv \
    && /venv/bin/pip install --quiet --no-index --find-links /wheels hatchling editables \
    && /venv/bin/pip install --quiet --no-index --find-links /wheels --no-build-isolation --editable ".${EXTRAS}"

FROM base
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent duecourse
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY config /app/config
COPY deploy/healthcheck.py /app/deploy/healthcheck.py
ENV PATH=/venv/bin:$PATH DUECOURSE_CONFIG_DIR=/app/config DUECOURSE_LOG_FORMAT=json
WORKDIR /app
USER 10001
EXPOSE 8080
# Each process handles SIGTERM itself and starts no stranger's child: it needs no init in front of it.
STOPSIGNAL SIGTERM
ENTRYPOINT []
CMD ["duecourse", "--help"]
