"""Settings of a real installation. Whatever is missing stops the start with a sentence."""

from django.core.exceptions import ImproperlyConfigured

from meshconsole.settings.base import *  # noqa: F403
from meshconsole.settings.base import MESHCONSOLE_ENCRYPTION_KEYS, env

for name in ("DJANGO_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"):
    if not env.str(name, default=""):
        raise ImproperlyConfigured(f"Set {name}: production has no default for it. See docs/operations/.")
if not MESHCONSOLE_ENCRYPTION_KEYS:
    raise ImproperlyConfigured(
        "Set MESHCONSOLE_ENCRYPTION_KEYS to one or more Fernet keys, newest first: cluster credentials are encrypted with it."
    )

DEBUG = False
SECRET_KEY = env.str("DJANGO_SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31536000
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
