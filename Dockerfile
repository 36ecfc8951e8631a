# The image of every process of an installation: web, worker, scheduler and the one-shot migration.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_LINK_MODE=copy
WORKDIR /build
COPY requirements-uv.lock requirements.lock ./
RUN python -m venv /opt/meshconsole \
    && /opt/meshconsole/bin/pip install --require-hashes -r requirements-uv.lock \
    && /opt/meshconsole/bin/uv pip sync --require-hashes --no-cache --python /opt/meshconsole/bin/python requirements.lock

FROM python:3.11-slim-bookworm
ENV PATH=/opt/meshconsole/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=meshconsole.settings.production \
    MESHCONSOLE_STATE_DIR=/var/lib/meshconsole
RUN groupadd --gid 10001 meshconsole \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/meshconsole --create-home meshconsole
COPY --from=build /opt/meshconsole /opt/meshconsole
WORKDIR /srv/meshconsole
COPY manage.py ./
COPY meshconsole ./meshconsole
COPY apps ./apps
COPY templates ./templates
COPY static ./static
# These values serve this one step and are in no layer's environment.
RUN DJANGO_SECRET_KEY=only-for-collecting-the-static-files \
    DATABASE_URL=postgres://nobody@localhost/none REDIS_URL=redis://localhost/0 ALLOWED_HOSTS=localhost \
    MESHCONSOLE_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    python manage.py collectstatic --noinput
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "meshconsole.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--no-access-log"]
