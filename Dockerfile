# One image, three commands: `salonos migrate`, `salonos serve`, `salonos worker`.
FROM python:3.11-slim AS built
WORKDIR /app
RUN pip install --no-cache-dir uv && uv venv /opt/salonos
COPY requirements.lock pyproject.toml README.md ./
RUN uv pip sync --python /opt/salonos/bin/python --require-hashes requirements.lock
COPY salonos salonos
COPY worker worker
COPY migrations migrations
RUN uv pip install --python /opt/salonos/bin/python --no-deps --no-build-isolation --editable .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 salonos
COPY --from=built /opt/salonos /opt/salonos
COPY --from=built /app /app
WORKDIR /app
USER salonos
ENV PATH=/opt/salonos/bin:$PATH SALONOS_HOME=/home/salonos/state PYTHONUNBUFFERED=1
CMD ["salonos", "serve"]
