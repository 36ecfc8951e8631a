"""Settings of a real installation. Whatever is missing or unsafe stops the start with a sentence."""

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from meshconsole.settings.base import *  # noqa: F403
from meshconsole.settings.base import DATABASES, MESHCONSOLE_ENCRYPTION_KEYS, env

WHERE = "docs/operations/environment.md explains it."
MINIMUM_SECRET_LENGTH = 32

for name in (
    "DJANGO_SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "ALLOWED_HOSTS",
    "MESHCONSOLE_ENCRYPTION_KEYS",
):
    if not env.str(name, default=""):
        raise ImproperlyConfigured(f"Set {name}: an installation has no default for it. {WHERE}")
if len(env.str("DJANGO_SECRET_KEY")) < MINIMUM_SECRET_LENGTH:
    raise ImproperlyConfigured(
        f"DJANGO_SECRET_KEY is shorter than {MINIMUM_SECRET_LENGTH} characters. {WHERE}"
    )
if not DATABASES["default"]["ENGINE"].endswith("postgresql"):
    raise ImproperlyConfigured(
        f"DATABASE_URL has to name a Postgres: SQLite serves one machine only. {WHERE}"
    )
for position, key in enumerate(MESHCONSOLE_ENCRYPTION_KEYS, start=1):
    try:
        Fernet(key)
    except ValueError:
        raise ImproperlyConfigured(
            f"MESHCONSOLE_ENCRYPTION_KEYS: key {position} is not a Fernet key "
            f"(32 bytes in URL-safe base64; the page has the command that makes one). {WHERE}"
        ) from None

DEBUG = False
# The fault points of the tests are never open here, whatever the environment says.
MESHCONSOLE_CRASH_AT = ""
SECRET_KEY = env.str("DJANGO_SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31536000
# The proxy in front ends TLS and has to set this header itself, whatever the client sent.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
