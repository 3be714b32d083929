# The bot without its sandbox, tests and docs. docs/install.md says how to run it.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /venv
COPY pyproject.toml constraints.txt ./
# Only what the bot itself needs, in the versions it is tested with; this layer changes with them.
RUN python -c "import tomllib; \
print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > requirements.txt \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        -r requirements.txt -c constraints.txt

FROM python:3.11-slim-bookworm
# A fixed uid, so that a volume can be given to it before the container is started.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin runbook \
    && install -d -o 10001 -g 10001 -m 0700 /app/var
COPY --from=build /venv /venv
WORKDIR /app
COPY app.py ./
COPY assembly ./assembly
COPY bot ./bot
COPY adapters ./adapters
COPY backfills ./backfills
COPY commands ./commands
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib
USER 10001:10001
VOLUME ["/app/var"]
# The bot stops taking commands, answers what it has taken, and lets go of its work within 20 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "app.py"]
