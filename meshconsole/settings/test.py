"""Settings of the test suite: fast hashes, nothing outside this process unless the environment names it."""

from cryptography.fernet import Fernet

from meshconsole.settings.base import *  # noqa: F403
from meshconsole.settings.base import INSTALLED_APPS, env
from meshconsole.settings.databases import tuned

SECRET_KEY = "tests-only"  # noqa: S105
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [*INSTALLED_APPS, "apps.simcluster"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MESHCONSOLE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
MESHCONSOLE_CLUSTER_NETWORKS = ["127.0.0.0/8"]
MESHCONSOLE_AUDIT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = "memory://"
DATABASES = {"default": tuned(env.db("DATABASE_URL", default="sqlite://:memory:"))}
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
AXES_ENABLED = False
